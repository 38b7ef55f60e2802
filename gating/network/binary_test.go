package network

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// pairShapes returns a random output shape of at most limit elements and two shapes that broadcast to it together.
func pairShapes(r *rand.Rand, limit int) (out []int, in [3][]int) {
	for {
		out = make([]int, r.IntN(5))
		for i := range out {
			out[i] = []int{1, 2, 3, 4, 5, 0}[r.IntN(30)%(5+r.IntN(2))]
		}
		if op.SizeOf(out) <= limit {
			break
		}
	}
	whole := r.IntN(3)
	for k := range in {
		in[k] = slices.Clone(out)
		if k == whole {
			continue
		}
		in[k] = in[k][r.IntN(len(out)+1):]
		for i := range in[k] {
			if r.IntN(2) == 0 {
				in[k][i] = 1
			}
		}
	}
	return out, in
}

// readAt returns the element of a tensor that output element e reads.
func readAt(t *op.Tensor, e int, out []int) float64 {
	at, stride := 0, 1
	for k := 1; k <= len(out); k++ {
		i := e % out[len(out)-k]
		e /= out[len(out)-k]
		if k <= len(t.Shape) {
			if t.Shape[len(t.Shape)-k] != 1 {
				at += i * stride
			}
			stride *= t.Shape[len(t.Shape)-k]
		}
	}
	if t.F == nil {
		return float64(t.I[at])
	}
	return float64(t.F[at])
}

// binaryCases are functions of two floats: what they compute, and where their operands are drawn from.
var binaryCases = []struct {
	op     string
	attrs  optest.Attrs
	f      func(a, b float64) float64
	a, b   [2]float64
	first  bool    // the second operand must broadcast to the first
	margin float64 // least distance of the operands, where the slope jumps between them
}{
	{op: "Add", f: func(a, b float64) float64 { return a + b }, a: [2]float64{-2, 2}, b: [2]float64{-2, 2}},
	{op: "Sub", f: func(a, b float64) float64 { return a - b }, a: [2]float64{-2, 2}, b: [2]float64{-2, 2}},
	{op: "Mul", f: func(a, b float64) float64 { return a * b }, a: [2]float64{-2, 2}, b: [2]float64{-2, 2}},
	{op: "Div", f: func(a, b float64) float64 { return a / b }, a: [2]float64{-2, 2}, b: [2]float64{0.5, 3}},
	{op: "Div", f: func(a, b float64) float64 { return a / b }, a: [2]float64{-2, 2}, b: [2]float64{-3, -0.5}},
	{op: "Pow", f: math.Pow, a: [2]float64{0.7, 3}, b: [2]float64{-2, 2.5}},
	{op: "Mod", attrs: optest.Attrs{optest.IntAttr("fmod", 1)}, f: math.Mod,
		a: [2]float64{2.1, 2.5}, b: [2]float64{0.88, 0.98}},
	{op: "PRelu", f: func(a, b float64) float64 { return a * b }, a: [2]float64{-2, -0.1},
		b: [2]float64{-1, 1}, first: true},
	{op: "PRelu", f: func(a, b float64) float64 { return a }, a: [2]float64{0.1, 2}, b: [2]float64{-1, 1}, first: true},
	{op: "Max", f: math.Max, a: [2]float64{-2, 2}, b: [2]float64{-2, 2}, margin: 0.1},
	{op: "Min", f: math.Min, a: [2]float64{-2, 2}, b: [2]float64{-2, 2}, margin: 0.1},
	{op: "Sum", f: func(a, b float64) float64 { return a + b }, a: [2]float64{-2, 2}, b: [2]float64{-2, 2}},
	{op: "Mean", f: func(a, b float64) float64 { return (a + b) / 2 }, a: [2]float64{-2, 2}, b: [2]float64{-2, 2}},
}

