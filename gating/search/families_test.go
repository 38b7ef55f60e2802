package search_test

import (
	"path/filepath"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
)

// openData opens a data set of the fixtures for a model.
func openData(t testing.TB, m *onnx.Model, name string) *dataset.Data {
	t.Helper()
	return gatetest.Data(t, name, gating.Fields(m))
}

// scorerOf scores models on data that no merge saw, by the objective of a result.
func scorerOf(t testing.TB, r *search.Result, name string) *gating.Evaluator {
	t.Helper()
	d := openData(t, r.Units.Parents[0], name)
	e := gatetest.Must(gating.NewEvaluator(d, r.Objective, gating.EvaluatorOptions{Threads: 2}))(t)
	t.Cleanup(e.Close)
	return e
}

// modelOf is the model that a candidate is, nil where it has no score.
func modelOf(t testing.TB, r *search.Result, c *search.Candidate) *onnx.Model {
	t.Helper()
	switch {
	case c.Failure != nil:
		return nil
	case c.Parent >= 0:
		return r.Units.Parents[c.Parent]
	}
	return gatetest.Must(c.Mixture.Bake())(t)
}

// TestMergeBeatsParents merges the fine-tunes of every family with default
// options: the result must be better than every parent on data that nothing saw.
func TestMergeBeatsParents(t *testing.T) {
	families := []struct {
		name  string
		count int
	}{{"mlp", 4}, {"cnn_fixed", 3}, {"mlp_matmul", 4}, {"cnn", 4}, {"cnn_bn", 4}, {"resnet", 4}}
	if testing.Short() { // the race detector makes learning ten times slower
		families = families[:2]
	}
	for _, family := range families {
		t.Run(family.name, func(t *testing.T) {
			models := gatetest.Open(t, gatetest.FineTunes(family.name, family.count)...)
			d, o := openData(t, models[0], "val.npz"), search.Options{Threads: 2}
			r := gatetest.Must(search.Merge(t.Context(), gatetest.Select(t, models), d, o))(t)
			test := scorerOf(t, r, "test.npz")
			var best float64
			for i := range r.Candidates {
				c := &r.Candidates[i]
				m := modelOf(t, r, c)
				if m == nil {
					continue
				}
				s := gatetest.Must(test.Score(t.Context(), m))(t)
				if c.Parent >= 0 {
					best = max(best, s.Metric)
				}
				t.Logf("%-32s held-out loss %.4f accuracy %.4f, test loss %.4f accuracy %.4f, chosen %v",
					filepath.Base(c.Name), c.Score.Loss, c.Score.Metric, s.Loss, s.Metric, c.Chosen)
			}
			s := gatetest.Must(test.Score(t.Context(), r.Model()))(t)
			if !r.Gained() || s.Metric <= best {
				t.Errorf("accuracy on test data %.4f, the best parent has %.4f", s.Metric, best)
			}
			t.Logf("%d steps in %v", r.Steps, r.Learning)
		})
	}
}
