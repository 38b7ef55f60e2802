package network

import (
	"fmt"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
)

// The places of Resize's outputs in an input of four elements 0 to 3, as linear interpolation shows them away from the
// ends.
func TestResizePlaces(t *testing.T) {
	x := floatTensor([]int{8}, 0, 1, 2, 3, 4, 5, 6, 7)
	for transform, want := range map[string][]float32{
		"half_pixel":           {0.5, 2.5, 4.5, 6.5},
		"half_pixel_symmetric": {0.5, 2.5, 4.5, 6.5},
		"pytorch_half_pixel":   {0.5, 2.5, 4.5, 6.5},
		"align_corners":        {0, 7. / 3, 14. / 3, 7},
		"asymmetric":           {0, 2, 4, 6},
		"tf_half_pixel_for_nn": {1, 3, 5, 7},
	} {
		a := attrs{stringAttr("mode", "linear"), stringAttr("coordinate_transformation_mode", transform)}
		expectNode(t, transform+" by scale", gradCase{op: "Resize", opset: 19, attrs: a,
			inputs: []*op.Tensor{x, nil, floatTensor([]int{1}, 0.5)}}, floatTensor([]int{4}, want...))
		expectNode(t, transform+" by size", gradCase{op: "Resize", opset: 19, attrs: a,
			inputs: []*op.Tensor{x, nil, floatTensor([]int{0}), intTensor(4)}}, floatTensor([]int{4}, want...))
	}
	crop := attrs{stringAttr("mode", "linear"), stringAttr("coordinate_transformation_mode", "tf_crop_and_resize"),
		floatAttr("extrapolation_value", -9)}
	expectNode(t, "crop", gradCase{op: "Resize", opset: 13, attrs: crop,
		inputs: []*op.Tensor{x, floatTensor([]int{2}, 0.5, 1.5), nil, intTensor(3)}},
		floatTensor([]int{3}, 3.5, 7, -9))
	expectNode(t, "crop to one", gradCase{op: "Resize", opset: 13, attrs: crop,
		inputs: []*op.Tensor{x, floatTensor([]int{2}, 0, 1), nil, intTensor(1)}},
		floatTensor([]int{1}, 3.5))
}

func TestResizeNearest(t *testing.T) {
	x := floatTensor([]int{1, 4}, 0, 1, 2, 3)
	half := func(list ...*op.Tensor) []*op.Tensor { return append([]*op.Tensor{x}, list...) }
	scale := floatTensor([]int{2}, 1, 0.5)
	for mode, want := range map[string][]float32{ // at 0.5 and 2.5
		"round_prefer_floor": {0, 2}, "round_prefer_ceil": {1, 3}, "floor": {0, 2}, "ceil": {1, 3},
	} {
		expectNode(t, mode, gradCase{op: "Resize", opset: 11, attrs: attrs{stringAttr("nearest_mode", mode)},
			inputs: half(floatTensor([]int{0}), scale)}, floatTensor([]int{1, 2}, want...))
	}
	expectNode(t, "integers", gradCase{op: "Resize", opset: 13,
		inputs: []*op.Tensor{intTensor(5, 6), nil, floatTensor([]int{1}, 2)}}, intTensor(5, 5, 6, 6))
	expectNode(t, "opset 10",
		gradCase{op: "Resize", opset: 10, inputs: half(floatTensor([]int{2}, 1, 0.6))}, floatTensor([]int{1, 2}, 0, 2))
	up := floatTensor([]int{1, 8}, 0, 0, 1, 1, 2, 2, 3, 3)
	expectNode(t, "upsample 9", gradCase{op: "Upsample", opset: 9, inputs: half(floatTensor([]int{2}, 1, 2))}, up)
	scales := floatAttr("scales", 0)
	scales.Floats = []float32{1, 2}
	expectNode(t, "upsample 7", gradCase{op: "Upsample", opset: 7, inputs: half(), attrs: attrs{scales}}, up)
	expectNode(t, "upsample 1",
		gradCase{op: "Upsample", opset: 1, inputs: []*op.Tensor{floatTensor([]int{1, 1, 1, 2}, 5, 6)},
			attrs: attrs{floatAttr("height_scale", 2), floatAttr("width_scale", 1)}},
		floatTensor([]int{1, 1, 2, 2}, 5, 6, 5, 6))
	// In float32 4/1.3333334 is 3, in higher precision a little less.
	third := floatTensor([]int{6}, 0, 1, 2, 3, 4, 5)
	expectNode(t, "rounding", gradCase{op: "Resize", opset: 13,
		attrs:  attrs{stringAttr("nearest_mode", "floor"), stringAttr("coordinate_transformation_mode", "asymmetric")},
		inputs: []*op.Tensor{third, nil, nil, intTensor(8)}}, floatTensor([]int{8}, 0, 0, 1, 2, 3, 3, 4, 5))
}