// apart says whether no pair of operands is closer than the margin.
func apart(a, b *op.Tensor, out []int, margin float64) bool {
	for e := range op.SizeOf(out) {
		if math.Abs(readAt(a, e, out)-readAt(b, e, out)) < margin {
			return false
		}
	}
	return true
}

func TestBinaryForwardAndGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	for _, c := range binaryCases {
		for range 60 {
			out, shapes := pairShapes(r, 24)
			if c.first {
				shapes[0] = out
			}
			a, b := optest.Drawn(r, c.a[0], c.a[1], shapes[0]), optest.Drawn(r, c.b[0], c.b[1], shapes[1])
			for tries := 0; !apart(a, b, out, c.margin) && tries < 500; tries++ {
				a, b = optest.Drawn(r, c.a[0], c.a[1], shapes[0]), optest.Drawn(r, c.b[0], c.b[1], shapes[1])
			}
			if !apart(a, b, out, c.margin) {
				continue
			}
			g := optest.Case{Op: c.op, Opset: 15, Attrs: c.attrs, Inputs: []*op.Tensor{a, b}, Wrt: []int{0, 1}}
			operator, in, outs := optest.BuildOne(t, g)
			if err := operator.Forward(&op.Context{}, in, outs); err != nil {
				t.Fatal(err)
			}
			for e, v := range outs[0].F {
				if want := c.f(readAt(a, e, outs[0].Shape),
					readAt(b, e, outs[0].Shape)); math.Abs(float64(v)-want) > 1e-5*(0.1+math.Abs(want)) {
					t.Fatalf("%s of %v and %v: element %d is %g, want %g", c.op, a.Shape, b.Shape, e, v, want)
				}
			}
			optest.CheckGradients(t, g)
		}
	}
}

// TestThreeOperands checks joins of three operands and Where over random shapes.
func TestThreeOperands(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	for range 60 {
		out, shapes := pairShapes(r, 24)
		var in []*op.Tensor
		for _, s := range shapes {
			in = append(in, optest.Drawn(r, -2, 2, s))
		}
		for _, op := range []string{"Sum", "Mean"} {
			optest.CheckGradients(t, optest.Case{Op: op, Opset: 13, Inputs: in, Wrt: []int{0, 1, 2}})
		}
		cond := &op.Tensor{Type: onnx.Bool, Shape: shapes[0], I: make([]int64, op.SizeOf(shapes[0]))}
		for i := range cond.I {
			cond.I[i] = int64(r.IntN(2))
		}
		g := optest.Case{Op: "Where", Opset: 16, Inputs: []*op.Tensor{cond, in[1], in[2]}, Wrt: []int{1, 2}}
		o, all, outs := optest.BuildOne(t, g)
		if err := o.Forward(&op.Context{}, all, outs); err != nil {
			t.Fatal(err)
		}
		for e, v := range outs[0].F {
			want := readAt(in[2], e, out)
			if readAt(cond, e, out) != 0 {
				want = readAt(in[1], e, out)
			}
			if float64(v) != want {
				t.Fatalf("where of %v: element %d is %g, want %g", shapes, e, v, want)
			}
		}
		optest.CheckGradients(t, g)
	}
}

// TestSharedMaximum pins what equal operands get: equal shares, as PyTorch's maximum has it.
func TestSharedMaximum(t *testing.T) {
	vector := func(v ...float32) *op.Tensor { return &op.Tensor{Type: onnx.Float32, Shape: []int{len(v)}, F: v} }
	c := optest.Case{Op: "Max", Opset: 13, Inputs: []*op.Tensor{vector(1, 3, 2), vector(1, 2, 2), vector(0, 3, 2)}}
	for i, want := range [][]float32{{0.5, 0.5, 1. / 3}, {0.5, 0, 1. / 3}, {0, 0.5, 1. / 3}} {
		operator, in, out := optest.BuildOne(t, c)
		if err := operator.Forward(&op.Context{}, in, out); err != nil {
			t.Fatal(err)
		}
		dx := vector(9, 9, 9)
		if err := operator.(op.Differentiable).Backward(&op.Context{}, i, 0, in, out, vector(1, 1, 1), dx); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(dx.F, want) {
			t.Errorf("operand %d gets %v, want %v", i, dx.F, want)
		}
	}
}

