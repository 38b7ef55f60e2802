package network

import "github.com/softmerge/softmerge/gating/kernel"

// channels is the layout of a tensor whose axis 1 is the channels.
type channels struct{ batch, count, inner int }

// channelLayout returns the layout of input 0.
func (c *call) channelLayout() (channels, error) {
	x := c.in[0].Shape
	switch len(x) {
	case 0:
		return channels{}, c.shapeError("input 0 is a scalar, want a batch axis first")
	case 1:
		return channels{x[0], 1, 1}, nil
	}
	return channels{x[0], x[1], sizeOf(x[2:])}, nil
}

// sums hands the sum of a*b over each channel, or of a where b is nil, to set.
func (l channels) sums(x *Context, a, b []float32, set func(c int, sum float64)) {
	list := make([]float64, l.count)
	kernel.ChannelDots(x.Workers, list, a, b, l.batch, l.count, l.inner)
	for c, v := range list {
		set(c, v)
	}
}
