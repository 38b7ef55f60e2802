package symmetry_test

import (
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
)

// Tokens and position tables are parameters that join the data.
func TestTokens(t *testing.T) {
	checkMoved(t, map[string]moved{
		"class token, expanded": {func(d *graphtest.Builder) string {
			h := d.Node("rows", "Unsqueeze", []string{hidden(d, "a", 3, 5), d.Ints("front", 0)})
			token := d.Node("wide", "Expand", []string{d.Weight("token", 1, 1, 5), d.Ints("to", 1, 1, 5)})
			return linear(d, d.Node("cat", "Concat", []string{token, h}, "axis", 1), 5)
		}, "[5]"},
		"class token as it is": {func(d *graphtest.Builder) string {
			return linear(d, d.Node("cat", "Concat", []string{d.Weight("token", 1, 5), hidden(d, "a", 3, 5)}, "axis",
				0), 5)
		}, "[5]"},
		"a token behind the units": {func(d *graphtest.Builder) string {
			return linear(d, d.Node("cat", "Concat", []string{hidden(d, "a", 3, 5), d.Weight("token", 3, 2)}, "axis",
				1), 7)
		}, "[5]"},
		"positions": {func(d *graphtest.Builder) string {
			y := d.Node("sum", "Add", []string{hidden(d, "a", 3, 5), d.Weight("positions", 3, 5)})
			return linear(d, y, 5)
		}, "[5]"},
		"gathered positions": {func(d *graphtest.Builder) string {
			table := d.Node("cut", "Gather", []string{d.Weight("positions", 9, 5), d.Ints("at", 4, 5, 6)})
			return linear(d, d.Node("sum", "Add", []string{hidden(d, "a", 3, 5), table}), 5)
		}, "[5]"},
	})
}

// Initial states count the cell's units wherever they come from.
func TestInitialStates(t *testing.T) {
	lstm := func(d *graphtest.Builder, h, c string) string {
		in := []string{d.Shaped("x", 3, 2, 4), d.Weight("W", 1, 20, 4), d.Weight("R", 1, 20, 5), "", "", h, c}
		y := d.Node("cell", "LSTM", in, "hidden_size", 5)
		return linear(d, d.Node("flat", "Reshape", []string{y, d.Ints("to", 6, 5)}), 5)
	}
	state := func(d *graphtest.Builder, name string) string {
		return d.Node(name+".state", "Reshape", []string{hidden(d, name, 2, 5), d.Ints(name+".to", 1, 2, 5)})
	}
	checkMoved(t, map[string]moved{
		"parameters": {func(d *graphtest.Builder) string {
			return lstm(d, d.Weight("h", 1, 2, 5), d.Weight("c", 1, 2, 5))
		}, "[5]"},
		"zeros": {func(d *graphtest.Builder) string {
			return lstm(d, d.Tensor("h", []int{1, 2, 5}, make([]float32, 10)),
				d.Node("c", "ConstantOfShape", []string{d.Ints("s", 1, 2, 5)}))
		}, "[5]"},
		"from layers": {func(d *graphtest.Builder) string {
			return lstm(d, state(d, "h"), state(d, "c"))
		}, "[5]"},
		"from an input": {func(d *graphtest.Builder) string {
			return lstm(d, d.Shaped("h", 1, 2, 5), state(d, "c"))
		}, "[]"},
		"peepholes": {func(d *graphtest.Builder) string {
			in := []string{d.Shaped("x", 3, 2, 4), d.Weight("W", 1, 20, 4), d.Weight("R", 1, 20, 5),
				d.Weight("B", 1, 40), "", "", "",
				d.Weight("P", 1, 15)}
			y := d.Node("cell", "LSTM", in, "hidden_size", 5)
			return linear(d, d.Node("flat", "Reshape", []string{y, d.Ints("to", 6, 5)}), 5)
		}, "[5]"},
		"a bias that is data": {func(d *graphtest.Builder) string {
			in := []string{d.Shaped("x", 3, 2, 4), d.Weight("W", 1, 20, 4), d.Weight("R", 1, 20, 5),
				d.Shaped("B", 1, 40)}
			y := d.Node("cell", "LSTM", in, "hidden_size", 5)
			return linear(d, d.Node("flat", "Reshape", []string{y, d.Ints("to", 6, 5)}), 5)
		}, "[]"},
	})
}

