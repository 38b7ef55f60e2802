package graphmatch

import (
	"path/filepath"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// openFixture opens a model of the fixtures.
func openFixture(t *testing.T, name string) *onnx.Model {
	t.Helper()
	m, err := onnx.Open(filepath.Join("..", "fixtures", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestAlignOtherPrecision: float types of any width align, whatever Casts a converter put in, and none is taken for
// equal to a tensor of another type.
func TestAlignOtherPrecision(t *testing.T) {
	for _, name := range []string{"float16", "float16_io", "bfloat16", "float64"} {
		base, other := openFixture(t, "cnn_bn/ft1.onnx"), openFixture(t, "unlike/precision/"+name+".onnx")
		for _, models := range [][]*onnx.Model{{base, other}, {other, base}} {
			a := align(t, models...)
			if table := a.Table(); table.Matched != 7 || table.Unmatched != 0 {
				t.Errorf("%s: %d matched, %d unmatched", name, table.Matched, table.Unmatched)
			}
			for i := range a.Layers {
				if l := &a.Layers[i]; l.Status != Matched {
					t.Errorf("%s: layer %s is %s", name, l.Name, l.Status)
				}
			}
		}
	}
}
