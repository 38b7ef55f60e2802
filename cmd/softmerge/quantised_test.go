package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/qdq"
)

// TestDequantisedAgainstONNXRuntime: ONNX Runtime finds the float form of a quantised model as good as the file itself,
// and counts the same right answers as we do.
func TestDequantisedAgainstONNXRuntime(t *testing.T) {
	data := filepath.Join(fixtures(), "test.npz")
	files, err := filepath.Glob(filepath.Join(fixtures(), "unlike", "quantised", "*.onnx"))
	if err != nil || len(files) != 9 {
		t.Fatalf("%d models: %v", len(files), err)
	}
	for _, file := range files {
		m, err := onnx.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		float, _, err := qdq.Dequantise(m)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "float.onnx")
		if err := onnx.WriteFile(path, float, onnx.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		rows := evaluated(t, data, file, path)
		if math.Abs(*rows[0].Metric-*rows[1].Metric) > .01 || math.Abs(*rows[0].Loss-*rows[1].Loss) > .005 {
			t.Errorf("%s: %.4f and loss %.4f, in float %.4f and %.4f", file, *rows[0].Metric, *rows[0].Loss,
				*rows[1].Metric, *rows[1].Loss)
		}
		if os.Getenv("ORT_NODE_MODULES") == "" {
			continue
		}
		for i, name := range []string{file, path} {
			correct, samples, loss := onnxRuntime(t, name, data)
			// A runtime may add up integers where we add up floats: one answer in a hundred may lie on the border.
			off := math.Abs(*rows[i].Metric*float64(samples) - float64(correct))
			if off > float64(1-i)*.005*float64(samples)+1e-6 || math.Abs(loss-*rows[i].Loss) > 2e-3 {
				t.Errorf("%s: ONNX Runtime has %d of %d right and loss %.5f, we %.4f and %.5f", name, correct, samples,
					loss, *rows[i].Metric, *rows[i].Loss)
			}
		}
	}
}
