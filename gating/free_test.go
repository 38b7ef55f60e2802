package gating

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/graphmatch"
)

// TestFreeWeightsAreBaked: weights that were trained come out of the file with the loss that they had in training, with
// normalisations and without; all of them have a gradient that differences confirm.
func TestFreeWeightsAreBaked(t *testing.T) {
	families := []string{"mlp", "cnn_bn", "mlp_matmul", "families/mobilenet", "families/vit", "families/lstm"}
	if testing.Short() { // the race detector makes learning ten times slower
		families = families[:1]
	}
	for _, family := range families {
		x := newTransplanting(t, "val.npz", "test.npz", gatetest.FineTunes(family, 2)...)
		s := NewFreeStart(planOf(t, x.models, ByElement), 1)
		o := gatetest.Must(LearnOptions{MaxSteps: 6, Rate: 0.15, Free: true, L0: new(0.0)}.Validate())(t)
		before := gatetest.Must(x.learn.Score(t.Context(), x.models[1]))(t).Loss
		l := gatetest.Must(Learn(t.Context(), s, x.learn, o))(t)

		tr := gatetest.Must(newTrainer(s.Plan, x.learn, l.LogAlpha, o))(t)
		for g, a := range l.affine {
			copy(tr.gates[g].affine.scale, a.scale)
			copy(tr.gates[g].affine.shift, a.shift)
		}
		want := gatetest.Must(tr.gradient(upTo(64), 1))(t)
		checkSlopes(t, family, tr, upTo(64))
		tr.close()
		back := gatetest.Must(NewMixture(s.Plan, l.Coefficients()).Bake())(t)
		if got := gatetest.Must(x.learn.Head(64).Score(t.Context(), back))(t).Loss; math.Abs(got-want) > 1e-4 {
			t.Errorf("%s: a loss of %.6f in the file, %.6f on the tape", family, got, want)
		}
		if after := gatetest.Must(x.learn.Score(t.Context(), back))(t).Loss; !(after < before) {
			t.Errorf("%s: a loss of %.4f after training, %.4f before", family, after, before)
		}
	}
}

// checkSlopes compares the largest gradient of every vector with the slope of the cost there.
func checkSlopes(t *testing.T, name string, tr *trainer, rows []int) {
	t.Helper()
	for _, p := range tr.learned {
		grads := make([][]float32, len(p.sums))
		for i, s := range p.sums {
			grads[i] = slices.Clone(s)
		}
		for i, grad := range grads {
			at := 0
			for e, g := range grad {
				if math.Abs(float64(g)) > math.Abs(float64(grad[at])) {
					at = e
				}
			}
			const h = 3e-4
			v := p.values[i][at]
			p.values[i][at] = v + h
			hi := gatetest.Must(tr.gradient(rows, 0))(t)
			p.values[i][at] = v - h
			lo := gatetest.Must(tr.gradient(rows, 0))(t)
			p.values[i][at] = v
			if slope := (hi - lo) / (2 * h); math.Abs(slope-float64(grad[at])) > 2e-2*math.Max(0.05, math.Abs(slope)) {
				t.Errorf("%s: gradient %d of vector %d is %v, differences give %v", name, at, i, grad[at], slope)
			}
		}
	}
}

// TestFreeWeightsWantElements: a plan with fewer numbers than weights cannot hold them.
func TestFreeWeightsWantElements(t *testing.T) {
	x := newTransplanting(t, "val.npz", "test.npz", gatetest.FineTunes("mlp", 2)...)
	s := NewFreeStart(planOf(t, x.models, ByChannel), 0)
	if _, err := Learn(t.Context(), s, x.learn, LearnOptions{Free: true}); err == nil {
		t.Error("a plan by channel is accepted")
	}
}

// TestSourceOfTrainedWeights: trained weights kept as a source come back from a recipe to the byte.
func TestSourceOfTrainedWeights(t *testing.T) {
	x := newTransplanting(t, "val.npz", "test.npz", gatetest.FineTunes("cnn_bn", 2)...)
	s := NewFreeStart(planOf(t, x.models, ByElement), 0)
	l := gatetest.Must(Learn(t.Context(), s, x.learn, LearnOptions{MaxSteps: 3, Free: true}))(t)
	trained := gatetest.Must(NewMixture(s.Plan, l.Coefficients()).Bake())(t)
	source := gatetest.Must(NewSource(planOf(t, x.models, ByLayer), trained))(t)
	m := gatetest.Must(source.Mixture())(t)
	back := gatetest.Must(m.Bake())(t)
	want := gatetest.Must(x.learn.Score(t.Context(), trained))(t).Loss
	if got := gatetest.Must(x.learn.Score(t.Context(), back))(t).Loss; math.Abs(got-want) > 1e-5 {
		t.Errorf("a loss of %.6f, the trained weights have %.6f", got, want)
	}
	r := gatetest.Must(ParseRecipe(gatetest.Must(json.Marshal(gatetest.Must(m.Recipe(RecipeOptions{Method: Auto}))(t)))(t)))(t)
	again := gatetest.Must(r.Bake(gatetest.Must(graphmatch.Align(x.models, 0))(t)))(t)
	if !bytes.Equal(gatetest.Bytes(t, back), gatetest.Bytes(t, again)) {
		t.Error("the recipe gives other bytes")
	}
}
