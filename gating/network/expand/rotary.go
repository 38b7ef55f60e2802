package expand

import (
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// rotation is a rotary position embedding (arXiv 2104.09864): pairs of elements along the last axis are turned by
// angles whose cosines and sines fit [.., pairs].
type rotation struct {
	x, cos, sin *ir.Value
	axis        int // of x, for heads: where the angles get an axis of length 1
	dim         int // how many of the elements are turned, 0 for all
	interleaved bool
}

// expandRotaryEmbedding lowers RotaryEmbedding of opset 23: inputs X, cos_cache, sin_cache and position_ids.
func expandRotaryEmbedding(c *Call) error {
	s := newBuilder(c)
	cos, sin := s.given(1), s.given(2)
	if c.Has(3) {
		cos, sin = s.gather(cos, c.Values[3]), s.gather(sin, c.Values[3])
	}
	return s.rotary(cos, sin)
}

// expandRotaryMicrosoft lowers com.microsoft RotaryEmbedding: inputs input, position_ids ([B,S], or one offset),
// cos_cache and sin_cache.
func expandRotaryMicrosoft(c *Call) error {
	s := newBuilder(c)
	if err := c.Need(4); err != nil {
		return err
	}
	if c.Float("scale", 1) != 1 {
		return c.Unsupported("scale is %g: only 1 is supported", c.Float("scale", 1))
	}
	ids := s.given(1)
	if x := c.In[0].Shape; len(x) > 2 && c.In[1].Len() == 1 {
		steps := x[len(x)-2]
		ids = s.op("Add", nil, s.positions(ids, steps, 1, steps), s.reshape(ids, 1, 1))
	}
	return s.rotary(s.gather(s.given(2), ids), s.gather(s.given(3), ids))
}

// gather takes rows of a table.
func (s *builder) gather(table, ids *ir.Value) *ir.Value {
	return s.op("Gather", []*onnxpb.AttributeProto{axisAttribute(0)}, table, ids)
}

// rotary turns input 0, [B,H,S,D] or [B,S,H*D], and binds the output.
func (s *builder) rotary(cos, sin *ir.Value) error {
	x := s.given(0)
	if s.err != nil {
		return s.err
	}
	r := rotation{x: x, cos: cos, sin: sin, axis: 1, dim: s.count("rotary_embedding_dim", 0)}
	r.interleaved = s.c.Int("interleaved", 0) != 0
	flat := len(x.Spec.Shape) == 3
	if flat {
		shape := x.Spec.Shape
		n := s.headCount(shape[2], r.dim)
		if n < 1 || shape[2]%n != 0 {
			return s.c.ShapeError("an input of shape %v does not split into %d heads", shape, n)
		}
		r.x, r.axis = s.reshape(x, shape[0], shape[1], n, shape[2]/n), 2
	}
	y := s.turn(r)
	if flat {
		y = s.reshape(y, x.Spec.Shape...)
	}
	return s.bind(y)
}

// headCount is the attribute num_heads; without it, the angles say how wide a head is.
func (s *builder) headCount(width, dim int) int {
	if n := s.count("num_heads", 0); n > 0 || dim > 0 {
		return n
	}
	pairs := 0
	if last := len(s.c.In) - 1; s.c.Has(2) {
		shape := s.c.In[min(2, last)].Shape
		if len(shape) > 0 {
			pairs = shape[len(shape)-1]
		}
	}
	if pairs == 0 {
		return 0
	}
	return width / (2 * pairs)
}

// turn computes (cos a - sin b, sin a + cos b) of all pairs (a, b).
func (s *builder) turn(r rotation) *ir.Value {
	shape := s.shape(r.x, 4)
	if r.dim == 0 {
		r.dim = shape[3]
	}
	if r.dim%2 != 0 || r.dim > shape[3] {
		s.fail(s.c.ShapeError("%d of %d elements are to be turned in pairs", r.dim, shape[3]))
		return nil
	}
	axis := intValue(int64(r.axis), 1)
	cos, sin := s.op("Unsqueeze", nil, r.cos, axis), s.op("Unsqueeze", nil, r.sin, axis)
	a, b := s.slice(r.x, 3, 0, r.dim/2, 1), s.slice(r.x, 3, r.dim/2, r.dim, 1)
	if r.interleaved {
		a, b = s.slice(r.x, 3, 0, r.dim, 2), s.slice(r.x, 3, 1, r.dim, 2)
	}
	real := s.op("Sub", nil, s.op("Mul", nil, cos, a), s.op("Mul", nil, sin, b))
	imaginary := s.op("Add", nil, s.op("Mul", nil, sin, a), s.op("Mul", nil, cos, b))
	var y *ir.Value
	if r.interleaved {
		last := intValue(4, 1)
		y = s.concat(4, s.op("Unsqueeze", nil, real, last), s.op("Unsqueeze", nil, imaginary, last))
		y = s.reshape(y, shape[0], shape[1], shape[2], r.dim)
	} else {
		y = s.concat(3, real, imaginary)
	}
	if r.dim < shape[3] {
		y = s.concat(3, y, s.slice(r.x, 3, r.dim, shape[3], 1))
	}
	return y
}
