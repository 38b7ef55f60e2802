package element_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// TestLegacyOperators compares with the formulas, and the gradients with differences.
func TestLegacyOperators(t *testing.T) {
	x := optest.RandomTensor(1, 2, 3, 4, 5)
	for _, c := range []struct {
		op, domain string
		attrs      optest.Attrs
		want       func(v float64, channel, feature int) float64
	}{
		{"Affine", "", optest.Attrs{optest.FloatAttr("alpha", 3), optest.FloatAttr("beta", -1)},
			func(v float64, _, _ int) float64 { return 3*v - 1 }},
		{"Scale", "", optest.Attrs{optest.FloatAttr("scale", 3)}, func(v float64, _, _ int) float64 { return 3 * v }},
		{"ImageScaler", "", optest.Attrs{optest.FloatAttr("scale", 2), optest.FloatsAttr("bias", 1, 2, 3)},
			func(v float64, c, _ int) float64 { return 2*v + float64(c+1) }},
		{"ScaledTanh", "", optest.Attrs{optest.FloatAttr("alpha", 2), optest.FloatAttr("beta", 0.5)},
			func(v float64, _, _ int) float64 { return 2 * math.Tanh(v/2) }},
		{"ParametricSoftplus", "", optest.Attrs{optest.FloatAttr("alpha", 2), optest.FloatAttr("beta", 3)},
			func(v float64, _, _ int) float64 { return 2 * math.Log1p(math.Exp(3*v)) }},
		{"Scaler", "ai.onnx.ml",
			optest.Attrs{optest.FloatsAttr("offset", 1, 2, 3, 4, 5), optest.FloatsAttr("scale", 2)},
			func(v float64, _, f int) float64 { return (v - float64(f+1)) * 2 }},
		{"Scaler", "ai.onnx.ml", optest.Attrs{optest.FloatsAttr("scale", 1, 2, 3, 4, 5)},
			func(v float64, _, f int) float64 { return v * float64(f+1) }},
	} {
		g := optest.Case{Op: c.op, Domain: c.domain, Opset: 1, Attrs: c.attrs, Inputs: []*op.Tensor{x}, Wrt: []int{0}}
		for e, v := range optest.ForwardOf(t, g).F {
			if want := c.want(float64(x.F[e]), e/20%3, e%5); math.Abs(float64(v)-want) > 2e-6*(1+math.Abs(want)) {
				t.Errorf("%s: element %d is %g, want %g", c.op, e, v, want)
			}
		}
		optest.CheckGradients(t, g)
	}
}

func TestCrop(t *testing.T) {
	x := optest.RandomTensor(1, 1, 2, 5, 6)
	for _, c := range []struct {
		attrs   optest.Attrs
		top, h  int
		left, w int
	}{
		{optest.Attrs{optest.IntsAttr("border", 1, 2, 3, 1)}, 2, 2, 1, 2},
		{optest.Attrs{optest.IntsAttr("border", 1, 2, 0, 0), optest.IntsAttr("scale", 3, 4)}, 2, 3, 1, 4},
	} {
		g := optest.Case{Op: "Crop", Opset: 1, Attrs: c.attrs, Inputs: []*op.Tensor{x}, Wrt: []int{0}}
		y := optest.ForwardOf(t, g)
		if want := []int{1, 2, c.h, c.w}; !slices.Equal(y.Shape, want) {
			t.Fatalf("%v crops to %v, want %v", c.attrs, y.Shape, want)
		}
		for e, v := range y.F {
			i, j := e/c.w%c.h+c.top, e%c.w+c.left
			if want := x.F[e/(c.w*c.h)*30+i*6+j]; v != want {
				t.Errorf("%v: element %d is %g, want %g", c.attrs, e, v, want)
			}
		}
		optest.CheckGradients(t, g)
	}
	optest.CheckRefusals(t, []optest.Refusal{
		{Op: "Crop", Opset: 1, Attrs: optest.Attrs{optest.IntsAttr("border", 3, 3, 3, 3)},
			Inputs: []*op.Tensor{x}, Says: "along axis 2"},
		{Op: "Crop", Opset: 1, Attrs: nil, Inputs: []*op.Tensor{x}, Says: "want four"},
		{Op: "ImageScaler", Opset: 1, Attrs: optest.Attrs{optest.FloatsAttr("bias", 1)},
			Inputs: []*op.Tensor{x}, Says: "one a channel"},
	})
}

func TestNormalizer(t *testing.T) {
	x := optest.Drawn(rand.New(rand.NewPCG(1, 1)), 0.2, 2, []int{3, 4})
	for norm, of := range map[string]func(row []float32) float64{
		"MAX": func(row []float32) float64 { return float64(slices.Max(row)) },
		"L1":  func(row []float32) float64 { return float64(row[0] + row[1] + row[2] + row[3]) },
		"L2": func(row []float32) float64 {
			return math.Sqrt(float64(row[0]*row[0] + row[1]*row[1] + row[2]*row[2] + row[3]*row[3]))
		},
	} {
		g := optest.Case{Op: "Normalizer", Domain: "ai.onnx.ml", Opset: 1,
			Attrs:  optest.Attrs{optest.StringAttr("norm", norm)},
			Inputs: []*op.Tensor{x}, Wrt: []int{0}}
		for e, v := range optest.ForwardOf(t, g).F {
			row := x.F[e/4*4 : e/4*4+4]
			if want := float64(x.F[e]) / of(row); math.Abs(float64(v)-want) > 1e-6 {
				t.Errorf("%s: element %d is %g, want %g", norm, e, v, want)
			}
		}
		optest.CheckGradients(t, g)
	}
}

func TestFeatures(t *testing.T) {
	x := optest.RandomTensor(1, 3, 4)
	g := optest.Case{Op: "ArrayFeatureExtractor", Domain: "ai.onnx.ml", Opset: 1,
		Inputs: []*op.Tensor{x, optest.IntTensor(2, 0, 2)}, Wrt: []int{0}}
	y := optest.ForwardOf(t, g)
	for e, v := range y.F {
		if want := x.F[e/3*4+[]int{2, 0, 2}[e%3]]; v != want {
			t.Errorf("element %d is %g, want %g", e, v, want)
		}
	}
	optest.CheckGradients(t, g)
	classes := optest.Case{Op: "ArrayFeatureExtractor", Domain: "ai.onnx.ml", Opset: 1,
		Inputs: []*op.Tensor{optest.IntTensor(7, 8, 9), optest.IntTensor(1, 1, 0)}}
	optest.CheckInts(t, classes, onnx.Int64, []int64{8, 8, 7})
	classes.Inputs[1] = optest.IntTensor(3)
	operator, in, out := optest.BuildOne(t, classes)
	if err := operator.Forward(&op.Context{}, in, out); err == nil {
		t.Error("index 3 of 3 elements gives no error")
	}
}

func TestBinarizer(t *testing.T) {
	x := &op.Tensor{Type: onnx.Float32, Shape: []int{3}, F: []float32{0.5, 1, 1.5}}
	y := optest.ForwardOf(t, optest.Case{Op: "Binarizer", Domain: "ai.onnx.ml", Opset: 1,
		Attrs: optest.Attrs{optest.FloatAttr("threshold", 1)}, Inputs: []*op.Tensor{x}})
	if want := []float32{0, 0, 1}; !slices.Equal(y.F, want) {
		t.Errorf("got %v, want %v", y.F, want)
	}
}
