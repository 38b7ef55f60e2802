package gating

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
)

// TestTaughtLabels: half of a label is the class, the other half what the models answer together, better ones more.
// Losses against them are halves too.
func TestTaughtLabels(t *testing.T) {
	x := newTransplanting(t, "val.npz", "test.npz", gatetest.FineTunes("mlp", 2)...)
	e := x.learn.Head(50)
	taught := gatetest.Must(e.Taught(t.Context(), x.models))(t)
	labels, classes := taught.Data().Label, e.Data().Label.Ints
	if len(labels.Shape) != 1 || labels.Shape[0] != 10 || labels.Len() != 50 {
		t.Fatalf("labels of shape %v for %d samples", labels.Shape, labels.Len())
	}
	var losses [2][]float64
	for j, m := range x.models {
		losses[j] = gatetest.Must(e.Score(t.Context(), m))(t).Losses()
	}
	for n, class := range classes {
		row, sum := labels.Floats[n*10:(n+1)*10], 0.0
		for _, v := range row {
			sum += float64(v)
		}
		first := 1 / (1 + math.Exp(3*(losses[0][n]-losses[1][n])))
		right := 0.5 + 0.5*(first*math.Exp(-losses[0][n])+(1-first)*math.Exp(-losses[1][n]))
		if math.Abs(sum-1) > 1e-5 || math.Abs(float64(row[class])-right) > 1e-5 {
			t.Errorf("sample %d: labels add up to %.6f, the class has %.6f, want %.6f", n, sum, row[class], right)
		}
	}
}

// TestTaughtLabelsOfOtherLosses: of single things and of numbers, with batches that are not full; and none for a
// parent that answers nothing.
func TestTaughtLabelsOfOtherLosses(t *testing.T) {
	x := newTransplanting(t, "val.npz", "test.npz", gatetest.FineTunes("families/keras", 3)...)
	e := gatetest.Must(x.learn.Head(70).Taught(t.Context(), x.models))(t)
	for i, v := range e.Data().Label.Floats {
		if !(v >= 0 && v <= 1) {
			t.Fatalf("number %d of the labels is %v", i, v)
		}
	}
}
