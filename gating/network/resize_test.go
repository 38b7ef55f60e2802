package network

import (
	"fmt"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
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
		a := optest.Attrs{optest.StringAttr("mode", "linear"),
			optest.StringAttr("coordinate_transformation_mode", transform)}
		expectNode(t, transform+" by scale", optest.Case{Op: "Resize", Opset: 19, Attrs: a,
			Inputs: []*op.Tensor{x, nil, floatTensor([]int{1}, 0.5)}}, floatTensor([]int{4}, want...))
		expectNode(t, transform+" by size", optest.Case{Op: "Resize", Opset: 19, Attrs: a,
			Inputs: []*op.Tensor{x, nil, floatTensor([]int{0}), optest.IntTensor(4)}}, floatTensor([]int{4}, want...))
	}
	crop := optest.Attrs{optest.StringAttr("mode", "linear"),
		optest.StringAttr("coordinate_transformation_mode", "tf_crop_and_resize"),
		optest.FloatAttr("extrapolation_value", -9)}
	expectNode(t, "crop", optest.Case{Op: "Resize", Opset: 13, Attrs: crop,
		Inputs: []*op.Tensor{x, floatTensor([]int{2}, 0.5, 1.5), nil, optest.IntTensor(3)}},
		floatTensor([]int{3}, 3.5, 7, -9))
	expectNode(t, "crop to one", optest.Case{Op: "Resize", Opset: 13, Attrs: crop,
		Inputs: []*op.Tensor{x, floatTensor([]int{2}, 0, 1), nil, optest.IntTensor(1)}},
		floatTensor([]int{1}, 3.5))
}

func TestResizeNearest(t *testing.T) {
	x := floatTensor([]int{1, 4}, 0, 1, 2, 3)
	half := func(list ...*op.Tensor) []*op.Tensor { return append([]*op.Tensor{x}, list...) }
	scale := floatTensor([]int{2}, 1, 0.5)
	for mode, want := range map[string][]float32{ // at 0.5 and 2.5
		"round_prefer_floor": {0, 2}, "round_prefer_ceil": {1, 3}, "floor": {0, 2}, "ceil": {1, 3},
	} {
		expectNode(t, mode,
			optest.Case{Op: "Resize", Opset: 11, Attrs: optest.Attrs{optest.StringAttr("nearest_mode", mode)},
				Inputs: half(floatTensor([]int{0}), scale)}, floatTensor([]int{1, 2}, want...))
	}
	expectNode(t, "integers", optest.Case{Op: "Resize", Opset: 13,
		Inputs: []*op.Tensor{optest.IntTensor(5, 6), nil, floatTensor([]int{1}, 2)}}, optest.IntTensor(5, 5, 6, 6))
	expectNode(t, "opset 10",
		optest.Case{Op: "Resize", Opset: 10, Inputs: half(floatTensor([]int{2}, 1, 0.6))},
		floatTensor([]int{1, 2}, 0, 2))
	up := floatTensor([]int{1, 8}, 0, 0, 1, 1, 2, 2, 3, 3)
	expectNode(t, "upsample 9", optest.Case{Op: "Upsample", Opset: 9, Inputs: half(floatTensor([]int{2}, 1, 2))}, up)
	scales := optest.FloatAttr("scales", 0)
	scales.Floats = []float32{1, 2}
	expectNode(t, "upsample 7", optest.Case{Op: "Upsample", Opset: 7, Inputs: half(), Attrs: optest.Attrs{scales}}, up)
	expectNode(t, "upsample 1",
		optest.Case{Op: "Upsample", Opset: 1, Inputs: []*op.Tensor{floatTensor([]int{1, 1, 1, 2}, 5, 6)},
			Attrs: optest.Attrs{optest.FloatAttr("height_scale", 2), optest.FloatAttr("width_scale", 1)}},
		floatTensor([]int{1, 1, 2, 2}, 5, 6, 5, 6))
	// In float32 4/1.3333334 is 3, in higher precision a little less.
	third := floatTensor([]int{6}, 0, 1, 2, 3, 4, 5)
	expectNode(t, "rounding", optest.Case{Op: "Resize", Opset: 13,
		Attrs: optest.Attrs{optest.StringAttr("nearest_mode", "floor"),
			optest.StringAttr("coordinate_transformation_mode", "asymmetric")},
		Inputs: []*op.Tensor{third, nil, nil, optest.IntTensor(8)}}, floatTensor([]int{8}, 0, 0, 1, 2, 3, 3, 4, 5))
}

