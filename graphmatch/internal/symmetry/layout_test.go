package symmetry_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
)

// moved is a network whose free sets have known sizes. Random orders of them must keep the outputs.
type moved struct {
	build func(d *graphtest.Builder) string // returns the output
	sizes string
}

func (c moved) check(t *testing.T) {
	d := graphtest.New(t, 1)
	d.Model.OpsetImport[0].Version = proto.Int64(21)
	d.Output(c.build(d))
	m := d.Load()
	if got := fmt.Sprint(setSizes(t, m)); got != c.sizes {
		t.Errorf("sets of %s units are free, want %s", got, c.sizes)
	}
	for seed := range uint64(4) {
		other, _, err := graphtest.Scramble(m, seed)
		if err != nil {
			t.Fatal(err)
		}
		graphtest.SameOutputs(t, m, other)
	}
}

func checkMoved(t *testing.T, list map[string]moved) {
	for name, c := range list {
		t.Run(name, c.check)
	}
}

// hidden is the output [rows, width] of a linear layer named like its weight.
func hidden(d *graphtest.Builder, name string, rows int64, width int) string {
	x := d.Shaped("x_"+name, rows, 3)
	return d.Node(name, "MatMul", []string{x, d.Weight(name+".weight", 3, width)})
}

// linear ends a network.
func linear(d *graphtest.Builder, h string, width int) string {
	return d.Node("out", "MatMul", []string{h, d.Weight("out.weight", width, 2)})
}

func TestFlattening(t *testing.T) {
	pixels := func(d *graphtest.Builder) string {
		return d.Node("conv", "Conv", []string{d.Shaped("x", 2, 3, 2, 2), d.Weight("w", 4, 3, 1, 1)})
	}
	checkMoved(t, map[string]moved{
		"Flatten": {func(d *graphtest.Builder) string {
			return linear(d, d.Node("flat", "Flatten", []string{pixels(d)}), 16)
		}, "[4]"},
		"Reshape with -1": {func(d *graphtest.Builder) string {
			return linear(d, d.Node("flat", "Reshape", []string{pixels(d), d.Ints("to", 0, -1)}), 16)
		}, "[4]"},
		"Reshape with lengths": {func(d *graphtest.Builder) string {
			return linear(d, d.Node("flat", "Reshape", []string{pixels(d), d.Ints("to", 2, 16)}), 16)
		}, "[4]"},
		"Reshape across samples": {func(d *graphtest.Builder) string {
			return linear(d, d.Node("flat", "Reshape", []string{pixels(d), d.Ints("to", 4, 8)}), 8)
		}, "[]"},
		"Flatten of all": {func(d *graphtest.Builder) string {
			return linear(d, d.Node("flat", "Flatten", []string{pixels(d)}, "axis", 2), 4)
		}, "[]"},
		"channels last": {func(d *graphtest.Builder) string {
			y := d.Node("last", "Transpose", []string{pixels(d)}, "perm", []int64{0, 2, 3, 1})
			return linear(d, d.Node("flat", "Reshape", []string{y, d.Ints("to", 2, 16)}), 16)
		}, "[]"}, // free, but only one axis in front of the units is followed
		"pixels first": {func(d *graphtest.Builder) string {
			y := d.Node("rows", "Reshape", []string{pixels(d), d.Ints("to", 2, 4, 4)})
			return linear(d, d.Node("turn", "Transpose", []string{y}, "perm", []int64{0, 2, 1}), 4)
		}, "[4]"},
		"ones come and go": {func(d *graphtest.Builder) string {
			y := d.Node("more", "Reshape", []string{hidden(d, "fc", 2, 5), d.Ints("to", 2, 1, 5, 1)})
			y = d.Node("less", "Squeeze", []string{y, d.Ints("axes", 1, -1)})
			y = d.Node("again", "Unsqueeze", []string{y, d.Ints("at", 0, 3)})
			return linear(d, d.Node("back", "Reshape", []string{y, d.Ints("flat", -1, 5)}), 5)
		}, "[5]"},
	})
}

