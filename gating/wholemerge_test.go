package gating

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/onnx"
)

// shortMerge merges whole networks with few steps.
func shortMerge(t *testing.T, seed uint64, threads int, names ...string) *Result {
	t.Helper()
	models := openAll(t, names...)
	w := kernel.NewWorkers(threads)
	t.Cleanup(w.Close)
	d := openData(t, models[0], "val.npz")
	return must(Merge(t.Context(), selectAll(t, models), d, Options{Learn: LearnConfig{Workers: w, L0: DefaultL0, MaxSteps: 60, Seed: seed}}))(t)
}

// TestHarmfulParentsDoNoHarm adds a broken parent to two good ones: the result
// is as good as without it and takes nothing of it where it is harmful.
func TestHarmfulParentsDoNoHarm(t *testing.T) {
	without := shortMerge(t, 1, 2, "cnn_bn/ft0.onnx", "cnn_bn/ft2.onnx")
	test := openData(t, without.Alignment.Models[0], "test.npz")
	want := must(Evaluate(t.Context(), without.Model(), test, without.Objective, 64, nil))(t)
	parents := []string{"nan", "inf", "scaled", "random"}
	if testing.Short() {
		parents = parents[:1]
	}
	for _, broken := range parents {
		r := shortMerge(t, 1, 2, "cnn_bn/ft0.onnx", "broken/"+broken+".onnx", "cnn_bn/ft2.onnx")
		got := must(Evaluate(t.Context(), r.Model(), test, r.Objective, 64, nil))(t)
		t.Logf("%s: accuracy %.3f, without it %.3f", broken, got.Metric, want.Metric)
		if !r.Gained() || got.Metric < want.Metric-0.015 {
			t.Errorf("%s: accuracy %.4f on test data, %.4f without the broken parent", broken, got.Metric, want.Metric)
		}
		harmful := 0
		for _, l := range must(r.Report())(t).Layers {
			if strings.Contains(l.Reason, broken+".onnx") {
				harmful++
				for _, c := range l.Coefficients[1] {
					if c != 0 {
						t.Errorf("%s: layer %s takes %v of it", broken, l.Name, c)
					}
				}
			}
		}
		// Once its units are reordered, the random parent ruins no layer at once: learning closes its gates.
		if harmful == 0 && broken != "random" {
			t.Errorf("%s: the report says of no layer that it is left out", broken)
		}
	}
}

// TestMergeRepeatsItself: the same seed gives the same file with one thread and
// two, and the recipe bakes it again.
func TestMergeRepeatsItself(t *testing.T) {
	one := shortMerge(t, 5, 1, fineTunes("cnn_bn", 3)...)
	two := shortMerge(t, 5, 2, fineTunes("cnn_bn", 3)...)
	if one.Chosen.Name != two.Chosen.Name || !bytes.Equal(fileBytes(t, one.Model()), fileBytes(t, two.Model())) {
		t.Errorf("one thread gives %s, two give %s, or other bytes", one.Chosen.Name, two.Chosen.Name)
	}
	for i, c := range one.Candidates {
		if c.Score != two.Candidates[i].Score {
			t.Errorf("candidate %s scores %v and %v", c.Name, c.Score, two.Candidates[i].Score)
		}
	}
	again := must(must(one.Recipe())(t).Bake(one.Alignment))(t)
	if !bytes.Equal(fileBytes(t, again), fileBytes(t, one.Model())) {
		t.Error("the recipe bakes other bytes")
	}
}

// TestVerify accepts what was written and refuses another model.
func TestVerify(t *testing.T) {
	r := shortMerge(t, 1, 1, fineTunes("mlp", 3)...)
	if err := r.Verify(t.Context(), written(t, r.Model())); err != nil {
		t.Error(err)
	}
	if err := r.Verify(t.Context(), r.Alignment.Models[0]); err == nil || !strings.Contains(err.Error(), "the candidate had") {
		t.Errorf("a parent passes for the merge: %v", err)
	}
}

// TestMergeOfEqualModels gives the base itself.
func TestMergeOfEqualModels(t *testing.T) {
	r := shortMerge(t, 1, 1, "mlp/ft0.onnx", "mlp/ft0.onnx")
	if !r.Identical || r.Model() != r.Alignment.Models[0] || r.Gained() {
		t.Errorf("identical %v, chosen %s", r.Identical, r.Chosen.Name)
	}
}

// TestMergeFailsWithoutFiniteModel: nothing to choose is an error, not a file.
func TestMergeFailsWithoutFiniteModel(t *testing.T) {
	models := []*onnx.Model{brokenNet(t, -1), brokenNet(t, -2)}
	d := labelled(samples(5, 40, 2), 2)
	_, err := Merge(context.Background(), selectAll(t, models), d, Options{Learn: LearnConfig{MaxSteps: 3, BatchSize: 8}})
	if !errors.Is(err, ErrNoGain) {
		t.Errorf("got %v", err)
	}
}

// TestDivergedLearningIsACandidateWithoutScore: a parent of NaN and a good one;
// averages that compute NaN do not end the merge.
func TestDivergedLearningIsACandidateWithoutScore(t *testing.T) {
	models := []*onnx.Model{brokenNet(t, 1), brokenNet(t, -100)}
	d := labelled(samples(5, 40, 2), 2)
	r := must(Merge(t.Context(), selectAll(t, models), d, Options{Init: InitOpen, Learn: LearnConfig{MaxSteps: 4, BatchSize: 8}}))(t)
	if r.Gained() || r.Chosen.Parent != 0 {
		t.Errorf("chosen %s", r.Chosen.Name)
	}
	reason := ""
	for _, c := range must(r.Report())(t).Candidates {
		if c.Name == "soft:layer" && c.Loss == nil {
			reason = c.Reason
		}
	}
	if !strings.Contains(reason, "none of 4 steps had a finite loss") {
		t.Errorf("the table says of soft:layer: %q", reason)
	}
}
