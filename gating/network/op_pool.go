package network

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/onnx"
)

// poolOps reduce windows, or all, of the spatial axes to one element a channel.
var poolOps = family{
	full("MaxPool", 1, buildMaxPool),
	full("AveragePool", 1, buildAveragePool),
	full("GlobalAveragePool", 1, buildGlobalAveragePool),
}

// pool is the geometry of a window for the kernel package.
func (w *window) pool(planes int) *kernel.Window {
	return &kernel.Window{
		Planes: planes, In: w.in, Out: w.out, Kernel: w.kernel, Stride: w.stride, Dilation: w.dilation,
		PadBegin: w.padBegin, PadEnd: w.padEnd,
	}
}

// poolWindow reads the window of a pool over input 0.
func (c *call) poolWindow() (*window, error) {
	size, err := c.kernelShape()
	if err != nil {
		return nil, err
	}
	elements := 1
	for _, k := range size {
		if elements *= k; elements > maxExtent {
			return nil, c.shapeError("kernel_shape is %v, want at most %d elements", size, maxExtent)
		}
	}
	return c.window(size, c.int("ceil_mode", 0) != 0, -maxExtent)
}

// maxPool is MaxPool: outputs Y and, optional from opset 8, the flat index of
// each chosen element. The gradient goes to the chosen elements.
type maxPool struct {
	geometry *kernel.Window
	arg      []int32 // chosen element inside its plane
	columns  bool    // storage_order 1: indices count down columns first
	scratch  [2][]float32
}

func buildMaxPool(c *call) (Operator, []Spec, error) {
	if err := c.need(1); err != nil {
		return nil, nil, err
	}
	if t := c.in[0].Type; !t.IsFloat() && t.Size() > 8 {
		return nil, nil, c.unsupported("input 0 is %s, want floats or 8-bit integers", c.in[0].Spec)
	}
	w, err := c.poolWindow()
	if err != nil {
		return nil, nil, err
	}
	x := c.in[0].Shape
	shape := w.over(x[0], x[1])
	m := &maxPool{geometry: w.pool(x[0] * x[1]), columns: c.int("storage_order", 0) != 0}
	specs := []Spec{{c.in[0].Type, shape}, {onnx.Int64, shape}}
	return m, specs[:max(1, min(2, c.nout))], nil
}

// Forward computes the maxima and where they are.
func (m *maxPool) Forward(x *Context, in, out []*Tensor) error {
	from, to := in[0].F, m.values(out[0])
	if in[0].I != nil {
		from = toFloats(&m.scratch[0], in[0].I)
	}
	if len(m.arg) == 0 {
		m.arg = make([]int32, len(to))
	}
	m.geometry.MaxPool(x.Workers, to, m.arg, from)
	if out[0] != nil && out[0].I != nil {
		for i, v := range to {
			out[0].I[i] = int64(v)
		}
	}
	if len(out) > 1 && out[1] != nil {
		m.indices(x, out[1].I)
	}
	return nil
}

// values is where the maxima go: integers and outputs nobody reads are computed in scratch memory.
func (m *maxPool) values(y *Tensor) []float32 {
	if y != nil && y.F != nil {
		return y.F
	}
	return floatScratch(&m.scratch[1], m.geometry.Planes*sizeOf(m.geometry.Out))
}

// toFloats converts integers of at most 24 bits, which float32 holds exactly.
func toFloats(scratch *[]float32, from []int64) []float32 {
	to := floatScratch(scratch, len(from))
	for i, v := range from {
		to[i] = float32(v)
	}
	return to
}

// indices writes the flat index of each chosen element in the whole tensor.
func (m *maxPool) indices(x *Context, to []int64) {
	out, in := sizeOf(m.geometry.Out), sizeOf(m.geometry.In)
	x.Workers.For(len(to), loopGrain, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			at := int(m.arg[i])
			if m.columns {
				at = columnMajor(at, m.geometry.In)
			}
			to[i] = int64(i/out*in + at)
		}
	})
}

// columnMajor turns a row-major flat index into the one that counts along the first axis first.
func columnMajor(at int, shape []int) int {
	index, stride := 0, sizeOf(shape)
	for a := len(shape) - 1; a >= 0; a-- {
		stride /= shape[a]
		index += at % shape[a] * stride
		at /= shape[a]
	}
	return index
}

// Backward sends dy to the chosen elements.
func (m *maxPool) Backward(x *Context, _, _ int, _, _ []*Tensor, dy, dx *Tensor) error {
	m.geometry.MaxPoolBackward(x.Workers, dx.F, dy.F, m.arg)
	return nil
}

// averagePool is AveragePool.
type averagePool struct{ geometry *kernel.Window }

func buildAveragePool(c *call) (Operator, []Spec, error) {
	if err := c.needFloats(1); err != nil {
		return nil, nil, err
	}
	w, err := c.poolWindow()
	if err != nil {
		return nil, nil, err
	}
	x := c.in[0].Shape
	a := &averagePool{w.pool(x[0] * x[1])}
	a.geometry.CountIncludePad = c.int("count_include_pad", 0) != 0
	return a, []Spec{{c.in[0].Type, w.over(x[0], x[1])}}, nil
}

// Forward computes the means.
func (a *averagePool) Forward(x *Context, in, out []*Tensor) error {
	a.geometry.AveragePool(x.Workers, out[0].F, in[0].F)
	return nil
}

// Backward spreads dy over the windows.
func (a *averagePool) Backward(x *Context, _, _ int, _, _ []*Tensor, dy, dx *Tensor) error {
	a.geometry.AveragePoolBackward(x.Workers, dx.F, dy.F)
	return nil
}

// globalAveragePool is the mean over all spatial axes.
type globalAveragePool struct{ planes, size int }

func buildGlobalAveragePool(c *call) (Operator, []Spec, error) {
	if err := c.needFloats(1); err != nil {
		return nil, nil, err
	}
	shape, err := c.globalShape()
	if err != nil {
		return nil, nil, err
	}
	return &globalAveragePool{sizeOf(shape), sizeOf(c.in[0].Shape[2:])}, []Spec{{c.in[0].Type, shape}}, nil
}

// globalShape is the shape of input 0 with every spatial axis reduced to one element.
func (c *call) globalShape() ([]int, error) {
	x := c.in[0].Shape
	if len(x) < 2 {
		return nil, c.shapeError("input 0 has shape %v, want batch and channels first", x)
	}
	shape := append([]int{}, x[:2]...)
	for _, d := range x[2:] {
		if d == 0 {
			return nil, c.shapeError("input 0 has shape %v, want no empty spatial axis", x)
		}
		shape = append(shape, 1)
	}
	return shape, nil
}

// Forward computes the means.
func (g *globalAveragePool) Forward(x *Context, in, out []*Tensor) error {
	kernel.GlobalAveragePool(x.Workers, out[0].F, in[0].F, g.planes, g.size)
	return nil
}

// Backward spreads dy over the planes.
func (g *globalAveragePool) Backward(x *Context, _, _ int, _, _ []*Tensor, dy, dx *Tensor) error {
	kernel.GlobalAveragePoolBackward(x.Workers, dx.F, dy.F, g.planes, g.size)
	return nil
}

// GradientReads says what Backward reads.
func (*maxPool) GradientReads(_, _ int) reads { return nothing }

// GradientReads says what Backward reads.
func (*averagePool) GradientReads(_, _ int) reads { return nothing }

// GradientReads says what Backward reads.
func (*globalAveragePool) GradientReads(_, _ int) reads { return nothing }