func TestPieces(t *testing.T) {
	checkMoved(t, map[string]moved{
		"Concat": {func(d *graphtest.Builder) string {
			y := d.Node("cat", "Concat", []string{hidden(d, "a", 2, 3), hidden(d, "b", 2, 4)}, "axis", 1)
			return linear(d, y, 7)
		}, "[3 4]"},
		"Concat with an input": {func(d *graphtest.Builder) string {
			y := d.Node("cat", "Concat", []string{hidden(d, "a", 2, 3), d.Shaped("z", 2, 2), hidden(d, "b", 2, 4)},
				"axis", -1)
			return linear(d, y, 9)
		}, "[3 4]"},
		"Concat of samples": {func(d *graphtest.Builder) string {
			y := d.Node("cat", "Concat", []string{hidden(d, "a", 2, 3), hidden(d, "b", 4, 3)}, "axis", 0)
			return linear(d, y, 3)
		}, "[3]"},
		"Concat of samples with an input": {func(d *graphtest.Builder) string {
			y := d.Node("cat", "Concat", []string{hidden(d, "a", 2, 3), d.Shaped("z", 2, 3)}, "axis", 0)
			return linear(d, y, 3)
		}, "[]"},
		"Split and summed": {func(d *graphtest.Builder) string {
			y := splitInto(d, hidden(d, "a", 2, 6), 1, "p", "q")
			return linear(d, d.Node("sum", "Mul", y), 3)
		}, "[3]"},
		"Split apart": {func(d *graphtest.Builder) string {
			y := splitInto(d, hidden(d, "a", 2, 6), -1, "p", "q", "r")
			first := d.Node("left", "MatMul", []string{y[0], d.Weight("left.weight", 2, 2)})
			last := d.Node("right", "MatMul", []string{y[2], d.Weight("right.weight", 2, 2)})
			return d.Node("sum", "Add", []string{first, last})
		}, "[2 2 2]"},
		"Slice": {func(d *graphtest.Builder) string {
			h := hidden(d, "a", 2, 6)
			y := d.Node("cut", "Slice", []string{h, d.Ints("s", 1), d.Ints("e", 4), d.Ints("a", 1), d.Ints("st", 1)})
			return linear(d, y, 3)
		}, "[3 2]"}, // the first unit is alone
		"Slice with negative bounds": {func(d *graphtest.Builder) string {
			h := hidden(d, "a", 2, 6)
			return linear(d, d.Node("cut", "Slice", []string{h, d.Ints("s", -2), d.Ints("e", 1<<40), d.Ints("a", -1)}),
				2)
		}, "[4 2]"},
		"Slice of every second": {func(d *graphtest.Builder) string {
			h := hidden(d, "a", 2, 6)
			y := d.Node("cut", "Slice", []string{h, d.Ints("s", 0), d.Ints("e", 6), d.Ints("a", 1), d.Ints("st", 2)})
			return linear(d, y, 3)
		}, "[]"},
		"Slice of samples": {func(d *graphtest.Builder) string {
			h := hidden(d, "a", 4, 6)
			return linear(d, d.Node("cut", "Slice", []string{h, d.Ints("s", 1), d.Ints("e", 3), d.Ints("a", 0)}), 6)
		}, "[6]"},
		"Gather of samples": {func(d *graphtest.Builder) string {
			h := hidden(d, "a", 4, 6)
			return linear(d, d.Node("pick", "Gather", []string{h, d.Ints("which", 3, 0)}, "axis", 0), 6)
		}, "[6]"},
		"Pad of pixels": {func(d *graphtest.Builder) string {
			y := d.Node("conv", "Conv", []string{d.Shaped("x", 1, 3, 2, 2), d.Weight("w", 4, 3, 1, 1)})
			y = d.Node("pad", "Pad", []string{y, d.Ints("pads", 0, 0, 1, 1, 0, 0, 1, 1)})
			return d.Node("out", "Conv", []string{y, d.Weight("v", 2, 4, 3, 3)})
		}, "[4]"},
		"Pad of channels": {func(d *graphtest.Builder) string {
			y := d.Node("conv", "Conv", []string{d.Shaped("x", 1, 3, 2, 2), d.Weight("w", 4, 3, 1, 1)})
			y = d.Node("pad", "Pad", []string{y, d.Ints("pads", 0, 1, 0, 0, 0, 1, 0, 0)})
			return d.Node("out", "Conv", []string{y, d.Weight("v", 2, 6, 1, 1)})
		}, "[]"},
		"Expand": {func(d *graphtest.Builder) string {
			y := d.Node("wide", "Expand", []string{hidden(d, "a", 1, 5), d.Ints("to", 3, 5)})
			return linear(d, y, 5)
		}, "[5]"},
		"embedding": {func(d *graphtest.Builder) string {
			y := d.Node("rows", "Gather", []string{d.Weight("table", 7, 5), d.Ints("which", 2, 0, 6)})
			return linear(d, d.Node("add", "Add", []string{y, hidden(d, "a", 3, 5)}), 5)
		}, "[5]"},
	})
}

