package main

import (
	"fmt"
	"strings"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// unlabelledData is what users do who have no labels, or think that they have none.
func unlabelledData() []misuse {
	without := func(models func(*kitchen) []string, flags ...string) func(*kitchen) []string {
		return func(k *kitchen) []string {
			return k.merge(k.arrays("inputs.npz", input(k.digits(120))), models(k),
				append(flags, "--max-steps", "4", "--granularity", "layer")...)
		}
	}
	mlps := (*kitchen).mlps
	of := func(names ...string) func(*kitchen) []string {
		return func(k *kitchen) (list []string) {
			for _, name := range names {
				list = append(list, k.fixture(name))
			}
			return list
		}
	}
	heads := func(flags ...string) func(*kitchen) []string {
		return func(k *kitchen) []string {
			return k.merge(k.fixture("tasks/heads/val.npz"),
				k.shares(), append(flags, "--max-steps", "4", "--granularity", "layer")...)
		}
	}
	const judgedByNone = "nothing is judged against labels"
	return []misuse{
		{"no labels", without(mlps), isRefused, exit.Data,
			[]string{"the data has no labels", "label, labels, y or target", "--loss distill and --loss entropy need none"}},
		{"no labels, and --loss distill", without(mlps, "--loss", "distill"), warned, exit.Done,
			[]string{"<- chosen", "the mean answer of 3 models", judgedByNone, "not that it is more often right"}},
		{"no labels, and --loss entropy", without(mlps, "--loss", "entropy", "--allow-parent"), warned, exit.Done,
			[]string{judgedByNone, "more certain"}},
		{"no labels, and --metric accuracy", without(mlps, "--loss", "distill", "--metric", "accuracy"), isRefused,
			exit.Data, []string{"metric accuracy does not fit loss distill of an ensemble's answers",
				"use --metric agreement or loss"}},
		{"no labels, and --metric agreement alone", without(mlps, "--metric", "agreement"), isRefused, exit.Data,
			[]string{"the data has no labels"}},
		{"no labels, and a loss that needs some", without(mlps, "--loss", "cross_entropy"), isRefused, exit.Data,
			[]string{"the data has no labels"}},
		{"no labels, and a --label", without(mlps, "--loss", "distill", "--label", "y"), isRefused, exit.Data,
			[]string{`there is no label "y"`}},
		{"no labels with --strict", without(mlps, "--loss", "distill", "--strict"), isRefused, exit.Data,
			[]string{judgedByNone}},
		{"--loss distill, and the data has labels", func(k *kitchen) []string {
			return k.merge(k.npz("data.npz", k.digits(200)), k.mlps(), "--loss", "distill", "--max-steps", "10")
		}, warned, exit.Done, []string{`the labels "label" are not used: loss distill needs none`}},
		{"--loss distill for one of several outputs", func(k *kitchen) []string {
			return k.merge(k.fixture("tasks/heads/val.npz"), k.family("tasks/heads", 3), "--label", "digit=kind",
				"--label", "middle=at", "--loss", "digit=distill")
		}, isRefused, exit.Data, []string{`output "digit": loss distill is of one output`}},
		{"--loss distill, and one of three models has random weights", without(
			of("cnn_bn/ft0.onnx", "broken/random.onnx", "cnn_bn/ft1.onnx"), "--loss", "distill"), warned, exit.Done,
			[]string{"the answers of random.onnx have nothing in common with those of the 2 other models"}},
		{"--loss distill, and two of three models learned the same other task", func(k *kitchen) []string {
			bad := k.fixture("cnn_bn/ft3.onnx")
			return k.merge(k.arrays("inputs.npz", input(k.digits(120))), []string{k.fixture("cnn_bn/ft0.onnx"), bad,
				k.weights(bad, "alike.onnx", func(_ string, i int, w float32) float32 { return w * (1 + float32(i%3)/50) })},
				"--loss", "distill", "--max-steps", "4", "--granularity", "layer", "--allow-parent")
		}, warned, exit.Done, []string{"the answers of ft0.onnx have nothing in common with those of the 2 other models",
			"without labels models that are wrong alike outvote one that is right"}},
		{"--loss distill, and two of three models answer none of four classes", without(func(k *kitchen) []string {
			never := func(tensor string, i int, w float32) float32 {
				if tensor == "5.bias" && i < 4 {
					return w - 100
				}
				return w
			}
			return []string{k.mlps()[0], k.weights(k.mlps()[1], "b.onnx", never), k.weights(k.mlps()[2], "c.onnx", never)}
		}, "--loss", "distill", "--allow-parent"), warned, exit.Done, []string{"ft0.onnx answers otherwise than the 2 other models",
			"without labels models that are wrong alike outvote one that is right"}},
		{"--loss distill, and one of two models has random weights", without(
			of("cnn_bn/ft0.onnx", "broken/random.onnx"), "--loss", "distill"), isRefused, exit.Data,
			[]string{"without labels nothing says which models are right"}},
		{"--loss distill, and one model has NaN for weights", without(
			of("cnn_bn/ft0.onnx", "broken/nan.onnx", "cnn_bn/ft1.onnx"), "--loss", "distill"), warned, exit.Done,
			[]string{"the answers of nan.onnx", "it has a NaN or an infinity in conv2"}},
		{"--loss distill with inputs of nothing but zeros", func(k *kitchen) []string {
			return k.merge(k.pixels("zeros.npz", func(float32) float32 { return 0 }), k.mlps(), "--loss", "distill")
		}, isRefused, exit.Data, []string{"is the same number"}},
		{"--loss distill with pixels of 0 to 255, with BatchNormalization", func(k *kitchen) []string {
			return k.merge(k.pixels("pixels.npz", func(v float32) float32 { return 255 * v }), k.family("cnn_bn", 3),
				"--loss", "distill")
		}, isRefused, exit.Data, []string{"the first normalisation"}},
		{"--loss distill of a network with two outputs", heads("--loss", "distill"), isRefused, exit.Data,
			[]string{`loss distill is of one output, and 2 may be meant: "digit", "middle"`,
				"choose one: --model-output digit or --model-output middle"}},
		{"--loss entropy of a network with two outputs", heads("--loss", "entropy"), isRefused, exit.Data,
			[]string{`loss entropy is of one output, and 2 may be meant`}},
		{"--loss distill of a network with two outputs, one of which is named", func(k *kitchen) []string {
			return k.merge(k.fixture("tasks/heads/val.npz"), k.family("tasks/heads", 3), "--loss", "distill",
				"--model-output", "digit", "--max-steps", "10")
		}, warned, exit.Done, []string{`output "digit" of 10 classes`, "<- chosen", `layers of "middle" are judged by nothing`}},
		{"--loss entropy of two coordinates of 0 to 1", heads("--loss", "entropy", "--model-output", "middle"), isRefused, exit.Data,
			[]string{`output "middle" seems to have no scores of 2 classes`, "--loss distill_mse for numbers"}},
		{"--loss distill of two coordinates of 0 to 1", heads("--loss", "distill", "--model-output", "middle"), isRefused,
			exit.Data, []string{`output "middle" seems to have no scores of 2 classes`}},
		{"--loss distill_mse of two coordinates of 0 to 1", heads("--loss", "distill_mse", "--model-output", "middle",
			"--allow-parent"), warned, exit.Done, []string{"loss distill_mse, metric mse", judgedByNone}},
		{"--loss entropy of one number", func(k *kitchen) []string {
			return k.merge(k.arrays("inputs.npz", input(k.digits(60))),
				[]string{k.model(k.fixture("mlp/ft0.onnx"), "a.onnx", averaged),
					k.model(k.fixture("mlp/ft1.onnx"), "b.onnx", averaged)}, "--loss", "entropy")
		}, isRefused, exit.Data, []string{"its numbers are no probabilities", "use --loss entropy_bce"}},
		{"--holdout-data with labels beside --data without", func(k *kitchen) []string {
			rest := k.digits(300)
			return k.merge(k.arrays("inputs.npz", input(k.digits(200))), k.mlps(), "--loss", "distill", "--max-steps",
				"10", "--holdout-data", k.npz("held.npz", digits{rest.x[64*200:], rest.y[200:]}))
		}, warned, exit.Done, []string{"the mean answer of 3 models", judgedByNone}},
		{"eval of one model with --loss distill", func(k *kitchen) []string {
			return []string{"eval", k.fixture("mlp/ft0.onnx"), "--data", k.arrays("inputs.npz", input(k.digits(60))),
				"--loss", "distill"}
		}, isRefused, exit.Data, []string{"one is named", "name the models that it was merged of too"}},
		{"eval without labels", func(k *kitchen) []string {
			return append([]string{"eval", "--data", k.arrays("inputs.npz", input(k.digits(60)))}, k.mlps()...)
		}, isRefused, exit.Data, []string{"the data has no labels", "--loss distill"}},
		{"images in no folder, and no --loss", func(k *kitchen) []string {
			return k.merge(k.images("flat", k.digits(40), func(int64) string { return "" }), k.mlps())
		}, isRefused, exit.Data, []string{"the data has no labels"}},
		{"images in no folder, with --loss distill", func(k *kitchen) []string {
			return k.merge(k.images("flat", k.digits(100), func(int64) string { return "" }), k.mlps(), "--loss",
				"distill", "--max-steps", "10")
		}, warned, exit.Done, []string{"without labels the models do not tell how images are preprocessed"}},
	}
}

// shares are networks of a digit and of the middle of its ink, in shares of the picture.
func (k *kitchen) shares() (list []string) {
	for i, path := range k.family("tasks/heads", 3) {
		list = append(list, k.weights(path, fmt.Sprintf("shares%d.onnx", i), func(tensor string, _ int, w float32) float32 {
			if strings.HasPrefix(tensor, "middle.") {
				return w / 8
			}
			return w
		}))
	}
	return list
}

// averaged makes a classifier a network that answers with one number, the mean of the scores.
func averaged(m *onnxpb.ModelProto) {
	g := m.Graph
	from := g.Output[0].GetName()
	g.Node = append(g.Node, &onnxpb.NodeProto{OpType: proto.String("ReduceMean"), Input: []string{from},
		Output: []string{"number"}, Attribute: []*onnxpb.AttributeProto{{Name: proto.String("axes"),
			Type: onnxpb.AttributeProto_INTS.Enum(), Ints: []int64{1}}}})
	g.Output[0] = &onnxpb.ValueInfoProto{Name: proto.String("number"), Type: g.Output[0].GetType()}
	g.Output[0].Type = nil
}
