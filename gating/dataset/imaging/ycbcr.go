package imaging

import "image"

// JPEG and WebP files keep colour at half the size. Package image repeats every value twice and takes WebP's luma to be
// of 0 to 255 as JPEG's is; libraries that networks' images were read with interpolate, and WebP's is of 16 to 235.

// coloursOf returns red, green and blue of an image whose luma and chroma are apart.
func coloursOf(img *image.YCbCr, webp bool) []plane {
	b := img.Bounds()
	width, height := b.Dx(), b.Dy()
	out := make([]plane, 3)
	for c := range out {
		out[c] = plane{width, height, make([]uint8, width*height)}
	}
	up, convert := newUpsampler(img, webp), jfif
	if webp {
		convert = limited
	}
	blue, red := make([]uint8, width+2), make([]uint8, width+2)
	for y := range height {
		up.row(blue, img.Cb, y)
		up.row(red, img.Cr, y)
		luma := img.Y[img.YOffset(b.Min.X, b.Min.Y+y):]
		for x := range width {
			r, g, b := convert(int32(luma[x]), int32(blue[x]), int32(red[x]))
			at := y*width + x
			out[0].pix[at], out[1].pix[at], out[2].pix[at] = r, g, b
		}
	}
	return out
}

// jfif converts as libjpeg does: full range, ITU-R 601.
func jfif(y, cb, cr int32) (r, g, b uint8) {
	const half = 1 << 15
	cb, cr = cb-128, cr-128
	return byteOf(y + (91881*cr+half)>>16), byteOf(y + (-22554*cb-46802*cr+half)>>16), byteOf(y + (116130*cb+half)>>16)
}

// limited converts as libwebp does: luma of 16 to 235.
func limited(y, u, v int32) (r, g, b uint8) {
	y = y * 19077 >> 8
	return byteOf((y + v*26149>>8 - 14234) >> 6), byteOf((y - u*6419>>8 - v*13320>>8 + 8708) >> 6),
		byteOf((y + u*33050>>8 - 17685) >> 6)
}

func byteOf(v int32) uint8 { return uint8(max(0, min(255, v))) }

// upsampler brings rows of chroma to the size of luma.
type upsampler struct {
	img           *image.YCbCr
	width, height int // of chroma
	across, down  int // how many pixels of luma one of chroma is for
	webp          bool
}

func newUpsampler(img *image.YCbCr, webp bool) *upsampler {
	across, down := 1, 1
	switch img.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		across = 2
	case image.YCbCrSubsampleRatio420:
		across, down = 2, 2
	case image.YCbCrSubsampleRatio440:
		down = 2
	case image.YCbCrSubsampleRatio411:
		across = 4
	case image.YCbCrSubsampleRatio410:
		across, down = 4, 2
	}
	size := img.Bounds().Size()
	return &upsampler{img, (size.X + across - 1) / across, (size.Y + down - 1) / down, across, down, webp}
}

// chroma is a row of chroma; there is none above the first or below the last, which stand for these.
func (u *upsampler) chroma(values []uint8, y int) []uint8 {
	y = max(0, min(u.height-1, y))
	b := u.img.Bounds()
	return values[u.img.COffset(b.Min.X, b.Min.Y+y*u.down):][:u.width]
}

// row makes the chroma of a row of luma. to has room for one pixel more at the end.
func (u *upsampler) row(to, values []uint8, y int) {
	near := u.chroma(values, y/u.down)
	far := near
	if u.down == 2 {
		far = u.chroma(values, y/2+2*(y%2)-1)
	}
	switch {
	case u.across == 2 && u.webp:
		webpRow(to, near, far)
	case u.across == 2 && u.width > 2 && u.down == 2:
		triangleRow(to, near, far)
	case u.across == 2 && u.width > 2:
		triangleLine(to, near)
	default:
		for x := range u.img.Bounds().Dx() {
			to[x] = near[x/u.across]
		}
	}
}

// triangleLine doubles a row as libjpeg's h2v1_fancy_upsample.
func triangleLine(to, row []uint8) {
	last := len(row) - 1
	for i, v := range row {
		three := 3 * int(v)
		to[2*i] = uint8((three + int(row[max(0, i-1)]) + 1) >> 2)
		to[2*i+1] = uint8((three + int(row[min(last, i+1)]) + 2) >> 2)
	}
}

// triangleRow doubles a row, of which the rows above and below are apart, as libjpeg's h2v2_fancy_upsample.
func triangleRow(to, near, far []uint8) {
	last := len(near) - 1
	sum := func(i int) int { return 3*int(near[i]) + int(far[i]) }
	for i := range near {
		to[2*i] = uint8((3*sum(i) + sum(max(0, i-1)) + 8) >> 4)
		to[2*i+1] = uint8((3*sum(i) + sum(min(last, i+1)) + 7) >> 4)
	}
}

// webpRow doubles a row as libwebp's UpsampleLinePair.
func webpRow(to, near, far []uint8) {
	end := func(i int) uint8 { return uint8((3*int(near[i]) + int(far[i]) + 2) >> 2) }
	last := len(near) - 1
	to[0], to[2*last+1] = end(0), end(last)
	for i := 1; i <= last; i++ {
		nearLeft, nearRight, farLeft, farRight := int(near[i-1]), int(near[i]), int(far[i-1]), int(far[i])
		all := nearLeft + nearRight + farLeft + farRight + 8
		to[2*i-1] = uint8(((all+2*(nearRight+farLeft))>>3 + nearLeft) >> 1)
		to[2*i] = uint8(((all+2*(nearLeft+farRight))>>3 + nearRight) >> 1)
	}
}
