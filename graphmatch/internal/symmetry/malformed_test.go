package symmetry_test

import (
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/graphmatch/internal/symmetry"
)

// Nodes that no runtime accepts: whatever the rules make of them, they look at nothing that is not there.
func TestMalformedNodes(t *testing.T) {
	heads := func(d *graphtest.Builder) string {
		return d.Node("heads", "Reshape", []string{hidden(d, "a", 2, 6), d.Ints("to", 2, 2, 3)})
	}
	for name, build := range map[string]func(d *graphtest.Builder) string{
		"heads to a number": func(d *graphtest.Builder) string {
			return d.Node("y", "Reshape", []string{heads(d), d.Ints("flat")})
		},
		"Concat of nothing": func(d *graphtest.Builder) string {
			return d.Node("y", "Concat", nil, "axis", -1)
		},
		"Concat of a vector and a matrix": func(d *graphtest.Builder) string {
			return d.Node("y", "Concat", []string{hidden(d, "a", 2, 6), d.Weight("w", 6)}, "axis", 0)
		},
		"Gather from a stack without positions": func(d *graphtest.Builder) string {
			y := d.Node("cut", "Reshape", []string{hidden(d, "qkv", 5, 12), d.Ints("four", 5, 2, 2, 3)})
			return d.Node("y", "Gather", []string{y}, "axis", 1)
		},
		"Pad of what only parameters make": func(d *graphtest.Builder) string {
			y := d.Node("sum", "Add", []string{d.Weight("v", 1, 1, 1), d.Weight("w", 1, 1, 1)})
			return d.Node("y", "Pad", []string{y, d.Ints("pads", 1, 0, 0, 0, 0, 0)})
		},
		"fixed positions cut into parts and heads": func(d *graphtest.Builder) string {
			y := d.Node("cat", "Concat", []string{d.Shaped("z", 2, 6), hidden(d, "a", 2, 6)}, "axis", 1)
			return d.Node("y", "Reshape", []string{y, d.Ints("four", 2, 2, 2, 3)})
		},
		"Flatten of nothing":   func(d *graphtest.Builder) string { return d.Node("y", "Flatten", nil) },
		"Reduce of nothing":    func(d *graphtest.Builder) string { return d.Node("y", "ReduceSum", nil) },
		"Slice of nothing":     func(d *graphtest.Builder) string { return d.Node("y", "Slice", nil) },
		"Split of nothing":     func(d *graphtest.Builder) string { return d.Node("y", "Split", nil) },
		"Transpose of nothing": func(d *graphtest.Builder) string { return d.Node("y", "Transpose", nil) },
		"Expand of nothing":    func(d *graphtest.Builder) string { return d.Node("y", "Expand", nil) },
		"LSTM of nothing":      func(d *graphtest.Builder) string { return d.Node("y", "LSTM", nil) },
		"MatMul of nothing":    func(d *graphtest.Builder) string { return d.Node("y", "MatMul", nil) },
		"Conv without a weight": func(d *graphtest.Builder) string {
			return d.Node("y", "Conv",
				[]string{hidden(d, "a", 2, 6)})
		},
		"GroupNorm without data": func(d *graphtest.Builder) string { return d.Node("y", "GroupNormalization", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			d := graphtest.New(t, 1)
			d.Model.OpsetImport[0].Version = opset(21)
			d.Output(d.Node("out", "Relu", []string{build(d)}))
			v, err := flow.Read(d.Load())
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range symmetry.Trace(v).Blocks {
				for k, n := range b.Shape {
					for _, s := range b.Spans(k) {
						if last := s.Start + (s.N-1)*s.Stride + s.Repeat; last > n {
							t.Errorf("%s: a span ends at %d of %d", b.Param.C.Name(), last, n)
						}
					}
				}
			}
		})
	}
}

// The subtraction in Keras's form of a normalisation may lack its first input.
func TestMalformedNormalisation(t *testing.T) {
	d := graphtest.New(t, 1)
	x := hidden(d, "a", 2, 6)
	mean := d.Node("mean", "ReduceMean", []string{x}, "axes", []int64{-1})
	square := d.Node("square", "Mul", []string{x, x})
	variance := d.Node("var", "Add", []string{d.Node("m", "ReduceMean", []string{square}),
		d.Tensor("e::", nil, []float32{1})})
	inverse := d.Node("inverse", "Reciprocal", []string{d.Node("root", "Sqrt", []string{variance})})
	w := d.Node("w", "Mul", []string{inverse, d.Weight("scale", 6)})
	shift := d.Node("shift", "Sub", []string{"", d.Node("means", "Mul", []string{mean, w})})
	d.Output(d.Node("sum", "Add", []string{d.Node("scaled", "Mul", []string{x, w}), shift}))
	if _, err := flow.Read(d.Load()); err != nil {
		t.Fatal(err)
	}
}