// TestOldBroadcast replays the attributes broadcast and axis of the opsets before 7.
func TestOldBroadcast(t *testing.T) {
	a, b := optest.RandomTensor(1, 2, 3, 4, 5), optest.RandomTensor(2, 3, 4)
	old := optest.Case{Op: "Mul", Opset: 6,
		Attrs:  optest.Attrs{optest.IntAttr("broadcast", 1), optest.IntAttr("axis", 1)},
		Inputs: []*op.Tensor{a, b}, Wrt: []int{0, 1}}
	operator, in, out := optest.BuildOne(t, old)
	if err := operator.Forward(&op.Context{}, in, out); err != nil {
		t.Fatal(err)
	}
	for e, v := range out[0].F {
		if want := a.F[e] * b.F[e/5%12]; v != want {
			t.Fatalf("element %d is %g, want %g", e, v, want)
		}
	}
	optest.CheckGradients(t, old)
	prelu := optest.Case{Op: "PRelu", Opset: 6,
		Inputs: []*op.Tensor{optest.Drawn(rand.New(rand.NewPCG(1, 1)), -2, -1,
			[]int{2, 3, 4}), optest.RandomTensor(2, 3)},
		Wrt: []int{0, 1}}
	optest.CheckGradients(t, prelu)
}

func TestBinaryIntegers(t *testing.T) {
	ints := func(dt onnx.DataType, v ...int64) *op.Tensor { return &op.Tensor{Type: dt, Shape: []int{len(v)}, I: v} }
	for _, c := range []struct {
		op    string
		attrs optest.Attrs
		dt    onnx.DataType
		a, b  []int64
		want  []int64
	}{
		{"Add", nil, onnx.Uint8, []int64{200, 1}, []int64{100, 2}, []int64{44, 3}},
		{"Sub", nil, onnx.Uint8, []int64{1}, []int64{2}, []int64{255}},
		{"Mul", nil, onnx.Int8, []int64{100}, []int64{2}, []int64{-56}},
		{"Div", nil, onnx.Int64, []int64{-7, 7, 5}, []int64{2, -2, 0}, []int64{-3, -3, 0}},
		{"Div", nil, onnx.Uint64, []int64{-2}, []int64{2}, []int64{math.MaxInt64}},
		{"Mod", nil, onnx.Int32, []int64{-7, 7, 7, 3}, []int64{3, -3, 3, 0}, []int64{2, -2, 1, 0}},
		{"Mod", optest.Attrs{optest.IntAttr("fmod", 1)}, onnx.Int32, []int64{-7, 7}, []int64{3, -3}, []int64{-1, 1}},
		{"Pow", nil, onnx.Int64, []int64{3, 2, -1, 1, 5}, []int64{4, 0, -3, -2, -1}, []int64{81, 1, -1, 1, 0}},
		{"Max", nil, onnx.Uint64, []int64{-1, 3}, []int64{5, 4}, []int64{-1, 4}},
		{"Min", nil, onnx.Int16, []int64{-1, 3}, []int64{5, 4}, []int64{-1, 3}},
		{"PRelu", nil, onnx.Int32, []int64{-3, 3}, []int64{2, 2}, []int64{-6, 3}},
		{"BitwiseAnd", nil, onnx.Int8, []int64{-1, 12}, []int64{7, 10}, []int64{7, 8}},
		{"BitwiseOr", nil, onnx.Uint8, []int64{12}, []int64{10}, []int64{14}},
		{"BitwiseXor", nil, onnx.Uint8, []int64{12}, []int64{10}, []int64{6}},
		{"BitShift", optest.Attrs{optest.StringAttr("direction", "LEFT")}, onnx.Uint8, []int64{200, 1, 1},
			[]int64{1, 7, 9}, []int64{144, 128, 0}},
		{"BitShift", optest.Attrs{optest.StringAttr("direction", "RIGHT")}, onnx.Uint64,
			[]int64{-1}, []int64{60}, []int64{15}},
	} {
		optest.CheckInts(t, optest.Case{Op: c.op, Opset: 18, Attrs: c.attrs,
			Inputs: []*op.Tensor{ints(c.dt, c.a...), ints(c.dt, c.b...)}}, c.dt, c.want)
	}
	optest.CheckInts(t,
		optest.Case{Op: "BitwiseNot", Opset: 18, Inputs: []*op.Tensor{ints(onnx.Uint8, 1)}}, onnx.Uint8, []int64{254})
	optest.CheckInts(t,
		optest.Case{Op: "Not", Opset: 1, Inputs: []*op.Tensor{ints(onnx.Bool, 1, 0)}}, onnx.Bool, []int64{0, 1})
}

