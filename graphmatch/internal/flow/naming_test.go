package flow

import (
	"slices"
	"strings"
	"testing"
)

func TestAnonymous(t *testing.T) {
	for name, want := range map[string]bool{
		"onnx::Conv_193": true, "193": true, "": true, "const_fold_opt__806": true, "Conv_12": true, "val_7": true,
		"/gn/Constant_1_output_0": true, "model/dense/mul/y:0": true, "Constant_12": true, "tensor_3": true,
		"conv1.weight": false, "0.weight": false, "model/dense/MatMul/ReadVariableOp:0": false, "W1": false,
		"coefficient1": false, "logit_scale": false, "layer_12/kernel": false,
	} {
		if got := Anonymous(name); got != want {
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
		if got := Components(name); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestTorchScope(t *testing.T) {
	for list, want := range map[string][]string{
		"['', 'layer1', 'layer1.0', 'conv2d_1']": {"layer1", "0"},
		"['', 'fc', 'linear']":                   {"fc"},
		"['', 'linear']":                         nil,
		"[]":                                     nil,
		"":                                       nil,
	} {
		if got := torchScope(list); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", list, got, want)
		}
	}
}

// FuzzComponents: components are never empty, hold no separators, and are their own components again.
func FuzzComponents(f *testing.F) {
	for _, s := range []string{"/layer1/layer1.0/conv1/Conv", "a.b:0", "onnx::Conv_1", "//..", "a/a.a/a.a.a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, part := range Components(name) {
			if strings.Contains(part, "::") && part == name {
				continue
			}
			if part == "" || strings.ContainsAny(part, "/.") {
				t.Errorf("%q has the component %q", name, part)
			}
		}
	})
}

// FuzzTorchScope: no list of scopes panics, and a scope has no empty parts.
func FuzzTorchScope(f *testing.F) {
	f.Add("['', 'layer1', 'layer1.0', 'conv2d_1']")
	f.Add("[,,]")
	f.Fuzz(func(t *testing.T, list string) {
		if path := torchScope(list); path != nil && slices.Contains(path, "") {
			t.Errorf("%q gives %q", list, path)
		}
	})
}
