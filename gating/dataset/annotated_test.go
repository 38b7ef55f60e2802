package dataset

import (
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset/imaging"
	"github.com/softmerge/softmerge/onnx"
)

// rgb is a graph's input of red, green and blue.
func rgb(height, width int) Options {
	return Options{Inputs: []Field{{Name: "images", Type: onnx.Float32, Shape: []int{-1, 3, height, width}}}}
}

func writePNG(t *testing.T, path string, img image.Image) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const twoObjects = `{"info": {"images": 1}, "images": [{"id": 7, "file_name": "b.png"}, {"id": 3, "file_name": "a.png"}],
"categories": [{"id": 9, "name": "cat"}, {"id": 2, "name": "dog"}],
"annotations": [{"image_id": 3, "category_id": 9, "bbox": [4, 2, 8, 6], "iscrowd": 0},
{"image_id": 3, "category_id": 2, "bbox": [0, 0, 1, 1]}, {"image_id": 7, "category_id": 2, "bbox": [0, 0, 1, 1],
	"iscrowd": 1}]}`

// TestBoxesGoWithTheImage asks for boxes where the network sees them: scaled and cropped as the image is.
func TestBoxesGoWithTheImage(t *testing.T) {
	dir := t.TempDir()
	writePNG(t, filepath.Join(dir, "images", "a.png"), image.NewGray(image.Rect(0, 0, 20, 10)))
	writePNG(t, filepath.Join(dir, "images", "b.png"), image.NewGray(image.Rect(0, 0, 8, 8)))
	writeText(t, filepath.Join(dir, "annotations.json"), twoObjects)
	for name, c := range map[string]struct {
		how  imaging.Preprocess
		want []float32
	}{
		"squashed": {imaging.Preprocess{}, []float32{1, 2, 4, 6, 16, 0, 0, 0, 0.5, 2}}, // 20 x 10 to 10 x 20
		"cropped": {imaging.Preprocess{Resize: imaging.Resize{Mode: imaging.ShortestEdge, Edge: 20},
			Crop: imaging.Crop{Height: 20, Width: 10}}, []float32{1, -7, 4, 9, 16, 0, -15, 0, -13, 2}},
		// 20 x 10 to 10 x 5, with 7 rows of grey above and 8 below
		"letterboxed": {imaging.Preprocess{Resize: imaging.Resize{Mode: imaging.Letterbox}},
			[]float32{1, 2, 8, 6, 11, 0, 0, 7, 0.5, 7.5}},
	} {
		o := rgb(20, 10)
		o.Preprocess = c.how
		d, err := Open(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(d.Label.Shape, []int{2, 5}) || d.Len() != 2 {
			t.Fatalf("%s: %d labels of shape %v", name, d.Len(), d.Label.Shape)
		}
		if want := `: classes of boxes, from 0: "dog", "cat"`; len(d.Notes) != 1 || !strings.HasSuffix(d.Notes[0], want) {
			t.Errorf("%s: notes %q", name, d.Notes)
		}
		if got := d.Label.Floats[:10]; !slices.Equal(got, []float32{-1, 0, 0, 0, 0, -1, 0, 0, 0, 0}) {
			t.Errorf("%s: a crowd gives %v", name, got)
		}
		if got := d.Label.Floats[10:]; !slices.Equal(got, c.want) { // the cat is class 1: its id is larger
			t.Errorf("%s: boxes %v, want %v", name, got, c.want)
		}
	}
}

func TestAnnotationsThatAreWrong(t *testing.T) {
	for name, text := range map[string]string{
		"no such image":     `{"images": [{"id": 1, "file_name": "z.png"}], "annotations": []}`,
		"outside":           `{"images": [{"id": 1, "file_name": "../a.png"}], "annotations": []}`,
		"one id twice":      `{"images": [{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "a.png"}], "annotations": []}`,
		"unlisted image":    `{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{"image_id": 2}]}`,
		"unlisted category": `{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{"image_id": 1, "category_id": 4}]}`,
		"no box": `{"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 4}],
			"annotations": [{"image_id": 1, "category_id": 4}]}`,
		"negative": `{"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 4}],
			"annotations": [{"image_id": 1, "category_id": 4, "bbox": [0, 0, -1, 2]}]}`,
		"nothing":   `{"images": [], "annotations": []}`,
		"truncated": `{"images": [], "annotations": [`,
	} {
		dir := t.TempDir()
		writePNG(t, filepath.Join(dir, "a.png"), image.NewGray(image.Rect(0, 0, 4, 4)))
		writeText(t, filepath.Join(dir, "annotations.json"), text)
		if _, err := Open(dir, rgb(4, 4)); !errors.Is(err, ErrData) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMasksAreNotMixed asks for classes, never for values between those of neighbours, and for palettes' numbers.
func TestMasksAreNotMixed(t *testing.T) {
	dir := t.TempDir()
	writePNG(t, filepath.Join(dir, "images", "a.png"), image.NewRGBA(image.Rect(0, 0, 4, 2)))
	writePNG(t, filepath.Join(dir, "images", "b.png"), image.NewRGBA(image.Rect(0, 0, 2, 2)))
	palette := image.NewPaletted(image.Rect(0, 0, 4, 2), color.Palette{color.Black, color.White, color.Black})
	copy(palette.Pix, []uint8{0, 1, 2, 2, 1, 1, 0, 2})
	grey := image.NewGray(image.Rect(0, 0, 2, 2))
	copy(grey.Pix, []uint8{5, 255, 0, 7})
	writePNG(t, filepath.Join(dir, "masks", "a.png"), palette)
	writePNG(t, filepath.Join(dir, "masks", "b.png"), grey)
	d, err := Open(dir, rgb(2, 4))
	if err != nil {
		t.Fatal(err)
	}
	want := []int64{0, 1, 2, 2, 1, 1, 0, 2, 5, 5, 255, 255, 0, 0, 7, 7}
	if !slices.Equal(d.Label.Ints, want) || !slices.Equal(d.Label.Shape, []int{2, 4}) {
		t.Errorf("masks %v of shape %v, want %v", d.Label.Ints, d.Label.Shape, want)
	}
	writePNG(t, filepath.Join(dir, "masks", "b.png"), image.NewRGBA(image.Rect(0, 0, 2, 2)))
	if _, err := Open(dir, rgb(2, 4)); !errors.Is(err, ErrData) {
		t.Errorf("a mask of colours: %v", err)
	}
	os.Remove(filepath.Join(dir, "masks", "b.png"))
	if _, err := Open(dir, rgb(2, 4)); !errors.Is(err, ErrData) {
		t.Errorf("an image without a mask: %v", err)
	}
}
