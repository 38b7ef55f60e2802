package graphmatch

import (
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
)

// Each exporter has its own way to name tensors and nodes; layers are named alike.
func TestLayerNames(t *testing.T) {
	for name, test := range map[string]struct {
		weight, bias, node, want string
	}{
		"PyTorch":            {"enc.fc.weight", "enc.fc.bias", "/enc/fc/Gemm", "enc.fc"},
		"PyTorch, folded":    {"onnx::Gemm_7", "onnx::Gemm_8", "/enc/fc/Gemm", "enc.fc"},
		"PyTorch, bias left": {"onnx::Gemm_7", "enc.fc.bias", "Gemm_5", "enc.fc"},
		"PyTorch 1.8":        {"onnx::Gemm_7", "8", "Gemm_5", "Gemm_0"},
		"TensorFlow": {"model/dense/MatMul/ReadVariableOp:0", "model/dense/BiasAdd/ReadVariableOp:0",
			"model/dense/MatMul", "model.dense"},
		"tf2onnx, folded": {"const_fold_opt__21", "model/dense/BiasAdd/ReadVariableOp:0", "model/dense/MatMul",
			"model.dense"},
		"MXNet":          {"fc1_weight", "fc1_bias", "fc1_fwd", "fc1"},
		"scikit-learn":   {"coefficient1", "intercepts1", "MatMul1", "coefficient1"},
		"by hand":        {"W1", "b1", "", "W1"},
		"node name only": {"7", "8", "classifier", "classifier"},
	} {
		t.Run(name, func(t *testing.T) {
			d := graphtest.New(t, 1)
			y := d.Node(test.node, "Gemm", []string{d.Input("x"), d.Weight(test.weight, 3, 4), d.Weight(test.bias, 4)})
			d.Output(y)
			if got := align(t, d.Load()).Layers[0].Name; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
