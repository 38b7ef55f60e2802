package metric

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

func floatsOf(shape []int, v ...float32) *network.Tensor {
	return &network.Tensor{Type: onnx.Float32, Shape: shape, F: v}
}

func intsOf(shape []int, v ...int64) *network.Tensor {
	return &network.Tensor{Type: onnx.Int64, Shape: shape, I: v}
}

var nan = float32(math.NaN())

// TestBetter orders metric values; NaN is worse than anything.
func TestBetter(t *testing.T) {
	n := math.NaN()
	for _, c := range []struct {
		smaller bool
		a, b    float64
		want    bool
	}{
		{false, 2, 1, true}, {false, 1, 2, false}, {false, 1, 1, false}, {true, 1, 2, true}, {true, 2, 1, false},
		{false, n, 1, false}, {false, 1, n, true}, {true, n, 1, false}, {true, 1, n, true}, {false, n, n, false},
	} {
		if got := (Metric{Smaller: c.smaller}).Better(c.a, c.b); got != c.want {
			t.Errorf("smaller %v: %v better than %v is %v", c.smaller, c.a, c.b, got)
		}
	}
}

// golden is a case of fixtures/golden_metrics.py.
type golden struct {
	Name, Form        string
	Kind              Kind
	Axis, Classes     int
	Shape             []int
	X                 []float64
	TargetShape       []int `json:"target_shape"`
	Target            []float64
	Integer           bool
	Weights           []float64
	Metrics, Repeated map[string]float64
}

func goldens(t *testing.T) (list []golden) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "fixtures", "golden", "metrics.json"))
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// task is what the output is to a metric.
func (c *golden) task() Task {
	form := map[string]network.Form{"probabilities": network.Probabilities,
		"log_probabilities": network.LogProbabilities}[c.Form]
	return Task{Kind: c.Kind, Form: form, Axis: c.Axis, Classes: c.Classes, Positions: len(c.TargetShape) > 2 ||
		c.Kind == Classes && len(c.TargetShape) > 1 && c.Integer}
}

// rows are some samples of the case.
func (c *golden) rows(from, to int) (out, target *network.Tensor) {
	out = &network.Tensor{Type: onnx.Float32, Shape: append([]int{to - from}, c.Shape[1:]...)}
	for _, v := range c.X[from*len(c.X)/c.Shape[0] : to*len(c.X)/c.Shape[0]] {
		out.F = append(out.F, float32(v))
	}
	target = &network.Tensor{Type: onnx.Float32, Shape: append([]int{to - from}, c.TargetShape[1:]...)}
	for _, v := range c.Target[from*len(c.Target)/c.Shape[0] : to*len(c.Target)/c.Shape[0]] {
		if c.Integer {
			target.I = append(target.I, int64(v))
		} else {
			target.F = append(target.F, float32(v))
		}
	}
	return out, target
}

// tally adds samples, a few at a time.
func (c *golden) tally(t *testing.T, m Metric, from, to, step int) Tally {
	t.Helper()
	tally := m.Tally()
	for ; from < to; from += step {
		if err := tally.Add(c.rows(from, min(from+step, to))); err != nil {
			t.Fatal(err)
		}
	}
	return tally
}

// TestMetricsAsInSklearn compares every metric with scikit-learn's figure, over all samples in one batch and
// in several, joined from two parts, and by weights with that on repeated samples.
func TestMetricsAsInSklearn(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range goldens(t) {
		for name, want := range c.Metrics {
			m, ok := Named(name, c.task())
			if !ok {
				t.Errorf("%s: no metric %s", c.Name, name)
				continue
			}
			seen[name] = true
			n := c.Shape[0]
			joined, ok := c.tally(t, m, 0, 5, 2).Joined(c.tally(t, m, 5, n, n))
			if !ok {
				t.Errorf("%s: %s: parts are not joined", c.Name, name)
				continue
			}
			for how, got := range map[string]float64{"at once": c.tally(t, m, 0, n, n).Value(nil),
				"in batches": c.tally(t, m, 0, n, 4).Value(nil), "joined": joined.Value(nil),
				"each once": joined.Value(slices.Repeat([]float64{1}, n))} {
				if !(math.Abs(got-want) <= 1e-6*math.Max(1, want)) {
					t.Errorf("%s: %s %s: %v, want %v", c.Name, name, how, got, want)
				}
			}
			if want, ok := c.Repeated[name]; ok {
				if got := joined.Value(c.Weights); !(math.Abs(got-want) <= 1e-6*math.Max(1, want)) {
					t.Errorf("%s: %s of repeated samples: %v, want %v", c.Name, name, got, want)
				}
			}
			if shares := joined.Shares(); shares != nil {
				var mean float64
				for _, v := range shares {
					mean += v / float64(n)
				}
				if len(shares) != n || math.Abs(mean-want) > 1e-6 {
					t.Errorf("%s: %s: %d shares of mean %v, want %v", c.Name, name, len(shares), mean, want)
				}
			}
		}
	}
	for _, name := range Names() {
		if !seen[name] && name != "loss" && name != "agreement" && !strings.HasPrefix(name, "map") { // see package detection
			t.Errorf("no case for %s", name)
		}
	}
}

