package search

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
)

// soupOf is the greedy soup of models whose losses are given: the search that finds it,
// its plan, and which parents it keeps.
func soupOf(t *testing.T, models []*onnx.Model, d *dataset.Data, losses ...float64) (*search, *gating.Plan, []bool) {
	t.Helper()
	o := Options{Threads: 1}
	m := gatetest.Must(newSearch(t.Context(), gatetest.Select(t, models), d, o))(t)
	t.Cleanup(m.learn.Close)
	m.losses = losses
	soup := gatetest.Must(m.greedy(t.Context()))(t)
	in := make([]bool, len(models))
	for j := range in {
		in[j] = soup.Coefficients().At(0, j, 0) != 0
	}
	return m, soup.Plan(), in
}

// TestGreedySoupKeepsWhatHelps leaves out a random parent and one that computes NaN.
func TestGreedySoupKeepsWhatHelps(t *testing.T) {
	models := gatetest.Open(t, "cnn/ft0.onnx", "cnn/ft1.onnx", "cnn/ft2.onnx")
	d := gatetest.Data(t, "val.npz", gating.Fields(models[0])).Head(200)
	m, p, in := soupOf(t, models, d, 0.3, 0.1, math.NaN()) // best first: 1, 0; 2 is not tried
	mixtures := gatetest.Must(m.learn.Mixtures(p))(t)
	loss := func(in ...bool) float64 {
		return gatetest.Must(mixtures.Score(t.Context(), p.Average(in)))(t).Loss
	}
	if !in[1] || in[2] || in[0] != (loss(true, true, false) <= loss(false, true, false)) {
		t.Errorf("kept %v; losses %v alone, %v with the other", in, loss(false, true, false), loss(true, true, false))
	}
	random := gatetest.Open(t, "cnn_bn/ft0.onnx", "broken/random.onnx")
	if _, _, in := soupOf(t, random, d, 0.1, 9); !in[0] || in[1] {
		t.Errorf("kept %v of a good and a random parent", in)
	}
}
