package spatial

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// gridSampleOps sample images at given places.
var gridSampleOps = op.Family{
	op.WithGradient("GridSample", 16, buildGridSample),
	op.WithGradient("com.microsoft.GridSample", 1, buildGridSample),
}

// gridSample reads an image [N, C, spatial...] at the places of a grid [N, out..., rank], whose last axis holds
// coordinates from -1 to 1, the last spatial axis first.
type gridSample struct {
	image    []int // spatial axes
	places   int   // output elements in a plane
	channels int
	mode     string // nearest, linear or cubic
	padding  string // zeros, border or reflection
	align    bool   // -1 and 1 are the centres of the first and last element, not their outer edges
}

// buildGridSample follows GridSample of opset 16 (images; bilinear, bicubic) and 20 (any rank; linear, cubic).
func buildGridSample(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	x, grid := c.In[0], c.In[1]
	rank := len(x.Shape) - 2
	if rank < 1 || len(grid.Shape) != rank+2 || grid.Shape[rank+1] != rank || grid.Shape[0] != x.Shape[0] ||
		!x.IsFloat() || !grid.IsFloat() {
		return nil, nil,
			c.Unsupported("an input %s and a grid %s: "+
				"want floats [N, C, spatial...] and [N, out..., number of spatial axes]", x.Spec, grid.Spec)
	}
	to := slices.Concat(x.Shape[:2], grid.Shape[1:rank+1])
	if slices.Contains(x.Shape[2:], 0) && op.SizeOf(to) > 0 {
		return nil, nil, c.ShapeError("the image has shape %v: there is nothing to sample", x.Shape)
	}
	operator := &gridSample{
		image: x.Shape[2:], places: op.SizeOf(grid.Shape[1 : rank+1]), channels: x.Shape[1],
		padding: c.Text("padding_mode", "zeros"), align: c.Int("align_corners", 0) != 0,
	}
	modes := map[string]string{"bilinear": "linear", "linear": "linear", "nearest": "nearest",
		"bicubic": "cubic", "cubic": "cubic"}
	if operator.mode = modes[c.Text("mode", "linear")]; operator.mode == "" {
		return nil, nil, c.Unsupported("mode %q", c.Text("mode", ""))
	}
	if !slices.Contains([]string{"zeros", "border", "reflection"}, operator.padding) {
		return nil, nil, c.Unsupported("padding_mode %q", operator.padding)
	}
	return operator, []op.Spec{{Type: x.Type, Shape: to}}, nil
}

// Forward samples one image after another.
func (o *gridSample) Forward(x *op.Context, in, out []*op.Tensor) error {
	plane := op.SizeOf(o.image)
	for n := range in[0].Shape[0] {
		taps := o.taps(o.gridOf(in[1], n), -1)
		from := in[0].F[n*o.channels*plane : (n+1)*o.channels*plane]
		to := out[0].F[n*o.channels*o.places : (n+1)*o.channels*o.places]
		kernel.Resample(x.Workers, to, from, taps, o.channels, 1)
	}
	return nil
}

// gridOf returns the coordinates for image n.
func (op *gridSample) gridOf(grid *op.Tensor, n int) []float32 {
	size := op.places * len(op.image)
	return grid.F[n*size : (n+1)*size]
}

// Backward is the gradient with respect to the image (i = 0) or the grid (i = 1).
func (o *gridSample) Backward(x *op.Context, i, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	plane := op.SizeOf(o.image)
	for n := range in[0].Shape[0] {
		grid := o.gridOf(in[1], n)
		image := func(t *op.Tensor) []float32 { return t.F[n*o.channels*plane : (n+1)*o.channels*plane] }
		from := dy.F[n*o.channels*o.places : (n+1)*o.channels*o.places]
		if i == 0 {
			kernel.Resample(x.Workers, image(dx), from, o.taps(grid, -1).Transpose(), o.channels, 1)
			continue
		}
		to := o.gridOf(dx, n)
		slope := make([]float32, len(from))
		for d := range o.image {
			kernel.Resample(x.Workers, slope, image(in[0]), o.taps(grid, d), o.channels, 1)
			for p := range o.places {
				var sum float64
				for ch := range o.channels {
					sum += float64(slope[ch*o.places+p]) * float64(from[ch*o.places+p])
				}
				to[p*len(o.image)+len(o.image)-1-d] = float32(sum)
			}
		}
	}
	return nil
}

