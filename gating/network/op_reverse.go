package network

import (
	"fmt"
	"slices"
)

// reverseOps turn sequences around.
var reverseOps = family{
	full("ReverseSequence", 10, buildReverseSequence),
}

// reversal locates the runs of a tensor [a, b, ...] whose first lengths[i]
// elements along the time axis, 0 or 1, are reversed for entry i of the other.
type reversal struct {
	a, b, run int
	timeFirst bool
}

func buildReverseSequence(c *call) (Operator, []Spec, error) {
	if err := c.checkIndices(1); err != nil {
		return nil, nil, err
	}
	shape := c.in[0].Shape
	batch, time := c.int("batch_axis", 1), c.int("time_axis", 0)
	if len(shape) < 2 || batch+time != 1 || batch*time != 0 {
		return nil, nil, c.shapeError("input has shape %v, batch axis is %d and time axis %d, want them to be the first two axes", shape, batch, time)
	}
	if !slices.Equal(c.in[1].Shape, shape[batch:batch+1]) {
		return nil, nil, c.shapeError("sequence lengths have shape %v, want %v", c.in[1].Shape, shape[batch:batch+1])
	}
	l := reversal{shape[0], shape[1], sizeOf(shape[2:]), time == 0}
	return gather{c.newRuns(l, l.run, l.a*l.b)}, []Spec{c.in[0].Spec}, nil
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