// TestAnswersAtTheEdge: of equal scores the first counts, a NaN never does, soft labels stand for the likeliest.
func TestAnswersAtTheEdge(t *testing.T) {
	classes := Task{Kind: Classes, Axis: 1, Classes: 2}
	for _, c := range []struct {
		name, metric string
		task         Task
		out, target  *network.Tensor
		want         float64
	}{
		{"equal scores", "accuracy", classes, floatsOf([]int{2, 2}, 5, 5, 5, 5), intsOf([]int{2}, 0, 1), 0.5},
		{"NaN", "accuracy", classes, floatsOf([]int{3, 2}, nan, 3, nan, nan, 1, 0), intsOf([]int{3}, 1, 0, 0), 2.0 / 3},
		{"NaN", "f1", classes, floatsOf([]int{2, 2}, nan, 3, nan, nan), intsOf([]int{2}, 1, 0), 0.5},
		{"NaN", "auc", classes, floatsOf([]int{2, 2}, nan, nan, 0, 1), intsOf([]int{2}, 0, 1), 1},
		{"soft labels", "accuracy", classes, floatsOf([]int{2, 2}, 1, 0, 1, 0), floatsOf([]int{2, 2}, .6, .4, .3, .7),
			0.5},
		{"one class alone", "auc", classes, floatsOf([]int{2, 2}, 1, 0, 1, 0), intsOf([]int{2}, 1, 1), math.NaN()},
		{"the same labels", "r2", Task{Kind: Numbers}, floatsOf([]int{2}, 1, 2), floatsOf([]int{2}, 1, 1),
			math.Inf(-1)},
		{"distant labels", "r2", Task{Kind: Numbers}, floatsOf([]int{2}, 1e8, 1e8+24), intsOf([]int{2}, 1e8, 1e8+16),
			0.5},
		{"other models", "agreement", Task{Kind: Agreed, Axis: 1}, floatsOf([]int{2, 2}, 1, 0, 1, 0),
			floatsOf([]int{2, 2}, .6, .4, .3, .7), 0.5},
		{"other models' yes", "agreement", Task{Kind: Agreed, Axis: -1}, floatsOf([]int{2}, 1, -1),
			floatsOf([]int{2}, .6, .7), 0.5},
	} {
		m, ok := Named(c.metric, c.task)
		if !ok || m.Name != c.metric {
			t.Fatalf("%s: metric %q, want %q", c.name, m.Name, c.metric)
		}
		tally := m.Tally()
		if err := tally.Add(c.out, c.target); err != nil {
			t.Fatal(err)
		}
		if got := tally.Value(nil); math.Abs(got-c.want) > 1e-9 || math.IsNaN(got) != math.IsNaN(c.want) {
			t.Errorf("%s of %s: %v, want %v", c.metric, c.name, got, c.want)
		}
	}
}

// TestMetricsFitTheirTask: what a task cannot be judged by is not there, and each has a default.
func TestMetricsFitTheirTask(t *testing.T) {
	for _, c := range []struct {
		task  Task
		first string
		not   []string
	}{
		{Task{Kind: Classes, Classes: 10}, "accuracy", []string{"mse", "r2", "agreement"}},
		{Task{Kind: Classes, Classes: 5}, "accuracy", []string{"top5"}}, // always right
		{Task{Kind: Classes, Classes: 10, Positions: true}, "accuracy", []string{"auc"}},
		{Task{Kind: Single}, "accuracy", []string{"perplexity", "top5", "mse"}},
		{Task{Kind: Numbers}, "mse", []string{"accuracy", "auc"}},
		{Task{Kind: Agreed}, "agreement", []string{"accuracy"}},
		{Task{Kind: Silent}, "loss", []string{"accuracy", "agreement"}},
	} {
		fitting := Fitting(c.task)
		if len(fitting) == 0 || fitting[0] != c.first {
			t.Errorf("%+v: %v, want %s first", c.task, fitting, c.first)
		}
		for _, name := range append(c.not, "loudness") {
			if _, ok := Named(name, c.task); ok {
				t.Errorf("%+v is judged by %s", c.task, name)
			}
		}
	}
}

// TestOnlyTalliesOfOneMetricAreJoined: a mean of errors and one of right answers make no figure together.
func TestOnlyTalliesOfOneMetricAreJoined(t *testing.T) {
	var list []Metric
	for _, task := range []Task{{Kind: Classes, Axis: 1, Classes: 7}, {Kind: Single}, {Kind: Numbers}} {
		for _, name := range Fitting(task) {
			if m, _ := Named(name, task); m.Tally() != nil {
				list = append(list, m)
			}
		}
	}
	for i, a := range list {
		for k, b := range list {
			if _, ok := a.Tally().Joined(b.Tally()); ok != (i == k) {
				t.Errorf("%s and %s: joined %v", a.Name, b.Name, ok)
			}
		}
	}
}
