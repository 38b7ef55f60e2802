package imaging

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"testing"

	"github.com/softmerge/softmerge/onnx/advice"
)

func encoded(img image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// FuzzMask reads pictures of masks: a number is one that a pixel has, or that of the outside, and nothing else.
func FuzzMask(f *testing.F) {
	grey := image.NewGray(image.Rect(0, 0, 5, 3))
	deep := image.NewGray16(image.Rect(0, 0, 2, 9))
	palette := image.NewPaletted(image.Rect(0, 0, 3, 3), color.Palette{color.Black, color.White})
	for i := range grey.Pix {
		grey.Pix[i] = uint8(17 * i)
	}
	for i := range deep.Pix {
		deep.Pix[i] = uint8(91 * i)
	}
	palette.Pix[4] = 1
	for how := range uint8(4) {
		f.Add(encoded(grey), how)
		f.Add(encoded(deep), how)
		f.Add(encoded(palette), how)
	}
	f.Add(encoded(image.NewRGBA(image.Rect(0, 0, 2, 2))), uint8(0))
	f.Fuzz(func(t *testing.T, content []byte, how uint8) {
		size, err := Size(bytes.NewReader(content))
		if err != nil || size.X > 1<<10 || size.Y > 1<<10 {
			return
		}
		p := []Preprocess{{}, {Resize: Resize{Mode: Letterbox}}, {Crop: Crop{Share: 0.875}},
			{Resize: Resize{Mode: Keep}, Crop: Crop{Height: 4, Width: 6}}}[how%4]
		pipe, err := Fit(p, []int{-1, 3, 4, 6}, true)
		if err != nil {
			t.Fatal(err)
		}
		const outside = -7
		dst := make([]int64, 24)
		if err := pipe.Mask(dst, outside, bytes.NewReader(content)); err != nil {
			if !errors.Is(err, ErrImage) || advice.Hint(err) == "" {
				t.Error(err)
			}
			return
		}
		for _, v := range dst {
			if v != outside && (v < 0 || v > 1<<16) || how%4 == 0 && v == outside {
				t.Fatalf("a pixel is %d", v)
			}
		}
	})
}
