package search_test

import (
	"encoding/json"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/dataset/imaging"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
)

// Pictures twice as wide as high, for a detector of square ones: squashed they show it no digits that it knows, so that
// letterboxing has to be found before anything else can be.
func TestLetterboxIsFound(t *testing.T) {
	detector := filepath.Join("..", "..", "fixtures", "tasks", "detector")
	root := wideScenes(t, filepath.Join(detector, "val"))
	m := gatetest.Must(onnx.Open(filepath.Join(detector, "ft0.onnx")))(t)
	open := func(p imaging.Preprocess, most int) (*dataset.Data, error) {
		return dataset.Open(root, dataset.Options{Inputs: gating.Fields(m), Preprocess: p, Sample: most})
	}
	p, err := search.FitPreprocess(t.Context(), []*onnx.Model{m}, open, search.PreprocessOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Resize.Mode != imaging.Letterbox || p.Scale != imaging.Unit || len(p.Warnings) > 0 {
		t.Errorf("%s, warnings %v", p, p.Warnings)
	}
}

// wideScenes writes the middle halves of a detector's pictures at twice their size, with what is left of their boxes.
func wideScenes(t *testing.T, from string) string {
	t.Helper()
	var c struct {
		Images      []map[string]any `json:"images"`
		Categories  []map[string]any `json:"categories"`
		Annotations []struct {
			Image    int        `json:"image_id"`
			Category int        `json:"category_id"`
			Box      [4]float64 `json:"bbox"`
		} `json:"annotations"`
	}
	content := gatetest.Must(os.ReadFile(filepath.Join(from, "annotations.json")))(t)
	if err := json.Unmarshal(content, &c); err != nil {
		t.Fatal(err)
	}
	root, height := t.TempDir(), 0.0
	for _, img := range c.Images {
		name, _ := img["file_name"].(string)
		height = wideScene(t, filepath.Join(from, "images", name), filepath.Join(root, name))
	}
	list := c.Annotations[:0]
	for _, a := range c.Annotations {
		top, bottom := max(a.Box[1], height/4), min(a.Box[1]+a.Box[3], height*3/4)
		if bottom-top > 0.6*a.Box[3] {
			a.Box = [4]float64{2 * a.Box[0], 2 * (top - height/4), 2 * a.Box[2], 2 * (bottom - top)}
			list = append(list, a)
		}
	}
	c.Annotations = list
	content = gatetest.Must(json.Marshal(c))(t)
	if err := os.WriteFile(filepath.Join(root, "annotations.json"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

// wideScene writes the middle half of a picture at twice its size, and returns its height before.
func wideScene(t *testing.T, from, to string) float64 {
	t.Helper()
	in := gatetest.Must(os.Open(from))(t)
	defer in.Close()
	img := gatetest.Must(png.Decode(in))(t)
	size := img.Bounds().Size()
	wide := image.NewRGBA(image.Rect(0, 0, 2*size.X, size.Y))
	for y := range size.Y {
		for x := range 2 * size.X {
			wide.Set(x, y, img.At(x/2, size.Y/4+y/2))
		}
	}
	out := gatetest.Must(os.Create(to))(t)
	defer out.Close()
	if err := png.Encode(out, wide); err != nil {
		t.Fatal(err)
	}
	return float64(size.Y)
}
