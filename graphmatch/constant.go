package graphmatch

import (
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// constant is a tensor of the file as one reader sees it, possibly through nodes
// that only rename, transpose, reshape or convert it.
type constant struct {
	tensor  *onnxpb.TensorProto // nil for constants that cannot be edited (sparse, or given as plain numbers)
	names   []string            // the file's name first, then the output of every Identity on the way
	literal bool                // from a Constant node
	numbers []int64             // of a Constant node that gives whole numbers as an attribute
	entry   *onnx.Site          // where the tensor itself enters, when that is not the reader
	shape   []int               // as the reader sees it
	axes    []int               // tensor axis behind each axis of shape, -1 when reshaping mixed it
	flipped bool                // two-dimensional and transposed on the way
}

// maxFill bounds the constants that are read to see whether they hold one number throughout.
const maxFill = 1 << 16

// newConstant wraps a tensor read under a name.
func newConstant(t *onnxpb.TensorProto, name string, literal bool) *constant {
	c := &constant{tensor: t, names: []string{name}, literal: literal}
	for i, d := range t.GetDims() {
		c.shape = append(c.shape, int(d))
		c.axes = append(c.axes, i)
	}
	return c
}

// name is what the file calls the tensor.
func (c *constant) name() string { return c.names[0] }

// dataType is the tensor's element type.
func (c *constant) dataType() onnx.DataType {
	if c.tensor == nil {
		return 0
	}
	return onnx.DataType(c.tensor.GetDataType())
}

// weight tells whether the constant could be a parameter: an editable tensor of a float type that
// networks are trained in.
func (c *constant) weight() bool {
	if c == nil || c.tensor == nil {
		return false
	}
	switch c.dataType() {
	case onnx.Float32, onnx.Float16, onnx.BFloat16, onnx.Float64:
		return true
	}
	return false
}

// elements is the number of elements; 0 for shapes that are negative or overflow.
func (c *constant) elements() int {
	n := 1
	for _, d := range c.shape {
		if d <= 0 || n > (1<<62)/d {
			return 0
		}
		n *= d
	}
	return n
}

// alias is the constant under one more name.
func (c *constant) alias(name string) *constant {
	d := *c
	d.names = append(slices.Clone(c.names), name)
	return &d
}

// through is the constant as seen behind a node that reads it at a slot and passes it on.
func (c *constant) through(site onnx.Site) *constant {
	d := *c
	if d.entry == nil {
		d.entry = &site
	}
	return &d
}

// transposed is the constant behind a Transpose; perm nil reverses all axes. It is nil for a perm that
// does not fit.
func (c *constant) transposed(perm []int64, site onnx.Site) *constant {
	rank := len(c.shape)
	if perm == nil {
		for i := range rank {
			perm = append(perm, int64(rank-1-i))
		}
	}
	if len(perm) != rank {
		return nil
	}
	d := c.through(site)
	d.shape, d.axes = make([]int, rank), make([]int, rank)
	for i, p := range perm {
		if p < 0 || int(p) >= rank {
			return nil
		}
		d.shape[i], d.axes[i] = c.shape[p], c.axes[p]
	}
	if rank == 2 && perm[0] == 1 && perm[1] == 0 {
		d.flipped = !c.flipped
	}
	return d
}

// reshaped is the constant behind a Reshape, Squeeze, Unsqueeze or Flatten. Axes are followed only where
// the shapes agree once axes of length one are left out.
func (c *constant) reshaped(shape []int, site onnx.Site) *constant {
	d := c.through(site)
	d.shape = slices.Clone(shape)
	d.axes = slices.Repeat([]int{-1}, len(shape))
	from := 0
	for i, n := range shape {
		if n == 1 {
			continue
		}
		for from < len(c.shape) && c.shape[from] == 1 {
			from++
		}
		if from == len(c.shape) || c.shape[from] != n {
			break
		}
		d.axes[i] = c.axes[from]
		from++
	}
	return d
}

// transposedMatrix is a rows x cols matrix with rows and columns exchanged.
func transposedMatrix[T any](x []T, rows, cols int) []T {
	y := make([]T, len(x))
	for i, v := range x {
		y[i%cols*rows+i/cols] = v
	}
	return y
}

// tensorAxis is the tensor's own axis behind axis i of what the reader sees (negative i counts from the
// end), or -1.
func (c *constant) tensorAxis(i int) int {
	if i < 0 {
		i += len(c.shape)
	}
	if i < 0 || i >= len(c.axes) {
		return -1
	}
	return c.axes[i]
}

// filled tells whether a small constant holds one number throughout.
func filled(m *onnx.Model, c *constant, number float32) bool {
	value, ok := fill(m, c)
	return ok && value == number
}

// fill is the one number that a small constant holds throughout, false when there is none.
func fill(m *onnx.Model, c *constant) (float32, bool) {
	if n := c.elements(); n == 0 || n > maxFill {
		return 0, false
	}
	values, err := m.Tensor(c.tensor).Floats(nil)
	if err != nil || len(values) == 0 {
		return 0, false
	}
	return values[0], !slices.ContainsFunc(values, func(x float32) bool { return x != values[0] })
}
