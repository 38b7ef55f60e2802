package movement

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
)

// reverseOps turn sequences around.
var reverseOps = op.Family{
	op.WithGradient("ReverseSequence", 10, buildReverseSequence),
}

// reversal locates the runs of a tensor [a, b, ...] whose first lengths[i]
// elements along the time axis, 0 or 1, are reversed for entry i of the other.
type reversal struct {
	a, b, run int
	timeFirst bool
}

func buildReverseSequence(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := checkIndices(c, 1); err != nil {
		return nil, nil, err
	}
	shape := c.In[0].Shape
	batch, time := c.Int("batch_axis", 1), c.Int("time_axis", 0)
	if len(shape) < 2 || batch+time != 1 || batch*time != 0 {
		return nil, nil,
			c.ShapeError("input has shape %v, batch axis is %d and time axis %d, want them to be the first two axes",
				shape, batch, time)
	}
	if !slices.Equal(c.In[1].Shape, shape[batch:batch+1]) {
		return nil, nil, c.ShapeError("sequence lengths have shape %v, want %v", c.In[1].Shape, shape[batch:batch+1])
	}
	l := reversal{shape[0], shape[1], op.SizeOf(shape[2:]), time == 0}
	return gather{newRuns(c, l, l.run, l.a*l.b)}, []op.Spec{c.In[0].Spec}, nil
}

func (l reversal) locate(lengths []int64, at []int) error {
	most := l.b
	if l.timeFirst {
		most = l.a
	}
	for k, n := range lengths {
		if n < 0 || n > int64(most) {
			return fmt.Errorf("sequence %d has length %d, want 0 to %d", k, n, most)
		}
	}
	for i := range at {
		a, b := i/l.b, i%l.b
		if l.timeFirst {
			a = mirror(a, int(lengths[b]))
		} else {
			b = mirror(b, int(lengths[a]))
		}
		at[i] = (a*l.b + b) * l.run
	}
	return nil
}

// mirror reverses the first n indices.
func mirror(i, n int) int {
	if i < n {
		return n - 1 - i
	}
	return i
}
