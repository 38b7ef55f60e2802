package search

import (
	"math"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
)

// scored is a candidate with a score over 100 samples; a parent's name begins with "p".
func scored(name string, loss, metric float64) Candidate {
	parent := -1
	if strings.HasPrefix(name, "p") {
		parent = 0
	}
	return Candidate{Name: name, Parent: parent, Score: gating.Score{Loss: loss, Metric: metric, Samples: 100}}
}

// TestChoose is the rule of the candidate table: a merge must be at least as
// good as every parent in the metric and better in the loss, or beyond chance
// better in the metric; of merges within one standard error of the best metric,
// the one of least loss is chosen. A merge of two seeds that was one sample
// better at twice the loss was worse on data that nothing saw.
func TestChoose(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name   string
		metric string
		list   []Candidate
		want   string // "" for none
	}{
		{"much better metric", "accuracy", []Candidate{scored("p1", 0.5, 0.8), scored("m1", 0.6, 0.9)}, "m1"},
		{"one sample better at more loss", "accuracy", []Candidate{scored("p1", 0.5, 0.8), scored("m1", 0.6, 0.81)},
			"p1"},
		{"less loss than one parent, more than another", "accuracy",
			[]Candidate{scored("p1", 0.5, 0.8), scored("p2", 0.3, 0.79), scored("m1", 0.4, 0.8)}, "p2"},
		{"equal metric, less loss", "accuracy", []Candidate{scored("p1", 0.5, 0.8), scored("m1", 0.4, 0.8)}, "m1"},
		{"equal in both", "accuracy", []Candidate{scored("p1", 0.5, 0.8), scored("m1", 0.5, 0.8)}, "p1"},
		{"less loss, worse metric", "accuracy", []Candidate{scored("p1", 0.5, 0.8), scored("m1", 0.1, 0.79)}, "p1"},
		{"worse than one of the parents", "accuracy",
			[]Candidate{scored("p1", 0.5, 0.8), scored("p2", 0.9, 0.7), scored("m1", 0.6, 0.75)}, "p1"},
		{"within one standard error the loss decides", "accuracy",
			[]Candidate{scored("p1", 0.9, 0.5), scored("m1", 0.6, 0.80), scored("m2", 0.4, 0.77)}, "m2"},
		{"beyond one standard error the metric decides", "accuracy",
			[]Candidate{scored("p1", 0.9, 0.5), scored("m1", 0.6, 0.80), scored("m2", 0.4, 0.75)}, "m1"},
		{"within one standard error of a parent, but below it", "accuracy",
			[]Candidate{scored("p1", 0.9, 0.79), scored("m1", 0.6, 0.80), scored("m2", 0.4, 0.77)}, "m1"},
		{"NaN loss", "accuracy", []Candidate{scored("p1", 0.5, 0.8), scored("m1", nan, 0.99)}, "p1"},
		{"infinite loss", "accuracy", []Candidate{scored("p1", 0.5, 0.8), scored("m1", inf, 0.99)}, "p1"},
		{"NaN parent", "accuracy",
			[]Candidate{scored("p1", nan, 0.99), scored("p2", 0.5, 0.8), scored("m1", 0.4, 0.8)}, "m1"},
		{"NaN metric", "r2", []Candidate{scored("p1", 0.5, 0.8), scored("m1", 0.4, nan)}, "p1"},
		{"no parent has a score", "accuracy", []Candidate{scored("p1", nan, nan), scored("m1", 2, 0.1)}, "m1"},
		{"nothing has a score", "accuracy", []Candidate{scored("p1", nan, nan), scored("m1", nan, 0.1)}, ""},
		{"smaller is better", "mse",
			[]Candidate{scored("p1", 0.5, 0.5), scored("m1", 0.4, 0.4), scored("m2", 0.3, 0.3)}, "m2"},
		{"smaller is better, but not by a merge", "mse", []Candidate{scored("p1", 0.5, 0.5), scored("m1", 0.6, 0.6)},
			"p1"},
	} {
		m := &search{candidates: c.list, heldOut: judging(t, c.metric)}
		got := ""
		if chosen := m.choose(); chosen != nil {
			got = chosen.Name
		}
		if got != c.want {
			t.Errorf("%s: chose %q, want %q", c.name, got, c.want)
		}
	}
}

// judging is an evaluator whose objective has a metric.
func judging(t *testing.T, metric string) *gating.Evaluator {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", -1, 3)
	b.Node("Neg", "y", []string{"x"})
	b.Out("y")
	d, o := gatetest.Labelled(gatetest.Samples(1, 6, 3), 3), gating.ObjectiveOptions{Metric: metric}
	if metric != "accuracy" {
		d.Label = &dataset.Column{Name: "y", Type: onnx.Float32, Shape: []int{3}, Floats: make([]float32, 18)}
		o.Loss = "mse"
	}
	e := gatetest.Must(gating.NewEvaluator(d, gatetest.Must(gating.FitObjective(b.Model(t), d, o))(t),
		gating.EvaluatorOptions{}))(t)
	t.Cleanup(e.Close)
	if e.Objective().Metric.Name != metric {
		t.Fatalf("metric %s, want %s", e.Objective().Metric.Name, metric)
	}
	return e
}

// TestReorderedParentIsNoGain: the greedy soup of one reordered parent is that
// parent up to rounding, and must not count as a merge that beats it.
func TestReorderedParentIsNoGain(t *testing.T) {
	m := gating.Metric{Name: "accuracy"}
	parent := gating.Score{Loss: 0.05, Metric: 0.9, Samples: 100}
	if beats(m, gating.Score{Loss: 0.05 - 1e-9, Metric: 0.9, Samples: 100}, parent) {
		t.Error("rounding beats a parent")
	}
	if !beats(m, gating.Score{Loss: 0.0499, Metric: 0.9, Samples: 100}, parent) {
		t.Error("a better loss does not")
	}
}
