package op

import "github.com/softmerge/softmerge/gating/kernel"

// Channels is the layout of a tensor whose axis 1 is the channels.
type Channels struct{ Batch, Count, Inner int }

// ChannelLayout returns the layout of input 0.
func (c *Call) ChannelLayout() (Channels, error) {
	x := c.In[0].Shape
	switch len(x) {
	case 0:
		return Channels{}, c.ShapeError("input 0 is a scalar, want a batch axis first")
	case 1:
		return Channels{x[0], 1, 1}, nil
	}
	return Channels{x[0], x[1], SizeOf(x[2:])}, nil
}

// Sums hands the sum of a*b over each channel, or of a where b is nil, to set.
func (l Channels) Sums(x *Context, a, b []float32, set func(c int, sum float64)) {
	list := make([]float64, l.Count)
	kernel.ChannelDots(x.Workers, list, a, b, l.Batch, l.Count, l.Inner)
	for c, v := range list {
		set(c, v)
	}
}