// Parameters of layers that are data, and constants that two layers read through one node.
func TestWhatCannotBeReordered(t *testing.T) {
	checkMoved(t, map[string]moved{
		"a bias that is data": {func(d *graphtest.Builder) string {
			in := []string{d.Shaped("x", 1, 3, 2, 2), d.Weight("w", 4, 3, 1, 1), d.Shaped("b", 4)}
			return d.Conv("out", d.Node("conv", "Conv", in), 4, 2, 1, 1)
		}, "[]"},
		"a Gemm's sum with data": {func(d *graphtest.Builder) string {
			return linear(d, d.Node("fc", "Gemm", []string{d.Shaped("x", 2, 3), d.Weight("w", 3, 4),
				d.Shaped("c", 2, 4)}), 4)
		}, "[]"},
		"a Gemm's sum with a layer": {func(d *graphtest.Builder) string {
			in := []string{d.Shaped("x", 2, 3), d.Weight("w", 3, 4), hidden(d, "c", 2, 4)}
			return linear(d, d.Node("fc", "Gemm", in), 4)
		}, "[4]"},
		"a normalisation's scale that is data": {func(d *graphtest.Builder) string {
			return linear(d, d.Node("norm", "LayerNormalization", []string{hidden(d, "a", 2, 4), d.Shaped("s", 4)}), 4)
		}, "[]"},
		"one view for two layers": {func(d *graphtest.Builder) string {
			w := d.Node("view", "Transpose", []string{d.Weight("w", 4, 3)}, "perm", []int64{1, 0})
			x := d.Shaped("x", 2, 3)
			a, b := d.Node("a", "MatMul", []string{x, w}), d.Node("b", "MatMul", []string{x, w})
			left := d.Node("left", "MatMul", []string{a, d.Weight("l", 4, 2)})
			return d.Node("sum", "Add", []string{left, d.Node("right", "MatMul", []string{b, d.Weight("r", 4, 2)})})
		}, "[]"},
		"a view for each layer": {func(d *graphtest.Builder) string {
			w, x := d.Weight("w", 4, 3), d.Shaped("x", 2, 3)
			layer := func(name string) string {
				v := d.Node(name+".view", "Transpose", []string{w}, "perm", []int64{1, 0})
				return d.Node(name+".out", "MatMul", []string{d.Node(name, "MatMul", []string{x, v}),
					d.Weight(name+".w", 4, 2)})
			}
			return d.Node("sum", "Add", []string{layer("a"), layer("b")})
		}, "[4 4]"},
	})
}

