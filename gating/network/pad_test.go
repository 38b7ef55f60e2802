package network

import (
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

func TestPad(t *testing.T) {
	x := floatTensor([]int{3}, 1, 2, 3)
	pad := func(mode string, before, after int64) optest.Case {
		return optest.Case{Op: "Pad", Opset: 19, Inputs: []*op.Tensor{x, optest.IntTensor(before, after)},
			Attrs: optest.Attrs{optest.StringAttr("mode", mode)}}
	}
	value := optest.Case{Op: "Pad", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(1, 0), floatTensor([]int{}, 9)}}
	for name, c := range map[string]struct {
		c    optest.Case
		want []float32
	}{
		"constant":       {pad("constant", 2, 1), []float32{0, 0, 1, 2, 3, 0}},
		"edge":           {pad("edge", 2, 1), []float32{1, 1, 1, 2, 3, 3}},
		"reflect":        {pad("reflect", 2, 1), []float32{3, 2, 1, 2, 3, 2}},
		"reflect far":    {pad("reflect", 5, 4), []float32{2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3}},
		"wrap":           {pad("wrap", 4, 1), []float32{3, 1, 2, 3, 1, 2, 3, 1}},
		"cut":            {pad("constant", -1, 1), []float32{2, 3, 0}},
		"cut to nothing": {pad("constant", -3, 0), []float32{}},
		"value":          {value, []float32{9, 1, 2, 3}},
		"opset 1": {optest.Case{Op: "Pad", Opset: 1, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntsAttr("paddings", 0, 1), optest.FloatAttr("value", 4)}},
			[]float32{1, 2, 3, 4}},
		"opset 2": {optest.Case{Op: "Pad", Opset: 2, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntsAttr("pads", 1, 0)}}, []float32{0, 1, 2, 3}},
		"no value, no pad": {optest.Case{Op: "Pad", Opset: 18,
			Inputs: []*op.Tensor{x, optest.IntTensor(0, 0), nil}}, x.F},
	} {
		expectNode(t, name, c.c, floatTensor([]int{len(c.want)}, c.want...))
	}
	expectNode(t, "axes", optest.Case{Op: "Pad", Opset: 18,
		Inputs: []*op.Tensor{counting(1, 2), optest.IntTensor(1, 0), nil, optest.IntTensor(-1)}},
		floatTensor([]int{1, 3}, 0, 1, 2))
	expectNode(t, "integers", optest.Case{Op: "Pad", Opset: 13,
		Inputs: []*op.Tensor{optest.IntTensor(5), optest.IntTensor(1, 1), optest.IntTensor(7)}},
		optest.IntTensor(7, 5, 7))
	expectNode(t, "empty", optest.Case{Op: "Pad", Opset: 13,
		Inputs: []*op.Tensor{floatTensor([]int{0}), optest.IntTensor(1, 1)}}, floatTensor([]int{2}, 0, 0))
	expectNode(t, "one element reflects", optest.Case{Op: "Pad", Opset: 13,
		Inputs: []*op.Tensor{floatTensor([]int{1}, 5), optest.IntTensor(2, 0)},
		Attrs:  optest.Attrs{optest.StringAttr("mode", "reflect")}},
		floatTensor([]int{3}, 5, 5, 5))
	const huge = 1 << 62
	expectError(t, "mode", pad("round", 1, 1), op.ErrUnsupported)
	expectError(t, "huge", pad("edge", huge, huge), op.ErrShape)
	expectError(t, "less than nothing", pad("edge", -2, -2), op.ErrShape)
	expectError(t, "count",
		optest.Case{Op: "Pad", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(1)}}, op.ErrShape)
	expectError(t, "no pads", optest.Case{Op: "Pad", Opset: 13, Inputs: []*op.Tensor{x}}, op.ErrShape)
	expectError(t, "edge of nothing",
		optest.Case{Op: "Pad", Opset: 13, Inputs: []*op.Tensor{floatTensor([]int{0}), optest.IntTensor(1, 1)},
			Attrs: optest.Attrs{optest.StringAttr("mode", "edge")}}, op.ErrShape)
	expectError(t, "value's type",
		optest.Case{Op: "Pad", Opset: 13, Inputs: []*op.Tensor{x, optest.IntTensor(1, 1), optest.IntTensor(1)}},
		op.ErrShape)
	expectError(t, "huge beside an empty axis", optest.Case{Op: "Pad", Opset: 13,
		Inputs: []*op.Tensor{floatTensor([]int{0, 1}), optest.IntTensor(0, 1<<39, 0, 0)}}, op.ErrShape)
}

