package gating

import (
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// TestOneLoweringServesAllRuns: a last run with fewer samples is filled up; it
// used to be lowered for itself, which read every weight again.
func TestOneLoweringServesAllRuns(t *testing.T) {
	m := openAll(t, "cnn/ft0.onnx")[0]
	d := openData(t, m, "test.npz").Head(103)
	obj := must(FitObjective(m, d, "", "", ""))(t)
	whole := must(Evaluate(t.Context(), m, d, obj, 103, nil))(t)
	for _, batch := range []int{1, 2, 10, 64, 102, 200} {
		f := must(newForward(m, d, obj.Output, batch, nil, nil))(t)
		s := must(f.score(t.Context(), obj, nil))(t)
		if len(f.runners.keys) != 1 || f.sizes[0] > batch {
			t.Errorf("batch %d: lowered %d times, for %d samples", batch, len(f.runners.keys), f.sizes[0])
		}
		if s.Metric != whole.Metric || math.Abs(s.Loss-whole.Loss) > 1e-6 || s.Samples != 103 {
			t.Errorf("batch %d: %+v, at once %+v", batch, s, whole)
		}
	}
}

// TestFieldsAskForNoInitializers lists what the data has to give, open axes as -1.
func TestFieldsAskForNoInitializers(t *testing.T) {
	b := newBuilt()
	b.in("x", -1, 4)
	b.in("w", 4, 3)
	b.weight(t, "w", onnx.Float32, 1, 4, 3)
	b.node("MatMul", "y", []string{"x", "w"})
	b.out("y")
	fields := Fields(b.model(t))
	if len(fields) != 1 || fields[0].Name != "x" || !slices.Equal(fields[0].Shape, []int{-1, 4}) || fields[0].Type != onnx.Float32 {
		t.Errorf("got %+v", fields)
	}
}
