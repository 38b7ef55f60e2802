package network

import (
	"math"

	"github.com/softmerge/softmerge/gating/kernel"
)

// poolTailOps are the pools that are rarer than the maximum and the mean of windows.
var poolTailOps = family{
	full("GlobalMaxPool", 1, buildGlobalMaxPool),
	full("LpPool", 1, buildLpPool),
	full("GlobalLpPool", 1, buildGlobalLpPool),
	full("MaxUnpool", 9, buildMaxUnpool),
}

// planeWindow is a window that covers each whole plane of input 0.
func (c *call) planeWindow() (*kernel.Window, []int, error) {
	shape, err := c.globalShape()
	if err != nil {
		return nil, nil, err
	}
	size, one, zero := []int{sizeOf(c.in[0].Shape[2:])}, []int{1}, []int{0}
	return &kernel.Window{Planes: sizeOf(shape), In: size, Out: one, Kernel: size, Stride: one, Dilation: one, PadBegin: zero, PadEnd: zero}, shape, nil
}

func buildGlobalMaxPool(c *call) (Operator, []Spec, error) {
	if err := c.needFloats(1); err != nil {
		return nil, nil, err
	}
	w, shape, err := c.planeWindow()
	if err != nil {
		return nil, nil, err
	}
	return &maxPool{geometry: w}, []Spec{{c.in[0].Type, shape}}, nil
}

// lpPool is (sum |x|^p)^(1/p) over windows: the mean of |x|^p, times the window's size, to the power 1/p.
type lpPool struct {
	geometry *kernel.Window
	p, size  float64
	power    []float32 // |x|^p, and |x|^(p-1) sign(x) in the gradient
	slope    []float32
}

func buildLpPool(c *call) (Operator, []Spec, error) {
	if err := c.needFloats(1); err != nil {
		return nil, nil, err
	}
	w, err := c.poolWindow()
	if err != nil {
		return nil, nil, err
	}
	g := w.pool(sizeOf(c.in[0].Shape[:2]))
	return newLpPool(c, g, w.over(c.in[0].Shape[0], c.in[0].Shape[1]))
}

func buildGlobalLpPool(c *call) (Operator, []Spec, error) {
	if err := c.needFloats(1); err != nil {
		return nil, nil, err
	}
	w, shape, err := c.planeWindow()
	if err != nil {
		return nil, nil, err
	}
	return newLpPool(c, w, shape)
}

// newLpPool makes every window's divisor its full size, by a padding that no window reaches past.
func newLpPool(c *call, g *kernel.Window, shape []int) (Operator, []Spec, error) {
	p, err := c.normOrder()
	if err != nil {
		return nil, nil, err
	}
	g.CountIncludePad = true
	g.PadEnd = make([]int, len(g.In))
	for a := range g.PadEnd {
		g.PadEnd[a] = g.Out[a]*g.Stride[a] + g.Kernel[a]*g.Dilation[a]
	}
	return &lpPool{geometry: g, p: p, size: float64(sizeOf(g.Kernel))}, []Spec{{c.in[0].Type, shape}}, nil
}

// normOrder reads p, an integer from opset 2 on and a float before; at least 1.
func (c *call) normOrder() (float64, error) {
	p := float64(c.int("p", 2))
	if a := c.attr("p"); a != nil && a.F != nil {
		p = float64(a.GetF())
	}
	if !(p >= 1 && p <= 1000) {
		return 0, c.shapeError("p is %g, want at least 1", p)
	}
	return p, nil
}

// Forward computes y.
func (l *lpPool) Forward(x *Context, in, out []*Tensor) error {
	power, y := floatScratch(&l.power, len(in[0].F)), out[0].F
	x.Workers.For(len(power), loopGrain/8, func(lo, hi int) {
		for i, v := range in[0].F[lo:hi] {
			power[lo+i] = float32(math.Pow(math.Abs(float64(v)), l.p))
		}
	})
	l.geometry.AveragePool(x.Workers, y, power)
	for i, v := range y {
		y[i] = float32(math.Pow(float64(v)*l.size, 1/l.p))
	}
	return nil
}

// Backward computes dx = |x|^(p-1) sign(x) times the sum over its windows of dy y^(1-p).
func (l *lpPool) Backward(x *Context, _, _ int, in, out []*Tensor, dy, dx *Tensor) error {
	slope := floatScratch(&l.slope, len(dy.F))
	for i, v := range out[0].F {
		slope[i] = 0
		if v != 0 {
			slope[i] = float32(float64(dy.F[i]) * l.size * math.Pow(float64(v), 1-l.p))
		}
	}
	l.geometry.AveragePoolBackward(x.Workers, dx.F, slope)
	x.Workers.For(len(dx.F), loopGrain/8, func(lo, hi int) {
		for i, v := range in[0].F[lo:hi] {
			dx.F[lo+i] *= sign(v) * float32(math.Pow(math.Abs(float64(v)), l.p-1))
		}
	})
	return nil
}
