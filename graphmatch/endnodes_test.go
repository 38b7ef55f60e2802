package graphmatch

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
)

// withEnds is a network of two layers with what begin and end put around them.
func withEnds(t *testing.T, prefix string, begin, end func(d *graphtest.Builder, x string) string) *onnx.Model {
	d := graphtest.New(t, 1)
	x := d.Shaped("x", 2, 3)
	if begin != nil {
		x = begin(d, x)
	}
	x = d.Node("relu", "Relu", []string{d.Linear(prefix+"one", x, 3, 4)})
	x = d.Linear(prefix+"two", x, 4, 2)
	if end != nil {
		x = end(d, x)
	}
	d.Output(x)
	return d.Load()
}

// Preprocessing and what stands behind the last layer in one model only keep no layer from its counterpart, be the
// layers' names alike or not; they are told, and their tensors are never selected.
func TestEndDifferences(t *testing.T) {
	op := func(op string, attributes ...any) func(*graphtest.Builder, string) string {
		return func(d *graphtest.Builder, x string) string { return d.Node("n"+op, op, []string{x}, attributes...) }
	}
	normalise := func(d *graphtest.Builder, x string) string {
		x = d.Node("sub", "Sub", []string{x, d.Tensor("mean", []int{3}, []float32{0.5, 0.25, 0.125})})
		return d.Node("div", "Div", []string{x, d.Tensor("std", []int{1}, []float32{0.25})})
	}
	scale := func(d *graphtest.Builder, x string) string {
		return d.Node("", "Mul", []string{x, d.Tensor("7", nil, []float32{1. / 255})})
	}
	norm := func(d *graphtest.Builder, x string) string {
		return d.Node("norm", "BatchNormalization", []string{x, d.Weight("scale", 3), d.Weight("bias", 3),
			d.Weight("mean", 3), d.Weight("var", 3)})
	}
	bytes := func(d *graphtest.Builder, x string) string {
		d.Model.Graph.Input[0].GetType().GetTensorType().ElemType = proto.Int32(int32(onnx.Uint8))
		return scale(d, d.Node("cast", "Cast", []string{x}, "to", 1))
	}
	for name, test := range map[string]struct {
		begin, end func(*graphtest.Builder, string) string
		want       string
	}{
		"mean and deviation": {normalise, nil,
			`Sub "sub" 0.5, 0.25, 0.125, Div "div" 0.25 before the first layer where the base has nothing`},
		"a factor":     {scale, nil, "Mul 0.003922 before the first layer where the base has nothing"},
		"bytes":        {bytes, nil, `Cast "cast", Mul 0.003922 before the first layer where the base has nothing`},
		"a norm":       {norm, nil, `BatchNormalization "norm" before the first layer where the base has nothing`},
		"channels":     {op("Transpose"), nil, `Transpose "nTranspose" before the first layer where the base has nothing`},
		"softmax":      {nil, op("Softmax"), `Softmax "nSoftmax" behind the last layer where the base has nothing`},
		"argmax":       {nil, op("ArgMax"), `ArgMax "nArgMax" behind the last layer where the base has nothing`},
		"only a shape": {op("Identity"), op("Flatten"), ""},
		"a float type": {op("Cast", "to", 11), nil, ""},
	} {
		for _, prefix := range []string{"", "z."} {
			base, model := withEnds(t, "", nil, nil), withEnds(t, prefix, test.begin, test.end)
			a := align(t, base, model)
			var got []string
			for _, d := range a.EndDifferences(1) {
				got = append(got, d.String())
			}
			if want := []string{test.want}; test.want != "" && !slices.Equal(got, want) || test.want == "" && got != nil {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
			for _, a := range []*Alignment{a, align(t, model, base)} {
				s, err := a.Select(nil, nil)
				if err != nil || s.Strict() != nil || len(s.Layers) != 2 {
					t.Errorf("%s, prefix %q: %d layers, %v, %v", name, prefix, len(s.Layers), err, s.Strict())
				}
			}
			if d := align(t, model, model).EndDifferences(1); d != nil {
				t.Errorf("%s: %v of a model and itself", name, d)
			}
		}
	}
}

// The same operators with other numbers are a difference, those of another precision are none.
func TestEndDifferencesInNumbers(t *testing.T) {
	scaled := func(by float32) *onnx.Model {
		return withEnds(t, "", func(d *graphtest.Builder, x string) string {
			x = d.Node("mul", "Mul", []string{x, d.Tensor("scale", nil, []float32{by})})
			return d.Node("sub", "Sub", []string{x, d.Tensor("shift", nil, []float32{1})})
		}, nil)
	}
	for by, differs := range map[float32]bool{0.0039: false, 1. / 127.5: true, 1: true} {
		list := align(t, scaled(1./255), scaled(by)).EndDifferences(1)
		if differs != (len(list) == 1) {
			t.Errorf("%g: %v", by, list)
		}
		if differs && (!slices.Equal(list[0].Base, []string{`Mul "mul" 0.003922`}) || len(list[0].Model) != 1) {
			t.Errorf("%g: %q, %q", by, list[0].Base, list[0].Model)
		}
	}
}
