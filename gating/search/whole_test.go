package search_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
)

// shortMerge merges whole networks with few steps.
func shortMerge(t *testing.T, seed uint64, threads int, names ...string) *search.Result {
	t.Helper()
	models := gatetest.Open(t, names...)
	o := search.Options{Learn: gating.LearnOptions{MaxSteps: 60, Seed: seed}, Threads: threads}
	return gatetest.Must(search.Merge(t.Context(), gatetest.Select(t, models), openData(t, models[0], "val.npz"), o))(t)
}

// TestHarmfulParentsDoNoHarm adds a broken parent to two good ones: over three seeds the
// results are as good as without it and take nothing of it where it is harmful. (One seed
// differs from another by a point and a half with good parents alone.)
func TestHarmfulParentsDoNoHarm(t *testing.T) {
	parents, seeds := []string{"nan", "inf", "scaled", "random"}, uint64(3)
	if testing.Short() {
		parents, seeds = parents[:1], 1
	}
	mean := func(check func(*search.Result), names ...string) (accuracy float64) {
		for seed := range seeds {
			r := shortMerge(t, seed+1, 2, names...)
			check(r)
			score := gatetest.Must(scorerOf(t, r, "test.npz").Score(t.Context(), r.Model()))(t)
			accuracy += score.Metric / float64(seeds)
		}
		return accuracy
	}
	want := mean(func(*search.Result) {}, "cnn_bn/ft0.onnx", "cnn_bn/ft2.onnx")
	for _, broken := range parents {
		got := mean(func(r *search.Result) { checkHarmless(t, r, broken) },
			"cnn_bn/ft0.onnx", "broken/"+broken+".onnx", "cnn_bn/ft2.onnx")
		t.Logf("%s: accuracy %.3f, without it %.3f", broken, got, want)
		if got < want-0.01 {
			t.Errorf("%s: accuracy %.4f on test data, %.4f without the broken parent", broken, got, want)
		}
	}
}

// checkHarmless: a merge takes nothing of a broken parent in the layers where it says that it leaves it out, or learns
// nothing from it.
func checkHarmless(t *testing.T, r *search.Result, broken string) {
	t.Helper()
	if !r.Gained() {
		t.Errorf("%s: nothing was gained", broken)
	}
	harmful := 0
	for _, l := range gatetest.Must(r.Report())(t).Layers {
		if !strings.Contains(l.Reason, broken+".onnx") {
			continue
		}
		harmful++
		for _, c := range l.Coefficients[1] {
			if c != 0 {
				t.Errorf("%s: layer %s takes %v of it", broken, l.Name, c)
			}
		}
	}
	// Once its units are reordered, the random parent ruins no layer at once: learning closes its gates.
	if harmful == 0 && broken != "random" {
		t.Errorf("%s: the report says of no layer that it is left out", broken)
	}
}

// TestMergeRepeatsItself: the same seed gives the same file with one thread and
// two, and the recipe bakes it again.
func TestMergeRepeatsItself(t *testing.T) {
	one := shortMerge(t, 5, 1, gatetest.FineTunes("cnn_bn", 3)...)
	two := shortMerge(t, 5, 2, gatetest.FineTunes("cnn_bn", 3)...)
	if one.Chosen.Name != two.Chosen.Name || !bytes.Equal(gatetest.Bytes(t, one.Model()),
		gatetest.Bytes(t, two.Model())) {
		t.Errorf("one thread gives %s, two give %s, or other bytes", one.Chosen.Name, two.Chosen.Name)
	}
	for i, c := range one.Candidates {
		if !c.Score.Equal(two.Candidates[i].Score) {
			t.Errorf("candidate %s scores %v and %v", c.Name, c.Score, two.Candidates[i].Score)
		}
	}
	again := gatetest.Must(gatetest.Must(one.Recipe())(t).Bake(one.Selection.Alignment))(t)
	if !bytes.Equal(gatetest.Bytes(t, again), gatetest.Bytes(t, one.Model())) {
		t.Error("the recipe bakes other bytes")
	}
}

// TestMergeFailsWithoutFiniteModel: nothing to choose is an error, not a file.
func TestMergeFailsWithoutFiniteModel(t *testing.T) {
	models := []*onnx.Model{gatetest.Broken(t, -1), gatetest.Broken(t, -2)}
	d := gatetest.Labelled(gatetest.Samples(5, 40, 2), 2)
	_, err := search.Merge(t.Context(), gatetest.Select(t, models), d,
		search.Options{Anyway: true, Learn: gating.LearnOptions{MaxSteps: 3, BatchSize: 8}})
	if !errors.Is(err, search.ErrNoGain) {
		t.Errorf("got %v", err)
	}
}

// TestDivergedLearningIsACandidateWithoutScore: a parent of NaN and a good one;
// averages that compute NaN do not end the merge.
func TestDivergedLearningIsACandidateWithoutScore(t *testing.T) {
	models := []*onnx.Model{gatetest.Broken(t, 1), gatetest.Broken(t, -100)}
	d := gatetest.Labelled(gatetest.Samples(5, 40, 2), 2)
	r := gatetest.Must(search.Merge(t.Context(), gatetest.Select(t, models), d,
		search.Options{Anyway: true, Init: gating.InitOpen, Learn: gating.LearnOptions{MaxSteps: 4, BatchSize: 8}}))(t)
	if r.Gained() || r.Chosen.Parent != 0 {
		t.Errorf("chosen %s", r.Chosen.Name)
	}
	reason := ""
	for _, c := range gatetest.Must(r.Report())(t).Candidates {
		if c.Name == "soft:channel" && c.Loss == nil {
			reason = c.Reason
		}
	}
	if !strings.Contains(reason, "none of 4 steps had a finite loss") {
		t.Errorf("the table says of soft:channel: %q", reason)
	}
}

// TestMergeStopsWhenCancelled returns the context's error.
func TestMergeStopsWhenCancelled(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("mlp", 3)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := openData(t, models[0], "val.npz")
	if _, err := search.Merge(ctx, gatetest.Select(t, models), d, search.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
