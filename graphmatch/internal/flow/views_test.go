package flow

import (
	"slices"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx"
)

// array is a tensor with, for every element, where it stands in the stored tensor.
type array struct {
	shape []int
	from  []int // position of each element in the stored tensor
}

// transposed moves axes element by element.
func (a array) transposed(perm []int64) array {
	out := array{shape: make([]int, len(perm)), from: make([]int, len(a.from))}
	for i, p := range perm {
		out.shape[i] = a.shape[p]
	}
	for i := range out.from {
		at := position(i, out.shape)
		source := make([]int, len(perm))
		for k, p := range perm {
			source[p] = at[k]
		}
		out.from[i] = a.from[offset(source, a.shape)]
	}
	return out
}

// position are the coordinates of an element, offset the reverse.
func position(i int, shape []int) []int {
	at := make([]int, len(shape))
	for k := len(shape) - 1; k >= 0; k-- {
		at[k], i = i%shape[k], i/shape[k]
	}
	return at
}

func offset(at, shape []int) int {
	i := 0
	for k, x := range at {
		i = i*shape[k] + x
	}
	return i
}

// randomShape draws lengths, ones among them.
func randomShape(g *random.Generator) []int {
	shape := make([]int, g.IntN(4))
	for i := range shape {
		shape[i] = 1 + g.IntN(3)
	}
	return shape
}

// regrouped draws another shape of as many elements.
func regrouped(g *random.Generator, total int) []int {
	var shape []int
	for total > 1 {
		d := 1 + g.IntN(total)
		for total%d != 0 {
			d--
		}
		shape, total = append(shape, d), total/d
	}
	return shape
}

