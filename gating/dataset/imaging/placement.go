package imaging

import (
	"image"
	"io"
)

// Placement says where the pixels of an image come to lie in what the network sees: x becomes x*ScaleX - Left.
type Placement struct{ ScaleX, ScaleY, Left, Top float64 }

// Place is the placement of an image, from its header.
func (p *Pipeline) Place(r io.Reader) (Placement, error) {
	size, err := Size(r)
	if err != nil {
		return Placement{}, err
	}
	f, err := p.how.frame(size)
	if err != nil {
		return Placement{}, err
	}
	return Placement{
		float64(f.resized.X) / float64(size.X), float64(f.resized.Y) / float64(size.Y),
		float64(f.wanted.Min.X), float64(f.wanted.Min.Y),
	}, nil
}

// Mask decodes a file whose pixels are classes, resized and cropped as the image that it belongs to, each pixel taking
// the nearest one's class. dst has a number for each pixel of a sample. Pixels of palette images are the numbers in the
// palette, those of grey ones their values; what lies outside of the image is outside. Colours are refused, as nobody
// knows which class they are.
func (p *Pipeline) Mask(dst []int64, outside int64, r io.ReadSeeker) error {
	img, _, err := decode(r)
	if err != nil {
		return err
	}
	class, err := classesOf(img)
	if err != nil {
		return err
	}
	size := img.Bounds().Size()
	f, err := p.how.frame(size)
	if err != nil {
		return err
	}
	if f.wanted.Size() != image.Pt(p.width, p.height) {
		return fail("give --resize and --crop, or resize all images to one size",
			"the mask comes out with %v pixels, want %d x %d", f.wanted.Size(), p.width, p.height)
	}
	inside := f.wanted.Intersect(image.Rectangle{Max: f.resized})
	xs := nearest(size.X, span{f.resized.X, inside.Min.X, inside.Max.X})
	ys := nearest(size.Y, span{f.resized.Y, inside.Min.Y, inside.Max.Y})
	for i := range dst {
		dst[i] = outside
	}
	at := inside.Min.Sub(f.wanted.Min)
	for row, y := range ys {
		for column, x := range xs {
			dst[(at.Y+row)*p.width+at.X+column] = class(x, y)
		}
	}
	return nil
}

// classesOf returns the class of a pixel, counted from the upper left corner.
func classesOf(img image.Image) (func(x, y int) int64, error) {
	b := img.Bounds()
	switch m := img.(type) {
	case *image.Paletted:
		return func(x, y int) int64 { return int64(m.ColorIndexAt(b.Min.X+x, b.Min.Y+y)) }, nil
	case *image.Gray:
		return func(x, y int) int64 { return int64(m.GrayAt(b.Min.X+x, b.Min.Y+y).Y) }, nil
	case *image.Gray16:
		return func(x, y int) int64 { return int64(m.Gray16At(b.Min.X+x, b.Min.Y+y).Y) }, nil
	}
	return nil, fail("save masks as PNG files of palette or grey pixels, whose numbers are the classes",
		"the mask is an image of colours")
}

// Size returns height and width of a sample, -1 while they are open.
func (p *Pipeline) Size() (height, width int) { return p.height, p.width }
