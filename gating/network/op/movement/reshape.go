package movement

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// reshapeOps give tensors another shape without touching their elements.
var reshapeOps = op.Family{
	op.WithGradient("Identity", 1, buildIdentity),
	op.WithGradient("Reshape", 1, buildReshape),
	op.WithGradient("Flatten", 1, buildFlatten),
	op.WithGradient("Squeeze", 1, buildSqueeze),
	op.WithGradient("Unsqueeze", 1, buildUnsqueeze),
	op.WithGradient("com.microsoft.ExpandDims", 1, buildUnsqueeze),
	op.WithGradient("ai.onnx.ml.ZipMap", 1, buildZipMap),
}

func buildIdentity(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	if c.In[0].Type == onnx.Undefined {
		return nil, nil, c.Unsupported("its input is a sequence or an optional, not a tensor")
	}
	return c.AsView(0, c.In[0].Spec)
}

// buildZipMap follows ZipMap of ai.onnx.ml 1, by which skl2onnx makes a map from class to probability of every sample.
// The probabilities stay the tensor they are here, in the order of the classes.
func buildZipMap(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	x, classes := c.In[0], len(c.Attr("classlabels_int64s").GetInts())+len(c.Attr("classlabels_strings").GetStrings())
	if n := len(x.Shape); !x.IsFloat() || n < 1 || n > 2 || x.Shape[n-1] != classes {
		return nil, nil, c.ShapeError("input 0 is %s, want a float for each of %d classes", x.Spec, classes)
	}
	return c.AsView(0, x.Spec)
}

// buildReshape follows Reshape of opset 1 (shape as attribute), 5 (as input) and 14 (allowzero).
func buildReshape(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	dims, ok, err := c.IntsAttrOrInput("shape", 1)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, c.ShapeError("it has neither an input nor an attribute shape")
	}
	shape, infer, known, err := knownDimensions(c, dims)
	if err != nil {
		return nil, nil, err
	}
	if rebatches(c, shape, infer, known) {
		shape[0] *= c.Rebatch
		known *= c.Rebatch
	}
	n := c.In[0].Len()
	if infer >= 0 && known > 0 && n%known == 0 {
		shape[infer] = n / known
	}
	if op.SizeOf(shape) != n {
		return nil, nil, c.ShapeError("shape %v does not hold the %d elements of %v", dims, n, c.In[0].Shape)
	}
	return c.AsView(0, op.Spec{Type: c.In[0].Type, Shape: shape})
}

// knownDimensions reads the dimensions of Reshape. infer is which of them follows from the others, -1 for none, and
// known the product of the others.
func knownDimensions(c *op.Call, dims []int64) (shape []int, infer, known int, err error) {
	from := c.In[0].Shape
	copies := c.Int("allowzero", 0) == 0
	shape = make([]int, len(dims))
	infer, known = -1, 1
	for i, d := range dims {
		switch {
		case d == -1 && infer < 0:
			infer = i
			continue
		case d < 0:
			return nil, 0, 0, c.ShapeError("shape %v, want no negative dimension but one -1", dims)
		case d == 0 && copies && i >= len(from):
			return nil, 0, 0, c.ShapeError("shape %v copies dimension %d of an input of rank %d", dims, i, len(from))
		case d == 0 && copies:
			shape[i] = from[i]
		default:
			shape[i] = int(d)
		}
		known *= shape[i]
	}
	return shape, infer, known, nil
}

// buildFlatten folds the axes before and from axis into one each; negative axes since opset 11.
func buildFlatten(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	shape := c.In[0].Shape
	axis := c.Int("axis", 1)
	if r := int64(len(shape)); axis < -r || axis > r {
		return nil, nil, c.ShapeError("axis %d, want %d to %d", axis, -r, r)
	} else if axis < 0 {
		axis += r
	}
	return c.AsView(0, op.Spec{Type: c.In[0].Type, Shape: []int{op.SizeOf(shape[:axis]), op.SizeOf(shape[axis:])}})
}

// buildSqueeze drops axes of length 1: those of the attribute (opset 1) or input (13) axes, all of them where none is
// given.
func buildSqueeze(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	list, given, err := c.IntsAttrOrInput("axes", 1)
	if err != nil {
		return nil, nil, err
	}
	from := c.In[0].Shape
	axes, err := c.CheckAxes(list, len(from))
	if err != nil {
		return nil, nil, err
	}
	shape := []int{}
	for i, d := range from {
		drop := slices.Contains(axes, i)
		if drop && d != 1 {
			return nil, nil, c.ShapeError("axis %d of %v has length %d, want 1", i, from, d)
		}
		if !drop && (given || d != 1) {
			shape = append(shape, d)
		}
	}
	return c.AsView(0, op.Spec{Type: c.In[0].Type, Shape: shape})
}

// buildUnsqueeze inserts axes of length 1 where the attribute (opset 1) or input (13) axes says, counted in the output.
func buildUnsqueeze(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	list, ok, err := c.IntsAttrOrInput("axes", 1)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, c.ShapeError("it has neither an input nor an attribute axes")
	}
	axes, err := c.CheckAxes(list, len(c.In[0].Shape)+len(list))
	if err != nil {
		return nil, nil, err
	}
	shape := slices.Clone(c.In[0].Shape)
	for _, a := range axes {
		shape = slices.Insert(shape, a, 1)
	}
	return c.AsView(0, op.Spec{Type: c.In[0].Type, Shape: shape})
}

// rebatches says whether a Reshape's shape was written for fewer samples than there are (Config.Rebatch), and grows
// with them in its first dimension: known elements beside the dimension infer do not hold the data, or the input's
// first dimension, which counts samples, would change. whoever sets Rebatch has to compare what the graph computes.
func rebatches(c *op.Call, shape []int, infer, known int) bool {
	from := c.In[0]
	switch {
	case c.Rebatch < 2 || !from.Fed || len(shape) == 0 || len(from.Shape) == 0 || infer == 0:
		return false
	case infer > 0:
		return shape[0] != from.Shape[0]
	}
	return known*c.Rebatch == from.Len()
}
