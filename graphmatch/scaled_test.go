package graphmatch

import (
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
)

// scaledLinear is a linear layer of given numbers whose Gemm multiplies its product by alpha and its bias by beta.
func scaledLinear(t *testing.T, alpha, beta float32, weight, bias []float32) *onnx.Model {
	d := graphtest.New(t, 1)
	w, b := d.Tensor("fc.weight", []int{2, 3}, weight), d.Tensor("fc.bias", []int{3}, bias)
	d.Output(d.Node("fc", "Gemm", []string{d.Input("x"), w, b}, "alpha", alpha, "beta", beta))
	return d.Load()
}

// Numbers that one model's node scales are read as the base's node needs them: else half of one network would be
// mixed with the double of another.
func TestScaledLayers(t *testing.T) {
	w, b := []float32{1, 2, 3, 4, 5, 6}, []float32{1, -1, 8}
	base := scaledLinear(t, 1, 1, w, b)
	for name, test := range map[string]struct {
		model        *onnx.Model
		weight, bias []float32
	}{
		"alpha":    {scaledLinear(t, 0.5, 1, w, b), []float32{0.5, 1, 1.5, 2, 2.5, 3}, b},
		"beta":     {scaledLinear(t, 1, 4, w, b), w, []float32{4, -4, 32}},
		"negative": {scaledLinear(t, -2, 1, w, b), []float32{-2, -4, -6, -8, -10, -12}, b},
	} {
		a := align(t, base, test.model)
		l := &a.Layers[0]
		if l.Status != Matched {
			t.Fatalf("%s: %s: %s", name, l.Status, l.Reason)
		}
		for i, want := range [][]float32{test.weight, test.bias} {
			if got, err := a.Floats(&l.Params[i], 1, nil); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: got %v (%v), want %v", name, got, err, want)
			}
			if got, err := a.Floats(&l.Params[i], 0, []float32{7}); err != nil || !slices.Equal(got[1:],
				[][]float32{w, b}[i]) {
				t.Errorf("%s: the base is read as %v (%v)", name, got, err)
			}
		}
		back := align(t, test.model, base)
		if got, err := back.Doubles(&back.Layers[0].Params[0], 1, nil); err != nil || len(got) != 6 {
			t.Errorf("%s: %v, %v", name, got, err)
		} else if c := float32(got[0]) * test.weight[0]; c != 1 {
			t.Errorf("%s: there and back a 1 becomes %v", name, c)
		}
	}
}

// A layer that is multiplied by nothing cannot be brought to the scale of another.
func TestLayersScaledByZero(t *testing.T) {
	w, b := []float32{1, 2, 3, 4, 5, 6}, []float32{1, -1, 8}
	for _, alpha := range []float32{0, 1} {
		l := align(t, scaledLinear(t, 1-alpha, 1, w, b), scaledLinear(t, alpha, 1, w, b)).Layers[0]
		if l.Status != Mismatch || !strings.Contains(l.Reason, "multiplies it by") {
			t.Errorf("%s: %s", l.Status, l.Reason)
		}
	}
	if l := align(t, scaledLinear(t, 2, 1, w, b), scaledLinear(t, 2, 1, w, b)).Layers[0]; l.Status != Identical {
		t.Errorf("of one scale: %s: %s", l.Status, l.Reason)
	}
}
