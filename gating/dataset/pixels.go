package dataset

import (
	"bufio"
	"image"
	"image/draw"
	"io"
	"math"

	"github.com/softmerge/softmerge/onnx/untrusted"
)

// readImage decodes one file into the layout, resized if need be.
func readImage(path string, l layout) ([]uint8, error) {
	f, _, err := untrusted.Open(path)
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close()
	if _, err := checkImageSize(path, bufio.NewReader(f)); err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, unreadable(err)
	}
	img, _, err := image.Decode(bufio.NewReader(f))
	if err != nil {
		return nil, badImage(path, err)
	}
	return l.place(channelsOf(img, l.channels)), nil
}

// plane is one channel of an image, row after row.
type plane struct {
	width, height int
	pix           []uint8
}

// place resizes the channels and lays them out.
func (l layout) place(planes []plane) []uint8 {
	out := make([]uint8, l.height*l.width*l.channels)
	for c, p := range planes {
		p = p.resize(l.width, l.height)
		for i, v := range p.pix {
			if l.channelsLast {
				out[i*l.channels+c] = v
			} else {
				out[c*len(p.pix)+i] = v
			}
		}
	}
	return out
}

// channelsOf splits an image into red, green and blue, or into the one channel grey.
func channelsOf(img image.Image, channels int) []plane {
	rgba := opaque(img)
	size := rgba.Rect.Size()
	planes := make([]plane, channels)
	for c := range planes {
		planes[c] = plane{size.X, size.Y, make([]uint8, size.X*size.Y)}
	}
	for i := range size.X * size.Y {
		p := rgba.Pix[4*i : 4*i+3]
		if channels == 1 {
			planes[0].pix[i] = luma(p[0], p[1], p[2])
			continue
		}
		planes[0].pix[i], planes[1].pix[i], planes[2].pix[i] = p[0], p[1], p[2]
	}
	return planes
}

// luma is the brightness of a colour by ITU-R 601: 0.299 red + 0.587 green + 0.114 blue, rounded to nearest.
func luma(r, g, b uint8) uint8 {
	return uint8((uint32(r)*19595 + uint32(g)*38470 + uint32(b)*7471 + 1<<15) >> 16)
}

// opaque returns the colours of an image with their transparency dropped, packed row after row from the origin.
func opaque(img image.Image) *image.NRGBA {
	b := img.Bounds()
	if whole, ok := img.(interface{ Opaque() bool }); ok && whole.Opaque() {
		// For opaque images the two formats have the same bytes, and package draw has fast paths for this one.
		fast := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
		draw.Draw(fast, fast.Rect, img, b.Min, draw.Src)
		return &image.NRGBA{Pix: fast.Pix, Stride: fast.Stride, Rect: fast.Rect}
	}
	out := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	for y := range b.Dy() {
		for x := range b.Dx() {
			out.Set(x, y, img.At(b.Min.X+x, b.Min.Y+y))
		}
	}
	return out
}

// resize scales a plane by separable linear interpolation. A width that grows comes last: neither step then makes more
// pixels than the larger of both images has.
func (p plane) resize(width, height int) plane {
	if width < p.width {
		p = p.across(width)
	}
	if height != p.height {
		p = p.transposed().across(height).transposed()
	}
	if width > p.width {
		p = p.across(width)
	}
	return p
}

func (p plane) transposed() plane {
	out := plane{p.height, p.width, make([]uint8, len(p.pix))}
	for y := range p.height {
		for x := range p.width {
			out.pix[x*p.height+y] = p.pix[y*p.width+x]
		}
	}
	return out
}

// across scales every row to the given width.
func (p plane) across(width int) plane {
	out := plane{width, p.height, make([]uint8, width*p.height)}
	for x := range width {
		from, weights := triangle(x, p.width, width)
		for y := range p.height {
			sum := 0.5
			for i, w := range weights {
				sum += w * float64(p.pix[y*p.width+from+i])
			}
			out.pix[y*width+x] = uint8(sum)
		}
	}
	return out
}

// triangle returns the weights of the source pixels, from the given one on, that make target pixel x: a triangle
// around its centre, two source pixels wide when the image grows and two target pixels wide when it shrinks.
func triangle(x, source, target int) (from int, weights []float64) {
	scale := float64(source) / float64(target)
	reach := max(scale, 1)
	centre := (float64(x) + 0.5) * scale
	from = max(0, int(centre-reach+0.5))
	to := min(source, int(centre+reach+0.5))
	sum := 0.0
	for i := from; i < to; i++ {
		w := max(0, 1-math.Abs((float64(i)+0.5-centre)/reach))
		weights = append(weights, w)
		sum += w
	}
	for i := range weights {
		weights[i] /= sum
	}
	return from, weights
}
