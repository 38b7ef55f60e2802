package search_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
)

// inputsAlone is fixture data without its labels.
func inputsAlone(t *testing.T, m *onnx.Model, name string) *dataset.Data {
	t.Helper()
	return openData(t, m, name).WithLabels([]*dataset.Column{nil})
}

// distilled merges without labels, in a few steps.
func distilled(t *testing.T, o search.Options, names ...string) (*search.Result, error) {
	t.Helper()
	models := gatetest.Open(t, names...)
	o.Objective.Loss, o.Learn.MaxSteps, o.Granularity = "distill", 4, []gating.Granularity{gating.ByLayer}
	return search.Merge(t.Context(), gatetest.Select(t, models), inputsAlone(t, models[0], "val.npz"), o)
}

// TestDistillationSaysOfWhom: the report names the models that answer in place of labels, with folds and with held-out
// data of its own, and the one that goes with nothing is left out with a warning.
func TestDistillationSaysOfWhom(t *testing.T) {
	for _, held := range []string{"", "test.npz"} {
		o := search.Options{}
		if held != "" {
			o.HeldOut = inputsAlone(t, gatetest.Open(t, "cnn_bn/ft0.onnx")[0], held)
		}
		r := gatetest.Must(distilled(t, o, gatetest.FineTunes("cnn_bn", 4)...))(t)
		rep := gatetest.Must(r.Report())(t)
		if o := rep.Objective; len(o.Ensemble) != 3 || o.Label != "" || o.Loss != "distill" || o.Metric != "agreement" ||
			!o.Assumed {
			t.Errorf("%q: %+v", held, o)
		}
		said := strings.Join(r.Warnings.Texts(), "\n")
		if !strings.Contains(said, "the answers of ft3.onnx") || !strings.Contains(said, "nothing is judged against labels") {
			t.Errorf("%q: warnings %q", held, said)
		}
		if err := r.Verify(t.Context(), gatetest.Written(t, r.Model())); err != nil {
			t.Errorf("%q: %v", held, err)
		}
	}
}

// TestDistillationOfStrangers: where nothing says which of two models is right it is an error, unless the user goes on.
func TestDistillationOfStrangers(t *testing.T) {
	names := []string{"cnn_bn/ft0.onnx", "broken/random.onnx"}
	_, err := distilled(t, search.Options{}, names...)
	if !errors.Is(err, dataset.ErrData) || !strings.Contains(err.Error(), "which models are right") {
		t.Errorf("%v", err)
	}
	r := gatetest.Must(distilled(t, search.Options{Anyway: true}, names...))(t)
	if said := strings.Join(r.Warnings.Texts(), "\n"); !strings.Contains(said, "which models are right") {
		t.Errorf("warnings %q", said)
	}
	if rep := gatetest.Must(r.Report())(t); len(rep.Objective.Ensemble) != 2 {
		t.Errorf("%+v", rep.Objective)
	}
}
