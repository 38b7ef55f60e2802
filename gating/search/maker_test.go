package search_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// ready is a model that a Maker makes.
type ready struct{ *onnx.Model }

func (r ready) All() (*onnx.Model, error)     { return r.Model, nil }
func (r ready) Learned() (int, time.Duration) { return 7, time.Second }

// makes is a Maker that makes a model whatever the data, and counts the samples that it is given.
func makes(m *onnx.Model, seen *[]int) search.Maker {
	return func(_ context.Context, _ *graphmatch.Selection, learn *gating.Evaluator) (search.Made, error) {
		*seen = append(*seen, learn.Data().Len())
		return ready{m}, nil
	}
}

// TestMakersAreJudged: what a Maker makes is made in each fold and again of all data, is chosen where it beats the models,
// whatever the average beside it is worth, and not where it does not.
func TestMakersAreJudged(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("resnet", 3)...)
	s := gatetest.Select(t, models)
	d := gatetest.Data(t, "val.npz", gating.Fields(models[0]))
	mean := gatetest.Must(search.Average(t.Context(), s, search.Options{}))(t).Model()
	var seen []int
	r := gatetest.Must(search.Merge(t.Context(), s, d, search.Options{Method: "mine", Maker: makes(mean, &seen)}))(t)
	if r.Chosen.Name != "mine" || !r.Gained() || r.Model() != mean || r.Chosen.Made == nil || !r.Refitted {
		t.Errorf("chosen is %s, of all data %v", r.Chosen.Name, r.Refitted)
	}
	if len(seen) != r.Folds+1 || seen[r.Folds] != 600 || seen[0] >= 600 {
		t.Errorf("it was made of %v samples in %d folds, want one more of 600", seen, r.Folds)
	}
	want := "uniform, one model that is the same for all samples, does as well as mine"
	if w := strings.Join(r.Warnings.Texts(), " "); !strings.Contains(w, want) {
		t.Errorf("the average is the same, and the warnings are %q", w)
	}
	rep := gatetest.Must(r.Report())(t)
	if rep.Steps != 7*len(seen) || rep.SecondsPerStep != 1./7 {
		t.Errorf("%d steps of %v seconds each, want %d", rep.Steps, rep.SecondsPerStep, 7*len(seen))
	}
	if len(rep.Candidates) != 5 || rep.Candidates[3].Reason != "for comparison" || rep.Weights.Merged == 0 {
		t.Errorf("the report has %+v", rep.Candidates)
	}
	if err := r.Verify(t.Context(), gatetest.Written(t, mean)); err != nil {
		t.Error(err)
	}
	if _, err := r.Recipe(); !errors.Is(err, search.ErrNoGain) {
		t.Errorf("a recipe of coefficients: %v", err)
	}
	r = gatetest.Must(search.Merge(t.Context(), s, d, search.Options{Method: "mine", Maker: makes(models[1], &seen)}))(t)
	if r.Gained() {
		t.Errorf("%s is chosen, which is one of the models", r.Chosen.Name)
	}
	why := errors.New("no")
	_, err := search.Merge(t.Context(), s, d, search.Options{Method: "mine", Maker: func(context.Context, *graphmatch.Selection,
		*gating.Evaluator) (search.Made, error) {
		return nil, why
	}})
	if !errors.Is(err, why) {
		t.Errorf("what cannot be made: %v", err)
	}
}

// TestOwnersTeach: without labels each sample is judged by the answers of the model that it is for, which that model gives.
func TestOwnersTeach(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("resnet", 2)...)
	s := gatetest.Select(t, models)
	d := gatetest.Data(t, "val.npz", gating.Fields(models[0])).Head(200)
	var seen []int
	second := func(d *dataset.Data) []int { return slices.Repeat([]int{1}, d.Len()) }
	for _, held := range []*dataset.Data{nil, gatetest.Data(t, "test.npz", gating.Fields(models[0]))} {
		r := gatetest.Must(search.Merge(t.Context(), s, d, search.Options{Method: "mine", Maker: makes(models[0], &seen), Owners: second,
			HeldOut: held, Objective: gating.ObjectiveOptions{Loss: "distill"}}))(t)
		if got := r.Candidates[1].Score.Metric; got != 1 || r.Candidates[0].Score.Metric == 1 {
			t.Errorf("the model that all samples are for agrees with itself on %v", got)
		}
		rep := gatetest.Must(r.Report())(t)
		if !rep.Objective.Own || len(rep.Objective.Ensemble) != 2 {
			t.Errorf("the report has %+v", rep.Objective)
		}
		if w := strings.Join(r.Warnings.Texts(), " "); !strings.Contains(w, "the model that each sample is for") {
			t.Errorf("warnings %q", w)
		}
	}
}
