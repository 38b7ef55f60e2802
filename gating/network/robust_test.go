package network

import (
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// sound is one node of each operator that moves elements, as an exporter writes it.
func sound() []gradCase {
	scales := floatTensor([]int{2}, 1, 2)
	image := func(list ...*op.Tensor) []*op.Tensor { return append([]*op.Tensor{counting(1, 4, 2, 4)}, list...) }
	x := func(list ...*op.Tensor) []*op.Tensor { return append([]*op.Tensor{counting(2, 3)}, list...) }
	axis, mode := intAttr("axis", 1), stringAttr("mode", "linear")
	return []gradCase{
		{op: "Reshape", inputs: x(intTensor(3, -1)), attrs: attrs{intAttr("allowzero", 0)}},
		{op: "Flatten", inputs: x(), attrs: attrs{axis}},
		{op: "Squeeze", inputs: []*op.Tensor{counting(1, 2, 1), intTensor(0, -1)}},
		{op: "Unsqueeze", inputs: x(intTensor(0, -1))},
		{op: "ConstantOfShape", inputs: []*op.Tensor{intTensor(2, 3)}},
		{op: "Transpose", inputs: x(), attrs: attrs{intsAttr("perm", 1, 0)}},
		{op: "Concat", inputs: x(counting(2, 1)), attrs: attrs{axis}},
		{op: "Slice", inputs: x(intTensor(1, 0), intTensor(2, -1), intTensor(0, 1), intTensor(1, -1))},
		{op: "Split", inputs: x(intTensor(1, 2)), attrs: attrs{axis}, outputs: 2},
		{op: "Split", inputs: x(), attrs: attrs{axis, intAttr("num_outputs", 2)}, outputs: 2},
		{op: "Gather", inputs: x(shapedInts([]int{2, 1}, -1, 0)), attrs: attrs{axis}},
		{op: "GatherElements", inputs: x(shapedInts([]int{2, 1}, -1, 0)), attrs: attrs{axis}},
		{op: "GatherND", inputs: x(shapedInts([]int{2, 1}, -1, 0)), attrs: attrs{intAttr("batch_dims", 1)}},
		{op: "ScatterElements", inputs: x(shapedInts([]int{2, 1}, -1, 0), counting(2, 1)),
			attrs: attrs{axis, stringAttr("reduction", "mul")}},
		{op: "ScatterND", inputs: x(shapedInts([]int{2, 1}, -1, 0), counting(2, 3)),
			attrs: attrs{stringAttr("reduction", "max")}},
		{op: "Shape", inputs: x(), attrs: attrs{intAttr("start", 0), intAttr("end", 2)}},
		{op: "Size", inputs: x()},
		{op: "Range", inputs: []*op.Tensor{shapedInts([]int{}, 1), shapedInts([]int{}, 9), shapedInts([]int{}, 2)}},
		{op: "EyeLike", inputs: x(), attrs: attrs{intAttr("k", 1), intAttr("dtype", 1)}},
		{op: "Pad", inputs: x(intTensor(1, 1), floatTensor([]int{}, 1), intTensor(1)),
			attrs: attrs{stringAttr("mode", "constant")}},
		{op: "Pad", inputs: x(intTensor(1, 1, 1, -1)), attrs: attrs{stringAttr("mode", "reflect")}},
		{op: "CenterCropPad", inputs: x(intTensor(1, 4)), attrs: attrs{intsAttr("axes", 0, 1)}},
		{op: "Expand", inputs: []*op.Tensor{counting(2, 1), intTensor(2, 1, 3)}},
		{op: "Tile", inputs: x(intTensor(2, 1))},
		{op: "TopK", inputs: x(intTensor(2)), attrs: attrs{axis, intAttr("largest", 1)}, outputs: 2},
		{op: "ArgMax", inputs: x(), attrs: attrs{axis, intAttr("keepdims", 0)}},
		{op: "CumSum", inputs: x(shapedInts([]int{}, 1)), attrs: attrs{intAttr("reverse", 1)}},
		{op: "Trilu", inputs: x(shapedInts([]int{}, 1)), attrs: attrs{intAttr("upper", 0)}},
		{op: "ReverseSequence", inputs: x(intTensor(1, 2)),
			attrs: attrs{intAttr("batch_axis", 0), intAttr("time_axis", 1)}},
		{op: "NonZero", inputs: []*op.Tensor{intTensor(0, 1, 2)}},
		{op: "Compress", inputs: x(bools(true, false, true)), attrs: attrs{axis}},
		{op: "Unique", inputs: []*op.Tensor{intTensor(3, 1, 3)}, attrs: attrs{intAttr("axis", 0)}, outputs: 4},
		{op: "OneHot",
			inputs: []*op.Tensor{intTensor(1, 2), intTensor(3), floatTensor([]int{2}, 0, 1)}, attrs: attrs{axis}},
		{op: "Resize", inputs: x(nil, scales), attrs: attrs{mode, intsAttr("axes", 0, 1)}},
		{op: "Resize", inputs: x(floatTensor([]int{4}, 0, 0, 1, 0.5), nil, intTensor(4, 2)),
			attrs: attrs{stringAttr("mode", "cubic"),
				stringAttr("coordinate_transformation_mode", "tf_crop_and_resize")}},
		{op: "Resize", inputs: x(nil, scales), attrs: attrs{stringAttr("nearest_mode", "ceil"),
			stringAttr("coordinate_transformation_mode", "align_corners")}},
		{op: "Resize", inputs: x(nil, nil, intTensor(4, 2)),
			attrs: attrs{mode, intAttr("antialias", 1), stringAttr("keep_aspect_ratio_policy", "not_larger")}},
		{op: "DepthToSpace", inputs: image(), attrs: attrs{intAttr("blocksize", 2), stringAttr("mode", "CRD")}},
		{op: "SpaceToDepth", inputs: image(), attrs: attrs{intAttr("blocksize", 2)}},
		{op: "Col2Im", inputs: []*op.Tensor{counting(1, 4, 6), intTensor(3, 4), intTensor(2, 2)},
			attrs: attrs{intsAttr("strides", 1, 1), intsAttr("dilations", 1, 1), intsAttr("pads", 0, 0, 0, 0)}},
		{op: "GridSample", inputs: image(randomTensor(1, 1, 2, 1, 2)),
			attrs: attrs{mode, stringAttr("padding_mode", "border"), intAttr("align_corners", 1)}},
		{op: "AffineGrid", inputs: []*op.Tensor{counting(1, 2, 3), intTensor(1, 1, 2, 2)},
			attrs: attrs{intAttr("align_corners", 1)}},
	}
}

// Whatever is changed in a sound node, the operator answers or explains: no builder
// and no kernel may run into Go's own checks, whose words say nothing to a user.
func TestMovementSurvivesChangedNodes(t *testing.T) {
	for k := range sound() {
		computed := 0
		for seed := range uint64(1200) {
			c := sound()[k]
			c.opset = []int64{1, 9, 10, 11, 13, 16, 18, 19, 20, 20, 20, 20}[seed%12]
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
						t.Errorf("%s, seed %d: output %s has %d elements", c.op, seed, o.Spec(), len(o.F)+len(o.I))
					}
				}
			case strings.Contains(err.Error(), "internal check") || !isKind(err, op.ErrShape) &&
				!isKind(err, op.ErrUnsupported):
				t.Errorf("%s, seed %d: %v", c.op, seed, err)
			}
		}
		if computed < 100 {
			t.Errorf("%s: only %d changed nodes could be computed", sound()[k].op, computed)
		}
	}
}

