package search

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
)

// The exact test has the values of scipy.stats.binomtest(k, n, 0.5, "greater").
func TestAtLeast(t *testing.T) {
	for _, c := range []struct {
		k, n int
		want float64
	}{{0, 0, 1}, {0, 5, 1}, {5, 5, 0.03125}, {8, 10, 0.0546875}, {60, 100, 0.02844396682}, {520, 1000, 0.10872414660}} {
		if got := atLeast(c.k, c.n); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%d of %d: %v, want %v", c.k, c.n, got, c.want)
		}
	}
}

// grouped judges a parent and a merge that answer samples of groups right with some chance.
func grouped(draw *rand.Rand, right func(group int, merged bool) float64, groups, each int) (*search, *choice) {
	var g grouping
	var parent, merged, losses []float64
	for i := range groups {
		g.names = append(g.names, fmt.Sprint("g", i))
		for range each {
			g.of = append(g.of, i)
			losses = append(losses, 1)
			for _, to := range []*[]float64{&parent, &merged} {
				hit := 0.0
				if draw.Float64() < right(i, to == &merged) {
					hit = 1
				}
				*to = append(*to, hit)
			}
		}
	}
	c := &choice{metric: gating.Metric{Name: "accuracy"}, candidates: []Candidate{
		{Name: "parent:a.onnx", Score: gating.MeanScore(losses, parent)},
		{Name: "soft:layer", Parent: -1, Score: gating.MeanScore(losses, merged)},
	}, replicates: make([]replicates, 2)}
	return &search{grouped: g}, c
}

// A merge that ruins one group of five is warned of with that group, and with no other.
func TestGroupsWarn(t *testing.T) {
	m, c := grouped(rand.New(rand.NewPCG(1, 1)), func(group int, merged bool) float64 {
		switch {
		case merged && group == 3:
			return .5
		case merged:
			return .95
		}
		return .8
	}, 5, 100)
	list := m.groups(c, &c.candidates[1])
	if len(m.warnings) != 1 || !strings.Contains(m.warnings[0].Error(), `"g3"`) ||
		strings.Contains(m.warnings[0].Error(), `"g1"`) || !strings.Contains(m.warnings[0].Error(), "100 samples") {
		t.Fatalf("warnings %v", m.warnings)
	}
	for i, g := range list {
		if g.Worse != (i == 3) || g.Samples != 100 || g.Parent != "parent:a.onnx" || g.Merged != "soft:layer" {
			t.Errorf("%+v", g)
		}
	}
	m.warnings = nil
	if m.groups(c, &c.candidates[0]); m.warnings != nil {
		t.Errorf("a kept parent is warned of: %v", m.warnings)
	}
}

// TestGroupsByChance: of merges that are better everywhere alike, however many groups there are and however few their
// samples, at most one in twenty is warned of.
func TestGroupsByChance(t *testing.T) {
	draw := rand.New(rand.NewPCG(2, 3))
	for _, shape := range [][2]int{{2, 200}, {20, 30}, {100, 5}} {
		warned := 0
		const runs = 200
		for range runs {
			m, c := grouped(draw, func(int, bool) float64 { return .8 }, shape[0], shape[1])
			if m.groups(c, &c.candidates[1]); m.warnings != nil {
				warned++
			}
		}
		if warned > runs/20+5 {
			t.Errorf("%d groups of %d: %d of %d warned of", shape[0], shape[1], warned, runs)
		}
	}
}

// TestGroupsOfFolds: whatever the folds, a parent has on each group the score that it has on the group's samples alone,
// and the file that is written does not depend on groups.
func TestGroupsOfFolds(t *testing.T) {
	s := gatetest.Select(t, gatetest.Open(t, gatetest.FineTunes("mlp", 3)...))
	base := s.Alignment.Models[0]
	path := gatetest.Path(t, "val.npz")
	plain := gatetest.Must(dataset.Open(path, dataset.Options{Inputs: gating.Fields(base)}))(t)
	d := gatetest.Must(dataset.Open(path, dataset.Options{Inputs: gating.Fields(base), Group: "label"}))(t)
	for _, o := range []Options{{}, {Folds: 3}, {Holdout: .5, Folds: 1}} {
		o.Learn.MaxSteps = 10
		o.Granularity = []gating.Granularity{gating.ByLayer}
		r := gatetest.Must(Merge(t.Context(), s, d, o))(t)
		without := gatetest.Must(Merge(t.Context(), s, plain, o))(t)
		if len(without.groups) != 0 || len(r.groups) != 10 {
			t.Fatalf("%d and %d groups", len(r.groups), len(without.groups))
		}
		if a, b := gatetest.Bytes(t, r.Model()), gatetest.Bytes(t, without.Model()); !slices.Equal(a, b) {
			t.Error("groups change what is written")
		}
		samples := 0
		for class, g := range r.groups {
			samples += g.Samples
			if o.Folds == 1 {
				continue
			}
			var rows []int
			for row, v := range d.Label.Ints {
				if v == int64(class) {
					rows = append(rows, row)
				}
			}
			e := gatetest.Must(gating.NewEvaluator(d.Select(rows), r.Objective, gating.EvaluatorOptions{}))(t)
			want := gatetest.Must(e.Score(t.Context(), base))(t)
			e.Close()
			if got := g.Models[0]; math.Abs(*got.Metric-want.Metric) > 1e-12 || math.Abs(*got.Loss-want.Loss) > 1e-6 {
				t.Errorf("class %d: %v and %v, want %v", class, *got.Loss, *got.Metric, want)
			}
		}
		if samples != r.Chosen.Score.Samples {
			t.Errorf("%d samples in groups, %d judged", samples, r.Chosen.Score.Samples)
		}
	}
}
