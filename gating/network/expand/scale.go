package expand

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
)

// scaledNorms are the normalisations of trailing axes, whose scale and bias the standard lets broadcast.
var scaledNorms = map[string]bool{
	"LayerNormalization": true, "com.microsoft.LayerNormalization": true, "RMSNormalization": true,
	"SimplifiedLayerNormalization": true, "com.microsoft.SimplifiedLayerNormalization": true,
}

// repeatsScale says whether scale or bias of a normalisation of trailing axes are smaller than what is normalised.
func (c *Call) repeatsScale() bool {
	if !scaledNorms[c.Op()] || !c.Has(0) || !c.Has(1) || len(c.In) > 3 {
		return false
	}
	axis, err := c.Axis("axis", -1, len(c.In[0].Shape))
	if err != nil {
		return false
	}
	size := op.SizeOf(c.In[0].Shape[axis:])
	return c.In[1].Len() != size || c.Has(2) && c.In[2].Len() != size
}

// expandScale repeats scale and bias, which the standard lets broadcast to what is normalised.
func expandScale(c *Call) error {
	axis, err := c.Axis("axis", -1, len(c.In[0].Shape))
	if err != nil {
		return err
	}
	to := c.In[0].Shape[axis:]
	shape := knownValue(int64Tensor([]int{len(to)}, each(to, func(d int) int64 { return int64(d) })...))
	values := slices.Clone(c.Values)
	for i := 1; i < len(c.In); i++ {
		if !c.Has(i) {
			continue
		}
		v, err := c.Lower.Emit("Expand", nil, c.Values[i], shape)
		if err != nil {
			return err
		}
		if v.Spec.Len() != op.SizeOf(to) {
			return c.ShapeError("input %d has shape %v, want one that broadcasts to %v", i, c.In[i].Shape, to)
		}
		values[i] = v
	}
	return c.Lower.Itself(values)
}
