package main

import (
	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
)

// wrongMixing is what is wrong with merges that mix the models for every sample.
func wrongMixing() []misuse {
	se := func(flags ...string) func(*kitchen) []string {
		return func(k *kitchen) []string {
			return k.merge(k.good(), k.mlps(), append([]string{"--method", "se"}, flags...)...)
		}
	}
	of := func(models func(*kitchen) []string, flags ...string) func(*kitchen) []string {
		return func(k *kitchen) []string {
			return k.merge(k.good(), models(k), append([]string{"--method", "se"}, flags...)...)
		}
	}
	return []misuse{
		{"--method se without data", func(k *kitchen) []string {
			return append([]string{"merge", "-o", k.out(), "--method", "se"}, k.mlps()...)
		}, isRefused, exit.Usage, []string{"compares samples with data, and none is given"}},
		{"--router without --method se", func(k *kitchen) []string { return k.merge(k.good(), k.mlps(), "--router", "3") },
			isRefused, exit.Usage, []string{"add --method se"}},
		{"--method smear without data", func(k *kitchen) []string {
			return append([]string{"merge", "-o", k.out(), "--method", "smear"}, k.mlps()...)
		}, isRefused, exit.Usage, []string{"compares samples with data, and none is given"}},
		{"--method smear, a start", func(k *kitchen) []string {
			return k.merge(k.good(), k.mlps(), "--method", "smear", "--start", k.fixture("mlp/start.onnx"))
		}, isRefused, exit.Usage, []string{"looks at no start"}},
		{"--method se without labels, held-out data that is for no model", func(k *kitchen) []string {
			return k.merge(k.good(), k.mlps()[:2], "--data", k.fixture("test.npz"), "--holdout-data",
				k.fixture("mlp_matmul/ft0.onnx"), "--method", "se", "--loss", "distill")
		}, isRefused, exit.Usage, []string{"1 files of --holdout-data for 2 models"}},
		{"--method se with --try", se("--try", "ties"), isRefused, exit.Usage, []string{"leave out --try"}},
		{"--method se with a parameter", se("--param", "tau=1"), isRefused, exit.Usage, []string{"has no parameters"}},
		{"--method se with a start", func(k *kitchen) []string { return se("--start", k.fixture("mlp/start.onnx"))(k) },
			isRefused, exit.Usage, []string{"looks at no start"}},
		{"--method se and other orders of units", se("--permute", "weights"), isRefused, exit.Usage,
			[]string{"models of one start"}},
		{"--method se, --task beyond the models", se("--task", "3"), isRefused, exit.Usage, []string{"there are 3 models"}},
		{"--method se of models of different starts", of(func(k *kitchen) []string {
			return []string{k.fixture("mlp/seed0.onnx"), k.fixture("mlp/seed1.onnx")}
		}), isRefused, exit.Align, []string{"do not look like fine-tunes of one start", "--anyway"}},
		{"--method se, a router that is no layer", se("--router", "conv9"), isRefused, exit.Usage,
			[]string{`pattern "conv9" matches no layer`}},
		{"--method se of files for one sample at a time", of(func(k *kitchen) []string { return k.family("cnn_fixed", 2) }),
			isRefused, exit.Unsupported, []string{"was exported for 1 samples at once", "dynamic batch axis"}},
		{"--method se, a layer that cannot be mixed", func(k *kitchen) []string {
			return k.merge(k.good(), k.family("families/swin", 2), "--method", "se", "--router", "op:Conv")
		}, isRefused, exit.Unsupported, []string{"cannot be mixed sample by sample", "does not count the samples", "--except"}},
		{"--method se, a router that reads no samples", func(k *kitchen) []string {
			dir := "families/lstm/"
			return []string{"merge", "-o", k.out(), "--method", "se", "--router", "op:LSTM", "--data", k.fixture(dir + "val.npz"),
				k.fixture(dir + "ft0.onnx"), k.fixture(dir + "ft1.onnx")}
		}, isRefused, exit.Unsupported, []string{"no layer that the gates could be computed at", "another layer with --router"}},
		{"--method se where one model of all does as well", se(), warned, exit.Done,
			[]string{"one model that is the same for all samples, does as well"}},
		{"--method se, a model that is best on nothing", of(func(k *kitchen) []string { return k.family("cnn_bn", 4) }),
			isRefused, exit.Data, []string{"samples are for ft3.onnx, too few for a prototype", "leave that model out"}},
	}
}
