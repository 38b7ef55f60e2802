package movement

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
)

// tensorScatterOps write into caches of keys and values.
var tensorScatterOps = op.Family{
	op.WithGradient("TensorScatter", 24, buildTensorScatter),
}

// tensorScatter writes update over past_cache along one axis, in each sample from another place on.
type tensorScatter struct {
	samples, outer   int // rows of a sample
	length, n, inner int // of the cache's axis, of the update's, and behind them
	circular         bool
	at               []int // where each row of the update begins in the cache
}

// buildTensorScatter follows TensorScatter of opset 24: inputs past_cache [B,...,L,...], update [B,...,S,...] and
// write_indices [B], 0 where it is absent.
func buildTensorScatter(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	past, update := c.In[0], c.In[1]
	axis, err := c.Axis("axis", -2, len(past.Shape))
	if err != nil {
		return nil, nil, err
	}
	if axis == 0 || past.Type != update.Type || !joins(past.Shape, update.Shape, axis) ||
		update.Shape[axis] > past.Shape[axis] {
		return nil, nil,
			c.ShapeError("inputs are %s and %s, want the same but for a shorter axis %d behind the batch's", past.Spec,
				update.Spec, axis)
	}
	if c.Has(2) && (c.In[2].IsFloat() || !slices.Equal(c.In[2].Shape, past.Shape[:1])) {
		return nil, nil,
			c.ShapeError("write_indices are %s, want one integer for each of %d samples", c.In[2].Spec, past.Shape[0])
	}
	s := &tensorScatter{
		samples: past.Shape[0], outer: op.SizeOf(past.Shape[1:axis]),
		length: past.Shape[axis], n: update.Shape[axis], inner: op.SizeOf(past.Shape[axis+1:]),
	}
	switch mode := c.Text("mode", "linear"); mode {
	case "linear":
	case "circular":
		s.circular = true
	default:
		return nil, nil, c.ShapeError("mode is %q, want linear or circular", mode)
	}
	return s, []op.Spec{past.Spec}, nil
}

// locate finds where each row of the update goes. A place outside the cache is an error.
func (s *tensorScatter) locate(in []*op.Tensor) error {
	s.at = s.at[:0]
	for b := range s.samples {
		from := int64(0)
		if len(in) > 2 && in[2] != nil {
			from = in[2].I[b]
		}
		if from < 0 || from > int64(s.length) || !s.circular && from+int64(s.n) > int64(s.length) {
			return fmt.Errorf("sample %d writes %d places from %d on into a cache of %d", b, s.n, from, s.length)
		}
		for o := range s.outer {
			for i := range s.n {
				s.at = append(s.at, (((b*s.outer+o)*s.length)+(int(from)+i)%max(1, s.length))*s.inner)
			}
		}
	}
	return nil
}

// Forward copies the cache and writes.
func (s *tensorScatter) Forward(_ *op.Context, in, out []*op.Tensor) error {
	if err := s.locate(in); err != nil {
		return err
	}
	if out[0].Spec().IsFloat() {
		overwrite(s, out[0].F, in[0].F, in[1].F)
	} else {
		overwrite(s, out[0].I, in[0].I, in[1].I)
	}
	return nil
}

func overwrite[T any](s *tensorScatter, dst, past, update []T) {
	copy(dst, past)
	for r, at := range s.at {
		copy(dst[at:at+s.inner], update[r*s.inner:])
	}
}

// Backward passes dy to the update where it was written, else to the cache.
func (s *tensorScatter) Backward(_ *op.Context, i, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	if i == 0 {
		copy(dx.F, dy.F)
	}
	for r, at := range s.at {
		if i == 0 {
			clear(dx.F[at : at+s.inner])
		} else {
			copy(dx.F[r*s.inner:(r+1)*s.inner], dy.F[at:])
		}
	}
	return nil
}
