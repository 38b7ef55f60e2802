package reduction

import (
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
)

// lrnOps is local response normalisation.
var lrnOps = op.Family{
	op.WithGradient("LRN", 1, buildLRN),
}

// lrn is LRN: y = x·d^-beta with d = bias + alpha/size times the sum of squares
// over the neighbouring channels, before of them in front and after behind.
type lrn struct {
	op.Channels
	before, after     int
	scale, beta, bias float64
	d                 []float64
}

func buildLRN(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(1); err != nil {
		return nil, nil, err
	}
	size := c.Int("size", 0)
	if size < 1 || size > op.MaxExtent || len(c.In[0].Shape) < 2 {
		return nil, nil,
			c.ShapeError("size is %d over input %v, want at least 1 over a channel axis", size, c.In[0].Shape)
	}
	l, err := c.ChannelLayout()
	if err != nil {
		return nil, nil, err
	}
	return &lrn{
		Channels: l, before: int(size-1) / 2, after: int(size) / 2,
		scale: float64(c.Float("alpha", 1e-4)) / float64(size), beta: float64(c.Float("beta", 0.75)),
		bias: float64(c.Float("bias", 1)),
	}, []op.Spec{c.In[0].Spec}, nil
}

// eachPlane calls body for the elements of every batch and channel, from several goroutines.
func (l *lrn) eachPlane(x *op.Context, body func(lo, hi, channel int)) {
	x.Workers.For(l.Batch*l.Count, op.RowGrain(l.Inner), func(lo, hi int) {
		for p := lo; p < hi; p++ {
			body(p*l.Inner, (p+1)*l.Inner, p%l.Count)
		}
	})
}

// around calls body with the distance in memory to every channel from before
// places in front of the given one to after behind it.
func (l *lrn) around(channel, before, after int, body func(shift int)) {
	for c := max(0, channel-before); c <= min(l.Count-1, channel+after); c++ {
		body((c - channel) * l.Inner)
	}
}

// Forward computes y.
func (l *lrn) Forward(x *op.Context, in, out []*op.Tensor) error {
	from := in[0].F
	if len(l.d) < len(from) {
		l.d = make([]float64, len(from))
	}
	l.eachPlane(x, func(lo, hi, channel int) {
		d := l.d[lo:hi]
		for i := range d {
			d[i] = l.bias
		}
		l.around(channel, l.before, l.after, func(shift int) {
			for i, v := range from[lo+shift : hi+shift] {
				d[i] += l.scale * float64(v) * float64(v)
			}
		})
		for i, v := range d {
			out[0].F[lo+i] = float32(float64(from[lo+i]) * math.Pow(v, -l.beta))
		}
	})
	return nil
}

// Backward computes dx_j = dy_j d_j^-beta - 2 scale beta x_j sum dy_i y_i / d_i
// over all i whose neighbourhood holds j.
func (l *lrn) Backward(x *op.Context, _, _ int, in, out []*op.Tensor, dy, dx *op.Tensor) error {
	y, d := out[0].F, l.d
	l.eachPlane(x, func(lo, hi, channel int) {
		sum := make([]float64, hi-lo)
		l.around(channel, l.after, l.before, func(shift int) {
			for i := range sum {
				at := lo + shift + i
				sum[i] += float64(dy.F[at]) * float64(y[at]) / d[at]
			}
		})
		for i, s := range sum {
			at := lo + i
			dx.F[at] = float32(float64(dy.F[at])*math.Pow(d[at], -l.beta) - 2*l.scale*l.beta*float64(in[0].F[at])*s)
		}
	})
	return nil
}
