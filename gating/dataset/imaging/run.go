package imaging

import (
	"image"
	"io"
	"slices"
)

// Floats decodes one image file into dst, which has Len elements.
func (p *Pipeline) Floats(dst []float32, r io.ReadSeeker) error {
	planes, err := p.planes(r)
	if err != nil {
		return err
	}
	for c, channel := range planes {
		table := &p.floats[c]
		at, step := p.place(c)
		for i, v := range channel.pix {
			dst[at+i*step] = table[v]
		}
	}
	return nil
}

// Ints decodes one image file into dst, which has Len elements: 0 to 255.
func (p *Pipeline) Ints(dst []int64, r io.ReadSeeker) error {
	planes, err := p.planes(r)
	if err != nil {
		return err
	}
	for c, channel := range planes {
		at, step := p.place(c)
		for i, v := range channel.pix {
			dst[at+i*step] = int64(v)
		}
	}
	return nil
}

// FromBytes normalises one sample that another pipeline with the same size and layout has made with a scale of 1:
// pixels of 0 to 255, red, green, blue. Both slices have Len elements.
func (p *Pipeline) FromBytes(dst, pixels []float32) {
	for c := range p.channels {
		from := c
		if p.how.BGR {
			from = p.channels - 1 - c
		}
		to, step := p.place(c)
		at, _ := p.place(from)
		for i := range p.height * p.width {
			dst[to+i*step] = p.floats[c][uint8(pixels[at+i*step])]
		}
	}
}

// place is where a channel begins, and how far its pixels are apart.
func (p *Pipeline) place(channel int) (at, step int) {
	if p.last {
		return channel, p.channels
	}
	return channel * p.height * p.width, 1
}

// planes decodes, resizes and crops; channels are in the order in which the network gets them.
func (p *Pipeline) planes(r io.ReadSeeker) ([]plane, error) {
	img, kind, err := decode(r)
	if err != nil {
		return nil, err
	}
	f, err := p.how.frame(img.Bounds().Size())
	if err != nil {
		return nil, err
	}
	if size := f.wanted.Size(); size != image.Pt(p.width, p.height) {
		return nil, fail("give --resize and --crop, or resize all images to one size",
			"the image comes out with %d x %d pixels (height x width): want %s x %s", size.Y, size.X, free(p.height),
			free(p.width))
	}
	planes := planesOf(img, kind, p.channels)
	for c := range planes {
		planes[c] = planes[c].cut(p.how, f, c)
	}
	if p.how.BGR {
		slices.Reverse(planes)
	}
	return planes, nil
}

// cut returns the wanted part of a plane that is resized, with the fill's colour where it reaches over the edges.
func (p plane) cut(how Preprocess, f frame, channel int) plane {
	inside := f.wanted.Intersect(image.Rectangle{Max: f.resized})
	part := p.resize(how.Interpolation, span{f.resized.X, inside.Min.X, inside.Max.X},
		span{f.resized.Y, inside.Min.Y, inside.Max.Y})
	if inside == f.wanted {
		return part
	}
	size := f.wanted.Size()
	out := plane{size.X, size.Y, make([]uint8, size.X*size.Y)}
	fill := how.Crop.Fill[channel]
	for i := range out.pix {
		out.pix[i] = fill
	}
	at := inside.Min.Sub(f.wanted.Min)
	for y := range part.height {
		copy(out.pix[(at.Y+y)*out.width+at.X:], part.pix[y*part.width:(y+1)*part.width])
	}
	return out
}
