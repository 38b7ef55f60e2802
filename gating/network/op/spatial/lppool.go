package spatial

import (
	"math"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// lpPoolOps are the pools that are rarer than the maximum and the mean of windows.
var lpPoolOps = op.Family{
	op.WithGradient("GlobalMaxPool", 1, buildGlobalMaxPool),
	op.WithGradient("LpPool", 1, buildLpPool),
	op.WithGradient("GlobalLpPool", 1, buildGlobalLpPool),
	op.WithGradient("MaxUnpool", 9, buildMaxUnpool),
}

// planeWindow is a window that covers each whole plane of input 0.
func planeWindow(c *op.Call) (*kernel.Window, []int, error) {
	shape, err := globalShape(c)
	if err != nil {
		return nil, nil, err
	}
	size, one, zero := []int{op.SizeOf(c.In[0].Shape[2:])}, []int{1}, []int{0}
	return &kernel.Window{Planes: op.SizeOf(shape), In: size, Out: one, Kernel: size, Stride: one, Dilation: one,
		PadBegin: zero, PadEnd: zero}, shape, nil
}

func buildGlobalMaxPool(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(1); err != nil {
		return nil, nil, err
	}
	w, shape, err := planeWindow(c)
	if err != nil {
		return nil, nil, err
	}
	return &maxPool{geometry: w}, []op.Spec{{Type: c.In[0].Type, Shape: shape}}, nil
}

// lpPool is (sum |x|^p)^(1/p) over windows: the mean of |x|^p, times the window's size, to the power 1/p.
type lpPool struct {
	geometry *kernel.Window
	p, size  float64
	power    []float32 // |x|^p, and |x|^(p-1) sign(x) in the gradient
	slope    []float32
}

func buildLpPool(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(1); err != nil {
		return nil, nil, err
	}
	w, err := poolWindow(c)
	if err != nil {
		return nil, nil, err
	}
	g := w.pool(op.SizeOf(c.In[0].Shape[:2]))
	return newLpPool(c, g, w.over(c.In[0].Shape[0], c.In[0].Shape[1]))
}

func buildGlobalLpPool(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(1); err != nil {
		return nil, nil, err
	}
	w, shape, err := planeWindow(c)
	if err != nil {
		return nil, nil, err
	}
	return newLpPool(c, w, shape)
}

// newLpPool makes every window's divisor its full size, by a padding that no window reaches past.
func newLpPool(c *op.Call, g *kernel.Window, shape []int) (op.Operator, []op.Spec, error) {
	p, err := normOrder(c)
	if err != nil {
		return nil, nil, err
	}
	g.CountIncludePad = true
	g.PadEnd = make([]int, len(g.In))
	for a := range g.PadEnd {
		g.PadEnd[a] = g.Out[a]*g.Stride[a] + g.Kernel[a]*g.Dilation[a]
	}
	return &lpPool{geometry: g, p: p, size: float64(op.SizeOf(g.Kernel))},
		[]op.Spec{{Type: c.In[0].Type, Shape: shape}}, nil
}

// normOrder reads p, an integer from opset 2 on and a float before; at least 1.
func normOrder(c *op.Call) (float64, error) {
	p := float64(c.Int("p", 2))
	if a := c.Attr("p"); a != nil && a.F != nil {
		p = float64(a.GetF())
	}
	if !(p >= 1 && p <= 1000) {
		return 0, c.ShapeError("p is %g, want at least 1", p)
	}
	return p, nil
}

// Forward computes y.
func (l *lpPool) Forward(x *op.Context, in, out []*op.Tensor) error {
	power, y := op.FloatScratch(&l.power, len(in[0].F)), out[0].F
	x.Workers.For(len(power), op.LoopGrain/8, func(lo, hi int) {
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
func (l *lpPool) Backward(x *op.Context, _, _ int, in, out []*op.Tensor, dy, dx *op.Tensor) error {
	slope := op.FloatScratch(&l.slope, len(dy.F))
	for i, v := range out[0].F {
		slope[i] = 0
		if v != 0 {
			slope[i] = float32(float64(dy.F[i]) * l.size * math.Pow(float64(v), 1-l.p))
		}
	}
	l.geometry.AveragePoolBackward(x.Workers, dx.F, slope)
	x.Workers.For(len(dx.F), op.LoopGrain/8, func(lo, hi int) {
		for i, v := range in[0].F[lo:hi] {
			dx.F[lo+i] *= op.Sign(v) * float32(math.Pow(math.Abs(float64(v)), l.p-1))
		}
	})
	return nil
}
