package graphmatch

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Small files that ask for enormous numbers of units, groups, heads or copies: what is followed takes memory
// that grows with the file, and the order is fixed where that is not enough.
func TestHostileForms(t *testing.T) {
	for name, build := range map[string]func(d *drawing) string{
		"tiled": func(d *drawing) string {
			h := d.node("fc", "MatMul", []string{d.sized("x", 1, 1<<40, 4), d.weight("w", 4, 8)})
			return d.node("flat", "Reshape", []string{h, d.numbers("to", 1, -1)})
		},
		"doubled": func(d *drawing) string {
			h := d.node("fc", "MatMul", []string{d.sized("x", 1, 4), d.weight("w", 4, 8)})
			for i := range 40 {
				h = d.node(fmt.Sprint("twice", i), "Concat", []string{h, h}, "axis", 1)
			}
			return h
		},
		"groups": func(d *drawing) string {
			h := d.node("conv", "Conv", []string{d.input("x"), d.weight("w", 8, 3, 3, 3)})
			h = d.node("flat", "Flatten", []string{h})
			return d.node("norm", "GroupNormalization", []string{h, d.weight("scale", 8), d.weight("bias", 8)}, "num_groups", 1<<60)
		},
		"heads": func(d *drawing) string {
			h := d.node("fc", "MatMul", []string{d.sized("x", 4), d.weight("w", 4, 7)})
			return d.node("heads", "Reshape", []string{h, d.numbers("to", 1<<31-1, 1<<31-1, 1<<31-1)})
		},
		"empty": func(d *drawing) string {
			h := d.node("conv", "Conv", []string{d.input("x"), d.weight("w", 1<<40, 0, 3, 3)}, "group", 1<<39)
			return d.node("conv2", "Conv", []string{h, d.weight("w2", 8, 1<<40, 0, 3)})
		},
		"empty norm": func(d *drawing) string {
			h := d.node("fc", "MatMul", []string{d.sized("x", 1, 4), d.weight("w", 0, 1<<40)})
			return d.node("norm", "Add", []string{h, d.weight("shift", 0, 1<<41)})
		},
		"woven": func(d *drawing) string {
			h := d.node("fc", "MatMul", []string{d.sized("x", 1, 4), d.weight("w", 4, 8)})
			for i := range 40 {
				a := d.node(fmt.Sprint("a", i), "Relu", []string{h})
				h = d.node(fmt.Sprint("add", i), "Concat", []string{a, h, a}, "axis", -1)
				h = d.node(fmt.Sprint("cut", i), "Slice", []string{h, d.numbers(fmt.Sprint("s", i), 0), d.numbers(fmt.Sprint("e", i), 1<<40), d.numbers(fmt.Sprint("x", i), 1)})
			}
			return h
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := draw(t, 1)
			d.model.OpsetImport[0].Version = proto.Int64(21)
			h := build(d)
			d.output(d.node("last", "MatMul", []string{h, d.weight("v", 8, 2)}))
			m := d.load()
			a, err := Align([]*onnx.Model{m, m}, 0)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Permute(a, PermuteOptions{Restarts: -1})
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

// sized is an input of a declared shape.
func (d *drawing) sized(name string, dims ...int64) string {
	d.input(name)
	shape := &onnxpb.TensorShapeProto{}
	for _, n := range dims {
		shape.Dim = append(shape.Dim, &onnxpb.TensorShapeProto_Dimension{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: n}})
	}
	d.model.Graph.Input[len(d.model.Graph.Input)-1].GetType().GetTensorType().Shape = shape
	return name
}

// numbers adds an initializer of whole numbers.
func (d *drawing) numbers(name string, list ...int64) string {
	t, err := onnx.NewTensor(name, []int{len(list)}, list)
	if err != nil {
		d.t.Fatal(err)
	}
	d.model.Graph.Initializer = append(d.model.Graph.Initializer, t)
	return name
}
