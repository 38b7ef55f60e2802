package graphmatch

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// families are the folders of fixtures that hold several models of one network.
func families(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, pattern := range []string{"../fixtures/*/*.onnx", "../fixtures/families/*/*.onnx"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if dir := filepath.Dir(f); filepath.Base(dir) != "hostile" && filepath.Base(dir) != "broken" {
				found[dir] = append(found[dir], f)
			}
		}
	}
	if len(found) == 0 {
		t.Fatal("no fixtures")
	}
	return found
}

// All models of a family align in every layer, whatever exporter, opset and training they went through.
func TestFixtureFamiliesAlign(t *testing.T) {
	for dir, files := range families(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			var models []*onnx.Model
			for _, f := range files {
				m, err := onnx.Open(f)
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				models = append(models, m)
			}
			a := align(t, models...)
			if len(a.Layers) == 0 {
				t.Error("no layers")
			}
			for _, l := range a.Layers {
				if !l.Mergeable() {
					t.Errorf("layer %s is %s: %s", l.Name, l.Status, l.Reason)
				}
			}
		})
	}
}

// Hostile files are refused or read; none may panic or hang.
func TestHostileFixtures(t *testing.T) {
	files, err := filepath.Glob("../fixtures/hostile/*.onnx")
	if err != nil || len(files) == 0 {
		t.Fatal("no hostile fixtures", err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		m, err := onnx.Parse(data, "")
		if err != nil {
			continue
		}
		if a, err := Align([]*onnx.Model{m, m}, 0); err == nil {
			a.Table()
		}
	}
}
