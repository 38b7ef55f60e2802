package linear

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
)

// dftOps are Fourier transforms.
var dftOps = op.Family{
	op.WithGradient("DFT", 17, buildDFT),
}

// dft transforms lines of complex or real numbers: X[k] = scale sum_n x[n] e^(sign 2 pi i k n/size). It is computed
// by its definition, from one table of the circle.
type dft struct {
	outer, inner int
	in, out      int // lengths of the axis; input behind the size is cut off, and missing input is zero
	size         int
	parts        int // numbers an input element: 1 or 2
	sign, scale  float64
	cos, sin     []float64
}

// MaxDFT bounds the length of a transform.
const MaxDFT = 1 << 24

// buildDFT follows DFT of opset 17 (attribute axis) and 20 (input axis): inputs input [...,1 or 2] and dft_length.
func buildDFT(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := NeedDFT(c); err != nil {
		return nil, nil, err
	}
	shape := c.In[0].Shape
	rank := len(shape)
	axis, err := DftAxis(c, rank)
	if err != nil {
		return nil, nil, err
	}
	size := int64(shape[axis])
	if c.Has(1) {
		list, err := c.Ints(1)
		if err != nil {
			return nil, nil, err
		}
		if len(list) != 1 {
			return nil, nil, c.ShapeError("the length is %v, want one number", list)
		}
		size = list[0]
	}
	if size < 1 || size > MaxDFT {
		return nil, nil, c.ShapeError("the length is %d, want 1 to %d", size, MaxDFT)
	}
	d := newDFT(int(size), c.Int("inverse", 0) != 0)
	d.outer, d.inner, d.in, d.out, d.parts = op.SizeOf(shape[:axis]), op.SizeOf(shape[axis+1:rank-1]), shape[axis],
		d.size, shape[rank-1]
	if c.Int("onesided", 0) != 0 {
		if d.parts == 2 {
			return nil, nil, c.Unsupported("onesided is for transforms of real numbers")
		}
		d.out = d.size/2 + 1
	}
	to := slices.Clone(shape)
	to[axis], to[rank-1] = d.out, 2
	return d, []op.Spec{{Type: c.In[0].Type, Shape: to}}, nil
}

// NeedDFT checks what input 0 is.
func NeedDFT(c *op.Call) error {
	if err := c.Need(1); err != nil {
		return err
	}
	if c.Opset < 20 && c.Has(2) {
		return c.ShapeError("it has an axis as input, which its form has from opset 20 on")
	}
	x := c.In[0].Spec
	if rank := len(x.Shape); !x.IsFloat() || rank < 2 || x.Shape[rank-1] < 1 || x.Shape[rank-1] > 2 {
		return c.ShapeError("input 0 is %s, want floats [...,1 or 2]", x)
	}
	return nil
}

// DftAxis reads the axis, which may not be the last.
func DftAxis(c *op.Call, rank int) (int, error) {
	axis := c.Int("axis", 1)
	if c.Opset >= 20 {
		axis = -2
		if c.Has(2) {
			list, err := c.Ints(2)
			if err != nil {
				return 0, err
			}
			if len(list) != 1 {
				return 0, c.ShapeError("the axis is %v, want one number", list)
			}
			axis = list[0]
		}
	}
	at, err := c.CheckAxis(axis, rank)
	if err == nil && at == rank-1 {
		err = c.ShapeError("axis %d holds the parts of the numbers", axis)
	}
	return at, err
}

func newDFT(size int, inverse bool) *dft {
	d := &dft{size: size, sign: -1, scale: 1}
	if inverse {
		d.sign, d.scale = 1, 1/float64(size)
	}
	for i := range size {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(size))
		d.cos, d.sin = append(d.cos, cos*d.scale), append(d.sin, d.sign*sin*d.scale)
	}
	return d
}

// Forward computes the transform.
func (d *dft) Forward(x *op.Context, in, out []*op.Tensor) error {
	d.lines(x, func(o, i int) {
		for k := range d.out {
			var re, im float64
			for n, at := range d.turns(k) {
				a, b := d.get(in[0].F, o, n, i)
				re += a*d.cos[at] - b*d.sin[at]
				im += a*d.sin[at] + b*d.cos[at]
			}
			y := out[0].F[((o*d.out+k)*d.inner+i)*2:]
			y[0], y[1] = float32(re), float32(im)
		}
	})
	return nil
}

// Backward computes the gradient, the transform with conjugate factors.
func (d *dft) Backward(x *op.Context, _, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	d.lines(x, func(o, i int) {
		for n := range d.in {
			var re, im float64
			for k := range d.out {
				if n >= d.size {
					break
				}
				g := dy.F[((o*d.out+k)*d.inner+i)*2:]
				at := k * n % d.size
				re += float64(g[0])*d.cos[at] + float64(g[1])*d.sin[at]
				im += float64(g[1])*d.cos[at] - float64(g[0])*d.sin[at]
			}
			to := dx.F[((o*d.in+n)*d.inner+i)*d.parts:]
			to[0] = float32(re)
			if d.parts == 2 {
				to[1] = float32(im)
			}
		}
	})
	return nil
}

// lines calls body for every line.
func (d *dft) lines(x *op.Context, body func(o, i int)) {
	x.Workers.For(d.outer*d.inner, max(1, op.LoopGrain/(d.size*d.out+1)), func(lo, hi int) {
		for line := lo; line < hi; line++ {
			body(line/d.inner, line%d.inner)
		}
	})
}

// turns gives the places on the circle of the elements of line k.
func (d *dft) turns(k int) func(func(n, at int) bool) {
	return func(yield func(n, at int) bool) {
		at := 0
		for n := range min(d.in, d.size) {
			if !yield(n, at) {
				return
			}
			if at += k; at >= d.size {
				at -= d.size
			}
		}
	}
}

// get reads an element.
func (d *dft) get(x []float32, o, n, i int) (re, im float64) {
	at := ((o*d.in+n)*d.inner + i) * d.parts
	if d.parts == 2 {
		im = float64(x[at+1])
	}
	return float64(x[at]), im
}