func TestPadGradient(t *testing.T) {
	for seed := range uint64(60) {
		d := newDraw(seed)
		shape := d.shape(d.between(1, 4))
		var before, after []int64
		for k := range shape {
			shape[k] = max(shape[k], 1)
			before, after = append(before, int64(d.between(-shape[k]/2, 5))), append(after, int64(d.between(0, 5)))
		}
		mode := []string{"constant", "edge", "reflect", "wrap"}[d.IntN(4)]
		checkLinear(t,
			optest.Case{Op: "Pad", Opset: 19, Attrs: optest.Attrs{optest.StringAttr("mode", mode)}, Wrt: []int{0},
				Inputs: []*op.Tensor{optest.RandomTensor(seed, shape...),
					optest.IntTensor(append(before, append(after, 0)[:len(after)]...)...)}})
	}
}

func TestCenterCropPad(t *testing.T) {
	x := floatTensor([]int{5}, 1, 2, 3, 4, 5)
	for n, want := range map[int64][]float32{
		2: {2, 3}, 3: {2, 3, 4}, 5: x.F, 6: {1, 2, 3, 4, 5, 0}, 8: {0, 1, 2, 3, 4, 5, 0, 0},
	} {
		expectNode(t, "vector",
			optest.Case{Op: "CenterCropPad", Opset: 18, Inputs: []*op.Tensor{x, optest.IntTensor(n)}},
			floatTensor([]int{len(want)}, want...))
	}
	expectNode(t, "axes",
		optest.Case{Op: "CenterCropPad", Opset: 18, Inputs: []*op.Tensor{counting(2, 2), optest.IntTensor(1)},
			Attrs: optest.Attrs{optest.IntsAttr("axes", -1)}},
		floatTensor([]int{2, 1}, 1, 3))
	checkLinear(t, optest.Case{Op: "CenterCropPad", Opset: 18,
		Inputs: []*op.Tensor{optest.RandomTensor(1, 4, 3, 5), optest.IntTensor(2, 6, 5)}, Wrt: []int{0}})
	expectError(t, "negative",
		optest.Case{Op: "CenterCropPad", Opset: 18, Inputs: []*op.Tensor{x, optest.IntTensor(-1)}}, op.ErrShape)
	expectError(t, "lengths",
		optest.Case{Op: "CenterCropPad", Opset: 18, Inputs: []*op.Tensor{x, optest.IntTensor(1, 1)}}, op.ErrShape)
}

func TestExpandAndTile(t *testing.T) {
	column := floatTensor([]int{2, 1}, 1, 2)
	wide := floatTensor([]int{2, 3}, 1, 1, 1, 2, 2, 2)
	expectNode(t, "column",
		optest.Case{Op: "Expand", Opset: 8, Inputs: []*op.Tensor{column, optest.IntTensor(2, 3)}}, wide)
	expectNode(t, "shorter shape",
		optest.Case{Op: "Expand", Opset: 8, Inputs: []*op.Tensor{column, optest.IntTensor(3)}}, wide)
	expectNode(t, "more axes", optest.Case{Op: "Expand", Opset: 8,
		Inputs: []*op.Tensor{floatTensor([]int{2}, 1, 2), optest.IntTensor(2, 1, 1)}},
		floatTensor([]int{2, 1, 2}, 1, 2, 1, 2))
	expectNode(t, "to nothing",
		optest.Case{Op: "Expand", Opset: 8, Inputs: []*op.Tensor{column, optest.IntTensor(2, 0)}},
		floatTensor([]int{2, 0}))
	expectNode(t, "tile",
		optest.Case{Op: "Tile", Opset: 13, Inputs: []*op.Tensor{counting(1, 2), optest.IntTensor(2, 2)}},
		floatTensor([]int{2, 4}, 1, 2, 1, 2, 1, 2, 1, 2))
	expectNode(t, "tile of opset 1", optest.Case{Op: "Tile", Opset: 1,
		Inputs: []*op.Tensor{counting(1, 2), optest.IntTensor(2), optest.IntTensor(1)}},
		floatTensor([]int{1, 4}, 1, 2, 1, 2))
	expectNode(t, "tile integers",
		optest.Case{Op: "Tile", Opset: 6, Inputs: []*op.Tensor{optest.IntTensor(1, 2), optest.IntTensor(2)}},
		optest.IntTensor(1, 2, 1, 2))
	expectError(t, "not a broadcast",
		optest.Case{Op: "Expand", Opset: 8, Inputs: []*op.Tensor{column, optest.IntTensor(3, 3)}}, op.ErrShape)
	expectError(t, "too large",
		optest.Case{Op: "Expand", Opset: 8, Inputs: []*op.Tensor{column, optest.IntTensor(1<<40, 1<<40, 1, 1)}},
		op.ErrShape)
	expectError(t, "repeats",
		optest.Case{Op: "Tile", Opset: 13, Inputs: []*op.Tensor{column, optest.IntTensor(2)}}, op.ErrShape)
	expectError(t, "negative repeats",
		optest.Case{Op: "Tile", Opset: 13, Inputs: []*op.Tensor{column, optest.IntTensor(2, -1)}}, op.ErrShape)
	expectError(t, "huge repeats",
		optest.Case{Op: "Tile", Opset: 13, Inputs: []*op.Tensor{column, optest.IntTensor(1<<62, 1<<62)}}, op.ErrShape)
}

