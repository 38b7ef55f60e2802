package network

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// forwardOf runs a node and returns its first output.
func forwardOf(t *testing.T, c gradCase) *op.Tensor {
	t.Helper()
	operator, in, out := buildOne(t, c)
	if err := operator.Forward(&op.Context{}, in, out); err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// TestLegacyOperators compares with the formulas, and the gradients with differences.
func TestLegacyOperators(t *testing.T) {
	x := randomTensor(1, 2, 3, 4, 5)
	for _, c := range []struct {
		op, domain string
		attrs      attrs
		want       func(v float64, channel, feature int) float64
	}{
		{"Affine", "", attrs{floatAttr("alpha", 3), floatAttr("beta", -1)},
			func(v float64, _, _ int) float64 { return 3*v - 1 }},
		{"Scale", "", attrs{floatAttr("scale", 3)}, func(v float64, _, _ int) float64 { return 3 * v }},
		{"ImageScaler", "", attrs{floatAttr("scale", 2), floatsAttr("bias", 1, 2, 3)},
			func(v float64, c, _ int) float64 { return 2*v + float64(c+1) }},
		{"ScaledTanh", "", attrs{floatAttr("alpha", 2), floatAttr("beta", 0.5)},
			func(v float64, _, _ int) float64 { return 2 * math.Tanh(v/2) }},
		{"ParametricSoftplus", "", attrs{floatAttr("alpha", 2), floatAttr("beta", 3)},
			func(v float64, _, _ int) float64 { return 2 * math.Log1p(math.Exp(3*v)) }},
		{"Scaler", "ai.onnx.ml", attrs{floatsAttr("offset", 1, 2, 3, 4, 5), floatsAttr("scale", 2)},
			func(v float64, _, f int) float64 { return (v - float64(f+1)) * 2 }},
		{"Scaler", "ai.onnx.ml", attrs{floatsAttr("scale", 1, 2, 3, 4, 5)},
			func(v float64, _, f int) float64 { return v * float64(f+1) }},
	} {
		g := gradCase{op: c.op, domain: c.domain, opset: 1, attrs: c.attrs, inputs: []*op.Tensor{x}, wrt: []int{0}}
		for e, v := range forwardOf(t, g).F {
			if want := c.want(float64(x.F[e]), e/20%3, e%5); math.Abs(float64(v)-want) > 2e-6*(1+math.Abs(want)) {
				t.Errorf("%s: element %d is %g, want %g", c.op, e, v, want)
			}
		}
		checkGradients(t, g)
	}
}

func TestCrop(t *testing.T) {
	x := randomTensor(1, 1, 2, 5, 6)
	for _, c := range []struct {
		attrs   attrs
		top, h  int
		left, w int
	}{
		{attrs{intsAttr("border", 1, 2, 3, 1)}, 2, 2, 1, 2},
		{attrs{intsAttr("border", 1, 2, 0, 0), intsAttr("scale", 3, 4)}, 2, 3, 1, 4},
	} {
		g := gradCase{op: "Crop", opset: 1, attrs: c.attrs, inputs: []*op.Tensor{x}, wrt: []int{0}}
		y := forwardOf(t, g)
		if want := []int{1, 2, c.h, c.w}; !slices.Equal(y.Shape, want) {
			t.Fatalf("%v crops to %v, want %v", c.attrs, y.Shape, want)
		}
		for e, v := range y.F {
			i, j := e/c.w%c.h+c.top, e%c.w+c.left
			if want := x.F[e/(c.w*c.h)*30+i*6+j]; v != want {
				t.Errorf("%v: element %d is %g, want %g", c.attrs, e, v, want)
			}
		}
		checkGradients(t, g)
	}
	checkRefusals(t, []refusal{
		{"Crop", 1, attrs{intsAttr("border", 3, 3, 3, 3)}, []*op.Tensor{x}, "along axis 2"},
		{"Crop", 1, nil, []*op.Tensor{x}, "want four"},
		{"ImageScaler", 1, attrs{floatsAttr("bias", 1)}, []*op.Tensor{x}, "one a channel"},
	})
}

func TestNormalizer(t *testing.T) {
	x := drawn(rand.New(rand.NewPCG(1, 1)), 0.2, 2, []int{3, 4})
	for norm, of := range map[string]func(row []float32) float64{
		"MAX": func(row []float32) float64 { return float64(slices.Max(row)) },
		"L1":  func(row []float32) float64 { return float64(row[0] + row[1] + row[2] + row[3]) },
		"L2": func(row []float32) float64 {
			return math.Sqrt(float64(row[0]*row[0] + row[1]*row[1] + row[2]*row[2] + row[3]*row[3]))
		},
	} {
		g := gradCase{op: "Normalizer", domain: "ai.onnx.ml", opset: 1, attrs: attrs{stringAttr("norm", norm)},
			inputs: []*op.Tensor{x}, wrt: []int{0}}
		for e, v := range forwardOf(t, g).F {
			row := x.F[e/4*4 : e/4*4+4]
			if want := float64(x.F[e]) / of(row); math.Abs(float64(v)-want) > 1e-6 {
				t.Errorf("%s: element %d is %g, want %g", norm, e, v, want)
			}
		}
		checkGradients(t, g)
	}
}

func TestFeatures(t *testing.T) {
	x := randomTensor(1, 3, 4)
	g := gradCase{op: "ArrayFeatureExtractor", domain: "ai.onnx.ml", opset: 1,
		inputs: []*op.Tensor{x, intTensor(2, 0, 2)}, wrt: []int{0}}
	y := forwardOf(t, g)
	for e, v := range y.F {
		if want := x.F[e/3*4+[]int{2, 0, 2}[e%3]]; v != want {
			t.Errorf("element %d is %g, want %g", e, v, want)
		}
	}
	checkGradients(t, g)
	classes := gradCase{op: "ArrayFeatureExtractor", domain: "ai.onnx.ml", opset: 1,
		inputs: []*op.Tensor{intTensor(7, 8, 9), intTensor(1, 1, 0)}}
	checkInts(t, classes, onnx.Int64, []int64{8, 8, 7})
	classes.inputs[1] = intTensor(3)
	operator, in, out := buildOne(t, classes)
	if err := operator.Forward(&op.Context{}, in, out); err == nil {
		t.Error("index 3 of 3 elements gives no error")
	}
}

func TestBinarizer(t *testing.T) {
	x := &op.Tensor{Type: onnx.Float32, Shape: []int{3}, F: []float32{0.5, 1, 1.5}}
	y := forwardOf(t, gradCase{op: "Binarizer", domain: "ai.onnx.ml", opset: 1,
		attrs: attrs{floatAttr("threshold", 1)}, inputs: []*op.Tensor{x}})
	if want := []float32{0, 0, 1}; !slices.Equal(y.F, want) {
		t.Errorf("got %v, want %v", y.F, want)
	}
}
