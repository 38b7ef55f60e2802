package detection

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// golden is what torchvision and PyTorch say (fixtures/golden_detection.py).
type golden struct {
	Classes int
	Samples []struct {
		Predictions, Objects, GIoU, Gradient []float64
		Loss                                 float64
	}
	Precision []float64
	Twice     []float64 // of the first four samples, the last two of them counted twice
}

func readGolden(t *testing.T) golden {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "fixtures", "golden", "detection.json"))
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(content, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func narrow(v []float64) []float32 {
	out := make([]float32, len(v))
	for i := range v {
		out[i] = float32(v[i])
	}
	return out
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance*(1+math.Abs(b)) }

func TestLossIsPyTorchs(t *testing.T) {
	g := readGolden(t)
	for n, s := range g.Samples {
		p, objects := Predictions{narrow(s.Predictions), g.Classes}, Objects(narrow(s.Objects))
		for i := range p.Len() {
			for o := range objects {
				if got, want := GIoU(p.Box(i), objects[o].Box), s.GIoU[i*len(objects)+o]; !near(got, want, 1e-5) {
					t.Errorf("sample %d: GIoU of %d and %d is %g, want %g", n, i, o, got, want)
				}
			}
		}
		gradient := make([]float32, len(p.Rows))
		if got := Loss(p, objects, 0.5, gradient); !near(got, s.Loss, 1e-5) {
			t.Errorf("sample %d: loss %g, want %g", n, got, s.Loss)
		}
		for i, want := range s.Gradient {
			if got := float64(gradient[i]); !near(got, want/2, 1e-4) {
				t.Errorf("sample %d: gradient %d is %g, want %g", n, i, got, want/2)
			}
		}
	}
}

func TestMeanPrecisionIsCOCOs(t *testing.T) {
	g := readGolden(t)
	var judged []Judged
	for _, s := range g.Samples {
		judged = append(judged, Judge(Predictions{narrow(s.Predictions), g.Classes}, Objects(narrow(s.Objects)), Thresholds))
	}
	mean := func(v []float64) (m float64) {
		for _, x := range v {
			m += x / float64(len(v))
		}
		return m
	}
	if got, want := NewCurves(judged, g.Classes, len(Thresholds)).MeanPrecision(nil), mean(g.Precision); !near(got, want, 1e-9) {
		t.Errorf("mean average precision %g, want %g", got, want)
	}
	weights := slices.Concat([]float64{1, 1, 2, 2}, make([]float64, len(judged)-4))
	if got, want := NewCurves(judged, g.Classes, len(Thresholds)).MeanPrecision(weights), mean(g.Twice); !near(got, want, 1e-9) {
		t.Errorf("with samples that count twice %g, want about %g", got, want)
	}
}
