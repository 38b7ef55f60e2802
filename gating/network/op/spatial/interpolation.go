package spatial

import (
	"math"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// resizing is the attributes of Resize that say where an output element lies in
// the input and what is read there.
type resizing struct {
	mode          string  // nearest, linear or cubic
	transform     string  // coordinate_transformation_mode
	nearest       string  // nearest_mode, or "simple": what Resize did before opset 11
	cubic         float64 // cubic_coeff_a
	exclude       bool    // weights outside the input are dropped and the rest scaled to sum to 1
	antialias     bool
	extrapolation float32   // what stands outside the region of interest
	roi           []float32 // for tf_crop_and_resize
}

// resizedAxis is one axis of n elements that becomes one of m.
type resizedAxis struct {
	resized    bool
	n, m       int
	length     float32 // m before rounding down, which is what ONNX's tests align corners to
	scale      float32
	start, end float32 // region of interest
}

// check refuses attribute values that are not known.
func (r *resizing) check(c *op.Call) error {
	switch r.mode {
	case "nearest", "linear", "bilinear", "cubic":
	default:
		return c.Unsupported("mode %q", r.mode)
	}
	switch r.transform {
	case "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
		"tf_half_pixel_for_nn", "tf_crop_and_resize":
	default:
		return c.Unsupported("coordinate_transformation_mode %q", r.transform)
	}
	switch r.nearest {
	case "simple", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil":
	default:
		return c.Unsupported("nearest_mode %q", r.nearest)
	}
	return nil
}

// place returns where output index o lies in the input, in the float32 arithmetic that decides for other
// implementations which of two equally near elements is meant.
func (r *resizing) place(x resizedAxis, o int) float32 {
	i, n := float32(o), float32(x.n)
	switch r.transform {
	case "half_pixel_symmetric":
		return n/2*(1-float32(x.m)/x.length) + (i+0.5)/x.scale - 0.5
	case "pytorch_half_pixel":
		if x.m <= 1 {
			return 0
		}
	case "align_corners":
		if x.length == 1 {
			return 0
		}
		return i * (n - 1) / (x.length - 1)
	case "asymmetric":
		return i / x.scale
	case "tf_half_pixel_for_nn":
		return (i + 0.5) / x.scale
	case "tf_crop_and_resize":
		if x.m <= 1 {
			return 0.5 * (x.start + x.end) * (n - 1)
		}
		return x.start*(n-1) + i*(x.end-x.start)*(n-1)/float32(x.m-1)
	}
	return (i+0.5)/x.scale - 0.5
}

// isOutside says whether a place gets the extrapolation value.
func (r *resizing) isOutside(x resizedAxis, at float32) bool {
	return r.transform == "tf_crop_and_resize" && (at < 0 || at > float32(x.n-1))
}

// nearestMap returns which input index each output index copies.
func (r *resizing) nearestMap(x resizedAxis) []int {
	list := make([]int, x.m)
	for o := range list {
		at := r.place(x, o)
		if r.isOutside(x, at) {
			list[o] = -1
			continue
		}
		list[o] = min(max(int(r.round(at, x.scale)), 0), x.n-1)
	}
	return list
}

func (r *resizing) round(at, scale float32) float64 {
	v := float64(at)
	switch r.nearest {
	case "round_prefer_floor":
		return math.Ceil(v - 0.5)
	case "round_prefer_ceil":
		return math.Floor(v + 0.5)
	case "ceil":
		return math.Ceil(v)
	case "simple":
		if scale < 1 {
			return math.Ceil(v)
		}
	}
	return math.Floor(v)
}

// taps returns the weights of the input elements for each output index, and which of them lie outside.
func (r *resizing) taps(x resizedAxis) (*kernel.Taps, []bool) {
	t := &kernel.Taps{In: x.n, First: []int{0}}
	outside := make([]bool, x.m)
	for o := range outside {
		if at := r.place(x, o); r.isOutside(x, at) {
			outside[o] = true
		} else {
			r.addTaps(t, at, x.scale)
		}
		t.First = append(t.First, len(t.Index))
	}
	return t, outside
}

// addTaps appends the weights around one place. Elements past an end stand for the last one there, unless they are
// excluded.
func (r *resizing) addTaps(t *kernel.Taps, at, scale float32) {
	radius, kernelAt := 1.0, triangle
	if r.mode == "cubic" {
		radius, kernelAt = 2, func(d float64) float64 { return cubicAt(d, r.cubic) }
	}
	shrink := 1.0
	if r.antialias {
		shrink = math.Min(float64(scale), 1)
	}
	centre := float64(at)
	first := len(t.Index)
	var sum float64
	var weights []float64
	for i := math.Floor(centre - radius/shrink); i <= math.Ceil(centre+radius/shrink); i++ {
		w := kernelAt((i - centre) * shrink)
		if w == 0 || r.exclude && (i < 0 || i >= float64(t.In)) {
			continue
		}
		k := min(max(int(i), 0), t.In-1)
		sum += w
		if last := len(t.Index) - 1; last >= first && t.Index[last] == k {
			weights[last-first] += w
			continue
		}
		t.Index, weights = append(t.Index, k), append(weights, w)
	}
	for _, w := range weights {
		t.Weight = append(t.Weight, float32(w/sum))
	}
}

// triangle is the kernel of linear interpolation.
func triangle(d float64) float64 { return math.Max(0, 1-math.Abs(d)) }

// cubicAt is the kernel of cubic convolution with parameter a (Keys 1981).
func cubicAt(d, a float64) float64 {
	d = math.Abs(d)
	switch {
	case d <= 1:
		return ((a+2)*d-(a+3))*d*d + 1
	case d < 2:
		return ((a*d-5*a)*d+8*a)*d - 4*a
	}
	return 0
}
