package symmetry_test

import (
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
)

// Where a rule does not follow a parameter, all that the layer reads and makes is fixed: an order of what is in front
// of it would change the outputs, since the parameter stays as it is.
func TestParametersThatAreNotFollowed(t *testing.T) {
	image := func(d *graphtest.Builder, width int) string {
		return d.Conv("first", d.Shaped("x", 1, 3, 3, 3), 3, width, 1, 1)
	}
	checkMoved(t, map[string]moved{
		"weights of groups behind a Reshape": {func(d *graphtest.Builder) string {
			w := d.Node("view", "Reshape", []string{d.Weight("w", 4, 3), d.Ints("to", 4, 3, 1, 1)})
			y := d.Node("grouped", "Conv", []string{image(d, 6), w}, "group", 2)
			return d.Conv("last", y, 4, 2, 1, 1)
		}, "[]"},
		"weights of groups behind a Transpose": {func(d *graphtest.Builder) string {
			w := d.Node("view", "Transpose", []string{d.Weight("w", 3, 4, 1, 1)}, "perm", []int64{1, 0, 2, 3})
			y := d.Node("grouped", "Conv", []string{image(d, 6), w}, "group", 2)
			return d.Conv("last", y, 4, 2, 1, 1)
		}, "[]"},
		"weights behind a Transpose": {func(d *graphtest.Builder) string {
			w := d.Node("view", "Transpose", []string{d.Weight("w", 6, 4, 1, 1)}, "perm", []int64{1, 0, 2, 3})
			return d.Conv("last", d.Node("plain", "Conv", []string{image(d, 6), w}), 4, 2, 1, 1)
		}, "[6 4]"},
		"groups of two sizes": {func(d *graphtest.Builder) string {
			h := image(d, 12)
			a := d.Node("halves", "Conv", []string{h, d.Weight("a", 4, 6, 1, 1)}, "group", 2)
			b := d.Node("thirds", "Conv", []string{h, d.Weight("b", 6, 4, 1, 1)}, "group", 3)
			return d.Node("sum", "Add", []string{d.Conv("left", a, 4, 2, 1, 1), d.Conv("right", b, 6, 2, 1, 1)})
		}, "[2 2]"}, // only what the first makes
		"groups of groups": {func(d *graphtest.Builder) string {
			h := d.Node("norm", "GroupNormalization", []string{image(d, 12), d.Weight("s", 12), d.Weight("t", 12)},
				"num_groups", 4)
			y := d.Node("grouped", "Conv", []string{h, d.Weight("w", 4, 6, 1, 1)}, "group", 2)
			return d.Conv("last", y, 4, 2, 1, 1)
		}, "[3 3 3 3 2 2]"},
		"normalised in fewer groups than read": {func(d *graphtest.Builder) string {
			h := d.Node("norm", "GroupNormalization", []string{image(d, 12), d.Weight("s", 12), d.Weight("t", 12)},
				"num_groups", 2)
			y := d.Node("grouped", "Conv", []string{h, d.Weight("w", 4, 3, 1, 1)}, "group", 4)
			return d.Conv("last", y, 4, 2, 1, 1)
		}, "[3 3 3 3]"},
		"scales of groups that are data": {func(d *graphtest.Builder) string {
			h := d.Node("norm", "GroupNormalization", []string{image(d, 6), d.Shaped("s", 6), d.Weight("t", 6)},
				"num_groups", 2)
			return d.Conv("last", h, 6, 2, 1, 1)
		}, "[]"},
		"a transposed convolution in groups": {func(d *graphtest.Builder) string {
			y := d.Node("up", "ConvTranspose", []string{image(d, 6), d.Weight("w", 6, 2, 2, 2)}, "group", 2)
			return d.Conv("last", y, 4, 2, 1, 1)
		}, "[]"},
		"a transposed Gemm": {func(d *graphtest.Builder) string {
			return d.Node("out", "Gemm", []string{hidden(d, "a", 4, 4), d.Weight("w", 4, 2)}, "transA", 1)
		}, "[]"},
		"a weight that is data": {func(d *graphtest.Builder) string {
			return d.Node("out", "MatMul", []string{hidden(d, "a", 2, 5), d.Shaped("w", 5, 2)})
		}, "[]"},
		"a weight in front of data": {func(d *graphtest.Builder) string {
			y := d.Node("left", "MatMul", []string{d.Weight("w", 4, 3), hidden(d, "a", 3, 5)})
			return linear(d, y, 5)
		}, "[]"},
	})
}

