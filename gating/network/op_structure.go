package network

import "slices"

// structureOps give tensors another shape without touching their elements.
var structureOps = family{
	{"", "Constant", 1, gradNone, buildConstant},
	{"", "Identity", 1, gradFull, buildIdentity},
	{"", "Reshape", 1, gradFull, buildReshape},
}

// buildConstant reads the tensor of a Constant node, in whichever attribute it is.
func buildConstant(c *call) (Operator, []Spec, error) {
	a := c.attr("value")
	if a == nil || a.GetT() == nil {
		return nil, nil, c.unsupported("it has no attribute value")
	}
	t, err := readTensor(c.lower.model, a.GetT())
	if err != nil {
		return nil, nil, err
	}
	return c.asConstant(t)
}

func buildIdentity(c *call) (Operator, []Spec, error) {
	if err := c.need(1); err != nil {
		return nil, nil, err
	}
	return c.asView(0, c.in[0].Spec)
}

// buildReshape follows Reshape of opset 1 (shape as attribute), 5 (as input) and 14 (allowzero).
func buildReshape(c *call) (Operator, []Spec, error) {
	if err := c.need(1); err != nil {
		return nil, nil, err
	}
	dims, ok, err := c.intsAttrOrInput("shape", 1)
	if err != nil || !ok {
		return nil, nil, err
	}
	shape := make([]int, len(dims))
	infer, known := -1, 1
	for i, d := range dims {
		switch {
		case d == 0 && c.int("allowzero", 0) == 0 && i < len(c.in[0].Shape):
			shape[i] = c.in[0].Shape[i]
		case d == -1 && infer < 0:
			infer = i
			continue
		case d < 0:
			return nil, nil, c.shapeError("shape %v", dims)
		default:
			shape[i] = int(d)
		}
		known *= shape[i]
	}
	n := c.in[0].Len()
	if infer >= 0 && known > 0 && n%known == 0 {
		shape[infer] = n / known
	}
	if sizeOf(shape) != n {
		return nil, nil, c.shapeError("shape %v does not hold the %d elements of %v", dims, n, c.in[0].Shape)
	}
	return c.asView(0, Spec{c.in[0].Type, slices.Clip(shape)})
}
