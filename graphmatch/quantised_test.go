package graphmatch

import (
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// TestQuantisedWeights of models whose weights, or weights and biases, are quantised; of a float model there are none.
func TestQuantisedWeights(t *testing.T) {
	for name, want := range map[string]int{"unlike/quantised/weights0.onnx": 4, "unlike/quantised/qdq0.onnx": 8,
		"cnn_bn/ft0.onnx": 0} {
		list := QuantisedWeights(openFixture(t, name))
		if len(list) != want {
			t.Errorf("%s: %d quantised weights, want %d: %+v", name, len(list), want, list)
		}
		for _, w := range list {
			if w.Op != "DequantizeLinear" || w.Elements < 2 || w.Tensor == "" || w.Node == "" {
				t.Errorf("%s: %+v", name, w)
			}
		}
	}
}

// TestQuantisedSelection: a bias beside a quantised weight counts, a layer that is float throughout does not.
func TestQuantisedSelection(t *testing.T) {
	models := []*onnx.Model{openFixture(t, "unlike/quantised/weights0.onnx"),
		openFixture(t, "unlike/quantised/weights1.onnx")}
	a, err := Align(models, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.Layers {
		if s := (&Selection{Alignment: a, Layers: []int{i}}); !s.Quantised() {
			t.Errorf("layer %s is not said to be quantised", a.Layers[i].Name)
		}
	}
	float, err := Align([]*onnx.Model{openFixture(t, "cnn_bn/ft0.onnx"), openFixture(t, "cnn_bn/ft1.onnx")}, 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := float.Select(nil, nil)
	if err != nil || s.Quantised() {
		t.Errorf("a float network is said to be quantised, %v", err)
	}
}
