package dataset

import (
	"image"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// What of images does not reach the network is counted and said, and of images that cannot be read the first is named
// and the others are counted.
func TestOddImages(t *testing.T) {
	dir := t.TempDir()
	writePNG(t, filepath.Join(dir, "cat", "a.png"), image.NewGray16(image.Rect(0, 0, 2, 2)))
	writePNG(t, filepath.Join(dir, "cat", "b.png"), image.NewGray(image.Rect(0, 0, 2, 2)))
	writePNG(t, filepath.Join(dir, "dog", "a.png"), image.NewNRGBA(image.Rect(0, 0, 2, 2)))
	o := Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 1, 2, 2}}}}
	d := mustOpen(t, dir, o)
	if len(d.Warnings) != 1 || !strings.Contains(d.Warnings[0].Error(), "1 of 3 images have grey of 16 bits") {
		t.Errorf("warnings %v", d.Warnings)
	}
	if notes := strings.Join(d.Notes, "; "); !strings.Contains(notes, "1 of 3 images have transparency") {
		t.Errorf("notes %s", notes)
	}
	writeText(t, filepath.Join(dir, "cat", "c.png"), "no image")
	writeText(t, filepath.Join(dir, "dog", "c.png"), "no image")
	_, err := Open(dir, o)
	wantRefusal(t, err, filepath.Join("cat", "c.png"), "(and 1 more of 5 images cannot be read)")
}