// A constant behind any number of Transposes and Reshapes: where it says which axis of the tensor an axis is, moving
// along the one is moving along the other.
func TestConstantAxes(t *testing.T) {
	followed := 0
	for seed := range uint64(3000) {
		g := random.New(seed, 0)
		stored := randomShape(g)
		x, err := onnx.NewTensor("w", stored, make([]float32, product(stored)))
		if err != nil {
			t.Fatal(err)
		}
		c, a := newConstant(x, "w", false), array{shape: stored}
		for i := range product(stored) {
			a.from = append(a.from, i)
		}
		for range 1 + g.IntN(4) {
			if g.IntN(2) == 0 {
				var perm []int64
				for _, p := range g.Perm(len(a.shape)) {
					perm = append(perm, int64(p))
				}
				c, a = c.transpose(perm, onnx.Site{}), a.transposed(perm)
			} else {
				a.shape = regrouped(g, len(a.from))
				c = c.reshape(a.shape, onnx.Site{})
			}
		}
		if !slices.Equal(c.Shape, a.shape) {
			t.Fatalf("seed %d: shape %v, want %v", seed, c.Shape, a.shape)
		}
		for k, axis := range c.Axes {
			if axis < 0 {
				continue
			}
			followed++
			for i, from := range a.from {
				if x, y := position(i, a.shape)[k], position(from, stored)[axis]; x != y {
					t.Fatalf("seed %d: %v seen as %v: axis %d is not the tensor's %d", seed, stored, a.shape, k, axis)
				}
			}
		}
	}
	if followed < 1000 {
		t.Errorf("only %d axes were followed", followed)
	}
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Transposed is true of matrices whose rows and columns were exchanged an odd number of times.
func TestTransposedConstant(t *testing.T) {
	x, err := onnx.NewTensor("w", []int{2, 3}, make([]float32, 6))
	if err != nil {
		t.Fatal(err)
	}
	c := newConstant(x, "w", false)
	for i := range 4 {
		if c.transposed != (i%2 == 1) {
			t.Errorf("after %d Transposes: %v", i, c.transposed)
		}
		c = c.transpose([]int64{1, 0}, onnx.Site{Input: i})
	}
	if c.Entry == nil || c.Entry.Input != 0 {
		t.Errorf("the tensor enters at %v, want the first Transpose", c.Entry)
	}
	if c.transpose([]int64{0, 2}, onnx.Site{}) != nil || c.transpose([]int64{0}, onnx.Site{}) != nil {
		t.Error("a perm that does not fit was followed")
	}
	if got := c.transpose(nil, onnx.Site{}).Shape; !slices.Equal(got, []int{3, 2}) {
		t.Errorf("without perm: %v", got)
	}
}

// A matrix transposed twice is what it was, and once, element for element, the definition.
func TestTransposedMatrix(t *testing.T) {
	g := random.New(3, 0)
	for range 200 {
		rows, cols := 1+g.IntN(5), 1+g.IntN(5)
		x := make([]int, rows*cols)
		for i := range x {
			x[i] = g.IntN(100)
		}
		y := TransposedMatrix(x, rows, cols)
		for r := range rows {
			for c := range cols {
				if y[c*rows+r] != x[r*cols+c] {
					t.Fatalf("%v of %d x %d: %v", x, rows, cols, y)
				}
			}
		}
		if !slices.Equal(TransposedMatrix(y, cols, rows), x) {
			t.Fatal("transposed twice")
		}
	}
}

func TestReshapeRules(t *testing.T) {
	for _, test := range []struct {
		shape []int
		want  []int64
		got   []int
		ok    bool
	}{
		{[]int{2, 3, 4}, []int64{0, -1}, []int{2, 12}, true},
		{[]int{2, 3, 4}, []int64{4, 0, 2}, []int{4, 3, 2}, true},
		{[]int{2, 3}, []int64{6}, []int{6}, true},
		{[]int{2, 3}, []int64{-1, 4}, nil, false},
		{[]int{2, 3}, []int64{-1, -1}, nil, false},
		{[]int{2, 3}, []int64{5}, nil, false},
		{[]int{2, 3}, []int64{0, 0, 0}, nil, false},
		{[]int{2, 3}, []int64{1 << 62, -1}, nil, false},
		{[]int{2, 3}, []int64{-2, 3}, nil, false},
		{nil, []int64{1, 1}, []int{1, 1}, true},
		{nil, nil, []int{}, true},
	} {
		got, ok := resolveReshape(test.shape, test.want)
		if ok != test.ok || ok && !slices.Equal(got, test.got) {
			t.Errorf("%v as %v: %v, %v, want %v, %v", test.shape, test.want, got, ok, test.got, test.ok)
		}
	}
}

// Squeeze and Unsqueeze undo each other wherever the axes are.
func TestSqueezeUndoesUnsqueeze(t *testing.T) {
	g := random.New(4, 0)
	for range 2000 {
		shape := randomShape(g)
		rank := len(shape) + 1 + g.IntN(3)
		var axes []int64
		for _, a := range g.Perm(rank)[:rank-len(shape)] {
			if axes = append(axes, int64(a)); g.IntN(2) == 0 {
				axes[len(axes)-1] -= int64(rank)
			}
		}
		wide, ok := unsqueezed(shape, axes)
		if !ok || len(wide) != rank || product(wide) != product(shape) {
			t.Fatalf("%v at %v: %v, %v", shape, axes, wide, ok)
		}
		back, ok := squeezed(wide, axes)
		if !ok || !slices.Equal(back, shape) {
			t.Fatalf("%v at %v: %v, back %v", shape, axes, wide, back)
		}
	}
	if got, ok := squeezed([]int{1, 2, 1}, nil); !ok || !slices.Equal(got, []int{2}) {
		t.Errorf("all ones: %v", got)
	}
	for _, axes := range [][]int64{{1}, {3}, {-4}} {
		if got, ok := squeezed([]int{1, 2, 1}, axes); ok {
			t.Errorf("squeezed at %v: %v", axes, got)
		}
	}
	for _, axes := range [][]int64{{3}, {0, 0}, {0, -3}} {
		if got, ok := unsqueezed([]int{2}, axes); ok {
			t.Errorf("unsqueezed at %v: %v", axes, got)
		}
	}
}

func TestFlattened(t *testing.T) {
	for axis, want := range map[int][]int{0: {1, 24}, 1: {2, 12}, 2: {6, 4}, 3: {24, 1}, -1: {6, 4}, -3: {1, 24}} {
		if got, ok := flattened([]int{2, 3, 4}, axis); !ok || !slices.Equal(got, want) {
			t.Errorf("axis %d: %v, want %v", axis, got, want)
		}
	}
	for _, axis := range []int{4, -4} {
		if _, ok := flattened([]int{2, 3, 4}, axis); ok {
			t.Errorf("axis %d of three was accepted", axis)
		}
	}
}

// The number of elements of shapes that overflow or make no sense is 0.
func TestElements(t *testing.T) {
	for _, test := range []struct {
		shape []int
		want  int
	}{{nil, 1}, {[]int{2, 3}, 6}, {[]int{0}, 0}, {[]int{-1, -2}, 0}, {[]int{1 << 40, 1 << 40}, 0}, {[]int{1 << 61, 2},
		1 << 62}} {
		if got := (&Constant{Shape: test.shape}).Elements(); got != test.want {
			t.Errorf("%v: %d, want %d", test.shape, got, test.want)
		}
	}
}
