package network

import "math"

// lrnOps is local response normalisation.
var lrnOps = family{
	full("LRN", 1, buildLRN),
}

// lrn is LRN: y = x·d^-beta with d = bias + alpha/size times the sum of squares
// over the neighbouring channels, before of them in front and after behind.
type lrn struct {
	channels
	before, after     int
	scale, beta, bias float64
	d                 []float64
}

func buildLRN(c *call) (Operator, []Spec, error) {
	if err := c.needFloats(1); err != nil {
		return nil, nil, err
	}
	size := c.int("size", 0)
	if size < 1 || size > maxExtent || len(c.in[0].Shape) < 2 {
		return nil, nil, c.shapeError("size is %d over input %v, want at least 1 over a channel axis", size, c.in[0].Shape)
	}
	l, err := c.channelLayout()
	if err != nil {
		return nil, nil, err
	}
	return &lrn{
		channels: l, before: int(size-1) / 2, after: int(size) / 2,
		scale: float64(c.float("alpha", 1e-4)) / float64(size), beta: float64(c.float("beta", 0.75)), bias: float64(c.float("bias", 1)),
	}, []Spec{c.in[0].Spec}, nil
}

// eachPlane calls body for the elements of every batch and channel, from several goroutines.
func (l *lrn) eachPlane(x *Context, body func(lo, hi, channel int)) {
	x.Workers.For(l.batch*l.count, rowGrain(l.inner), func(lo, hi int) {
		for p := lo; p < hi; p++ {
			body(p*l.inner, (p+1)*l.inner, p%l.count)
		}
	})
}

// around calls body with the distance in memory to every channel from before
// places in front of the given one to after behind it.
func (l *lrn) around(channel, before, after int, body func(shift int)) {
	for c := max(0, channel-before); c <= min(l.count-1, channel+after); c++ {
		body((c - channel) * l.inner)
	}
}

// Forward computes y.
func (l *lrn) Forward(x *Context, in, out []*Tensor) error {
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
func (l *lrn) Backward(x *Context, _, _ int, in, out []*Tensor, dy, dx *Tensor) error {
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
