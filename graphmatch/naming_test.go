package graphmatch

import (
	"slices"
	"testing"
)

func TestAnonymous(t *testing.T) {
	for name, want := range map[string]bool{
		"onnx::Conv_193": true, "193": true, "": true, "const_fold_opt__806": true, "Conv_12": true, "val_7": true,
		"/gn/Constant_1_output_0": true, "model/dense/mul/y:0": true, "Constant_12": true, "tensor_3": true,
		"conv1.weight": false, "0.weight": false, "model/dense/MatMul/ReadVariableOp:0": false, "W1": false,
		"coefficient1": false, "logit_scale": false, "layer_12/kernel": false,
	} {
		if got := anonymous(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}

func TestComponents(t *testing.T) {
	for name, want := range map[string][]string{
		"/layer1/layer1.0/conv1/Conv":       {"layer1", "0", "conv1", "Conv"},
		"layer1.0.conv1.weight":             {"layer1", "0", "conv1", "weight"},
		"model/dense/MatMul:0":              {"model", "dense", "MatMul"},
		"onnx::Conv_193":                    {"onnx::Conv_193"},
		"//a..b/":                           {"a", "b"},
		"/down/down.0/down.0.1/BatchNorm_2": {"down", "0", "1", "BatchNorm_2"},
	} {
		if got := components(name); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// Each exporter has its own way to name tensors and nodes; layers are named alike.
func TestLayerNames(t *testing.T) {
	for name, test := range map[string]struct {
		weight, bias, node, want string
	}{
		"PyTorch":            {"enc.fc.weight", "enc.fc.bias", "/enc/fc/Gemm", "enc.fc"},
		"PyTorch, folded":    {"onnx::Gemm_7", "onnx::Gemm_8", "/enc/fc/Gemm", "enc.fc"},
		"PyTorch, bias left": {"onnx::Gemm_7", "enc.fc.bias", "Gemm_5", "enc.fc"},
		"PyTorch 1.8":        {"onnx::Gemm_7", "8", "Gemm_5", "Gemm_0"},
		"TensorFlow":         {"model/dense/MatMul/ReadVariableOp:0", "model/dense/BiasAdd/ReadVariableOp:0", "model/dense/MatMul", "model.dense"},
		"tf2onnx, folded":    {"const_fold_opt__21", "model/dense/BiasAdd/ReadVariableOp:0", "model/dense/MatMul", "model.dense"},
		"MXNet":              {"fc1_weight", "fc1_bias", "fc1_fwd", "fc1"},
		"scikit-learn":       {"coefficient1", "intercepts1", "MatMul1", "coefficient1"},
		"by hand":            {"W1", "b1", "", "W1"},
		"node name only":     {"7", "8", "classifier", "classifier"},
	} {
		t.Run(name, func(t *testing.T) {
			d := draw(t, 1)
			y := d.node(test.node, "Gemm", []string{d.input("x"), d.weight(test.weight, 3, 4), d.weight(test.bias, 4)})
			d.output(y)
			if got := align(t, d.load()).Layers[0].Name; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
