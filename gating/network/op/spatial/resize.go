package spatial

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/movement"
)

// resizeOps change the lengths of axes by interpolation.
var resizeOps = op.Family{
	op.WithGradient("Resize", 10, buildResize),
	op.WithGradient("Upsample", 1, buildUpsample),
}

// buildUpsample follows Upsample of opset 1 (one scale for the height and one for the width of images), 7 (scales as
// attribute) and 9 (as input).
func buildUpsample(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	r := resizing{mode: c.Text("mode", "nearest"), transform: "asymmetric", nearest: "simple", cubic: -0.75}
	if a := c.Attr("scales"); a != nil {
		return resize(c, &r, a.Floats, nil)
	}
	if c.Opset < 7 {
		return resize(c, &r, []float32{1, 1, c.Float("height_scale", 1), c.Float("width_scale", 1)}, nil)
	}
	scales, err := c.Floats(1)
	if err != nil {
		return nil, nil, err
	}
	return resize(c, &r, scales, nil)
}

// buildResize follows Resize of opset 10 (scales only), 11 (roi, sizes, modes), 13, 18 (antialias, axes,
// keep_aspect_ratio_policy) and 19 (half_pixel_symmetric).
func buildResize(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	r := resizing{mode: c.Text("mode", "nearest"), transform: "asymmetric", nearest: "simple", cubic: -0.75}
	if c.Opset < 11 {
		scales, err := c.Floats(1)
		if err != nil {
			return nil, nil, err
		}
		return resize(c, &r, scales, nil)
	}
	r.transform = c.Text("coordinate_transformation_mode", "half_pixel")
	r.nearest = c.Text("nearest_mode", "round_prefer_floor")
	r.cubic = float64(c.Float("cubic_coeff_a", -0.75))
	r.exclude = c.Int("exclude_outside", 0) != 0
	r.antialias = c.Int("antialias", 0) != 0
	r.extrapolation = c.Float("extrapolation_value", 0)
	scales, sizes, err := scalesOrSizes(c)
	if err != nil {
		return nil, nil, err
	}
	if r.transform == "tf_crop_and_resize" {
		if r.roi, err = c.Floats(1); err != nil {
			return nil, nil, err
		}
	}
	return resize(c, &r, scales, sizes)
}

// scalesOrSizes returns inputs 2 and 3 of Resize, of which one is absent or empty.
func scalesOrSizes(c *op.Call) (scales []float32, sizes []int64, err error) {
	if c.Has(3) && op.SizeOf(c.In[3].Shape) > 0 {
		sizes, err = c.Ints(3)
		return nil, sizes, err
	}
	scales, err = c.Floats(2)
	return scales, nil, err
}

// resize builds the operator from one scale or size for each resized axis.
func resize(c *op.Call, r *resizing, scales []float32, sizes []int64) (op.Operator, []op.Spec, error) {
	shape := c.In[0].Shape
	axes := c.IntList("axes", nil)
	if axes == nil {
		for i := range shape {
			axes = append(axes, int64(i))
		}
	}
	if _, err := c.CheckAxes(axes, len(shape)); err != nil {
		return nil, nil, err
	}
	if max(len(scales), len(sizes)) != len(axes) || r.roi != nil && len(r.roi) != 2*len(axes) {
		return nil, nil, c.ShapeError("%d scales, %d sizes and %d roi bounds for %d axes", len(scales),
			len(sizes), len(r.roi), len(axes))
	}
	list := make([]resizedAxis, len(shape))
	target := slices.Clone(shape)
	for i, a := range axes {
		axis, _ := c.CheckAxis(a, len(shape))
		x := &list[axis]
		if sizes != nil {
			*x = axisOfSize(shape[axis], sizes[i])
		} else if *x = axisOfScale(shape[axis], scales[i]); !(x.scale > 0 && x.length < op.MaxPad) {
			return nil, nil, c.ShapeError("scale %g of an axis of length %d", scales[i], shape[axis])
		}
		if r.roi != nil {
			x.start, x.end = r.roi[i], r.roi[len(axes)+i]
		}
		target[axis] = x.m
	}
	if sizes != nil {
		if err := keepAspect(c, list, target); err != nil {
			return nil, nil, err
		}
	}
	if err := c.Fits(target); err != nil {
		return nil, nil, err
	}
	return interpolation(c, r, list, target)
}

