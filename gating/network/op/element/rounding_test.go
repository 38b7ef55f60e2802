package element

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// TestCastIsAView checks which conversions cost nothing.
func TestCastIsAView(t *testing.T) {
	for _, c := range []struct {
		from, to onnx.DataType
		want     bool
	}{
		{onnx.Float16, onnx.Float32, true}, {onnx.Float32, onnx.Float64, true}, {onnx.Float32, onnx.Float16, false},
		{onnx.Int32, onnx.Int64, true}, {onnx.Int64, onnx.Int32, false}, {onnx.Uint8, onnx.Int16, true},
		{onnx.Int8, onnx.Uint16, false},
		{onnx.Bool, onnx.Uint8, true}, {onnx.Uint8, onnx.Bool, false}, {onnx.Float16, onnx.BFloat16, false},
		{onnx.Bool, onnx.Float32, false},
		{onnx.Uint32, onnx.Int32, false},
	} {
		if got := keepsValues(c.from, c.to); got != c.want {
			t.Errorf("from %s to %s: a view %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

// TestRoundingToNearest holds the rounding of every narrow type against a search over all its numbers.
func TestRoundingToNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for dt, f := range formats {
		numbers := finiteNumbers(t, dt)
		for range 2_000_000 / (1000 + len(numbers)) {
			v := float32(math.Ldexp(r.NormFloat64(), r.IntN(40)-24))
			if r.IntN(2) == 0 { // half way between two numbers, or near one
				i, j := r.IntN(len(numbers)), r.IntN(3)-1
				v = (numbers[i] + numbers[min(max(i+2*j, 0), len(numbers)-1)]) / 2
			}
			if math.Abs(float64(v)) > float64(f.largest) {
				continue
			}
			got := rounding{saturate: true}.to(dt)(v)
			if want := nearestOf(numbers, v); got != want {
				t.Fatalf("%g as %s is %g, want %g", v, dt, got, want)
			}
		}
	}
}

// finiteNumbers returns every finite number of a narrow float type.
func finiteNumbers(t *testing.T, dt onnx.DataType) []float32 {
	t.Helper()
	f := formats[dt]
	var list []float32
	for e := f.least; ; e++ {
		for m := range 1 << f.fraction {
			v := math.Ldexp(1+float64(m)/float64(int(1)<<f.fraction), e)
			if v > float64(f.largest) {
				return append(list, subnormals(f)...)
			}
			list = append(list, float32(v), float32(-v))
		}
	}
}

func subnormals(f format) []float32 {
	list := []float32{0}
	for m := range 1 << f.fraction {
		v := float32(math.Ldexp(float64(m), f.least-f.fraction))
		list = append(list, v, -v)
	}
	return list
}

// nearestOf returns the number nearest to v; of two as near, the one whose fraction is even: the one with more trailing
// zeros.
func nearestOf(numbers []float32, v float32) float32 {
	best := numbers[0]
	for _, n := range numbers {
		a, b := math.Abs(float64(n)-float64(v)), math.Abs(float64(best)-float64(v))
		if a < b || a == b && trailing(n) > trailing(best) {
			best = n
		}
	}
	return best
}

func trailing(v float32) int {
	if v == 0 {
		return 99
	}
	frac, exp := math.Frexp(math.Abs(float64(v)))
	n := int64(math.Ldexp(frac, 53))
	zeros := exp
	for ; n&1 == 0; n >>= 1 {
		zeros++
	}
	return zeros
}

func TestRoundingBeyondTheLargest(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		dt       onnx.DataType
		saturate bool
		v, want  float32
	}{
		{onnx.Float16, true, 65519, 65504}, {onnx.Float16, true, 65520, inf}, {onnx.Float16, true, -1e9, -inf},
		{onnx.Float16, true, nan, nan},
		{onnx.BFloat16, true, math.MaxFloat32, inf}, {onnx.Float8E4M3FN, true, 1000, 448},
		{onnx.Float8E4M3FN, false, 1000, nan},
		{onnx.Float8E4M3FN, true, -inf, -448}, {onnx.Float8E5M2, false, 1e6, inf}, {onnx.Float8E5M2, true, 1e6, 57344},
		{onnx.Float8E4M3FNUZ, true, 1000, 240}, {onnx.Float4E2M1, true, 100, 6}, {onnx.Float8E4M3FNUZ, true, -1e-9, 0},
	} {
		if got := (rounding{saturate: c.saturate}).to(c.dt)(c.v); !op.SameNumber(got, c.want) || got == 0 &&
			math.Signbit(float64(got)) {
			t.Errorf("%g as %s (saturate %v) is %g, want %g", c.v, c.dt, c.saturate, got, c.want)
		}
	}
}

func TestRoundingToPowers(t *testing.T) {
	for _, c := range []struct {
		mode    string
		v, want float32
	}{
		{"up", 5, 8}, {"down", 5, 4}, {"nearest", 5, 4}, {"nearest", 6, 8}, {"up", 4, 4},
		{"up", 1e39 / 10, float32(math.Ldexp(1, 127))},
	} {
		if got := (rounding{saturate: true, mode: c.mode}).to(onnx.Float8E8M0)(c.v); got != c.want {
			t.Errorf("%g rounded %s to a power of two is %g, want %g", c.v, c.mode, got, c.want)
		}
	}
}
