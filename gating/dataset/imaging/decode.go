package imaging

import (
	"bufio"
	"errors"
	"image"
	"image/draw"
	_ "image/gif"  // images may be GIF files
	_ "image/jpeg" // images may be JPEG files
	_ "image/png"  // images may be PNG files
	"io"

	_ "golang.org/x/image/bmp"  // images may be BMP files
	_ "golang.org/x/image/tiff" // images may be TIFF files
	_ "golang.org/x/image/webp" // images may be WebP files
)

// Suffixes are those of the kinds of files that are decoded, in lower case: "PNG, JPEG, GIF, WebP, BMP or TIFF".
var Suffixes = []string{".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"}

// mostPixels bounds one image before it is decoded: a small file can declare any size.
const mostPixels = 1 << 27

// Size returns the width and height that an image file declares, after checking that it may be decoded.
func Size(r io.Reader) (image.Point, error) {
	c, _, err := image.DecodeConfig(bufio.NewReader(r))
	if err != nil {
		return image.Point{}, badImage(err)
	}
	if c.Width <= 0 || c.Height <= 0 || c.Width > mostPixels/c.Height {
		return image.Point{}, fail("make the image smaller",
			"the image has %d x %d pixels: want at least one and at most %d in all", c.Width, c.Height, mostPixels)
	}
	return image.Pt(c.Width, c.Height), nil
}

// decode reads one image file whole, and says what kind of file it is.
func decode(r io.ReadSeeker) (img image.Image, kind string, err error) {
	size, err := Size(r)
	if err != nil {
		return nil, "", err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, "", badImage(err)
	}
	if img, kind, err = image.Decode(bufio.NewReader(r)); err != nil {
		return nil, "", badImage(err)
	}
	b := img.Bounds()
	if b.Empty() || b.Dx() > mostPixels/b.Dy() {
		return nil, "", badImage(errEmpty)
	}
	if kind == "gif" && b != (image.Rectangle{Max: size}) { // a first frame smaller than its canvas
		canvas := image.NewNRGBA(image.Rectangle{Max: size})
		draw.Draw(canvas, b, img, b.Min, draw.Src)
		img = canvas
	}
	return img, kind, nil
}

// errEmpty is of a file whose header promises pixels that it does not have.
var errEmpty = errors.New("it has no pixels")

func badImage(err error) error {
	if errors.Is(err, image.ErrFormat) {
		return fail("remove it or convert it to PNG", "this is no PNG, JPEG, GIF, WebP, BMP or TIFF image")
	}
	return fail("remove the image or write it again", "the image cannot be decoded: %v", err)
}