// axisOfSize is an axis of n elements that becomes one of m.
func axisOfSize(n int, m int64) resizedAxis {
	return resizedAxis{resized: true, n: n, m: int(m), length: float32(m), scale: float32(m) / float32(n)}
}

// axisOfScale is an axis of n elements that is scaled.
func axisOfScale(n int, scale float32) resizedAxis {
	length := scale * float32(n)
	return resizedAxis{resized: true, n: n, m: int(length), length: length, scale: scale}
}

// keepAspect gives all axes one scale where keep_aspect_ratio_policy asks for it: the largest with which no axis
// (not_larger), or the smallest with which every axis (not_smaller), exceeds its size.
func keepAspect(c *op.Call, list []resizedAxis, target []int) error {
	policy := c.Text("keep_aspect_ratio_policy", "stretch")
	if policy == "stretch" {
		return nil
	}
	if policy != "not_larger" && policy != "not_smaller" {
		return c.Unsupported("keep_aspect_ratio_policy %q", policy)
	}
	var scale float32
	for _, x := range list {
		if x.n == 0 {
			continue
		}
		if scale == 0 || policy == "not_larger" && x.scale < scale || policy == "not_smaller" && x.scale > scale {
			scale = x.scale
		}
	}
	for k := range list {
		if x := &list[k]; x.n > 0 {
			x.scale = scale
			x.m = int(math.Floor(float64(scale*float32(x.n)) + 0.5))
			x.length = scale * float32(x.n)
			target[k] = x.m
		}
	}
	return nil
}

// interpolation builds the operator once the geometry is known. Nearest-neighbour resizing is a copy of elements.
func interpolation(c *op.Call, r *resizing, list []resizedAxis, target []int) (op.Operator, []op.Spec, error) {
	if err := r.check(c); err != nil {
		return nil, nil, err
	}
	shape := c.In[0].Shape
	for k, n := range shape {
		if n == 0 && target[k] > 0 {
			return nil, nil, c.ShapeError("axis %d is empty: there is nothing to interpolate", k)
		}
	}
	if r.mode == "nearest" {
		return movement.NewRemapOf(c, shape, r.nearestMaps(list), -1, r.extrapolation)
	}
	if !c.In[0].IsFloat() {
		return nil, nil, c.Unsupported("mode %s of %s elements", r.mode, c.In[0].Type)
	}
	spec := op.Spec{Type: c.In[0].Type, Shape: target}
	operator := r.resampling(shape, list)
	if len(operator.steps) == 0 {
		return c.AsView(0, spec)
	}
	return operator, []op.Spec{spec}, nil
}

// nearestMaps is which element each one of the output copies, axis by axis; nil for axes that stay as they are.
func (r *resizing) nearestMaps(list []resizedAxis) [][]int {
	maps := make([][]int, len(list))
	for k, x := range list {
		if !x.resized {
			continue
		}
		if maps[k] = r.nearestMap(x); movement.IsWhole(maps[k], x.n) {
			maps[k] = nil
		}
	}
	return maps
}

// resampling is the operator that interpolates one axis after the other.
func (r *resizing) resampling(shape []int, list []resizedAxis) *resample {
	operator := &resample{fill: r.extrapolation}
	now := slices.Clone(shape)
	for k, x := range list {
		if !x.resized {
			continue
		}
		taps, outside := r.taps(x)
		if !isIdentity(taps) {
			operator.steps = append(operator.steps,
				resampleStep{op.SizeOf(now[:k]), op.SizeOf(now[k+1:]), taps, taps.Transpose()})
			now[k] = x.m
		}
		if slices.Contains(outside, true) {
			operator.outside = append(operator.outside, make([][]bool, k+1-len(operator.outside))...)
			operator.outside[k] = outside
		}
	}
	return operator
}

// isIdentity says whether the matrix copies the axis.
func isIdentity(t *kernel.Taps) bool {
	return t.Out() == t.In && movement.IsWhole(t.Index, t.In) &&
		!slices.ContainsFunc(t.Weight, func(w float32) bool { return w != 1 })
}
