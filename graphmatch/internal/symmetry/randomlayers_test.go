package symmetry_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx"
)

// window holds random attributes of a convolution or pool over some spatial axes of length five.
func window(g *random.Generator, axes int, kernel []int) (attributes []any) {
	strides, dilations, pads := make([]int64, axes), make([]int64, axes), make([]int64, 2*axes)
	for i := range axes {
		strides[i], dilations[i] = int64(1+g.IntN(2)), int64(1+g.IntN(2))
		pads[i], pads[i+axes] = int64(g.IntN(min(2, kernel[i]))), int64(g.IntN(min(2, kernel[i])))
	}
	return []any{"strides", strides, "dilations", dilations, "pads", pads}
}

// several are the sizes of equal sets, none where they are of one unit.
func several(count, size int) []int {
	if size < 2 {
		return nil
	}
	return slices.Repeat([]int{size}, count)
}

// Convolutions of any rank, kernel and number of groups: channels move within their groups, in front of it and behind;
// with one input and any number of outputs a group, so do those in front alone.
func TestRandomConvolutions(t *testing.T) {
	for seed := range uint64(120) {
		g := random.New(seed, 22)
		d := graphtest.New(t, seed+1)
		axes, groups, rows, cols := 1+g.IntN(3), 1+g.IntN(3), 1+g.IntN(3), 1+g.IntN(3)
		x, first, second := []int64{2, 3}, []int{groups * cols, 3}, []int{groups * rows, cols}
		last, kernel := []int{2, groups * rows}, []int{}
		for range axes {
			x, first, last = append(x, 5), append(first, 1), append(last, 1)
			kernel = append(kernel, 1+g.IntN(3))
		}
		second = append(second, kernel...)
		h := d.Node("first", "Conv", []string{d.Shaped("x", x...), d.Weight("w1", first...), d.Weight("b1", first[0])})
		h = d.Node("relu", "Relu", []string{h})
		in := []string{h, d.Weight("w2", second...)}
		if g.IntN(2) == 0 {
			in = append(in, d.Weight("b2", second[0]))
		}
		h = d.Node("second", "Conv", in, append(window(g, axes, kernel), "group", groups)...)
		d.Output(d.Node("last", "Conv", []string{h, d.Weight("w3", last...)}))
		want := slices.Concat(several(groups, cols), several(groups, rows))
		switch {
		case groups > 1 && rows == 1 && cols == 1:
			want = several(1, groups) // depthwise: the groups themselves move
		case groups == 1 && cols == 1 && rows == 1:
			want = nil
		}
		m := d.Load()
		got := setSizes(t, m)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %d groups of %d to %d: sets of %v units are free, want %v", seed, groups, cols, rows,
				got, want)
		}
		checkScrambled(t, m, seed)
	}
}

// Transposed convolutions and linear layers of any size pass the order of units from one to the next.
func TestRandomLinearLayers(t *testing.T) {
	for seed := range uint64(100) {
		g := random.New(seed, 23)
		d := graphtest.New(t, seed+1)
		d.Model.OpsetImport[0].Version = proto.Int64([]int64{9, 11, 13, 21}[g.IntN(4)])
		width := 3
		h := d.Shaped("x", int64(1+g.IntN(3)), 3)
		var want []int
		for i := range 2 + g.IntN(3) {
			next := 1 + g.IntN(5)
			h = randomLinear(d, g, join("layer", i), h, width, next)
			want = append(want, several(1, next)...)
			width = next
		}
		d.Output(randomLinear(d, g, "out", h, width, 2))
		m := d.Load()
		if got := setSizes(t, m); !slices.Equal(got, append([]int{}, want...)) {
			t.Fatalf("seed %d: sets of %v units are free, want %v", seed, got, want)
		}
		checkScrambled(t, m, seed)
	}
}

// randomLinear is a linear layer in any of the ways that files have it.
func randomLinear(d *graphtest.Builder, g *random.Generator, name, x string, in, out int) string {
	w, b := name+".w", name+".b"
	switch g.IntN(5) {
	case 0:
		return d.Node(name, "Gemm", []string{x, d.Weight(w, out, in), d.Weight(b, out)}, "transB", 1)
	case 1:
		return d.Node(name, "Gemm", []string{x, d.Weight(w, in, out), d.Weight(b, 1, out)}, "alpha", float32(0.5),
			"beta", float32(2))
	case 2:
		return d.Node(name, "Gemm", []string{x, d.Weight(w, in, out), d.Weight(b)}) // one number for all
	case 3:
		turned := d.Node(name+".turn", "Transpose", []string{d.Weight(w, out, in)}, "perm", []int64{1, 0})
		y := d.Node(name, "MatMul", []string{x, turned})
		return d.Node(name+".sum", "Add", []string{y, d.Weight(b, 1, out)})
	}
	return d.Linear(name, x, in, out)
}

// cell is a recurrent layer of random sizes between data and a linear layer.
type cell struct {
	op                              string
	directions, in, hidden          int
	bias, peepholes, storedH, stepH bool
}