// Recurrent layers with parameters that are not followed are fixed, and so is what their states come from.
func TestCellsThatAreNotFollowed(t *testing.T) {
	// layer is an LSTM of 5 units with further inputs from B on.
	layer := func(d *graphtest.Builder, directions int, direction string, more ...string) string {
		in := append([]string{d.Shaped("x", 3, 2, 4), d.Weight("W", directions, 20, 4),
			d.Weight("R", directions, 20, 5)}, more...)
		y := d.Node("cell", "LSTM", in, "hidden_size", 5, "direction", direction)
		y = d.Node("turn", "Transpose", []string{y}, "perm", []int64{0, 2, 1, 3})
		return linear(d, d.Node("flat", "Reshape", []string{y, d.Ints("to", 0, 0, -1)}), 5*directions)
	}
	view := func(d *graphtest.Builder, name string, shape []int, to ...int64) string {
		return d.Node(name+".view", "Reshape", []string{d.Weight(name, shape...), d.Ints(name+".to", to...)})
	}
	checkMoved(t, map[string]moved{
		"bias behind a Reshape": {func(d *graphtest.Builder) string {
			return layer(d, 1, "forward", view(d, "B", []int{40}, 1, 40))
		}, "[]"},
		"peepholes behind a Reshape": {func(d *graphtest.Builder) string {
			return layer(d, 1, "forward", "", "", "", "", view(d, "P", []int{15}, 1, 15))
		}, "[]"},
		"first state behind a Reshape": {func(d *graphtest.Builder) string {
			return layer(d, 1, "forward", "", "", view(d, "H", []int{2, 5}, 1, 2, 5))
		}, "[]"},
		"cell state behind a Reshape": {func(d *graphtest.Builder) string {
			return layer(d, 1, "forward", "", "", "", view(d, "C", []int{2, 5}, 1, 2, 5))
		}, "[]"},
		"states of both directions behind a Reshape": {func(d *graphtest.Builder) string {
			return layer(d, 2, "bidirectional", "", "", view(d, "H", []int{2, 10}, 2, 2, 5))
		}, "[]"},
		"states of both directions from one layer": {func(d *graphtest.Builder) string {
			h := d.Node("states", "MatMul", []string{d.Shaped("z", 2, 2, 3), d.Weight("w", 3, 5)})
			return layer(d, 2, "bidirectional", "", "", h)
		}, "[]"},
		"a state behind a Reshape that holds one number": {func(d *graphtest.Builder) string {
			flat := d.Tensor("H", []int{2, 5}, []float32{2, 2, 2, 2, 2, 2, 2, 2, 2, 2})
			return layer(d, 1, "forward", "", "", d.Node("view", "Reshape", []string{flat, d.Ints("to.H", 1, 2, 5)}))
		}, "[5]"},
		"states that are data": {func(d *graphtest.Builder) string {
			return layer(d, 2, "bidirectional", "", "", d.Shaped("h", 2, 2, 5))
		}, "[]"},
		"W behind a Reshape": {func(d *graphtest.Builder) string {
			x := d.Node("fc", "MatMul", []string{d.Shaped("x", 3, 2, 3), d.Weight("w", 3, 4)})
			in := []string{x, view(d, "W", []int{20, 4}, 1, 20, 4), d.Weight("R", 1, 20, 5)}
			y := d.Node("cell", "LSTM", in, "hidden_size", 5)
			return linear(d, d.Node("flat", "Reshape", []string{y, d.Ints("to", 6, 5)}), 5)
		}, "[]"},
	})
}

// A residual sum around a group normalisation could move within the groups; a set that is divided is not followed where
// it meets its parts.
func TestResidualAroundGroups(t *testing.T) {
	checkMoved(t, map[string]moved{"residual": {func(d *graphtest.Builder) string {
		x := d.Conv("first", d.Shaped("x", 1, 3, 2, 2), 3, 6, 1, 1)
		y := d.Conv("branch", x, 6, 6, 1, 1)
		y = d.Node("norm", "GroupNormalization", []string{y, d.Weight("s", 6), d.Weight("t", 6)}, "num_groups", 2)
		return d.Conv("last", d.Node("sum", "Add", []string{x, y}), 6, 2, 1, 1)
	}, "[]"}})
}

