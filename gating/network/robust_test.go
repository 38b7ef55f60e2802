package network

import (
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// sound is one node of each operator that moves elements, as an exporter writes it.
func sound() []optest.Case {
	scales := floatTensor([]int{2}, 1, 2)
	image := func(list ...*op.Tensor) []*op.Tensor { return append([]*op.Tensor{counting(1, 4, 2, 4)}, list...) }
	x := func(list ...*op.Tensor) []*op.Tensor { return append([]*op.Tensor{counting(2, 3)}, list...) }
	axis, mode := optest.IntAttr("axis", 1), optest.StringAttr("mode", "linear")
	return []optest.Case{
		{Op: "Reshape", Inputs: x(optest.IntTensor(3, -1)), Attrs: optest.Attrs{optest.IntAttr("allowzero", 0)}},
		{Op: "Flatten", Inputs: x(), Attrs: optest.Attrs{axis}},
		{Op: "Squeeze", Inputs: []*op.Tensor{counting(1, 2, 1), optest.IntTensor(0, -1)}},
		{Op: "Unsqueeze", Inputs: x(optest.IntTensor(0, -1))},
		{Op: "ConstantOfShape", Inputs: []*op.Tensor{optest.IntTensor(2, 3)}},
		{Op: "Transpose", Inputs: x(), Attrs: optest.Attrs{optest.IntsAttr("perm", 1, 0)}},
		{Op: "Concat", Inputs: x(counting(2, 1)), Attrs: optest.Attrs{axis}},
		{Op: "Slice", Inputs: x(optest.IntTensor(1, 0), optest.IntTensor(2, -1),
			optest.IntTensor(0, 1), optest.IntTensor(1, -1))},
		{Op: "Split", Inputs: x(optest.IntTensor(1, 2)), Attrs: optest.Attrs{axis}, Outputs: 2},
		{Op: "Split", Inputs: x(), Attrs: optest.Attrs{axis, optest.IntAttr("num_outputs", 2)}, Outputs: 2},
		{Op: "Gather", Inputs: x(shapedInts([]int{2, 1}, -1, 0)), Attrs: optest.Attrs{axis}},
		{Op: "GatherElements", Inputs: x(shapedInts([]int{2, 1}, -1, 0)), Attrs: optest.Attrs{axis}},
		{Op: "GatherND", Inputs: x(shapedInts([]int{2, 1}, -1, 0)),
			Attrs: optest.Attrs{optest.IntAttr("batch_dims", 1)}},
		{Op: "ScatterElements", Inputs: x(shapedInts([]int{2, 1}, -1, 0), counting(2, 1)),
			Attrs: optest.Attrs{axis, optest.StringAttr("reduction", "mul")}},
		{Op: "ScatterND", Inputs: x(shapedInts([]int{2, 1}, -1, 0), counting(2, 3)),
			Attrs: optest.Attrs{optest.StringAttr("reduction", "max")}},
		{Op: "Shape", Inputs: x(), Attrs: optest.Attrs{optest.IntAttr("start", 0), optest.IntAttr("end", 2)}},
		{Op: "Size", Inputs: x()},
		{Op: "Range", Inputs: []*op.Tensor{shapedInts([]int{}, 1), shapedInts([]int{}, 9), shapedInts([]int{}, 2)}},
		{Op: "EyeLike", Inputs: x(), Attrs: optest.Attrs{optest.IntAttr("k", 1), optest.IntAttr("dtype", 1)}},
		{Op: "Pad", Inputs: x(optest.IntTensor(1, 1), floatTensor([]int{}, 1), optest.IntTensor(1)),
			Attrs: optest.Attrs{optest.StringAttr("mode", "constant")}},
		{Op: "Pad", Inputs: x(optest.IntTensor(1, 1, 1, -1)),
			Attrs: optest.Attrs{optest.StringAttr("mode", "reflect")}},
		{Op: "CenterCropPad", Inputs: x(optest.IntTensor(1, 4)), Attrs: optest.Attrs{optest.IntsAttr("axes", 0, 1)}},
		{Op: "Expand", Inputs: []*op.Tensor{counting(2, 1), optest.IntTensor(2, 1, 3)}},
		{Op: "Tile", Inputs: x(optest.IntTensor(2, 1))},
		{Op: "TopK", Inputs: x(optest.IntTensor(2)),
			Attrs: optest.Attrs{axis, optest.IntAttr("largest", 1)}, Outputs: 2},
		{Op: "ArgMax", Inputs: x(), Attrs: optest.Attrs{axis, optest.IntAttr("keepdims", 0)}},
		{Op: "CumSum", Inputs: x(shapedInts([]int{}, 1)), Attrs: optest.Attrs{optest.IntAttr("reverse", 1)}},
		{Op: "Trilu", Inputs: x(shapedInts([]int{}, 1)), Attrs: optest.Attrs{optest.IntAttr("upper", 0)}},
		{Op: "ReverseSequence", Inputs: x(optest.IntTensor(1, 2)),
			Attrs: optest.Attrs{optest.IntAttr("batch_axis", 0), optest.IntAttr("time_axis", 1)}},
		{Op: "NonZero", Inputs: []*op.Tensor{optest.IntTensor(0, 1, 2)}},
		{Op: "Compress", Inputs: x(bools(true, false, true)), Attrs: optest.Attrs{axis}},
		{Op: "Unique", Inputs: []*op.Tensor{optest.IntTensor(3, 1, 3)},
			Attrs: optest.Attrs{optest.IntAttr("axis", 0)}, Outputs: 4},
		{Op: "OneHot",
			Inputs: []*op.Tensor{optest.IntTensor(1, 2), optest.IntTensor(3), floatTensor([]int{2}, 0, 1)},
			Attrs:  optest.Attrs{axis}},
		{Op: "Resize", Inputs: x(nil, scales), Attrs: optest.Attrs{mode, optest.IntsAttr("axes", 0, 1)}},
		{Op: "Resize", Inputs: x(floatTensor([]int{4}, 0, 0, 1, 0.5), nil, optest.IntTensor(4, 2)),
			Attrs: optest.Attrs{optest.StringAttr("mode", "cubic"),
				optest.StringAttr("coordinate_transformation_mode", "tf_crop_and_resize")}},
		{Op: "Resize", Inputs: x(nil, scales), Attrs: optest.Attrs{optest.StringAttr("nearest_mode", "ceil"),
			optest.StringAttr("coordinate_transformation_mode", "align_corners")}},
		{Op: "Resize", Inputs: x(nil, nil, optest.IntTensor(4, 2)),
			Attrs: optest.Attrs{mode, optest.IntAttr("antialias", 1),
				optest.StringAttr("keep_aspect_ratio_policy", "not_larger")}},
		{Op: "DepthToSpace", Inputs: image(),
			Attrs: optest.Attrs{optest.IntAttr("blocksize", 2), optest.StringAttr("mode", "CRD")}},
		{Op: "SpaceToDepth", Inputs: image(), Attrs: optest.Attrs{optest.IntAttr("blocksize", 2)}},
		{Op: "Col2Im", Inputs: []*op.Tensor{counting(1, 4, 6), optest.IntTensor(3, 4), optest.IntTensor(2, 2)},
			Attrs: optest.Attrs{optest.IntsAttr("strides", 1, 1), optest.IntsAttr("dilations", 1, 1),
				optest.IntsAttr("pads", 0, 0, 0, 0)}},
		{Op: "GridSample", Inputs: image(optest.RandomTensor(1, 1, 2, 1, 2)),
			Attrs: optest.Attrs{mode, optest.StringAttr("padding_mode", "border"), optest.IntAttr("align_corners", 1)}},
		{Op: "AffineGrid", Inputs: []*op.Tensor{counting(1, 2, 3), optest.IntTensor(1, 1, 2, 2)},
			Attrs: optest.Attrs{optest.IntAttr("align_corners", 1)}},
	}
}

// Whatever is changed in a sound node, the operator answers or explains: no builder
// and no kernel may run into Go's own checks, whose words say nothing to a user.
func TestMovementSurvivesChangedNodes(t *testing.T) {
	for k := range sound() {
		computed := 0
		for seed := range uint64(1200) {
			c := sound()[k]
			c.Opset = []int64{1, 9, 10, 11, 13, 16, 18, 19, 20, 20, 20, 20}[seed%12]
			d := newDraw(seed + uint64(k)<<32)
			for range d.IntN(4) {
				d.change(&c)
			}
			outs, err := runNode(c, d.IntN(6)-1)
			switch {
			case err == nil:
				computed++
				for _, o := range outs {
					if o.Len() != len(o.F)+len(o.I) {
						t.Errorf("%s, seed %d: output %s has %d elements", c.Op, seed, o.Spec(), len(o.F)+len(o.I))
					}
				}
			case strings.Contains(err.Error(), "internal check") || !isKind(err, op.ErrShape) &&
				!isKind(err, op.ErrUnsupported):
				t.Errorf("%s, seed %d: %v", c.Op, seed, err)
			}
		}
		if computed < 100 {
			t.Errorf("%s: only %d changed nodes could be computed", sound()[k].Op, computed)
		}
	}
}

func TestMovementIsTheSameForAllWorkers(t *testing.T) {
	x := optest.RandomTensor(1, 6, 8, 20, 20)
	linear, cubic := optest.StringAttr("mode", "linear"), optest.StringAttr("mode", "cubic")
	for _, c := range []optest.Case{
		{Op: "Transpose", Opset: 13, Inputs: []*op.Tensor{x},
			Attrs: optest.Attrs{optest.IntsAttr("perm", 0, 2, 3, 1)}, Wrt: []int{0}},
		{Op: "Concat", Opset: 13, Inputs: []*op.Tensor{x, x},
			Attrs: optest.Attrs{optest.IntAttr("axis", 1)}, Wrt: []int{0, 1}},
		{Op: "TopK", Opset: 11, Inputs: []*op.Tensor{x, optest.IntTensor(7)}, Outputs: 2, Wrt: []int{0}},
		{Op: "CumSum", Opset: 14, Inputs: []*op.Tensor{x, optest.IntTensor(2)}, Wrt: []int{0}},
		{Op: "Resize", Opset: 19, Inputs: []*op.Tensor{x, nil, nil, optest.IntTensor(6, 8, 31, 13)},
			Attrs: optest.Attrs{linear}, Wrt: []int{0}},
		{Op: "Resize", Opset: 19, Inputs: []*op.Tensor{x, nil, nil, optest.IntTensor(6, 8, 31, 13)}, Wrt: []int{0}},
		{Op: "GridSample", Opset: 20, Inputs: []*op.Tensor{x, optest.RandomTensor(2, 6, 9, 9, 2)},
			Attrs: optest.Attrs{cubic}, Wrt: []int{0, 1}},
		{Op: "Col2Im", Opset: 18,
			Inputs: []*op.Tensor{optest.RandomTensor(3, 5, 36, 361), optest.IntTensor(20, 20), optest.IntTensor(2, 2)},
			Wrt:    []int{0}},
		{Op: "ScatterElements", Opset: 18,
			Inputs: []*op.Tensor{x, shapedInts([]int{6, 8, 20, 20}, newDraw(1).indices(19200, 20)...), x},
			Attrs:  optest.Attrs{optest.IntAttr("axis", 3), optest.StringAttr("reduction", "add")}, Wrt: []int{0, 2}},
	} {
		sameForAllWorkers(t, c)
	}
}

// change makes one random change to a node.
func (d draw) change(c *optest.Case) {
	number := func() int64 { return []int64{-1, 0, 1, 2, 3, -2, 1 << 40, -1 << 63, 1<<63 - 1}[d.IntN(9)] }
	kind := d.IntN(6)
	if kind < 4 && len(c.Inputs) > 0 {
		i := d.IntN(len(c.Inputs))
		t := c.Inputs[i]
		switch {
		case t == nil || kind == 0:
			c.Inputs[i] = nil
		case kind == 1:
			c.Inputs[i] = &op.Tensor{Type: onnx.Float32, Shape: d.shape(d.IntN(5))}
			c.Inputs[i].F = optest.RandomTensor(1, c.Inputs[i].Shape...).F
		case kind == 2 && len(t.I) > 0:
			t.I[d.IntN(len(t.I))] = number()
		case len(t.F) > 0:
			t.F[d.IntN(len(t.F))] = []float32{nan, 3e38, -3e38, 0, -1, 0.5}[d.IntN(6)]
		}
		return
	}
	if len(c.Attrs) == 0 {
		return
	}
	a := proto.Clone(c.Attrs[d.IntN(len(c.Attrs))]).(*onnxpb.AttributeProto)
	switch {
	case a.S != nil:
		a.S = []byte([]string{"", "edge", "wrap", "cubic", "nearest", "none", "min", "asymmetric"}[d.IntN(8)])
	case len(a.Ints) > 0 && kind == 4:
		a.Ints[d.IntN(len(a.Ints))] = number()
	case len(a.Ints) > 0:
		a.Ints = a.Ints[1:]
	default:
		a.I = proto.Int64(number())
	}
	c.Attrs = append(slices.DeleteFunc(slices.Clone(c.Attrs),
		func(b *onnxpb.AttributeProto) bool { return b.GetName() == a.GetName() }), a)
}
