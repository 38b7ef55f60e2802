package regression

import (
	"math"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// Spot is one place of a sample in a layer's output.
type Spot struct{ Sample, Place int }

// Spots lists at most most places of each of n samples, spread over all places of an output, differently
// in every sample.
func Spots(n, places, most int) []Spot {
	per := min(places, most)
	list := make([]Spot, 0, n*per)
	for s := range n {
		for k := range per {
			at := k
			if per < places {
				_, part := math.Modf(float64(s*per+k) * (math.Phi - 1)) // multiples of the golden ratio spread evenly
				at = int(part * float64(places))
			}
			list = append(list, Spot{s, at})
		}
	}
	return list
}

// Patches gathers what a convolution reads of x for one group of channels at the spots: rows of
// (channels of the group)·taps numbers, in the order of the weights', and a one behind each where wanted.
func Patches(c *kernel.Conv, x []float32, group int, at []Spot, one bool) []float32 {
	out := c.OutDims()
	channels, taps := c.InChannels/c.Groups, product(c.Kernel)
	width := channels * taps
	if one {
		width++
	}
	size := product(c.In)
	rows := make([]float32, len(at)*width)
	offsets := make([]int, taps)
	for r, s := range at {
		tapOffsets(c, out, s.Place, offsets)
		row := rows[r*width : (r+1)*width]
		image := x[(s.Sample*c.InChannels+group*channels)*size:]
		for ch := range channels {
			for t, o := range offsets {
				if o >= 0 {
					row[ch*taps+t] = image[ch*size+o]
				}
			}
		}
		if one {
			row[width-1] = 1
		}
	}
	return rows
}

// tapOffsets computes where in an image each tap of the kernel lies for a place of the output; -1 in the padding.
func tapOffsets(c *kernel.Conv, out []int, place int, offsets []int) {
	axes := len(out)
	corner := make([]int, axes)
	for a := axes - 1; a >= 0; a-- {
		corner[a] = place%out[a]*c.Stride[a] - c.PadBegin[a]
		place /= out[a]
	}
	for t := range offsets {
		offset, rest, step := 0, t, 1
		for a := axes - 1; a >= 0; a-- {
			at := corner[a] + rest%c.Kernel[a]*c.Dilation[a]
			rest /= c.Kernel[a]
			if at < 0 || at >= c.In[a] {
				offset = -1
				break
			}
			offset += at * step
			step *= c.In[a]
		}
		offsets[t] = offset
	}
}

func product(list []int) int {
	p := 1
	for _, v := range list {
		p *= v
	}
	return p
}

// Grid is how samples, places and channels lie in a value.
type Grid struct {
	Places        int // of each sample
	Channels      int
	sampleStride  int
	channelStride int
	place         func(p int) int // where a place begins
}

// NewGrid reads the layout of a value of n samples with channels on an axis; false where no axis counts samples.
func NewGrid(t *op.Tensor, n, axis int) (Grid, bool) {
	shape := t.Shape
	if axis < 0 || axis >= len(shape) || n == 0 {
		return Grid{}, false
	}
	g := Grid{Channels: shape[axis], channelStride: max(1, product(shape[axis+1:]))}
	all := t.Len() / max(1, shape[axis]) // places of all samples
	if all%n != 0 {
		return Grid{}, false
	}
	g.Places = all / n
	inner := g.channelStride
	if shape[0]%n == 0 && axis > 0 {
		// samples come first, each with places before and behind the channels
		g.sampleStride = t.Len() / n
		g.place = func(p int) int { return p/inner*inner*g.Channels + p%inner }
		return g, true
	}
	if len(shape) == 3 && shape[1] == n && axis == 2 { // sequences first
		g.sampleStride = g.Channels
		g.place = func(p int) int { return p * n * g.Channels }
		return g, true
	}
	return Grid{}, false
}

// Gather copies the channels of a value at the spots: a row each.
func (g Grid) Gather(f []float32, at []Spot, one bool) []float32 {
	width := g.Channels
	if one {
		width++
	}
	rows := make([]float32, len(at)*width)
	for r, s := range at {
		from := s.Sample*g.sampleStride + g.place(s.Place)
		row := rows[r*width : (r+1)*width]
		for c := range g.Channels {
			row[c] = f[from+c*g.channelStride]
		}
		if one {
			row[width-1] = 1
		}
	}
	return rows
}
