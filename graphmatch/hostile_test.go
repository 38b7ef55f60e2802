package graphmatch

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
)

// Small files that ask for enormous numbers of units, groups, heads or copies: what is followed takes memory
// that grows with the file, and the order is fixed where that is not enough.
func TestHostileForms(t *testing.T) {
	for name, build := range map[string]func(d *graphtest.Builder) string{
		"tiled": func(d *graphtest.Builder) string {
			h := d.Node("fc", "MatMul", []string{d.Shaped("x", 1, 1<<40, 4), d.Weight("w", 4, 8)})
			return d.Node("flat", "Reshape", []string{h, d.Ints("to", 1, -1)})
		},
		"doubled": func(d *graphtest.Builder) string {
			h := d.Node("fc", "MatMul", []string{d.Shaped("x", 1, 4), d.Weight("w", 4, 8)})
			for i := range 40 {
				h = d.Node(fmt.Sprint("twice", i), "Concat", []string{h, h}, "axis", 1)
			}
			return h
		},
		"groups": func(d *graphtest.Builder) string {
			h := d.Node("conv", "Conv", []string{d.Input("x"), d.Weight("w", 8, 3, 3, 3)})
			h = d.Node("flat", "Flatten", []string{h})
			return d.Node("norm", "GroupNormalization", []string{h, d.Weight("scale", 8), d.Weight("bias", 8)},
				"num_groups", 1<<60)
		},
		"heads": func(d *graphtest.Builder) string {
			h := d.Node("fc", "MatMul", []string{d.Shaped("x", 4), d.Weight("w", 4, 7)})
			return d.Node("heads", "Reshape", []string{h, d.Ints("to", 1<<31-1, 1<<31-1, 1<<31-1)})
		},
		"empty": func(d *graphtest.Builder) string {
			h := d.Node("conv", "Conv", []string{d.Input("x"), d.Weight("w", 1<<40, 0, 3, 3)}, "group", 1<<39)
			return d.Node("conv2", "Conv", []string{h, d.Weight("w2", 8, 1<<40, 0, 3)})
		},
		"empty norm": func(d *graphtest.Builder) string {
			h := d.Node("fc", "MatMul", []string{d.Shaped("x", 1, 4), d.Weight("w", 0, 1<<40)})
			return d.Node("norm", "Add", []string{h, d.Weight("shift", 0, 1<<41)})
		},
		"woven": func(d *graphtest.Builder) string {
			h := d.Node("fc", "MatMul", []string{d.Shaped("x", 1, 4), d.Weight("w", 4, 8)})
			for i := range 40 {
				a := d.Node(fmt.Sprint("a", i), "Relu", []string{h})
				h = d.Node(fmt.Sprint("add", i), "Concat", []string{a, h, a}, "axis", -1)
				h = d.Node(fmt.Sprint("cut", i), "Slice",
					[]string{h, d.Ints(fmt.Sprint("s", i), 0), d.Ints(fmt.Sprint("e", i), 1<<40),
						d.Ints(fmt.Sprint("x", i), 1)})
			}
			return h
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := graphtest.New(t, 1)
			d.Model.OpsetImport[0].Version = proto.Int64(21)
			h := build(d)
			d.Output(d.Node("last", "MatMul", []string{h, d.Weight("v", 8, 2)}))
			m := d.Load()
			a, err := Align([]*onnx.Model{m, m}, 0)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Permute(t.Context(), a, PermuteOptions{Searches: 1})
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range p.Units[1] {
				if u.Size > 8 {
					t.Errorf("%d units of %v, the weights have 8", u.Size, u.Layers)
				}
			}
		})
	}
}