// splitInto splits into equal parts.
func splitInto(d *graphtest.Builder, h string, axis int, names ...string) []string {
	d.Node("split", "Split", []string{h}, "axis", axis, "num_outputs", len(names))
	n := d.Model.Graph.Node[len(d.Model.Graph.Node)-1]
	n.Output = names
	return names
}

// Channels of groups stay in their groups.
func TestGroups(t *testing.T) {
	grouped := func(d *graphtest.Builder, x string, in, out, groups int) string {
		return d.Node("grouped", "Conv", []string{x, d.Weight("g", out, in/groups, 1, 1), d.Weight("gb", out)}, "group",
			groups)
	}
	checkMoved(t, map[string]moved{
		"convolution": {func(d *graphtest.Builder) string {
			y := d.Conv("first", d.Shaped("x", 1, 3, 3, 3), 3, 6, 1, 1)
			return d.Conv("last", grouped(d, y, 6, 4, 2), 4, 2, 1, 1)
		}, "[3 3 2 2]"},
		"normalisation": {func(d *graphtest.Builder) string {
			y := d.Conv("first", d.Shaped("x", 1, 3, 3, 3), 3, 6, 1, 1)
			y = d.Node("norm", "GroupNormalization", []string{y, d.Weight("s", 6), d.Weight("b", 6)}, "num_groups", 3)
			return d.Conv("last", y, 6, 2, 1, 1)
		}, "[2 2 2]"},
		"shuffled": {func(d *graphtest.Builder) string {
			y := d.Conv("first", d.Shaped("x", 1, 3, 2, 2), 3, 6, 1, 1)
			y = d.Node("cut", "Reshape", []string{y, d.Ints("five", 1, 2, 3, 2, 2)})
			y = d.Node("turn", "Transpose", []string{y}, "perm", []int64{0, 2, 1, 3, 4})
			y = d.Node("join", "Reshape", []string{y, d.Ints("four", 1, 6, 2, 2)})
			return d.Conv("last", y, 6, 2, 1, 1)
		}, "[3 3]"},
		"shuffled into groups": {func(d *graphtest.Builder) string {
			y := d.Conv("first", d.Shaped("x", 1, 3, 2, 2), 3, 8, 1, 1)
			y = d.Node("cut", "Reshape", []string{y, d.Ints("five", 1, 2, 4, 2, 2)})
			y = d.Node("turn", "Transpose", []string{y}, "perm", []int64{0, 2, 1, 3, 4})
			y = d.Node("join", "Reshape", []string{y, d.Ints("four", 1, 8, 2, 2)})
			return d.Conv("last", grouped(d, y, 8, 4, 2), 4, 2, 1, 1)
		}, "[2 2 2 2 2 2]"},
		"moved to the front": {func(d *graphtest.Builder) string {
			y := d.Conv("first", d.Shaped("x", 1, 3, 2, 2), 3, 6, 1, 1)
			y = d.Node("cut", "Reshape", []string{y, d.Ints("five", 1, 2, 3, 2, 2)})
			y = d.Node("turn", "Transpose", []string{y}, "perm", []int64{2, 0, 1, 3, 4})
			y = d.Node("join", "Reshape", []string{y, d.Ints("four", 1, 6, 2, 2)})
			return d.Conv("last", y, 6, 2, 1, 1)
		}, "[]"}, // exchanged with the batch too: not a shuffle
	})
}

