package search_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/dataset/imaging"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
)

// TestGeometries counts how often the geometry of training is taken, named as a rival, or missed, for the networks that
// fixtures/geometries.py trains into the folder SOFTMERGE_GEOMETRIES, and prints the table of fixtures/geometries.md.
// What is taken in its place is never worse for the networks by a hundredth of the samples without a warning.
func TestGeometries(t *testing.T) {
	root := os.Getenv("SOFTMERGE_GEOMETRIES")
	if root == "" {
		t.Skip("SOFTMERGE_GEOMETRIES names no folder")
	}
	counts := map[string]int{}
	for _, folder := range gatetest.Must(filepath.Glob(filepath.Join(root, "*-*")))(t) {
		right := trained(t, filepath.Base(folder))
		p, got := fitted(t, folder, imaging.Preprocess{})
		_, want := fitted(t, folder, right)
		outcome := found(t, p, right)
		counts[outcome]++
		t.Logf("| %s | %s | %.3f, %.3f | %.3f, %.3f | %s, %d |", right.Geometry(), geometryOf(t, p.Preprocess), *want.Metric,
			*want.Loss, *got.Metric, *got.Loss, outcome, len(p.Warnings))
		if *got.Metric < *want.Metric-0.01 && len(p.Warnings) == 0 {
			t.Errorf("%s: silently worse than with the geometry of training", folder)
		}
	}
	t.Log(counts)
}

// trained is the geometry that a folder is named after.
func trained(t *testing.T, name string) imaging.Preprocess {
	size, how, _ := strings.Cut(name, "-")
	p := imaging.Preprocess{Interpolation: imaging.Interpolation(how)}
	if size == "squash" {
		p.Resize = imaging.Resize{Height: 32, Width: 32}
		return p
	}
	p.Resize = imaging.Resize{Mode: imaging.ShortestEdge, Edge: gatetest.Must(strconv.Atoi(size))(t)}
	p.Crop = imaging.Crop{Height: 32, Width: 32}
	return p
}

// fitted finds how pictures reach a folder's networks, and what these show with it.
func fitted(t *testing.T, folder string, given imaging.Preprocess) (*search.Preprocessing, search.TriedPreprocess) {
	var models []*onnx.Model
	for _, path := range gatetest.Must(filepath.Glob(filepath.Join(folder, "*.onnx")))(t) {
		m := gatetest.Must(onnx.Open(path))(t)
		t.Cleanup(func() { m.Close() })
		models = append(models, m)
	}
	open := func(p imaging.Preprocess, most int) (*dataset.Data, error) {
		return dataset.Open(filepath.Join(filepath.Dir(folder), "pictures"),
			dataset.Options{Inputs: gating.Fields(models[0]), Preprocess: p, Sample: most})
	}
	p := gatetest.Must(search.FitPreprocess(t.Context(), models, open, search.PreprocessOptions{Given: given}))(t)
	at := slices.IndexFunc(p.Tried, func(w search.TriedPreprocess) bool { return w.Name == p.String() })
	return p, p.Tried[at]
}

// found says what became of the right geometry.
func found(t *testing.T, p *search.Preprocessing, right imaging.Preprocess) string {
	name, taken := geometryOf(t, right), geometryOf(t, p.Preprocess)
	plain, takenPlain := right, p.Preprocess
	plain.Interpolation, takenPlain.Interpolation = "", ""
	warned := ""
	for _, w := range p.Warnings {
		warned += w.Error()
	}
	switch {
	case taken == name:
		return "taken"
	case geometryOf(t, plain) == geometryOf(t, takenPlain):
		return "size taken"
	case strings.Contains(settled(t, warned), geometryOf(t, plain)):
		return "warned"
	case strings.Contains(settled(t, strings.Join(p.Notes, "")), geometryOf(t, plain)):
		return "named"
	}
	return "missed"
}

// geometryOf writes a geometry with the sizes that it has for networks of 32 x 32.
func geometryOf(t *testing.T, p imaging.Preprocess) string {
	return gatetest.Must(imaging.Fit(p, []int{-1, 3, 32, 32}, true))(t).Preprocess().Geometry()
}

// settled is a text with such sizes in place of shares of the shorter edge.
func settled(t *testing.T, text string) string {
	list := []imaging.Preprocess{{}}
	for _, share := range []float64{0.7, 0.75, 0.8, 0.85, 0.875, 0.9, 0.925, 0.95, 0.966, 1} {
		list = append(list, imaging.Preprocess{Crop: imaging.Crop{Share: share}})
	}
	for _, p := range list {
		text = strings.ReplaceAll(text, p.Geometry(), geometryOf(t, p))
	}
	return text
}
