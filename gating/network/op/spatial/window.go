package spatial

import (
	"github.com/softmerge/softmerge/gating/network/op"
)

// window is the geometry that convolutions and pools share: a kernel sliding
// over spatial axes, one number an axis.
type window struct {
	in, out, kernel, stride, dilation, padBegin, padEnd []int

	// least is the least padding that auto_pad SAME makes. Pools whose strides step
	// over elements have none: ONNX and ONNX Runtime cut such inputs at both ends.
	least int
}

// spatialShape returns the axes behind batch and channels of input 0, of which there must be one to three.
func spatialShape(c *op.Call) ([]int, error) {
	shape := c.In[0].Shape
	if len(shape) < 3 {
		return nil, c.ShapeError("input 0 has shape %v, want batch, channels and at least one spatial axis", shape)
	}
	if len(shape) > 5 {
		return nil, c.Unsupported("input 0 has shape %v: more than three spatial axes", shape)
	}
	return shape[2:], nil
}

// newWindow reads strides, dilations, pads and auto_pad for a kernel over the
// spatial axes of input 0, and computes the shape of the output, rounded down,
// or up with ceil. The least padding of auto_pad SAME is given.
func newWindow(c *op.Call, kernel []int, ceil bool, least int) (*window, error) {
	in, err := spatialShape(c)
	if err != nil {
		return nil, err
	}
	w, err := strides(c, in, kernel)
	if err != nil {
		return nil, err
	}
	w.least = least
	if err := w.pad(c); err != nil {
		return nil, err
	}
	for a := range in {
		if w.out[a], err = w.steps(c, a, ceil); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// strides reads what windows share but for the padding.
func strides(c *op.Call, in, kernel []int) (*window, error) {
	w := &window{in: in, kernel: kernel, out: make([]int, len(in))}
	var err error
	if w.stride, err = extents(c, "strides", len(in), 1, 1); err != nil {
		return nil, err
	}
	if w.dilation, err = extents(c, "dilations", len(in), 1, 1); err != nil {
		return nil, err
	}
	for a, k := range kernel {
		if k < 1 || k > op.MaxExtent {
			return nil, c.ShapeError("the kernel has shape %v, want at least 1 on every axis", kernel)
		}
		if in[a] > op.MaxExtent {
			return nil,
				c.ShapeError("input 0 has shape %v, want less than %d on spatial axes", c.In[0].Shape, op.MaxExtent)
		}
	}
	return w, nil
}

// extents reads an attribute with n numbers of at least least, each def where it is absent.
func extents(c *op.Call, name string, n int, def, least int64) ([]int, error) {
	list := c.IntList(name, nil)
	out := make([]int, n)
	if len(list) == 0 {
		for i := range out {
			out[i] = int(def)
		}
		return out, nil
	}
	if len(list) != n {
		return nil, c.ShapeError("%s is %v, want %d numbers", name, list, n)
	}
	for i, v := range list {
		if v < least || v > op.MaxExtent {
			return nil, c.ShapeError("%s is %v, want numbers from %d to %d", name, list, least, op.MaxExtent)
		}
		out[i] = int(v)
	}
	return out, nil
}

// kernelShape reads the kernel_shape of a pool.
func kernelShape(c *op.Call) ([]int, error) {
	in, err := spatialShape(c)
	if err != nil {
		return nil, err
	}
	if c.Attr("kernel_shape") == nil {
		return nil, c.ShapeError("attribute kernel_shape is missing")
	}
	return extents(c, "kernel_shape", len(in), 1, 1)
}

// pad reads pads or works them out from auto_pad.
func (w *window) pad(c *op.Call) error {
	axes := len(w.in)
	w.padBegin, w.padEnd = make([]int, axes), make([]int, axes)
	mode := c.Text("auto_pad", "NOTSET")
	switch mode {
	case "NOTSET", "":
		pads, err := extents(c, "pads", 2*axes, 0, 0)
		if err != nil {
			return err
		}
		copy(w.padBegin, pads[:axes])
		copy(w.padEnd, pads[axes:])
	case "VALID":
	case "SAME_UPPER", "SAME_LOWER":
		for a := range axes {
			out := (w.in[a] + w.stride[a] - 1) / w.stride[a]
			w.share(a, max(w.least, (out-1)*w.stride[a]+w.reach(a)-w.in[a]), mode)
		}
	default:
		return c.ShapeError("auto_pad is %q, want NOTSET, VALID, SAME_UPPER or SAME_LOWER", mode)
	}
	return nil
}

// share pads axis a by total on both ends; the odd one goes where the mode says.
func (w *window) share(a, total int, mode string) {
	w.padBegin[a] = total / 2
	if mode == "SAME_LOWER" {
		w.padBegin[a] = (total + 1) / 2
	}
	w.padEnd[a] = total - w.padBegin[a]
}

// reach is how many input elements the kernel spans on axis a.
func (w *window) reach(a int) int { return (w.kernel[a]-1)*w.dilation[a] + 1 }

// steps is how many places the kernel takes on axis a. Rounded up, a place that
// would begin behind the input and its first padding does not count.
func (w *window) steps(c *op.Call, a int, ceil bool) (int, error) {
	span := w.in[a] + w.padBegin[a] + w.padEnd[a] - w.reach(a)
	if ceil {
		span += w.stride[a] - 1
	}
	if span < 0 {
		return 0,
			c.ShapeError("the kernel %v with dilations %v is larger than the padded input: "+
				"spatial shape %v, pads %v and %v",
				w.kernel, w.dilation, w.in, w.padBegin, w.padEnd)
	}
	n := span/w.stride[a] + 1
	if ceil && n > 1 && (n-1)*w.stride[a] >= w.in[a]+w.padBegin[a] {
		n--
	}
	return n, nil
}

// over returns the shape of an output with the batch and channels given and the window's spatial axes.
func (w *window) over(batch, channels int) []int {
	return append([]int{batch, channels}, w.out...)
}
