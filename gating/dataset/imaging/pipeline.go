package imaging

import (
	"fmt"
	"image"
	"io"
	"math"
	"slices"
)

// Pipeline makes the numbers of one graph input out of image files, one at a time. It is a value that does not change
// and may be used by several goroutines.
type Pipeline struct {
	how           Preprocess // settled for the graph
	channels      int
	height, width int            // -1 while they are open
	last          bool           // channels are the last axis
	flat          bool           // there is no channel axis
	floats        [][256]float32 // by channel and byte; none for an integer input
}

// Fit makes the pipeline for a graph input: its shape with the batch axis first and -1 for symbolic axes, and whether
// it takes floats. Inputs are [N C H W] or [N H W C] with C 1 (grey) or 3 (red, green, blue), or [N H W] (grey). A
// symbolic channel axis has 3 channels where the layout is given. Errors say what does not fit.
func Fit(p Preprocess, shape []int, float bool) (*Pipeline, error) {
	p, err := p.Validate()
	if err != nil {
		return nil, err
	}
	pipe := &Pipeline{}
	if err := pipe.read(shape, p.Layout); err != nil {
		return nil, err
	}
	pipe.how = p.settled(pipe.height, pipe.width)
	if pipe.how.Resize.Mode == Letterbox && pipe.how.Resize.Height == 0 {
		return nil, fail("give it: letterbox:640, or height x width as letterbox:384x640",
			"the graph leaves the size of images open, so that nothing says what to letterbox them to")
	}
	if err := pipe.settle(); err != nil {
		return nil, err
	}
	return pipe, pipe.normalise(float)
}

// read reads the size and the layout off the shape of a graph's input. Of two axes that may have the channels it is
// the first.
func (p *Pipeline) read(s []int, layout Layout) error {
	isChannels := func(n int) bool { return n == 1 || n == 3 || n < 0 && layout != AutoLayout }
	switch {
	case len(s) == 3 && layout == AutoLayout:
		p.channels, p.height, p.width, p.flat = 1, s[1], s[2], true
	case len(s) == 4 && layout != ChannelsLast && isChannels(s[1]):
		p.channels, p.height, p.width = s[1], s[2], s[3]
	case len(s) == 4 && layout != ChannelsFirst && isChannels(s[3]):
		p.height, p.width, p.channels, p.last = s[1], s[2], s[3], true
	case layout != AutoLayout:
		return fail("leave --layout out, or save the data as an .npz file",
			"the graph's %s is not %s with 1 or 3 channels",
			shapeText(s), layout)
	default:
		return fail("save the data as an .npz file; or --layout nchw or nhwc where the channels are symbolic",
			"the graph's %s takes no images: want [N C H W] or [N H W C] with 1 or 3 channels", shapeText(s))
	}
	if p.channels < 0 {
		p.channels = 3
	}
	return nil
}

// settle compares the size that comes out, where it is known, with the graph's.
func (p *Pipeline) settle() error {
	height, width := -1, -1
	switch r, c := p.how.Resize, p.how.Crop; {
	case c.Height > 0:
		height, width = c.Height, c.Width
	case r.Mode == Squash:
		height, width = r.Height, r.Width
	}
	if height > 0 {
		return p.take(image.Pt(width, height))
	}
	return nil
}

// take makes a size the one of all images, if the graph can have it.
func (p *Pipeline) take(size image.Point) error {
	if p.height >= 0 && p.height != size.Y || p.width >= 0 && p.width != size.X {
		return fail("leave --resize and --crop out, or choose the graph's size",
			"the preprocessing makes %d x %d pixels (height x width), but the graph wants %s x %s", size.Y, size.X,
			free(p.height), free(p.width))
	}
	p.height, p.width = size.Y, size.X
	return nil
}

func free(n int) string {
	if n < 0 {
		return "any"
	}
	return fmt.Sprint(n)
}

// normalise makes the table of what each byte becomes.
func (p *Pipeline) normalise(float bool) error {
	h := &p.how
	if p.channels == 1 {
		h.Mean, h.Std = alike(h.Mean), alike(h.Std)
	}
	if len(h.Mean) > p.channels || len(h.Std) > p.channels {
		return fail("give one number", "mean and std have 3 numbers, but the graph wants grey images")
	}
	if !float {
		plain := (h.Scale == 0 || h.Scale == Bytes) && h.Offset == 0
		if !plain || slices.ContainsFunc(h.Mean, func(v float64) bool { return v != 0 }) ||
			slices.ContainsFunc(h.Std, func(v float64) bool { return v != 1 }) {
			return fail("such a network scales by itself: leave --scale, --mean and --std out",
				"the graph's input takes integers, which cannot be scaled")
		}
		h.Scale = Bytes
		return nil
	}
	if h.Scale == 0 {
		h.Scale = Unit
	}
	p.floats = make([][256]float32, p.channels)
	for c := range p.floats {
		mean, std := of(h.Mean, c, 0), of(h.Std, c, 1)
		for v := range p.floats[c] {
			p.floats[c][v] = float32((float64(v)*h.Scale + h.Offset - mean) / std)
		}
	}
	if last := p.floats[0][255]; math.IsInf(float64(last), 0) {
		return fail("", "white becomes %v", last)
	}
	return nil
}

// alike is the one number of channels that have the same.
func alike(list []float64) []float64 {
	if len(list) == 3 && list[0] == list[1] && list[1] == list[2] {
		return list[:1]
	}
	return list
}

// of returns a channel's number, of a list of one, one a channel, or none.
func of(list []float64, channel int, otherwise float64) float64 {
	switch len(list) {
	case 0:
		return otherwise
	case 1:
		return list[0]
	}
	return list[channel]
}

// Preprocess returns what the pipeline does, with every default and size filled in that is known.
func (p *Pipeline) Preprocess() Preprocess { return p.how }

// Shape returns the shape of one sample; height and width are -1 while they are open, see WithSize.
func (p *Pipeline) Shape() []int {
	switch {
	case p.flat:
		return []int{p.height, p.width}
	case p.last:
		return []int{p.height, p.width, p.channels}
	}
	return []int{p.channels, p.height, p.width}
}

// Channels returns 1 for grey, else 3.
func (p *Pipeline) Channels() int { return p.channels }

// Open says whether the size of samples is still open.
func (p *Pipeline) Open() bool { return p.height < 0 || p.width < 0 }

// Measure returns the size that an image comes out with, from its header.
func (p *Pipeline) Measure(r io.Reader) (image.Point, error) {
	size, err := Size(r)
	if err != nil {
		return image.Point{}, err
	}
	f, err := p.how.frame(size)
	return f.wanted.Size(), err
}

// WithSize returns the pipeline for images that come out with one size, such as the first one's where the graph leaves
// it open. The error says that the graph wants another.
func (p *Pipeline) WithSize(size image.Point) (*Pipeline, error) {
	out := *p
	return &out, out.take(size)
}

// Len returns the number of elements of one sample, 0 while its size is open.
func (p *Pipeline) Len() int {
	if p.Open() {
		return 0
	}
	return p.channels * p.height * p.width
}

// shapeText writes a graph's shape with N for the batch axis and ? for symbolic ones.
func shapeText(shape []int) string {
	text := "[N"
	for _, n := range shape[min(1, len(shape)):] {
		if n < 0 {
			text += " ?"
			continue
		}
		text += fmt.Sprintf(" %d", n)
	}
	return text + "]"
}
