package network

import "slices"

// scaledNorms are the normalisations of trailing axes, whose scale and bias the standard lets broadcast.
var scaledNorms = map[string]bool{
	"LayerNormalization": true, "com.microsoft.LayerNormalization": true, "RMSNormalization": true,
	"SimplifiedLayerNormalization": true, "com.microsoft.SimplifiedLayerNormalization": true,
}

// repeatsScale says whether scale or bias of a normalisation of trailing axes are smaller than what is normalised.
func (c *site) repeatsScale() bool {
	if !scaledNorms[c.op()] || !c.has(0) || !c.has(1) || len(c.in) > 3 {
		return false
	}
	axis, err := c.axis("axis", -1, len(c.in[0].Shape))
	if err != nil {
		return false
	}
	size := sizeOf(c.in[0].Shape[axis:])
	return c.in[1].Len() != size || c.has(2) && c.in[2].Len() != size
}

// expandScale repeats scale and bias, which the standard lets broadcast to what is normalised.
func expandScale(c *site) error {
	axis, err := c.axis("axis", -1, len(c.in[0].Shape))
	if err != nil {
		return err
	}
	to := c.in[0].Shape[axis:]
	shape := knownValue(int64Tensor([]int{len(to)}, each(to, func(d int) int64 { return int64(d) })...))
	values := slices.Clone(c.values)
	for i := 1; i < len(c.in); i++ {
		if !c.has(i) {
			continue
		}
		v, err := c.lower.Emit("Expand", nil, c.values[i], shape)
		if err != nil {
			return err
		}
		if v.spec.Len() != sizeOf(to) {
			return c.shapeError("input %d has shape %v, want one that broadcasts to %v", i, c.in[i].Shape, to)
		}
		values[i] = v
	}
	return c.lower.Itself(values)
}
