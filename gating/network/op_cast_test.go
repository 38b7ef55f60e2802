package network

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// castOne runs Cast on one element. Conversions that change nothing are views, which the builder answers without an operator.
func castOne(t *testing.T, from, to onnx.DataType, in *Tensor, list ...attrs) *Tensor {
	t.Helper()
	all := attrs{intAttr("to", int64(to))}
	for _, l := range list {
		all = append(all, l...)
	}
	in.Type = from
	op, inputs, out := buildOne(t, gradCase{op: "Cast", opset: 24, attrs: all, inputs: []*Tensor{in}})
	if err := op.Forward(&Context{}, inputs, out); err != nil {
		t.Fatal(err)
	}
	return out[0]
}

func TestCastToIntegers(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	x := []float32{1.9, -1.9, 0, 300, -0.5, nan, inf, 3e9}
	for to, want := range map[onnx.DataType][]int64{
		onnx.Int8:   {1, -1, 0, 44, 0, 0, 0, 0},
		onnx.Uint8:  {1, 255, 0, 44, 0, 0, 0, 0},
		onnx.Int32:  {1, -1, 0, 300, 0, math.MinInt32, math.MinInt32, math.MinInt32},
		onnx.Int64:  {1, -1, 0, 300, 0, math.MinInt64, math.MinInt64, 3e9},
		onnx.Uint32: {1, 1<<32 - 1, 0, 300, 0, 0, 0, 3e9},
		onnx.Int4:   {1, -1, 0, -4, 0, 0, 0, 0},
		onnx.Bool:   {1, 1, 0, 1, 1, 1, 1, 1},
	} {
		got := castOne(t, onnx.Float32, to, &Tensor{Shape: []int{len(x)}, F: x})
		for i, w := range want {
			if got.I[i] != w {
				t.Errorf("%g to %s is %d, want %d", x[i], to, got.I[i], w)
			}
		}
	}
	if got := castOne(t, onnx.Float32, onnx.Uint64, &Tensor{Shape: []int{1}, F: []float32{1 << 63}}); uint64(got.I[0]) != 1<<63 {
		t.Errorf("2^63 to uint64 is %d", uint64(got.I[0]))
	}
}

func TestCastFromIntegers(t *testing.T) {
	if got := castOne(t, onnx.Uint64, onnx.Float32, &Tensor{Shape: []int{1}, I: []int64{-1}}); got.F[0] != 1<<64 {
		t.Errorf("the greatest uint64 is %g as a float", got.F[0])
	}
	if got := castOne(t, onnx.Int64, onnx.Float16, &Tensor{Shape: []int{2}, I: []int64{2049, 70000}}); got.F[0] != 2048 || !math.IsInf(float64(got.F[1]), 1) {
		t.Errorf("2049 and 70000 are %v as float16, want 2048 and infinity", got.F)
	}
	if got := castOne(t, onnx.Int32, onnx.Bool, &Tensor{Shape: []int{2}, I: []int64{-5, 0}}); got.I[0] != 1 || got.I[1] != 0 {
		t.Errorf("-5 and 0 are %v as bool", got.I)
	}
	if got := castOne(t, onnx.Int64, onnx.Uint4, &Tensor{Shape: []int{1}, I: []int64{-1}}); got.I[0] != 15 {
		t.Errorf("-1 is %d as uint4, want 15", got.I[0])
	}
}

// TestCastIsAView checks which conversions cost nothing.
func TestCastIsAView(t *testing.T) {
	for _, c := range []struct {
		from, to onnx.DataType
		want     bool
	}{
		{onnx.Float16, onnx.Float32, true}, {onnx.Float32, onnx.Float64, true}, {onnx.Float32, onnx.Float16, false},
		{onnx.Int32, onnx.Int64, true}, {onnx.Int64, onnx.Int32, false}, {onnx.Uint8, onnx.Int16, true}, {onnx.Int8, onnx.Uint16, false},
		{onnx.Bool, onnx.Uint8, true}, {onnx.Uint8, onnx.Bool, false}, {onnx.Float16, onnx.BFloat16, false}, {onnx.Bool, onnx.Float32, false},
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

// nearestOf returns the number nearest to v; of two as near, the one whose fraction is even: the one with more trailing zeros.
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
		{onnx.Float16, true, 65519, 65504}, {onnx.Float16, true, 65520, inf}, {onnx.Float16, true, -1e9, -inf}, {onnx.Float16, true, nan, nan},
		{onnx.BFloat16, true, math.MaxFloat32, inf}, {onnx.Float8E4M3FN, true, 1000, 448}, {onnx.Float8E4M3FN, false, 1000, nan},
		{onnx.Float8E4M3FN, true, -inf, -448}, {onnx.Float8E5M2, false, 1e6, inf}, {onnx.Float8E5M2, true, 1e6, 57344},
		{onnx.Float8E4M3FNUZ, true, 1000, 240}, {onnx.Float4E2M1, true, 100, 6}, {onnx.Float8E4M3FNUZ, true, -1e-9, 0},
	} {
		if got := (rounding{saturate: c.saturate}).to(c.dt)(c.v); !sameNumber(got, c.want) || got == 0 && math.Signbit(float64(got)) {
			t.Errorf("%g as %s (saturate %v) is %g, want %g", c.v, c.dt, c.saturate, got, c.want)
		}
	}
}

