package network

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
)

func TestScatter(t *testing.T) {
	x := counting(2, 3)
	rows, updates := shapedInts([]int{1, 3}, 1, 0, -1), floatTensor([]int{1, 3}, 10, 20, 30)
	replaced := floatTensor([]int{2, 3}, 1, 20, 3, 10, 5, 30)
	expectNode(t, "opset 9", optest.Case{Op: "Scatter", Opset: 9, Inputs: []*op.Tensor{x, rows, updates}}, replaced)
	expectNode(t, "elements",
		optest.Case{Op: "ScatterElements", Opset: 11, Inputs: []*op.Tensor{x, rows, updates}}, replaced)
	twice := shapedInts([]int{1, 3}, 1, 1, -2)
	for reduction, want := range map[string][]float32{
		"none": {1, 30, 3}, "add": {1, 62, 3}, "mul": {1, 12000, 3}, "max": {1, 30, 3}, "min": {1, 2, 3},
	} {
		expectNode(t, reduction, optest.Case{Op: "ScatterElements", Opset: 18,
			Attrs:  optest.Attrs{optest.IntAttr("axis", 1), optest.StringAttr("reduction", reduction)},
			Inputs: []*op.Tensor{counting(1, 3), twice, floatTensor([]int{1, 3}, 10, 20, 30)}},
			floatTensor([]int{1, 3}, want...))
	}
	expectNode(t, "rows", optest.Case{Op: "ScatterND", Opset: 11,
		Inputs: []*op.Tensor{x, shapedInts([]int{1, 1}, -1), floatTensor([]int{1, 3}, 7, 8, 9)}},
		floatTensor([]int{2, 3}, 1, 2, 3, 7, 8, 9))
	expectNode(t, "integers",
		optest.Case{Op: "ScatterND", Opset: 16, Attrs: optest.Attrs{optest.StringAttr("reduction", "add")},
			Inputs: []*op.Tensor{optest.IntTensor(1, 2), shapedInts([]int{2, 1}, 0, 0), optest.IntTensor(5, 5)}},
		optest.IntTensor(11, 2))
	expectError(t, "updates' shape",
		optest.Case{Op: "ScatterElements", Opset: 11, Inputs: []*op.Tensor{x, rows, counting(3)}}, op.ErrShape)
	expectError(t, "updates' type",
		optest.Case{Op: "ScatterElements", Opset: 11, Inputs: []*op.Tensor{x, rows, rows}}, op.ErrShape)
	expectError(t, "no updates",
		optest.Case{Op: "ScatterND", Opset: 11, Inputs: []*op.Tensor{x, shapedInts([]int{1, 1}, 0)}}, op.ErrShape)
	expectError(t, "reduction",
		optest.Case{Op: "ScatterElements", Opset: 18, Attrs: optest.Attrs{optest.StringAttr("reduction", "mean")},
			Inputs: []*op.Tensor{x, rows, updates}}, op.ErrUnsupported)
}

// Where updates meet, and without a reduction, only the last one has a gradient: what
// max and min let through is decided by values far enough apart for differences.
func TestScatterGradient(t *testing.T) {
	for seed := range uint64(50) {
		d := newDraw(seed)
		shape := d.shape(d.between(1, 3))
		given, axis := d.axis(len(shape))
		shape[axis] = d.between(1, 4)
		index := append([]int{}, shape...)
		index[axis] = d.IntN(6)
		c := optest.Case{Op: "ScatterElements", Opset: 18, Wrt: []int{0, 2}, Tol: 2e-3, Step: 1e-3,
			Inputs: []*op.Tensor{optest.RandomTensor(seed, shape...),
				shapedInts(index, d.indices(op.SizeOf(index), shape[axis])...), optest.RandomTensor(seed+99, index...)}}
		reduction := []string{"none", "add", "mul", "max", "min"}[d.IntN(5)]
		c.Attrs = optest.Attrs{optest.IntAttr("axis", given), optest.StringAttr("reduction", reduction)}
		optest.CheckGradients(t, c)
	}
}

func TestScatterNDGradient(t *testing.T) {
	for seed := range uint64(40) {
		d := newDraw(seed)
		shape := d.shape(d.between(1, 4))
		depth := d.between(1, len(shape))
		for k := range depth {
			shape[k] = 3
		}
		n := d.IntN(5)
		c := optest.Case{Op: "ScatterND", Opset: 18, Wrt: []int{0, 2}, Tol: 2e-3, Step: 1e-3, Inputs: []*op.Tensor{
			optest.RandomTensor(seed, shape...), shapedInts([]int{n, depth}, d.indices(n*depth, 3)...),
			optest.RandomTensor(seed+99, append([]int{n}, shape[depth:]...)...)}}
		c.Attrs = optest.Attrs{optest.StringAttr("reduction", []string{"none", "add", "mul", "max", "min"}[d.IntN(5)])}
		optest.CheckGradients(t, c)
	}
}

// The product's gradient must not divide by a factor that is zero.
func TestScatterMulGradientAtZero(t *testing.T) {
	for _, data := range [][]float32{{0, 2}, {3, 2}} {
		for _, updates := range [][]float32{{0, 5}, {0, 0}, {4, 5}} {
			checkLinear(t,
				optest.Case{Op: "ScatterElements", Opset: 18,
					Attrs: optest.Attrs{optest.StringAttr("reduction", "mul")}, Wrt: []int{0},
					Inputs: []*op.Tensor{floatTensor([]int{2}, data...), optest.IntTensor(0, 0),
						floatTensor([]int{2}, updates...)}})
		}
	}
}

// Equal values share the gradient of their maximum.
func TestScatterMaxGradientOfTies(t *testing.T) {
	operator, in, outs := optest.BuildOne(t,
		optest.Case{Op: "ScatterElements", Opset: 18, Attrs: optest.Attrs{optest.StringAttr("reduction", "max")},
			Inputs: []*op.Tensor{floatTensor([]int{2}, 3, 1), optest.IntTensor(0, 0), floatTensor([]int{2}, 3, 2)}})
	if err := operator.Forward(&op.Context{}, in, outs); err != nil {
		t.Fatal(err)
	}
	data, updates := floatTensor([]int{2}, 0, 0), floatTensor([]int{2}, 0, 0)
	for i, dx := range map[int]*op.Tensor{0: data, 2: updates} {
		if err := operator.(op.Differentiable).Backward(&op.Context{}, i, 0, in, outs,
			floatTensor([]int{2}, 8, 1), dx); err != nil {
			t.Fatal(err)
		}
	}
	if data.F[0] != 4 || data.F[1] != 1 || updates.F[0] != 4 || updates.F[1] != 0 {
		t.Errorf("gradients %v and %v, want [4 1] and [4 0]", data.F, updates.F)
	}
}
