// Package runtest has what tests of models that are written share: random inputs, our runner, and ONNX Runtime in a
// process of its own. Only tests import it.
package runtest

import (
	"math"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// Samples are random inputs of a model.
func Samples(t testing.TB, m *onnx.Model, batch int) map[string]*network.Tensor {
	t.Helper()
	out := map[string]*network.Tensor{}
	for i, f := range gating.Fields(m) {
		in := &network.Tensor{Type: f.Type, Shape: append([]int{}, f.Shape...)}
		for k, d := range in.Shape {
			if d <= 0 {
				in.Shape[k] = batch
			}
		}
		if in.Type.IsFloat() {
			in.F = gatetest.Floats32(gatetest.Random(uint64(i+batch), gatetest.Size(in.Shape)))
		}
		for k := range gatetest.Size(in.Shape) {
			switch {
			case in.Type.IsFloat():
			case strings.Contains(f.Name, "mask"):
				in.I = append(in.I, 1)
			default: // ids
				in.I = append(in.I, int64(k*7%16))
			}
		}
		out[f.Name] = in
	}
	return out
}

// Evaluate runs a model by our own runner, and gives its first output of floats.
func Evaluate(t testing.TB, m *onnx.Model, inputs map[string]*network.Tensor) []float32 {
	t.Helper()
	for _, out := range gatetest.Must(network.Evaluate(m, inputs, nil))(t) {
		if out.Type.IsFloat() {
			return out.F
		}
	}
	t.Fatal("no output is a float")
	return nil
}

// Apart is the largest difference of two lists; what is no number in both differs in nothing.
func Apart[T float32 | float64](a []float32, b []T) (most float64) {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	for i := range a {
		if math.IsNaN(float64(a[i])) && math.IsNaN(float64(b[i])) {
			continue
		}
		most = max(most, math.Abs(float64(a[i])-float64(b[i])))
	}
	return most
}

// Largest is the largest magnitude of a list, at least 1.
func Largest(list []float32) float64 {
	most := 1.0
	for _, v := range list {
		most = max(most, math.Abs(float64(v)))
	}
	return most
}
