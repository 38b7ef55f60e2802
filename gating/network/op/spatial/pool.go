package spatial

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// poolOps reduce windows, or all, of the spatial axes to one element a channel.
var poolOps = op.Family{
	op.WithGradient("MaxPool", 1, buildMaxPool),
	op.WithGradient("AveragePool", 1, buildAveragePool),
	op.WithGradient("GlobalAveragePool", 1, buildGlobalAveragePool),
}

// pool is the geometry of a window for the kernel package.
func (w *window) pool(planes int) *kernel.Window {
	return &kernel.Window{
		Planes: planes, In: w.in, Out: w.out, Kernel: w.kernel, Stride: w.stride, Dilation: w.dilation,
		PadBegin: w.padBegin, PadEnd: w.padEnd,
	}
}

// poolWindow reads the window of a pool over input 0.
func poolWindow(c *op.Call) (*window, error) {
	size, err := kernelShape(c)
	if err != nil {
		return nil, err
	}
	elements := 1
	for _, k := range size {
		if elements *= k; elements > op.MaxExtent {
			return nil, c.ShapeError("kernel_shape is %v, want at most %d elements", size, op.MaxExtent)
		}
	}
	return newWindow(c, size, c.Int("ceil_mode", 0) != 0, -op.MaxExtent)
}

// maxPool is MaxPool: outputs Y and, optional from opset 8, the flat index of
// each chosen element. The gradient goes to the chosen elements.
type maxPool struct {
	geometry *kernel.Window
	arg      []int32 // chosen element inside its plane
	columns  bool    // storage_order 1: indices count down columns first
	scratch  [2][]float32
}

func buildMaxPool(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	if t := c.In[0].Type; !t.IsFloat() && t.Size() > 8 {
		return nil, nil, c.Unsupported("input 0 is %s, want floats or 8-bit integers", c.In[0].Spec)
	}
	w, err := poolWindow(c)
	if err != nil {
		return nil, nil, err
	}
	x := c.In[0].Shape
	shape := w.over(x[0], x[1])
	m := &maxPool{geometry: w.pool(x[0] * x[1]), columns: c.Int("storage_order", 0) != 0}
	specs := []op.Spec{{Type: c.In[0].Type, Shape: shape}, {Type: onnx.Int64, Shape: shape}}
	return m, specs[:max(1, min(2, c.Outs))], nil
}

// Forward computes the maxima and where they are.
func (m *maxPool) Forward(x *op.Context, in, out []*op.Tensor) error {
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
func (m *maxPool) values(y *op.Tensor) []float32 {
	if y != nil && y.F != nil {
		return y.F
	}
	return op.FloatScratch(&m.scratch[1], m.geometry.Planes*op.SizeOf(m.geometry.Out))
}

// toFloats converts integers of at most 24 bits, which float32 holds exactly.
func toFloats(scratch *[]float32, from []int64) []float32 {
	to := op.FloatScratch(scratch, len(from))
	for i, v := range from {
		to[i] = float32(v)
	}
	return to
}

// indices writes the flat index of each chosen element in the whole tensor.
func (m *maxPool) indices(x *op.Context, to []int64) {
	out, in := op.SizeOf(m.geometry.Out), op.SizeOf(m.geometry.In)
	x.Workers.For(len(to), op.LoopGrain, func(lo, hi int) {
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
	index, stride := 0, op.SizeOf(shape)
	for a := len(shape) - 1; a >= 0; a-- {
		stride /= shape[a]
		index += at % shape[a] * stride
		at /= shape[a]
	}
	return index
}

// Backward sends dy to the chosen elements.
func (m *maxPool) Backward(x *op.Context, _, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	m.geometry.MaxPoolBackward(x.Workers, dx.F, dy.F, m.arg)
	return nil
}

// averagePool is AveragePool.
type averagePool struct{ geometry *kernel.Window }

func buildAveragePool(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(1); err != nil {
		return nil, nil, err
	}
	w, err := poolWindow(c)
	if err != nil {
		return nil, nil, err
	}
	x := c.In[0].Shape
	a := &averagePool{w.pool(x[0] * x[1])}
	a.geometry.CountIncludePad = c.Int("count_include_pad", 0) != 0
	return a, []op.Spec{{Type: c.In[0].Type, Shape: w.over(x[0], x[1])}}, nil
}

// Forward computes the means.
func (a *averagePool) Forward(x *op.Context, in, out []*op.Tensor) error {
	a.geometry.AveragePool(x.Workers, out[0].F, in[0].F)
	return nil
}

// Backward spreads dy over the windows.
func (a *averagePool) Backward(x *op.Context, _, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	a.geometry.AveragePoolBackward(x.Workers, dx.F, dy.F)
	return nil
}

// globalAveragePool is the mean over all spatial axes.
type globalAveragePool struct{ planes, size int }

func buildGlobalAveragePool(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.NeedFloats(1); err != nil {
		return nil, nil, err
	}
	shape, err := globalShape(c)
	if err != nil {
		return nil, nil, err
	}
	return &globalAveragePool{op.SizeOf(shape), op.SizeOf(c.In[0].Shape[2:])},
		[]op.Spec{{Type: c.In[0].Type, Shape: shape}}, nil
}

// globalShape is the shape of input 0 with every spatial axis reduced to one element.
func globalShape(c *op.Call) ([]int, error) {
	x := c.In[0].Shape
	if len(x) < 2 {
		return nil, c.ShapeError("input 0 has shape %v, want batch and channels first", x)
	}
	shape := append([]int{}, x[:2]...)
	for _, d := range x[2:] {
		if d == 0 {
			return nil, c.ShapeError("input 0 has shape %v, want no empty spatial axis", x)
		}
		shape = append(shape, 1)
	}
	return shape, nil
}

// Forward computes the means.
func (g *globalAveragePool) Forward(x *op.Context, in, out []*op.Tensor) error {
	kernel.GlobalAveragePool(x.Workers, out[0].F, in[0].F, g.planes, g.size)
	return nil
}

// Backward spreads dy over the planes.
func (g *globalAveragePool) Backward(x *op.Context, _, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	kernel.GlobalAveragePoolBackward(x.Workers, dx.F, dy.F, g.planes, g.size)
	return nil
}

// GradientReads says what Backward reads.
func (*maxPool) GradientReads(_, _ int) op.Reads { return op.Nothing }

// GradientReads says what Backward reads.
func (*averagePool) GradientReads(_, _ int) op.Reads { return op.Nothing }

// GradientReads says what Backward reads.
func (*globalAveragePool) GradientReads(_, _ int) op.Reads { return op.Nothing }
