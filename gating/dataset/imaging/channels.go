package imaging

import (
	"image"
	"image/draw"
)

// channelsOf splits an image into red, green and blue, or into the one channel grey.
func channelsOf(img image.Image, channels int) []plane {
	rgb := opaque(img)
	size := rgb.Rect.Size()
	planes := make([]plane, channels)
	for c := range planes {
		planes[c] = plane{size.X, size.Y, make([]uint8, size.X*size.Y)}
	}
	for i := range size.X * size.Y {
		p := rgb.Pix[4*i : 4*i+3]
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