func TestComparisons(t *testing.T) {
	nan := float32(math.NaN())
	a := &op.Tensor{Type: onnx.Float32, Shape: []int{4}, F: []float32{1, 2, 3, nan}}
	b := &op.Tensor{Type: onnx.Float32, Shape: []int{4}, F: []float32{2, 2, 2, nan}}
	u := &op.Tensor{Type: onnx.Uint64, Shape: []int{4}, I: []int64{-1, 0, 7, 7}}
	v := &op.Tensor{Type: onnx.Uint64, Shape: []int{4}, I: []int64{1, -1, 7, 8}}
	for operator, want := range map[string][2][]int64{
		"Equal": {{0, 1, 0, 0}, {0, 0, 1, 0}}, "Less": {{1, 0, 0, 0}, {0, 1, 0, 1}},
		"Greater":     {{0, 0, 1, 0}, {1, 0, 0, 0}},
		"LessOrEqual": {{1, 1, 0, 0}, {0, 1, 1, 1}}, "GreaterOrEqual": {{0, 1, 1, 0}, {1, 0, 1, 0}},
	} {
		optest.CheckInts(t, optest.Case{Op: operator, Opset: 16, Inputs: []*op.Tensor{a, b}}, onnx.Bool, want[0])
		optest.CheckInts(t, optest.Case{Op: operator, Opset: 16, Inputs: []*op.Tensor{u, v}}, onnx.Bool, want[1])
	}
}

func TestMixedPowers(t *testing.T) {
	f := &op.Tensor{Type: onnx.Float32, Shape: []int{3}, F: []float32{2, 3, 1.5}}
	n := &op.Tensor{Type: onnx.Int64, Shape: []int{3}, I: []int64{3, 2, -1}}
	optest.CheckGradients(t, optest.Case{Op: "Pow", Opset: 15, Inputs: []*op.Tensor{f, n}, Wrt: []int{0}})
	half := &op.Tensor{Type: onnx.Float32, Shape: []int{}, F: []float32{2.5}}
	optest.CheckInts(t,
		optest.Case{Op: "Pow", Opset: 15, Inputs: []*op.Tensor{optest.IntTensor(4, 1, 2), half}}, onnx.Int64,
		[]int64{32, 1, 5})
}

func TestFusedGelu(t *testing.T) {
	x, bias := optest.RandomTensor(1, 2, 3, 5), optest.RandomTensor(2, 5)
	for _, operator := range []string{"BiasGelu", "FastGelu"} {
		optest.CheckGradients(t,
			optest.Case{Op: operator, Domain: "com.microsoft", Opset: 1,
				Inputs: []*op.Tensor{x, bias}, Wrt: []int{0, 1}})
	}
}

