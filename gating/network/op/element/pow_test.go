package element

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// TestPowerAtTheEdges pins slopes where the formula alone would give NaN.
func TestPowerAtTheEdges(t *testing.T) {
	for _, c := range []struct{ a, b, base, exponent float32 }{
		{0, 0, 0, 0}, {0, 2.5, 0, 0}, {-2, 3, 12, float32(math.NaN())}, {5, 0, 0, float32(math.Log(5))},
	} {
		if v := powerSlopeBase(c.a, c.b, power(c.a, c.b)); !op.SameNumber(v, c.base) {
			t.Errorf("slope of %g^%g by the base is %g, want %g", c.a, c.b, v, c.base)
		}
		if v := powerSlopeExponent(c.a, c.b, power(c.a, c.b)); !op.SameNumber(v, c.exponent) {
			t.Errorf("slope of %g^%g by the exponent is %g, want %g", c.a, c.b, v, c.exponent)
		}
	}
}

// TestConstantExponents holds the short cuts for common exponents against the general power.
func TestConstantExponents(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	x := between(r, 0.2, 3, 3, 7)
	for _, exponent := range []float32{2, 3, 0.5, -1} {
		u := differentiableUnary{unary: fixedPower(exponent)}
		y, dy, dx := op.NewTensor(x.Spec()), between(r, -1, 1, x.Shape...), op.NewTensor(x.Spec())
		if err := u.Forward(&op.Context{}, []*op.Tensor{x}, []*op.Tensor{y}); err != nil {
			t.Fatal(err)
		}
		if err := u.Backward(&op.Context{}, 0, 0, []*op.Tensor{x}, []*op.Tensor{y}, dy, dx); err != nil {
			t.Fatal(err)
		}
		for i, v := range x.F {
			if want := power(v, exponent); math.Abs(float64(y.F[i]-want)) > 1e-6*float64(want) {
				t.Errorf("%g^%g is %g, want %g", v, exponent, y.F[i], want)
			}
			if want := dy.F[i] * powerSlopeBase(v, exponent,
				y.F[i]); math.Abs(float64(dx.F[i]-want)) > 1e-6*math.Abs(float64(want)) {
				t.Errorf("gradient of %g^%g is %g, want %g", v, exponent, dx.F[i], want)
			}
		}
	}
}

// between is a tensor of numbers from low to high.
func between(r *rand.Rand, low, high float32, shape ...int) *op.Tensor {
	t := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: shape})
	for i := range t.F {
		t.F[i] = low + (high-low)*r.Float32()
	}
	return t
}