func TestRoundingToPowers(t *testing.T) {
	for _, c := range []struct {
		mode    string
		v, want float32
	}{
		{"up", 5, 8}, {"down", 5, 4}, {"nearest", 5, 4}, {"nearest", 6, 8}, {"up", 4, 4}, {"up", 1e39 / 10, float32(math.Ldexp(1, 127))},
	} {
		if got := (rounding{saturate: true, mode: c.mode}).to(onnx.Float8E8M0)(c.v); got != c.want {
			t.Errorf("%g rounded %s to a power of two is %g, want %g", c.v, c.mode, got, c.want)
		}
	}
}

func TestCastGradients(t *testing.T) {
	x := randomTensor(1, 2, 3)
	op, in, out := buildOne(t, gradCase{op: "Cast", opset: 13, attrs: attrs{intAttr("to", int64(onnx.Float16))}, inputs: []*Tensor{x}})
	dy, dx := randomTensor(2, 2, 3), NewTensor(x.Spec())
	if err := op.(Differentiable).Backward(&Context{}, 0, 0, in, out, dy, dx); err != nil {
		t.Fatal(err)
	}
	for i, v := range dx.F {
		if v != dy.F[i] {
			t.Errorf("element %d: gradient %g, want %g passed on", i, v, dy.F[i])
		}
	}
}

func TestDropoutMask(t *testing.T) {
	x := randomTensor(1, 2, 3)
	for _, c := range []struct {
		opset int64
		dt    onnx.DataType
	}{{7, onnx.Float32}, {13, onnx.Bool}} {
		op, in, out := buildOne(t, gradCase{op: "Dropout", opset: c.opset, inputs: []*Tensor{x}, outputs: 2})
		if err := op.Forward(&Context{}, in, out); err != nil {
			t.Fatal(err)
		}
		if out[1].Type != c.dt {
			t.Errorf("opset %d: the mask is %s, want %s", c.opset, out[1].Type, c.dt)
		}
		for i, v := range x.F {
			one := c.dt == onnx.Bool && out[1].I[i] == 1 || c.dt == onnx.Float32 && out[1].F[i] == 1
			if out[0].F[i] != v || !one {
				t.Errorf("opset %d: element %d is %g of %g, its mask kept %v", c.opset, i, out[0].F[i], v, one)
			}
		}
	}
	checkGradients(t, gradCase{op: "Dropout", opset: 13, inputs: []*Tensor{x}, outputs: 2, wrt: []int{0}})
}

func TestClipBoundsAsInputs(t *testing.T) {
	x := &Tensor{Type: onnx.Float32, Shape: []int{6}, F: []float32{-2, -0.8, -0.3, 0.2, 0.7, 3}}
	low, high := &Tensor{Type: onnx.Float32, Shape: []int{}, F: []float32{-0.5}}, &Tensor{Type: onnx.Float32, Shape: []int{}, F: []float32{0.5}}
	checkGradients(t, gradCase{op: "Clip", opset: 13, inputs: []*Tensor{x, low, high}, wrt: []int{0, 1, 2}})
	checkGradients(t, gradCase{op: "Clip", opset: 13, inputs: []*Tensor{x, nil, high}, wrt: []int{0, 2}})
	n := &Tensor{Type: onnx.Int8, Shape: []int{3}, I: []int64{-5, 0, 5}}
	bound := &Tensor{Type: onnx.Int8, Shape: []int{}, I: []int64{2}}
	checkInts(t, gradCase{op: "Clip", opset: 13, inputs: []*Tensor{n, nil, bound}}, onnx.Int8, []int64{-5, 0, 2})
	checkInts(t, gradCase{op: "Clip", opset: 13, inputs: []*Tensor{n, bound}}, onnx.Int8, []int64{2, 2, 5})
}

func TestQuantizeAndBack(t *testing.T) {
	x := &Tensor{Type: onnx.Float32, Shape: []int{2, 4}, F: []float32{0.5, 1.5, -3, 300, 1, 2, -7, 0}}
	scale := &Tensor{Type: onnx.Float32, Shape: []int{2, 2}, F: []float32{1, 2, 0.5, 1}}
	zero := &Tensor{Type: onnx.Uint8, Shape: []int{2, 2}, I: []int64{3, 0, 0, 10}}
	c := gradCase{op: "QuantizeLinear", opset: 21, attrs: attrs{intAttr("axis", 1), intAttr("block_size", 2)}, inputs: []*Tensor{x, scale, zero}}
	checkInts(t, c, onnx.Uint8, []int64{3, 5, 0, 150, 2, 4, 3, 10})
	q := &Tensor{Type: onnx.Uint8, Shape: []int{2, 4}, I: []int64{3, 5, 0, 150, 2, 4, 3, 10}}
	op, in, out := buildOne(t, gradCase{op: "DequantizeLinear", opset: 21, attrs: c.attrs, inputs: []*Tensor{q, scale, zero}})
	if err := op.Forward(&Context{}, in, out); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{0, 2, 0, 300, 1, 2, -7, 0} {
		if out[0].F[i] != want {
			t.Errorf("element %d comes back as %g, want %g", i, out[0].F[i], want)
		}
	}
}