// Shapes that are not declared, or only in part.
func TestUnknownShapes(t *testing.T) {
	layer := func(d *graphtest.Builder, x string) string {
		return d.Node("fc", "MatMul", []string{x, d.Weight("w", 3, 6)})
	}
	for name, c := range map[string]moved{
		"rows of an array": {func(d *graphtest.Builder) string {
			return linear(d, d.Node("rows", "Reshape", []string{layer(d, d.Input("x")), d.Ints("to", -1, 6)}), 6)
		}, "[6]"},
		"heads of an array": {func(d *graphtest.Builder) string {
			y := d.Node("heads", "Reshape", []string{layer(d, d.Input("x")), d.Ints("to", -1, 2, 3)})
			return linear(d, d.Node("back", "Reshape", []string{d.Node("relu", "Relu", []string{y}),
				d.Ints("flat", -1, 6)}), 6)
		}, "[6]"},
		"another width": {func(d *graphtest.Builder) string {
			return linear(d, d.Node("rows", "Reshape", []string{layer(d, d.Input("x")), d.Ints("to", -1, 4)}), 4)
		}, "[]"},
		"expanded to an unknown shape": {func(d *graphtest.Builder) string {
			z := d.Node("shape", "Shape", []string{d.Input("z")})
			return linear(d, d.Node("wide", "Expand", []string{layer(d, d.Shaped("x", 1, 3)), z}), 6)
		}, "[6]"},
		"reduced": {func(d *graphtest.Builder) string {
			y := layer(d, d.Input("x"))
			return linear(d, d.Node("sub", "Sub", []string{y,
				d.Node("mean", "ReduceMean", []string{y, d.Ints("axes", -1)})}), 6)
		}, "[6]"},
		"reduced, the axis dropped": {func(d *graphtest.Builder) string {
			y := layer(d, d.Input("x"))
			mean := d.Node("mean", "ReduceMean", []string{y, d.Ints("axes", 0)}, "keepdims", 0)
			return linear(d, d.Node("sub", "Sub", []string{y, mean}), 6)
		}, "[]"},
		"turned without perm": {func(d *graphtest.Builder) string {
			y := d.Node("turn", "Transpose", []string{layer(d, d.Shaped("x", 2, 3))})
			return linear(d, d.Node("back", "Transpose", []string{y}), 6)
		}, "[6]"},
		"turned without perm or rank": {func(d *graphtest.Builder) string {
			return linear(d, d.Node("turn", "Transpose", []string{layer(d, d.Input("x"))}), 6)
		}, "[]"},
		"rows merged": {func(d *graphtest.Builder) string {
			y := d.Node("flat", "Reshape", []string{layer(d, d.Shaped("x", 2, 3)), d.Ints("to", 12)})
			return d.Node("out", "MatMul", []string{d.Node("row", "Unsqueeze", []string{y, d.Ints("at", 0)}),
				d.Weight("v", 12, 2)})
		}, "[]"}, // free, but followed only behind other units
		"units in front and behind": {func(d *graphtest.Builder) string {
			front := d.Node("turn", "Transpose", []string{hidden(d, "a", 3, 4)}, "perm", []int64{1, 0})
			front = d.Node("front", "Unsqueeze", []string{front, d.Ints("last", 2)})
			back := d.Node("back", "Unsqueeze", []string{hidden(d, "b", 1, 5), d.Ints("first", 0)})
			y := d.Node("flat", "Reshape", []string{d.Node("sum", "Add", []string{front, back}), d.Ints("to", 4, 15)})
			y = d.Node("mixed", "MatMul", []string{y, d.Weight("v", 15, 2)})
			return linear(d, d.Node("again", "Transpose", []string{y}, "perm", []int64{1, 0}), 4)
		}, "[4 5]"},
	} {
		t.Run(name, func(t *testing.T) {
			d := graphtest.New(t, 1)
			d.Model.OpsetImport[0].Version = opset(18)
			d.Output(c.build(d))
			m := d.Load()
			if got := join(setSizes(t, m)); got != c.sizes {
				t.Errorf("sets of %s units are free, want %s", got, c.sizes)
			}
			if m.Proto().GetGraph().GetInput()[0].GetType().GetTensorType().GetShape() == nil {
				return // cannot be run as it is
			}
			moved, _, err := graphtest.Scramble(m, 1)
			if err != nil {
				t.Fatal(err)
			}
			graphtest.SameOutputs(t, m, moved)
		})
	}
}

// Queries, keys and values of one layer, stacked and taken apart again.
func TestStacks(t *testing.T) {
	stacked := func(d *graphtest.Builder) string {
		y := d.Node("cut", "Reshape", []string{hidden(d, "qkv", 5, 12), d.Ints("four", 5, 2, 2, 3)})
		return d.Node("turn", "Transpose", []string{y}, "perm", []int64{1, 2, 0, 3})
	}
	// product ends a network of two parts [2 heads, 5, 3].
	product := func(d *graphtest.Builder, a, b string) string {
		y := d.Node("mul", "Mul", []string{a, b})
		y = d.Node("rows", "Transpose", []string{y}, "perm", []int64{1, 0, 2})
		return linear(d, d.Node("joined", "Reshape", []string{y, d.Ints("flat", 5, 6)}), 6)
	}
	checkMoved(t, map[string]moved{
		"taken apart by Gather": {func(d *graphtest.Builder) string {
			y := stacked(d)
			a := d.Node("a", "Gather", []string{y, d.Scalar("i", 0)}, "axis", 0)
			return product(d, a, d.Node("b", "Gather", []string{y, d.Scalar("k", -1)}, "axis", 0))
		}, "[6]"},
		"taken apart by Split": {func(d *graphtest.Builder) string {
			parts := splitInto(d, stacked(d), 0, "p", "q")
			a := d.Node("a", "Squeeze", []string{parts[0], d.Ints("s", 0)})
			return product(d, a, d.Node("b", "Squeeze", []string{parts[1], d.Ints("t", 0)}))
		}, "[6]"},
		"a position that is not known": {func(d *graphtest.Builder) string {
			y := stacked(d)
			i := d.Node("which", "Cast", []string{d.Shaped("z")}, "to", 7)
			a := d.Node("a", "Gather", []string{y, i}, "axis", 0)
			return product(d, a, a)
		}, "[]"},
		"summed over the stack": {func(d *graphtest.Builder) string {
			y := d.Node("sum", "ReduceSum", []string{stacked(d), d.Ints("axes", 0)}, "keepdims", 0)
			return product(d, y, y)
		}, "[]"},
	})
}
