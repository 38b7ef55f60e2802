package graphtest

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// Outputs runs a model on random inputs.
func Outputs(t testing.TB, m *onnx.Model) []*network.Tensor {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	inputs := map[string]*network.Tensor{}
	stored := map[string]bool{}
	for _, x := range m.Proto().GetGraph().GetInitializer() {
		stored[x.GetName()] = true
	}
	for _, in := range m.Proto().GetGraph().GetInput() {
		if stored[in.GetName()] {
			continue
		}
		tt := in.GetType().GetTensorType()
		shape := []int{}
		for i, d := range tt.GetShape().GetDim() {
			n := int(d.GetDimValue())
			if n == 0 {
				n = 2 + i
			}
			shape = append(shape, n)
		}
		x := network.NewTensor(network.Spec{Type: onnx.DataType(tt.GetElemType()), Shape: shape})
		for i := range x.F {
			x.F[i] = float32(rng.NormFloat64())
		}
		for i := range x.I {
			x.I[i] = int64(rng.IntN(4))
		}
		inputs[in.GetName()] = x
	}
	out, err := network.Evaluate(m, inputs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// SameOutputs fails unless two models compute the same up to the order of summation.
func SameOutputs(t *testing.T, a, b *onnx.Model) {
	t.Helper()
	x, y := Outputs(t, a), Outputs(t, b)
	for k := range x {
		scale := 1e-3
		for _, v := range x[k].F {
			scale = max(scale, math.Abs(float64(v)))
		}
		for i, v := range x[k].F {
			if d := math.Abs(float64(v) - float64(y[k].F[i])); !(d <= 1e-4*scale) {
				t.Fatalf("output %d element %d: %v became %v", k, i, v, y[k].F[i])
			}
		}
	}
}