func TestResizeAspect(t *testing.T) {
	x := counting(4, 2)
	for policy, want := range map[string][]int{"not_larger": {6, 3}, "not_smaller": {16, 8}, "stretch": {6, 8}} {
		got, err := runNode(optest.Case{Op: "Resize", Opset: 18,
			Attrs:  optest.Attrs{optest.StringAttr("keep_aspect_ratio_policy", policy)},
			Inputs: []*op.Tensor{x, nil, nil, optest.IntTensor(6, 8)}})
		if err != nil || fmt.Sprint(got[0].Shape) != fmt.Sprint(want) {
			t.Errorf("%s: got %v and error %v, want shape %v", policy, got, err, want)
		}
	}
}

func TestResizeErrors(t *testing.T) {
	x := counting(2, 2)
	two := floatTensor([]int{2}, 2, 2)
	for name, c := range map[string]optest.Case{
		"scale 0":    {Op: "Resize", Opset: 13, Inputs: []*op.Tensor{x, nil, floatTensor([]int{2}, 0, 1)}},
		"scale nan":  {Op: "Resize", Opset: 13, Inputs: []*op.Tensor{x, nil, floatTensor([]int{2}, nan, 1)}},
		"huge scale": {Op: "Resize", Opset: 13, Inputs: []*op.Tensor{x, nil, floatTensor([]int{2}, 3e38, 1)}},
		"few scales": {Op: "Resize", Opset: 13, Inputs: []*op.Tensor{x, nil, floatTensor([]int{1}, 2)}},
		"no scales":  {Op: "Resize", Opset: 13, Inputs: []*op.Tensor{x}},
		"negative":   {Op: "Resize", Opset: 13, Inputs: []*op.Tensor{x, nil, nil, optest.IntTensor(-1, 2)}},
		"too large":  {Op: "Resize", Opset: 13, Inputs: []*op.Tensor{x, nil, nil, optest.IntTensor(1<<40, 1<<40)}},
		"empty": {Op: "Resize", Opset: 13,
			Inputs: []*op.Tensor{floatTensor([]int{0, 2}), nil, nil, optest.IntTensor(2, 2)}},
		"few roi": {Op: "Resize", Opset: 13, Inputs: []*op.Tensor{x, floatTensor([]int{1}, 0), two},
			Attrs: optest.Attrs{optest.StringAttr("coordinate_transformation_mode", "tf_crop_and_resize")}},
		"repeated axe": {Op: "Resize", Opset: 18, Inputs: []*op.Tensor{x, nil, two},
			Attrs: optest.Attrs{optest.IntsAttr("axes", 0, 0)}},
	} {
		expectError(t, name, c, op.ErrShape)
	}
	for name, c := range map[string]optest.Case{
		"mode": {Op: "Resize", Opset: 13, Inputs: []*op.Tensor{x, nil, two},
			Attrs: optest.Attrs{optest.StringAttr("mode", "area")}},
		"transform": {Op: "Resize", Opset: 13, Inputs: []*op.Tensor{x, nil, two},
			Attrs: optest.Attrs{optest.StringAttr("coordinate_transformation_mode", "x")}},
		"nearest": {Op: "Resize", Opset: 13, Inputs: []*op.Tensor{x, nil, two},
			Attrs: optest.Attrs{optest.StringAttr("nearest_mode", "x")}},
		"policy": {Op: "Resize", Opset: 18, Inputs: []*op.Tensor{x, nil, nil, optest.IntTensor(2, 2)},
			Attrs: optest.Attrs{optest.StringAttr("keep_aspect_ratio_policy", "x")}},
		"integers": {Op: "Resize", Opset: 13,
			Inputs: []*op.Tensor{optest.IntTensor(1, 2), nil, floatTensor([]int{1}, 2)},
			Attrs:  optest.Attrs{optest.StringAttr("mode", "linear")}},
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
		c := optest.Case{Op: "Resize", Opset: 19, Wrt: []int{0}, Attrs: optest.Attrs{
			optest.StringAttr("mode", []string{"nearest", "linear", "cubic"}[seed%3]),
			optest.StringAttr("coordinate_transformation_mode", transforms[d.IntN(len(transforms))]),
			optest.IntAttr("exclude_outside", int64(d.IntN(2))), optest.IntAttr("antialias", int64(d.IntN(2))),
			optest.IntsAttr("axes", -2, 3),
		}}
		c.Inputs = []*op.Tensor{optest.RandomTensor(seed, shape...),
			floatTensor([]int{4}, -0.1, 0.2, 0.9, 1.3), floatTensor([]int{0}),
			optest.IntTensor(int64(d.between(7, 9)), int64(d.between(1, 9)))}
		c.Known = []int{1, 2}
		checkLinear(t, c)
	}
}
