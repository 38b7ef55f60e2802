package imaging

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"testing"
)

// turned is a JPEG file whose EXIF segment has an orientation, in either order of bytes.
func turned(t testing.TB, orientation byte, little bool) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 2, 2)), nil); err != nil {
		t.Fatal(err)
	}
	tiff := "MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(orientation) + "\x00\x00\x00\x00\x00\x00"
	if little {
		tiff = "II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00" + string(orientation) + "\x00\x00\x00\x00\x00\x00\x00"
	}
	segment := "\xff\xe1\x00" + string(rune(len(tiff)+8)) + "Exif\x00\x00" + tiff
	return append([]byte("\xff\xd8"+segment), b.Bytes()[2:]...)
}

// moving is a GIF file of so many pictures.
func moving(t testing.TB, pictures int) []byte {
	t.Helper()
	var g gif.GIF
	for range pictures {
		g.Image = append(g.Image, image.NewPaletted(image.Rect(0, 0, 3, 2), color.Palette{color.Black, color.White}))
		g.Delay = append(g.Delay, 1)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTraits(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		want []Trait
	}{
		"turned":             {turned(t, 6, false), []Trait{Rotated}},
		"turned, little end": {turned(t, 8, true), []Trait{Rotated}},
		"upright":            {turned(t, 1, false), nil},
		"grey of 16 bits":    {encoded(image.NewGray16(image.Rect(0, 0, 2, 2))), []Trait{Deep}},
		"grey of 8":          {encoded(image.NewGray(image.Rect(0, 0, 2, 2))), nil},
		"transparent":        {encoded(image.NewNRGBA(image.Rect(0, 0, 2, 2))), []Trait{Transparent}},
		"one picture":        {moving(t, 1), nil},
		"two":                {moving(t, 2), []Trait{Moving}},
		"no image":           {[]byte("text"), nil},
	} {
		if got := Traits(bytes.NewReader(c.file)); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// FuzzTraits looks at anything: a file that is cut off or lies about its lengths has no traits beyond the known.
func FuzzTraits(f *testing.F) {
	f.Add(turned(f, 6, false))
	f.Add(turned(f, 3, true)[:40])
	f.Add(moving(f, 2))
	f.Add(encoded(image.NewGray16(image.Rect(0, 0, 2, 2))))
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, trait := range Traits(bytes.NewReader(file)) {
			if trait < 0 || trait >= traits || trait.String() == "" {
				t.Errorf("a trait %d", trait)
			}
		}
	})
}