func TestElementwiseRefusals(t *testing.T) {
	text := &op.Tensor{Type: onnx.String, Shape: []int{2}}
	f, n := optest.RandomTensor(1, 2, 3), optest.IntTensor(1, 2, 3)
	optest.CheckRefusals(t, []optest.Refusal{
		{Op: "Add", Opset: 14, Attrs: nil,
			Inputs: []*op.Tensor{f, optest.RandomTensor(2, 4)}, Says: "do not broadcast"},
		{Op: "Add", Opset: 14, Attrs: nil, Inputs: []*op.Tensor{f, n}, Says: "same type"},
		{Op: "Add", Opset: 14, Attrs: nil, Inputs: []*op.Tensor{f}, Says: "missing"},
		{Op: "Add", Opset: 6, Attrs: nil,
			Inputs: []*op.Tensor{f, optest.RandomTensor(2, 3)}, Says: "broadcast is not set"},
		{Op: "Add", Opset: 6, Attrs: optest.Attrs{optest.IntAttr("broadcast", 1), optest.IntAttr("axis", 1)},
			Inputs: []*op.Tensor{f, optest.RandomTensor(2, 3, 1)}, Says: "does not fit"},
		{Op: "Add", Opset: 6, Attrs: optest.Attrs{optest.IntAttr("broadcast", 1), optest.IntAttr("axis", 5)},
			Inputs: []*op.Tensor{f, optest.RandomTensor(2, 3)}, Says: "axis 5"},
		{Op: "Exp", Opset: 13, Attrs: nil, Inputs: []*op.Tensor{n}, Says: "want floats"},
		{Op: "Mod", Opset: 13, Attrs: nil, Inputs: []*op.Tensor{f, f}, Says: "fmod"},
		{Op: "PRelu", Opset: 16, Attrs: nil, Inputs: []*op.Tensor{optest.RandomTensor(1, 3), f},
			Says: "does not broadcast to the input"},
		{Op: "Where", Opset: 16, Attrs: nil, Inputs: []*op.Tensor{f, f, f}, Says: "want a bool"},
		{Op: "And", Opset: 7, Attrs: nil, Inputs: []*op.Tensor{n, n}, Says: "does not take"},
		{Op: "BitShift", Opset: 11, Attrs: nil, Inputs: []*op.Tensor{n, n}, Says: "direction"},
		{Op: "BitShift", Opset: 11, Attrs: optest.Attrs{optest.StringAttr("direction", "LEFT")},
			Inputs: []*op.Tensor{n, n}, Says: "does not take"},
		{Op: "Clip", Opset: 13, Attrs: nil, Inputs: []*op.Tensor{f, f}, Says: "want one float32"},
		{Op: "Cast", Opset: 13, Attrs: optest.Attrs{optest.IntAttr("to", int64(onnx.String))},
			Inputs: []*op.Tensor{f}, Says: "string"},
		{Op: "Cast", Opset: 13, Attrs: optest.Attrs{optest.IntAttr("to", 99)},
			Inputs: []*op.Tensor{f}, Says: "only numbers"},
		{Op: "CastLike", Opset: 15, Attrs: nil, Inputs: []*op.Tensor{text, f}, Says: "string"},
		{Op: "Gelu", Opset: 20, Attrs: optest.Attrs{optest.StringAttr("approximate", "no")},
			Inputs: []*op.Tensor{f}, Says: "none or tanh"},
		{Op: "Max", Opset: 13, Attrs: nil, Inputs: []*op.Tensor{f, n}, Says: "want one type"},
		{Op: "Sum", Opset: 13, Attrs: nil, Inputs: nil, Says: "missing"},
		{Op: "IsNaN", Opset: 13, Attrs: nil, Inputs: []*op.Tensor{n}, Says: "want floats"},
		{Op: "Dropout", Opset: 13, Attrs: nil,
			Inputs: []*op.Tensor{f, nil, {Type: onnx.Bool, Shape: []int{}, I: []int64{1}}}, Says: "at random"},
		{Op: "QuantizeLinear", Opset: 13, Attrs: nil,
			Inputs: []*op.Tensor{f, optest.RandomTensor(1, 4)}, Says: "want [3]"},
	})
}
