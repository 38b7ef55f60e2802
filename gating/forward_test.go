package gating

import (
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
)

// TestFieldsAskForNoInitializers lists what the data has to give, open axes as -1.
func TestFieldsAskForNoInitializers(t *testing.T) {
	b := gatetest.NewBuilder()
	b.In("x", -1, 4)
	b.In("w", 4, 3)
	b.Weight(t, "w", onnx.Float32, 1, 4, 3)
	b.Node("MatMul", "y", []string{"x", "w"})
	b.Out("y")
	fields := Fields(b.Model(t))
	if len(fields) != 1 || fields[0].Name != "x" || !slices.Equal(fields[0].Shape, []int{-1, 4}) ||
		fields[0].Type != onnx.Float32 {
		t.Errorf("got %+v", fields)
	}
}

// TestOneLoweringServesAllRuns: a last run with fewer samples is filled up; it
// used to be lowered for itself, which read every weight again.
func TestOneLoweringServesAllRuns(t *testing.T) {
	m := gatetest.Open(t, "cnn/ft0.onnx")[0]
	d := gatetest.Data(t, "test.npz", Fields(m)).Head(103)
	e := evaluatorOf(t, d, objectiveOf(t, m, d), 103)
	whole := scoreOf(t, e, m)
	for _, batch := range []int{1, 2, 10, 64, 102, 200} {
		f := gatetest.Must(e.forward(m, nil, batch))(t)
		s := gatetest.Must(f.score(t.Context(), Coefficients{}))(t)
		if len(f.runners.keys) != 1 || f.sizes[0] > batch {
			t.Errorf("batch %d: lowered %d times, for %d samples", batch, len(f.runners.keys), f.sizes[0])
		}
		if s.Metric != whole.Metric || math.Abs(s.Loss-whole.Loss) > 1e-6 || s.Samples != 103 {
			t.Errorf("batch %d: %+v, at once %+v", batch, s, whole)
		}
	}
}