func TestMovementIsTheSameForAllWorkers(t *testing.T) {
	x := randomTensor(1, 6, 8, 20, 20)
	linear, cubic := stringAttr("mode", "linear"), stringAttr("mode", "cubic")
	for _, c := range []gradCase{
		{op: "Transpose", opset: 13, inputs: []*op.Tensor{x},
			attrs: attrs{intsAttr("perm", 0, 2, 3, 1)}, wrt: []int{0}},
		{op: "Concat", opset: 13, inputs: []*op.Tensor{x, x}, attrs: attrs{intAttr("axis", 1)}, wrt: []int{0, 1}},
		{op: "TopK", opset: 11, inputs: []*op.Tensor{x, intTensor(7)}, outputs: 2, wrt: []int{0}},
		{op: "CumSum", opset: 14, inputs: []*op.Tensor{x, intTensor(2)}, wrt: []int{0}},
		{op: "Resize", opset: 19, inputs: []*op.Tensor{x, nil, nil, intTensor(6, 8, 31, 13)},
			attrs: attrs{linear}, wrt: []int{0}},
		{op: "Resize", opset: 19, inputs: []*op.Tensor{x, nil, nil, intTensor(6, 8, 31, 13)}, wrt: []int{0}},
		{op: "GridSample", opset: 20, inputs: []*op.Tensor{x, randomTensor(2, 6, 9, 9, 2)},
			attrs: attrs{cubic}, wrt: []int{0, 1}},
		{op: "Col2Im", opset: 18,
			inputs: []*op.Tensor{randomTensor(3, 5, 36, 361), intTensor(20, 20), intTensor(2, 2)}, wrt: []int{0}},
		{op: "ScatterElements", opset: 18,
			inputs: []*op.Tensor{x, shapedInts([]int{6, 8, 20, 20}, newDraw(1).indices(19200, 20)...), x},
			attrs:  attrs{intAttr("axis", 3), stringAttr("reduction", "add")}, wrt: []int{0, 2}},
	} {
		sameForAllWorkers(t, c)
	}
}

// change makes one random change to a node.
func (d draw) change(c *gradCase) {
	number := func() int64 { return []int64{-1, 0, 1, 2, 3, -2, 1 << 40, -1 << 63, 1<<63 - 1}[d.IntN(9)] }
	kind := d.IntN(6)
	if kind < 4 && len(c.inputs) > 0 {
		i := d.IntN(len(c.inputs))
		t := c.inputs[i]
		switch {
		case t == nil || kind == 0:
			c.inputs[i] = nil
		case kind == 1:
			c.inputs[i] = &op.Tensor{Type: onnx.Float32, Shape: d.shape(d.IntN(5))}
			c.inputs[i].F = randomTensor(1, c.inputs[i].Shape...).F
		case kind == 2 && len(t.I) > 0:
			t.I[d.IntN(len(t.I))] = number()
		case len(t.F) > 0:
			t.F[d.IntN(len(t.F))] = []float32{nan, 3e38, -3e38, 0, -1, 0.5}[d.IntN(6)]
		}
		return
	}
	if len(c.attrs) == 0 {
		return
	}
	a := proto.Clone(c.attrs[d.IntN(len(c.attrs))]).(*onnxpb.AttributeProto)
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
	c.attrs = append(slices.DeleteFunc(slices.Clone(c.attrs),
		func(b *onnxpb.AttributeProto) bool { return b.GetName() == a.GetName() }), a)
}
