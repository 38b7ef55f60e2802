package gating

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

const fixtures = "../fixtures"

// openAll opens models of the fixtures.
func openAll(t testing.TB, names ...string) []*onnx.Model {
	t.Helper()
	var list []*onnx.Model
	for _, name := range names {
		m, err := onnx.Open(filepath.Join(fixtures, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		list = append(list, m)
	}
	return list
}

// openData opens a data set of the fixtures for a model.
func openData(t testing.TB, m *onnx.Model, name string) *dataset.Data {
	t.Helper()
	d, err := dataset.Open(filepath.Join(fixtures, name), dataset.Options{Inputs: Fields(m)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// selectAll aligns models and selects every layer that matches a pattern.
func selectAll(t testing.TB, models []*onnx.Model, only ...string) *graphmatch.Selection {
	t.Helper()
	a, err := graphmatch.Align(models, 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.Select(only, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fineTunes names a family's fine-tunes.
func fineTunes(family string, n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("%s/ft%d.onnx", family, i))
	}
	return names
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
			w := kernel.NewWorkers(2)
			defer w.Close()
			models := openAll(t, fineTunes(family.name, family.count)...)
			d := openData(t, models[0], "val.npz")
			r, err := Merge(context.Background(), selectAll(t, models), d, Options{Learn: LearnConfig{Workers: w, L0: DefaultL0}})
			if err != nil {
				t.Fatal(err)
			}
			test := openData(t, models[0], "test.npz")
			var best float64
			for i := range r.Candidates {
				c := &r.Candidates[i]
				if c.failure != nil {
					continue
				}
				s, err := Evaluate(context.Background(), c.model, test, r.Objective, 64, w)
				if err != nil {
					t.Fatal(err)
				}
				if c.Parent >= 0 {
					best = max(best, s.Metric)
				}
				t.Logf("%-32s held-out loss %.4f accuracy %.4f, test loss %.4f accuracy %.4f %s", filepath.Base(c.Name), c.Score.Loss, c.Score.Metric, s.Loss, s.Metric, strings.Repeat("*", map[bool]int{true: 1}[c.Chosen]))
			}
			s, err := Evaluate(context.Background(), r.Model(), test, r.Objective, 64, w)
			if err != nil {
				t.Fatal(err)
			}
			if !r.Gained() || s.Metric <= best {
				t.Errorf("accuracy on test data %.4f, the best parent has %.4f", s.Metric, best)
			}
			t.Logf("%d steps in %v", r.Steps, r.Learning)
		})
	}
}
