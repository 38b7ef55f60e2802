package main

import (
	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// wrongTasks is what is wrong with merges that stay several models in one file.
func wrongTasks() []misuse {
	emr := func(flags ...string) func(*kitchen) []string {
		return func(k *kitchen) []string {
			args := append([]string{"merge", "-o", k.out(), "--method", "emr"}, k.mlps()...)
			return append(args, flags...)
		}
	}
	start := func(name string, flags ...string) func(*kitchen) []string {
		return func(k *kitchen) []string { return emr(append(flags, "--start", k.fixture(name))...)(k) }
	}
	of := func(models func(*kitchen) []string) func(*kitchen) []string {
		return func(k *kitchen) []string {
			return append([]string{"merge", "-o", k.out(), "--method", "emr"}, models(k)...)
		}
	}
	return []misuse{
		{"--task beyond the models", emr("--task", "3"), isRefused, exit.Usage, []string{"--task 3: there are 3 models", "from 0 to 2"}},
		{"--task below 0", emr("--task=-1"), isRefused, exit.Usage, []string{"--task -1: there are 3 models"}},
		{"--task without --method emr", func(k *kitchen) []string { return k.uniform(k.mlps(), "--task", "1") }, isRefused,
			exit.Usage, []string{"add --method emr"}},
		{"--require-task without --method emr", func(k *kitchen) []string { return k.uniform(k.mlps(), "--require-task") },
			isRefused, exit.Usage, []string{"add --method emr"}},
		{"--require-task of one --task", emr("--task", "1", "--require-task"), isRefused, exit.Usage,
			[]string{"no input to be required"}},
		{"one model by --method emr", of(func(k *kitchen) []string { return k.mlps()[:1] }), isRefused, exit.Usage,
			[]string{"requires at least 2"}},
		{"--method emr with data", func(k *kitchen) []string { return k.merge(k.good(), k.mlps(), "--method", "emr") },
			isRefused, exit.Usage, []string{"looks at no data"}},
		{"--method emr with a parameter", emr("--param", "density=0.3"), isRefused, exit.Usage,
			[]string{"has no parameters"}},
		{"--method emr with --try", emr("--try", "ties"), isRefused, exit.Usage, []string{"nothing is tried beside it"}},
		{"--try emr", func(k *kitchen) []string { return k.merge(k.good(), k.mlps(), "--try", "emr") }, isRefused,
			exit.Usage, []string{`"emr"`}},
		{"--method emr without a start", emr(), handled, exit.Done, []string{"the mean of the models stands for it"}},
		{"a start of another shape", start("cnn/start.onnx"), isRefused, exit.Align,
			[]string{"has none of the layers that are merged"}},
		{"a start of another training", start("mlp/seed1.onnx"), isRefused, exit.Align,
			[]string{"do not look like fine-tunes of one start", "--anyway"}},
		{"a start of another training with --anyway", start("mlp/seed1.onnx", "--anyway"), warned, exit.Done,
			[]string{"do not look like fine-tunes of one start"}},
		{"--method emr of models of different starts", of(func(k *kitchen) []string {
			return []string{k.fixture("mlp/seed0.onnx"), k.fixture("mlp/seed1.onnx")}
		}), isRefused, exit.Align, []string{"do not look like fine-tunes of one start"}},
		{"--method emr of heads of different size", of(func(k *kitchen) []string {
			return []string{k.model(k.mlps()[0], "ten.onnx", newerOpset), k.model(k.mlps()[1], "nine.onnx",
				func(m *onnxpb.ModelProto) { nineClasses(m); newerOpset(m) })}
		}), handled, exit.Done, []string{"kept whole for each task, of different size: 5"}},
		{"the same in opset 9", of(func(k *kitchen) []string {
			return append(k.mlps(), k.model(k.mlps()[1], "nine.onnx", nineClasses))
		}), isRefused, exit.Align, []string{"imports opset 9: one file of all tasks needs 10"}},
		{"--method emr of another architecture", of(func(k *kitchen) []string {
			return []string{k.mlps()[0], k.fixture("resnet/ft0.onnx")}
		}), isRefused, exit.Align, []string{"do not align", "softmerge match"}},
		{"--method emr of models of different starts, rehearsed", of(func(k *kitchen) []string {
			return []string{k.fixture("mlp/seed0.onnx"), k.fixture("mlp/seed1.onnx"), "--dry-run"}
		}), isRefused, exit.Align, []string{"do not look like fine-tunes of one start"}},
		{"--method emr of the same model twice", of(func(k *kitchen) []string {
			return []string{k.mlps()[0], k.mlps()[0]}
		}), isRefused, exit.Align, []string{"identical in every selected layer"}},
		{"--method emr of files of opset 8", of(func(k *kitchen) (list []string) {
			for i, name := range k.mlps()[:2] {
				list = append(list, k.model(name, string(rune('a'+i))+".onnx", func(m *onnxpb.ModelProto) {
					m.OpsetImport[0].Version = proto.Int64(8)
				}))
			}
			return list
		}), isRefused, exit.Align, []string{"imports opset 8: one file of all tasks needs 9", "--task"}},
		{"a file of several tasks among the models", func(k *kitchen) []string {
			return k.uniform([]string{k.mlps()[0], k.tasks()})
		}, isRefused, exit.Align, []string{"tasks.onnx is 3 models in one file (ft0, ft1, ft2)", "--task"}},
		{"a file of several tasks as the start", func(k *kitchen) []string { return emr("--start", k.tasks())(k) }, isRefused,
			exit.Align, []string{"tasks.onnx is 3 models in one file"}},
		{"a file of several tasks judged", func(k *kitchen) []string {
			return []string{"eval", k.tasks(), "--data", k.good()}
		}, handled, exit.Done, []string{"task 0 (ft0) answers where no task_id is given"}},
	}
}

// tasks writes a file of several tasks and returns its path.
func (k *kitchen) tasks() string {
	path := k.path("tasks.onnx")
	args := append([]string{"merge", "-q", "--force", "-o", path, "--method", "emr"}, k.mlps()...)
	if got := command(args...); got.code != exit.Done {
		k.Fatal(got.stderr)
	}
	return path
}