// taps returns the matrix from the elements of a plane to the places of a grid, or with slope >= 0 its derivative
// by the coordinate along that spatial axis.
func (o *gridSample) taps(grid []float32, slope int) *kernel.Taps {
	t := &kernel.Taps{In: op.SizeOf(o.image), First: []int{0}}
	rank := len(o.image)
	axes := make([]axisTaps, rank)
	for p := range o.places {
		for d, n := range o.image {
			axes[d] = o.along(float64(grid[p*rank+rank-1-d]), n)
		}
		o.combine(t, axes, slope, 0, 0, 1)
		t.First = append(t.First, len(t.Index))
	}
	return t
}

// combine appends the products of the weights of every axis from d on, for the elements from offset at on.
func (op *gridSample) combine(t *kernel.Taps, axes []axisTaps, slope, d, at int, weight float64) {
	if d == len(axes) {
		t.Index, t.Weight = append(t.Index, at), append(t.Weight, float32(weight))
		return
	}
	a := &axes[d]
	for k := range a.count {
		w := a.weight[k]
		if d == slope {
			w = a.slope[k]
		}
		if w != 0 && a.index[k] >= 0 {
			op.combine(t, axes, slope, d+1, at*op.image[d]+a.index[k], weight*w)
		}
	}
}

// axisTaps is which elements of one axis a place reads, with what weight, and how the weight changes with the grid's
// coordinate.
type axisTaps struct {
	count  int
	index  [4]int // -1 outside
	weight [4]float64
	slope  [4]float64
}

// along returns the taps of a coordinate between -1 and 1 on an axis of n.
func (o *gridSample) along(coordinate float64, n int) (a axisTaps) {
	lo, hi, scale := -0.5, float64(n)-0.5, float64(n)/2
	if o.align {
		lo, hi, scale = 0, float64(n-1), float64(n-1)/2
	}
	at := lo + (coordinate+1)*scale
	if o.mode == "nearest" {
		at = math.RoundToEven(at)
	}
	if o.mode != "cubic" { // whose four elements are each looked for where the padding has them
		var sign float64
		at, sign = o.inside(at, n, lo, hi)
		scale *= sign
	}
	if !(math.Abs(at) < op.MaxPad) { // NaN, or so far away that nothing is near
		return axisTaps{}
	}
	first := int(math.Floor(at))
	f := at - float64(first)
	switch o.mode {
	case "nearest":
		a = axisTaps{count: 1, weight: [4]float64{1}}
	case "linear":
		a = axisTaps{count: 2, weight: [4]float64{1 - f, f}, slope: [4]float64{-scale, scale}}
	default:
		first--
		a.count = 4
		for k := range a.weight {
			a.weight[k] = cubicAt(f+1-float64(k), -0.75)
			a.slope[k] = scale * cubicSlope(f+1-float64(k), -0.75)
		}
	}
	for k := range a.count {
		a.index[k] = o.element(first+k, n, lo, hi)
	}
	return a
}

// inside returns where the padding mode reads for a place outside lo..hi, and how that moves when the place does.
func (op *gridSample) inside(at float64, n int, lo, hi float64) (to, sign float64) {
	switch {
	case at >= lo && at <= hi || op.padding == "zeros":
		return at, 1
	case op.padding == "border":
		return min(max(at, 0), float64(n-1)), 0
	}
	return mirrorAt(at, lo, hi)
}

// element returns which element stands at index i of an axis of n, -1 for none.
func (op *gridSample) element(i, n int, lo, hi float64) int {
	switch {
	case i >= 0 && i < n:
		return i
	case op.padding == "border":
		return min(max(i, 0), n-1)
	case op.padding == "reflection":
		at, _ := mirrorAt(float64(i), lo, hi)
		return min(max(int(at), 0), n-1)
	}
	return -1
}

// mirrorAt folds a coordinate into lo..hi by mirroring at both ends, and says whether it then runs with it (1) or
// against (-1).
func mirrorAt(v, lo, hi float64) (at, sign float64) {
	span := hi - lo
	if span <= 0 {
		return lo, 0
	}
	turns := math.Floor((v - lo) / span)
	r := v - lo - turns*span
	if math.Mod(turns, 2) == 0 {
		return lo + r, 1
	}
	return hi - r, -1
}

// cubicSlope is the derivative of cubicAt.
func cubicSlope(d, a float64) float64 {
	s := math.Abs(d)
	var v float64
	switch {
	case s <= 1:
		v = (3*(a+2)*s - 2*(a+3)) * s
	case s < 2:
		v = (3*a*s-10*a)*s + 8*a
	}
	return math.Copysign(v, v*d)
}