func TestExpandAndTileGradient(t *testing.T) {
	for seed := range uint64(40) {
		d := newDraw(seed)
		shape := d.shape(d.between(1, 4))
		target, times := slices.Clone(shape), make([]int64, len(shape))
		from := slices.Clone(shape)
		for k := range shape {
			if d.IntN(2) == 0 {
				from[k] = 1
			}
			times[k] = int64(d.IntN(4))
		}
		from = from[d.IntN(len(from)):]
		if !slices.Equal(from, target) && len(from) == len(target) {
			checkLinear(t, optest.Case{Op: "Expand", Opset: 13,
				Inputs: []*op.Tensor{optest.RandomTensor(seed, from...), optest.IntTensor(asInt64s(target)...)},
				Wrt:    []int{0}})
		}
		if slices.ContainsFunc(times, func(n int64) bool { return n != 1 }) && op.SizeOf(shape) > 0 {
			checkLinear(t, optest.Case{Op: "Tile", Opset: 13,
				Inputs: []*op.Tensor{optest.RandomTensor(seed, shape...), optest.IntTensor(times...)}, Wrt: []int{0}})
		}
	}
}

func asInt64s(list []int) []int64 {
	out := make([]int64, len(list))
	for i, v := range list {
		out[i] = int64(v)
	}
	return out
}

func TestRemapIsTheSameForAllWorkers(t *testing.T) {
	sameForAllWorkers(t, optest.Case{Op: "Expand", Opset: 13,
		Inputs: []*op.Tensor{optest.RandomTensor(1, 1, 7, 1, 300), optest.IntTensor(9, 7, 5, 300)}, Wrt: []int{0}})
	sameForAllWorkers(t, optest.Case{Op: "Pad", Opset: 13,
		Inputs: []*op.Tensor{optest.RandomTensor(2, 40, 3, 90), optest.IntTensor(3, 0, 2, 3, 0, 2)}, Wrt: []int{0},
		Attrs: optest.Attrs{optest.StringAttr("mode", "reflect")}})
}

// The sum over a long broadcast axis keeps the small terms.
func TestExpandGradientIsExact(t *testing.T) {
	const n = 1 << 20
	operator, in, outs := optest.BuildOne(t,
		optest.Case{Op: "Expand", Opset: 13, Inputs: []*op.Tensor{counting(1), optest.IntTensor(n)}})
	dy, dx := op.NewTensor(outs[0].Spec()), op.NewTensor(op.Spec{Type: onnx.Float32, Shape: []int{1}})
	op.FillAll(dy.F, 0.1)
	if err := operator.(op.Differentiable).Backward(&op.Context{}, 0, 0, in, outs, dy, dx); err != nil {
		t.Fatal(err)
	}
	if want := float32(float64(float32(0.1)) * n); dx.F[0] != want {
		t.Errorf("got %g, want %g", dx.F[0], want)
	}
}
