package flow

import (
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Constant is a tensor of the file as one reader sees it, possibly through nodes
// that only rename, transpose, reshape or convert it.
type Constant struct {
	Tensor     *onnxpb.TensorProto // nil for constants that cannot be edited (sparse, or given as plain numbers)
	names      []string            // the file's name first, then the output of every Identity on the way
	Literal    bool                // from a Constant node
	numbers    []int64             // of a Constant node that gives whole numbers as an attribute
	Entry      *onnx.Site          // where the tensor itself enters, when that is not the reader
	Shape      []int               // as the reader sees it
	Axes       []int               // tensor axis behind each axis of shape, -1 when reshaping mixed it
	transposed bool                // two-dimensional and transposed on the way
}

// maxFill bounds the constants that are read to see whether they hold one number throughout.
const maxFill = 1 << 16

// newConstant wraps a tensor read under a name.
func newConstant(t *onnxpb.TensorProto, name string, literal bool) *Constant {
	c := &Constant{Tensor: t, names: []string{name}, Literal: literal}
	for i, d := range t.GetDims() {
		c.Shape = append(c.Shape, int(d))
		c.Axes = append(c.Axes, i)
	}
	return c
}

// Name is what the file calls the tensor.
func (c *Constant) Name() string { return c.names[0] }

// DataType is the tensor's element type.
func (c *Constant) DataType() onnx.DataType {
	if c.Tensor == nil {
		return 0
	}
	return onnx.DataType(c.Tensor.GetDataType())
}

// Weight tells whether the constant could be a parameter: an editable tensor of a float type that
// networks are trained in.
func (c *Constant) Weight() bool {
	if c == nil || c.Tensor == nil {
		return false
	}
	switch c.DataType() {
	case onnx.Float32, onnx.Float16, onnx.BFloat16, onnx.Float64:
		return true
	}
	return false
}

// Elements is the number of elements; 0 for shapes that are negative or overflow.
func (c *Constant) Elements() int {
	n := 1
	for _, d := range c.Shape {
		if d <= 0 || n > (1<<62)/d {
			return 0
		}
		n *= d
	}
	return n
}

// alias is the constant under one more name.
func (c *Constant) alias(name string) *Constant {
	d := *c
	d.names = append(slices.Clone(c.names), name)
	return &d
}

// through is the constant as seen behind a node that reads it at a slot and passes it on.
func (c *Constant) through(site onnx.Site) *Constant {
	d := *c
	if d.Entry == nil {
		d.Entry = &site
	}
	return &d
}

// transpose is the constant behind a Transpose; perm nil reverses all axes. It is nil for a perm that
// does not fit.
func (c *Constant) transpose(perm []int64, site onnx.Site) *Constant {
	rank := len(c.Shape)
	if perm == nil {
		for i := range rank {
			perm = append(perm, int64(rank-1-i))
		}
	}
	if len(perm) != rank {
		return nil
	}
	d := c.through(site)
	d.Shape, d.Axes = make([]int, rank), make([]int, rank)
	for i, p := range perm {
		if p < 0 || int(p) >= rank {
			return nil
		}
		d.Shape[i], d.Axes[i] = c.Shape[p], c.Axes[p]
	}
	if rank == 2 && perm[0] == 1 && perm[1] == 0 {
		d.transposed = !c.transposed
	}
	return d
}

// reshape is the constant behind a Reshape, Squeeze, Unsqueeze or Flatten. Axes are followed only where
// the shapes agree once axes of length one are left out.
func (c *Constant) reshape(shape []int, site onnx.Site) *Constant {
	d := c.through(site)
	d.Shape = slices.Clone(shape)
	d.Axes = slices.Repeat([]int{-1}, len(shape))
	from := 0
	for i, n := range shape {
		if n == 1 {
			continue
		}
		for from < len(c.Shape) && c.Shape[from] == 1 {
			from++
		}
		if from == len(c.Shape) || c.Shape[from] != n {
			break
		}
		d.Axes[i] = c.Axes[from]
		from++
	}
	return d
}

// TransposedMatrix is a rows x cols matrix with rows and columns exchanged.
func TransposedMatrix[T any](x []T, rows, cols int) []T {
	y := make([]T, len(x))
	for i, v := range x {
		y[i%cols*rows+i/cols] = v
	}
	return y
}

// TensorAxis is the tensor's own axis behind axis i of what the reader sees (negative i counts from the
// end), or -1.
func (c *Constant) TensorAxis(i int) int {
	if i < 0 {
		i += len(c.Shape)
	}
	if i < 0 || i >= len(c.Axes) {
		return -1
	}
	return c.Axes[i]
}

// filled tells whether a small constant holds one number throughout.
func filled(m *onnx.Model, c *Constant, number float32) bool {
	value, ok := Fill(m, c)
	return ok && value == number
}

// Fill is the one number that a small constant holds throughout, false when there is none.
func Fill(m *onnx.Model, c *Constant) (float32, bool) {
	if n := c.Elements(); n == 0 || n > maxFill {
		return 0, false
	}
	values, err := m.Tensor(c.Tensor).Floats(nil)
	if err != nil || len(values) == 0 {
		return 0, false
	}
	return values[0], !slices.ContainsFunc(values, func(x float32) bool { return x != values[0] })
}