func randomCell(g *random.Generator) cell {
	flip := func() bool { return g.IntN(2) == 0 }
	op := []string{"LSTM", "GRU", "RNN"}[g.IntN(3)]
	return cell{op: op, directions: 1 + g.IntN(2), in: 1 + g.IntN(3), hidden: 1 + g.IntN(4), bias: flip(),
		peepholes: op == "LSTM" && flip(), storedH: flip(), stepH: flip()}
}

// cellGates are the blocks of units along the rows of W and R (ONNX LSTM, GRU and RNN, opset 14).
var cellGates = map[string]int{"LSTM": 4, "GRU": 3, "RNN": 1}

// build draws x [3, 2, in] -> layer -> [3, 2, directions x hidden] -> linear layer; or its last state in place of all
// steps.
func (c cell) build(d *graphtest.Builder) {
	rows, n := cellGates[c.op]*c.hidden, c.directions
	in := []string{d.Shaped("x", 3, 2, int64(c.in)), d.Weight("W", n, rows, c.in), d.Weight("R", n, rows, c.hidden)}
	optional := func(has bool, name string, shape ...int) {
		if has {
			name = d.Weight(name, shape...)
		} else {
			name = ""
		}
		in = append(in, name)
	}
	optional(c.bias, "B", n, 2*rows)
	optional(false, "lens")
	optional(c.storedH, "H", n, 2, c.hidden)
	if c.op == "LSTM" {
		optional(c.storedH, "C", n, 2, c.hidden)
		optional(c.peepholes, "P", n, 3*c.hidden)
	}
	direction := map[int]string{1: "reverse", 2: "bidirectional"}[n]
	y := d.Node("cell", c.op, in, "hidden_size", c.hidden, "direction", direction)
	if c.stepH {
		node := d.Model.Graph.Node[len(d.Model.Graph.Node)-1]
		node.Output = []string{"", "last"}
		y = d.Node("turn", "Transpose", []string{"last"}, "perm", []int64{1, 0, 2})
		y = d.Node("flat", "Reshape", []string{y, d.Ints("to", 2, -1)})
	} else {
		y = d.Node("turn", "Transpose", []string{y}, "perm", []int64{0, 2, 1, 3})
		y = d.Node("flat", "Reshape", []string{y, d.Ints("to", 0, 0, -1)})
	}
	d.Output(d.Node("out", "MatMul", []string{y, d.Weight("V", n*c.hidden, 2)}))
}

// Recurrent layers of any form: the units of each direction move by themselves. The same is found by brute force, with
// orders written out for every block by the test itself.
func TestRandomRecurrentLayers(t *testing.T) {
	for seed := range uint64(150) {
		g := random.New(seed, 24)
		c := randomCell(g)
		d := graphtest.New(t, seed+1)
		c.build(d)
		m := d.Load()
		want := append([]int{}, several(c.directions, c.hidden)...)
		if got := setSizes(t, m); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %+v: sets of %v units are free, want %v", seed, c, got, want)
		}
		checkScrambled(t, m, seed)
		order := [][]int{g.Perm(c.hidden), g.Perm(c.hidden)}
		if worst := difference(t, m, c.moved(t, m, order)); worst > 1e-4 {
			t.Fatalf("seed %d: %+v: brute force: orders %v change the outputs by %v", seed, c, order, worst)
		}
	}
}

// moved is the model with the units of each direction in an order of their own.
func (c cell) moved(t *testing.T, m *onnx.Model, order [][]int) *onnx.Model {
	t.Helper()
	var edits []onnx.Edit
	for _, x := range m.Proto().GetGraph().GetInitializer() {
		counts, known := c.counts(x.GetName())
		if !known {
			continue
		}
		edits = append(edits, onnx.SetValues(x, func() ([]float64, error) {
			values, err := m.Tensor(x).Doubles(nil)
			return c.reordered(values, x.GetDims(), counts, order), err
		}))
	}
	other, err := m.With(edits...)
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// counts tells which axes of a tensor hold blocks of units.
func (c cell) counts(name string) (axes []int, known bool) {
	axes, known = map[string][]int{"W": {1}, "R": {1, 2}, "B": {1}, "H": {2}, "C": {2}, "P": {1}, "V": {0}}[name]
	return axes, known
}

// reordered gives an array in which position p of block b of an axis holds what stood at the ordered place of block b.
// The first axis counts directions, but for that of V, whose blocks are the directions.
func (c cell) reordered(x []float64, shape []int64, axes []int, order [][]int) []float64 {
	for _, axis := range axes {
		inner := 1
		for _, d := range shape[axis+1:] {
			inner *= int(d)
		}
		out := make([]float64, len(x))
		for i := range out {
			at := i / inner % int(shape[axis])
			direction := i / (len(x) / c.directions)
			out[i] = x[i+(order[direction][at%c.hidden]-at%c.hidden)*inner]
		}
		x = out
	}
	return x
}