// Axes that an operator runs along or cuts through: their order is fixed.
func TestUnitsAlongAxesThatAreNotFollowed(t *testing.T) {
	// rows is an array [2, 3, 6] whose last axis counts units.
	rows := func(d *graphtest.Builder) string {
		return d.Node("rows", "MatMul", []string{d.Shaped("x", 2, 3, 3), d.Weight("w", 3, 6)})
	}
	pixels := func(d *graphtest.Builder) string {
		y := d.Node("conv", "Conv", []string{d.Shaped("x", 2, 3, 2, 2), d.Weight("w", 4, 3, 1, 1)})
		return d.Node("flat", "Flatten", []string{y})
	}
	cut := func(d *graphtest.Builder, from, to int64) string {
		return d.Node("cut", "Slice", []string{pixels(d), d.Ints("from", from), d.Ints("to", to), d.Ints("axis", 1)})
	}
	checkMoved(t, map[string]moved{
		"flattened behind other axes": {func(d *graphtest.Builder) string {
			return linear(d, d.Node("flat", "Flatten", []string{rows(d)}), 18)
		}, "[]"},
		"under a kernel": {func(d *graphtest.Builder) string {
			return d.Node("out", "Conv", []string{rows(d), d.Weight("v", 2, 3, 3)})
		}, "[]"},
		"under a kernel of a transposed convolution": {func(d *graphtest.Builder) string {
			return d.Node("out", "ConvTranspose", []string{rows(d), d.Weight("v", 3, 2, 3)})
		}, "[]"},
		"under a kernel of length one": {func(d *graphtest.Builder) string {
			return d.Node("out", "Conv", []string{rows(d), d.Weight("v", 2, 3, 1)}) // units reach the output
		}, "[]"},
		"cut within a unit's pixels": {func(d *graphtest.Builder) string { return linear(d, cut(d, 0, 6), 6) }, "[]"},
		"cut between two units":      {func(d *graphtest.Builder) string { return linear(d, cut(d, 4, 12), 8) }, "[]"},
		"all kept": {func(d *graphtest.Builder) string { return linear(d, cut(d, 0, 16), 16) },
			"[4]"},
		"units and their own product": {gram, "[6]"},
		"products along different axes": {func(d *graphtest.Builder) string {
			y := d.Node("turn", "Transpose", []string{rows(d)}, "perm", []int64{0, 2, 1})
			return linear(d, d.Node("outer", "MatMul", []string{y, hidden(d, "a", 3, 5)}), 5)
		}, "[5]"}, // the first units are rows of the output
	})
}

// gram is x times its own transposed, which sums over the units.
func gram(d *graphtest.Builder) string {
	h := hidden(d, "a", 4, 6)
	turned := d.Node("turn", "Transpose", []string{h}, "perm", []int64{1, 0})
	return d.Node("gram", "MatMul", []string{h, turned})
}

// Where a second output that no rule speaks of is read, nothing is free: the places of maxima tell channels apart.
func TestOutputsThatAreNotFollowed(t *testing.T) {
	for used, want := range map[bool]string{false: "[4]", true: "[]"} {
		d := graphtest.New(t, 1)
		h := d.Node("conv", "Conv", []string{d.Shaped("x", 1, 3, 4, 4), d.Weight("w", 4, 3, 1, 1)})
		y := d.Node("pool", "MaxPool", []string{h}, "kernel_shape", []int64{2, 2})
		node := d.Model.Graph.Node[len(d.Model.Graph.Node)-1]
		node.Output = append(node.Output, "places")
		d.Output(d.Conv("last", y, 4, 2, 1, 1))
		if used {
			d.Output("places")
		}
		if got := join(setSizes(t, d.Load())); got != want {
			t.Errorf("places read: %v: sets of %s units are free, want %s", used, got, want)
		}
	}
}

// The number of pixels of a flattened unit, which no shape tells, follows from the parameters behind it.
func TestUnknownPixels(t *testing.T) {
	for width, want := range map[int]string{16: "[4]", 18: "[]"} {
		d := graphtest.New(t, 1)
		h := d.Node("conv", "Conv", []string{d.Input("x"), d.Weight("w", 4, 3, 1, 1)})
		h = d.Node("flat", "Flatten", []string{h})
		d.Output(linear(d, d.Node("norm", "BatchNormalization", []string{h, d.Weight("s", width), d.Weight("t", width),
			d.Weight("m", width), d.Weight("v", width)}), width))
		if got := join(setSizes(t, d.Load())); got != want {
			t.Errorf("%d numbers: sets of %s units are free, want %s", width, got, want)
		}
	}
}