// Queries and keys share the order within heads; heads move whole, and values follow them.
func TestAttention(t *testing.T) {
	heads := func(d *graphtest.Builder, name, h string) string {
		y := d.Node(name+".cut", "Reshape", []string{h, d.Ints(name+".to", 5, 2, 3)})
		return d.Node(name+".turn", "Transpose", []string{y}, "perm", []int64{1, 0, 2})
	}
	attend := func(d *graphtest.Builder, q, k, v string) string {
		k = d.Node("k.last", "Transpose", []string{k}, "perm", []int64{0, 2, 1})
		s := d.Node("softmax", "Softmax", []string{d.Node("scores", "MatMul", []string{q, k})})
		y := d.Node("mixed", "Transpose", []string{d.Node("mix", "MatMul", []string{s, v})}, "perm", []int64{1, 0, 2})
		return linear(d, d.Node("joined", "Reshape", []string{y, d.Ints("flat", 5, 6)}), 6)
	}
	checkMoved(t, map[string]moved{
		"three layers": {func(d *graphtest.Builder) string {
			return attend(d, heads(d, "q", hidden(d, "q", 5, 6)), heads(d, "k", hidden(d, "k", 5, 6)),
				heads(d, "v", hidden(d, "v", 5, 6)))
		}, "[6 6]"},
		"one layer": {func(d *graphtest.Builder) string {
			y := splitInto(d, hidden(d, "qkv", 5, 18), 1, "q", "k", "v")
			return attend(d, heads(d, "q", y[0]), heads(d, "k", y[1]), heads(d, "v", y[2]))
		}, "[6 6]"},
		"stacked": {func(d *graphtest.Builder) string {
			y := d.Node("cut", "Reshape", []string{hidden(d, "qkv", 5, 18), d.Ints("four", 5, 3, 2, 3)})
			y = d.Node("turn", "Transpose", []string{y}, "perm", []int64{1, 2, 0, 3})
			part := func(name string, i int64) string {
				return d.Node(name, "Gather", []string{y, d.Scalar(name+".i", i)}, "axis", 0)
			}
			return attend(d, part("q", 0), part("k", 1), part("v", 2))
		}, "[6 6]"},
		"positions within heads": {func(d *graphtest.Builder) string {
			q := d.Node("rotated", "Add", []string{heads(d, "q", hidden(d, "q", 5, 6)), d.Shaped("z", 1, 5, 3)})
			return attend(d, q, heads(d, "k", hidden(d, "k", 5, 6)), heads(d, "v", hidden(d, "v", 5, 6)))
		}, "[6 6 6]"}, // queries and keys move as whole heads only, each a set that shares the heads' order
		"heads told apart": {func(d *graphtest.Builder) string {
			q := d.Node("biased", "Add", []string{heads(d, "q", hidden(d, "q", 5, 6)), d.Shaped("z", 2, 1, 1)})
			return attend(d, q, heads(d, "k", hidden(d, "k", 5, 6)), heads(d, "v", hidden(d, "v", 5, 6)))
		}, "[6]"}, // queries and keys move within heads; values could too, but are not followed
	})
}

// The units of a cell are rows of every gate and columns of R.
func TestRecurrent(t *testing.T) {
	direction := map[int]string{1: "forward", 2: "bidirectional"}
	for op, gates := range map[string]int{"LSTM": 4, "GRU": 3, "RNN": 1} {
		for _, directions := range []int{1, 2} {
			cell := func(d *graphtest.Builder) string {
				in := []string{d.Shaped("x", 3, 2, 4), d.Weight("W", directions, gates*5, 4),
					d.Weight("R", directions, gates*5, 5),
					d.Weight("B", directions, 2*gates*5)}
				y := d.Node("cell", op, in, "hidden_size", 5, "direction", direction[directions])
				y = d.Node("turn", "Transpose", []string{y}, "perm", []int64{0, 2, 1, 3})
				return linear(d, d.Node("flat", "Reshape", []string{y, d.Ints("to", 0, 0, -1)}), 5*directions)
			}
			sizes := map[int]string{1: "[5]", 2: "[5 5]"}[directions]
			t.Run(join(op, " ", directions), moved{cell, sizes}.check)
		}
	}
}
