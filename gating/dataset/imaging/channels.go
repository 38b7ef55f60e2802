package imaging

import (
	"image"
	"image/draw"
)

// planesOf splits an image of a kind of file into red, green and blue, or grey.
func planesOf(img image.Image, kind string, channels int) []plane {
	var rgb []plane
	switch img := img.(type) {
	case *image.YCbCr:
		rgb = coloursOf(img, kind == "webp")
	case *image.NYCbCrA:
		rgb = coloursOf(&img.YCbCr, kind == "webp")
	default:
		rgb = channelsOf(img)
	}
	if channels == 1 {
		return grey(rgb)
	}
	return rgb
}

// channelsOf splits an image into red, green and blue.
func channelsOf(img image.Image) []plane {
	rgb := opaque(img)
	size := rgb.Rect.Size()
	planes := make([]plane, 3)
	for c := range planes {
		planes[c] = plane{size.X, size.Y, make([]uint8, size.X*size.Y)}
		for i := range planes[c].pix {
			planes[c].pix[i] = rgb.Pix[4*i+c]
		}
	}
	return planes
}

// grey makes the one channel grey of red, green and blue.
func grey(rgb []plane) []plane {
	for i, r := range rgb[0].pix {
		rgb[0].pix[i] = luma(r, rgb[1].pix[i], rgb[2].pix[i])
	}
	return rgb[:1]
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