func TestResizeAspect(t *testing.T) {
	x := counting(4, 2)
	for policy, want := range map[string][]int{"not_larger": {6, 3}, "not_smaller": {16, 8}, "stretch": {6, 8}} {
		got, err := runNode(gradCase{op: "Resize", opset: 18,
			attrs:  attrs{stringAttr("keep_aspect_ratio_policy", policy)},
			inputs: []*op.Tensor{x, nil, nil, intTensor(6, 8)}})
		if err != nil || fmt.Sprint(got[0].Shape) != fmt.Sprint(want) {
			t.Errorf("%s: got %v and error %v, want shape %v", policy, got, err, want)
		}
	}
}

func TestResizeErrors(t *testing.T) {
	x := counting(2, 2)
	two := floatTensor([]int{2}, 2, 2)
	for name, c := range map[string]gradCase{
		"scale 0":    {op: "Resize", opset: 13, inputs: []*op.Tensor{x, nil, floatTensor([]int{2}, 0, 1)}},
		"scale nan":  {op: "Resize", opset: 13, inputs: []*op.Tensor{x, nil, floatTensor([]int{2}, nan, 1)}},
		"huge scale": {op: "Resize", opset: 13, inputs: []*op.Tensor{x, nil, floatTensor([]int{2}, 3e38, 1)}},
		"few scales": {op: "Resize", opset: 13, inputs: []*op.Tensor{x, nil, floatTensor([]int{1}, 2)}},
		"no scales":  {op: "Resize", opset: 13, inputs: []*op.Tensor{x}},
		"negative":   {op: "Resize", opset: 13, inputs: []*op.Tensor{x, nil, nil, intTensor(-1, 2)}},
		"too large":  {op: "Resize", opset: 13, inputs: []*op.Tensor{x, nil, nil, intTensor(1<<40, 1<<40)}},
		"empty": {op: "Resize", opset: 13,
			inputs: []*op.Tensor{floatTensor([]int{0, 2}), nil, nil, intTensor(2, 2)}},
		"few roi": {op: "Resize", opset: 13, inputs: []*op.Tensor{x, floatTensor([]int{1}, 0), two},
			attrs: attrs{stringAttr("coordinate_transformation_mode", "tf_crop_and_resize")}},
		"repeated axe": {op: "Resize", opset: 18, inputs: []*op.Tensor{x, nil, two},
			attrs: attrs{intsAttr("axes", 0, 0)}},
	} {
		expectError(t, name, c, op.ErrShape)
	}
	for name, c := range map[string]gradCase{
		"mode": {op: "Resize", opset: 13, inputs: []*op.Tensor{x, nil, two},
			attrs: attrs{stringAttr("mode", "area")}},
		"transform": {op: "Resize", opset: 13, inputs: []*op.Tensor{x, nil, two},
			attrs: attrs{stringAttr("coordinate_transformation_mode", "x")}},
		"nearest": {op: "Resize", opset: 13, inputs: []*op.Tensor{x, nil, two},
			attrs: attrs{stringAttr("nearest_mode", "x")}},
		"policy": {op: "Resize", opset: 18, inputs: []*op.Tensor{x, nil, nil, intTensor(2, 2)},
			attrs: attrs{stringAttr("keep_aspect_ratio_policy", "x")}},
		"integers": {op: "Resize", opset: 13, inputs: []*op.Tensor{intTensor(1, 2), nil, floatTensor([]int{1}, 2)},
			attrs: attrs{stringAttr("mode", "linear")}},
	} {
		expectError(t, name, c, op.ErrUnsupported)
	}
}

func TestResizeGradient(t *testing.T) {
	transforms := []string{"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
		"tf_half_pixel_for_nn", "tf_crop_and_resize"}
	for seed := range uint64(120) {
		d := newDraw(seed)
		shape := []int{d.between(1, 2), d.between(1, 2), d.between(1, 6), d.between(1, 6)}
		c := gradCase{op: "Resize", opset: 19, wrt: []int{0}, attrs: attrs{
			stringAttr("mode", []string{"nearest", "linear", "cubic"}[seed%3]),
			stringAttr("coordinate_transformation_mode", transforms[d.IntN(len(transforms))]),
			intAttr("exclude_outside", int64(d.IntN(2))), intAttr("antialias", int64(d.IntN(2))),
			intsAttr("axes", -2, 3),
		}}
		c.inputs = []*op.Tensor{randomTensor(seed, shape...),
			floatTensor([]int{4}, -0.1, 0.2, 0.9, 1.3), floatTensor([]int{0}),
			intTensor(int64(d.between(7, 9)), int64(d.between(1, 9)))}
		c.known = []int{1, 2}
		checkLinear(t, c)
	}
}
