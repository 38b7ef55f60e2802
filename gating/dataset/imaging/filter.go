package imaging

import "math"

// Interpolation is how an image is resized, by the names that Pillow and torchvision have.
type Interpolation string

// The interpolations of Pillow's Image.resize. The empty one is Bilinear.
const (
	Nearest  Interpolation = "nearest"
	Box      Interpolation = "box"
	Bilinear Interpolation = "bilinear"
	Hamming  Interpolation = "hamming"
	Bicubic  Interpolation = "bicubic"
	Lanczos  Interpolation = "lanczos"

	// Aliased is what TensorFlow, OpenCV and torchvision (of tensors) call bilinear: between two neighbours, however
	// much an image shrinks. It is not rounded as they do: it differs by at most 1 of 255.
	Aliased Interpolation = "aliased"
)

// Interpolations lists all names.
var Interpolations = []Interpolation{Bilinear, Bicubic, Nearest, Box, Hamming, Lanczos, Aliased}

// filter is a kernel and how far from 0 it reaches.
type filter struct {
	reach   float64
	at      func(x float64) float64
	aliased bool // as wide as that when an image shrinks
}

// filters are those of Pillow's Resample.c. Nearest is none: it picks.
var filters = map[Interpolation]filter{
	Box:      {reach: 0.5, at: box},
	Bilinear: {reach: 1, at: triangle},
	Hamming:  {reach: 1, at: hamming},
	Bicubic:  {reach: 2, at: cubic},
	Lanczos:  {reach: 3, at: lanczos},
	Aliased:  {reach: 1, at: triangle, aliased: true},
}

func box(x float64) float64 {
	if x > -0.5 && x <= 0.5 {
		return 1
	}
	return 0
}

func triangle(x float64) float64 { return max(0, 1-math.Abs(x)) }

func hamming(x float64) float64 {
	x = math.Abs(x)
	switch {
	case x == 0:
		return 1
	case x >= 1:
		return 0
	}
	x *= math.Pi
	// Pillow's constants are float32.
	return math.Sin(x) / x * (float64(float32(0.54)) + float64(float32(0.46))*math.Cos(x))
}

// cubic is Keys's kernel with a = -1/2.
func cubic(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	switch {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return (((x-5)*x+8)*x - 4) * a
	}
	return 0
}

func lanczos(x float64) float64 {
	if -3 <= x && x < 3 {
		return sinc(x) * sinc(x/3)
	}
	return 0
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// taps are the source pixels, from the given one on, that make one target pixel, with their weights in fixed point.
type taps struct {
	from    int
	weights []int32
}

// precision is how many bits of a weight are behind the point: with a byte and two bits for sums above one they fill
// an int32.
const precision = 32 - 8 - 2

// taps returns those of target pixels from to to-1 when source pixels become target pixels.
func (f filter) taps(source, target, from, to int) []taps {
	scale := float64(source) / float64(target)
	wide := max(scale, 1) // an image that shrinks is averaged
	if f.aliased {
		wide = 1
	}
	reach := f.reach * wide
	out := make([]taps, to-from)
	weights := []float64{}
	for i := range out {
		centre := (float64(from+i) + 0.5) * scale
		first := max(0, int(centre-reach+0.5))
		last := min(source, int(centre+reach+0.5))
		sum := 0.0
		weights = weights[:0]
		for x := first; x < last; x++ {
			w := f.at((float64(x) - centre + 0.5) * (1 / wide))
			weights = append(weights, w)
			sum += w
		}
		out[i] = taps{first, make([]int32, len(weights))}
		for k, w := range weights {
			if sum != 0 {
				w /= sum
			}
			out[i].weights[k] = int32(math.Copysign(0.5, w) + w*(1<<precision))
		}
	}
	return out
}
