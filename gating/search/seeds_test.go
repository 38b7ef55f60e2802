package search_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// scoreOf returns a candidate's score, failing if there is none of that name.
func scoreOf(t *testing.T, r *search.Result, name string) gating.Score {
	t.Helper()
	return candidate(t, r, name).Score
}

// candidate returns a candidate, failing if there is none of that name.
func candidate(t *testing.T, r *search.Result, name string) *search.Candidate {
	t.Helper()
	for i := range r.Candidates {
		if r.Candidates[i].Name == name {
			return &r.Candidates[i]
		}
	}
	t.Fatalf("no candidate %q", name)
	return nil
}

// mergeSeeds averages two independently trained networks.
func mergeSeeds(t *testing.T, how gating.Permutation, names ...string) *search.Result {
	t.Helper()
	models := gatetest.Open(t, names...)
	o := search.Options{Method: gating.Uniform, Permute: how, Threads: 2}
	return gatetest.Must(search.Merge(t.Context(), gatetest.Select(t, models), openData(t, models[0], "val.npz"), o))(t)
}

// TestPermutationAndRepair is the pattern of Git Re-Basin and REPAIR: the plain
// average of two seeds collapses, the average of matched units recovers much of
// it, and repaired activations more; most of it where networks are wide.
func TestPermutationAndRepair(t *testing.T) {
	for _, c := range []struct {
		family string
		how    gating.Permutation
	}{
		{"mlp", gating.PermuteWeights},
		{"cnn", gating.PermuteActivations},
		{"cnn_bn", gating.PermuteActivations},
		{"resnet", gating.PermuteActivations},
		{"seeds/mlp", gating.PermuteWeights},
		{"seeds/cnn", gating.PermuteWeights},
		{"seeds/resnet", gating.PermuteActivations},
	} {
		if testing.Short() && strings.HasPrefix(c.family, "seeds/") {
			continue
		}
		t.Run(c.family, func(t *testing.T) {
			names := []string{c.family + "/seed0.onnx", c.family + "/seed1.onnx"}
			naive := scoreOf(t, mergeSeeds(t, gating.PermuteNone, names...), "uniform")
			r := mergeSeeds(t, c.how, names...)
			permuted, repaired := scoreOf(t, r, "uniform"), scoreOf(t, r, "uniform+repaired")
			t.Logf("accuracy: naive %.3f, permuted %.3f, repaired %.3f", naive.Metric, permuted.Metric, repaired.Metric)
			if !(permuted.Loss < naive.Loss && repaired.Loss < permuted.Loss) {
				t.Errorf("loss: naive %.3f, permuted %.3f, repaired %.3f: want each less than the one before",
					naive.Loss, permuted.Loss, repaired.Loss)
			}
		})
	}
}

// TestParentsAreJudgedAsGiven: reordering must change neither what a parent
// scores nor which file a parent that is chosen comes from.
func TestParentsAreJudgedAsGiven(t *testing.T) {
	names := []string{"cnn/seed0.onnx", "cnn/seed1.onnx"}
	plain, moved := mergeSeeds(t, gating.PermuteNone, names...), mergeSeeds(t, search.PermuteAuto, names...)
	for i := range 2 {
		moved.Chosen = &moved.Candidates[i]
		if !plain.Candidates[i].Score.Equal(moved.Chosen.Score) || moved.Model() != moved.Units.Parents[i] {
			t.Errorf("parent %d: %+v, reordered %+v", i, plain.Candidates[i].Score, moved.Chosen.Score)
		}
	}
	if moved.Units.Orders == nil || moved.Selection.Alignment.Models[1] == moved.Units.Parents[1] {
		t.Error("seeds were not reordered")
	}
}

// TestFineTunesAreNotReordered: their units are in one order, and a search costs time.
func TestFineTunesAreNotReordered(t *testing.T) {
	if r := mergeSeeds(t, search.PermuteAuto, gatetest.FineTunes("cnn", 3)...); r.Units.Orders != nil {
		t.Error("fine-tunes of one start were reordered")
	}
}

// TestRecipeRestoresOrders bakes a permuted and repaired merge again without data.
func TestRecipeRestoresOrders(t *testing.T) {
	r := mergeSeeds(t, gating.PermuteActivations, "cnn/seed0.onnx", "cnn/seed1.onnx")
	r.Chosen = candidate(t, r, "uniform+repaired")
	data := gatetest.Must(json.Marshal(gatetest.Must(r.Recipe())(t)))(t)
	again := gatetest.Must(gating.ParseRecipe(data))(t)
	if len(again.Orders) != 2 || len(again.Repairs) == 0 {
		t.Fatalf("%d orders, %d repairs", len(again.Orders), len(again.Repairs))
	}
	back := gatetest.Must(again.Bake(gatetest.Must(graphmatch.Align(r.Units.Parents, again.Base))(t)))(t)
	if !bytes.Equal(gatetest.Bytes(t, back), gatetest.Bytes(t, r.Model())) {
		t.Error("other bytes")
	}
	for name, change := range map[string]func(){
		"no permutation":   func() { again.Orders[1][0].Order[0] = again.Orders[1][0].Order[1] },
		"too few parents":  func() { again.Orders = again.Orders[:1] },
		"repair elsewhere": func() { again.Orders, again.Repairs[0].Layer = nil, "nowhere" },
	} {
		again = gatetest.Must(gating.ParseRecipe(data))(t)
		change()
		if _, err := again.Bake(gatetest.Must(graphmatch.Align(r.Units.Parents, again.Base))(t)); !errors.Is(err,
			gating.ErrRecipe) {
			t.Errorf("%s: %v, want it refused", name, err)
		}
	}
}

// TestSoftMergeOfSeeds merges independently trained networks:
// on top of matched and repaired units, gates must find a model that is better
// than both parents, on the data that judges and on data that nothing saw.
func TestSoftMergeOfSeeds(t *testing.T) {
	families := []string{"seeds/mlp", "seeds/cnn", "seeds/resnet"}
	if testing.Short() {
		families = families[:1]
	}
	for _, family := range families {
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			models := gatetest.Open(t, family+"/seed0.onnx", family+"/seed1.onnx")
			o := search.Options{Granularity: []gating.Granularity{gating.ByChannel}, Threads: 1}
			r := gatetest.Must(search.Merge(t.Context(), gatetest.Select(t, models),
				openData(t, models[0], "val.npz"), o))(t)
			if !r.Gained() {
				t.Fatalf("chosen: %s", r.Chosen.Name)
			}
			test := scorerOf(t, r, "test.npz")
			merged := gatetest.Must(test.Score(t.Context(), r.Model()))(t)
			for j, m := range models {
				parent := gatetest.Must(test.Score(t.Context(), m))(t)
				t.Logf("%s, parent %d: accuracy %.3f -> %.3f, loss %.3f -> %.3f",
					r.Chosen.Name, j, parent.Metric, merged.Metric, parent.Loss, merged.Loss)
				if merged.Metric < parent.Metric || merged.Loss >= parent.Loss {
					t.Errorf("parent %d: accuracy %.3f, loss %.3f; merged %.3f, %.3f",
						j, parent.Metric, parent.Loss, merged.Metric, merged.Loss)
				}
			}
		})
	}
}

// TestBiasOfOneNumber: Gemm broadcasts it, so it cannot shift channels by themselves. The layer is left
// as it is, and so the merge goes on.
func TestBiasOfOneNumber(t *testing.T) {
	net := func(seed uint64) *onnx.Model {
		b := gatetest.NewBuilder()
		b.In("x", -1, 6)
		b.Weight(t, "w1", onnx.Float32, seed, 6, 8)
		b.Weight(t, "b1", onnx.Float32, seed+1, 1)
		b.Weight(t, "w2", onnx.Float32, seed+2, 8, 3)
		b.Weight(t, "b2", onnx.Float32, seed+3, 3)
		b.Node("Gemm", "h", []string{"x", "w1", "b1"})
		b.Node("Relu", "r", []string{"h"})
		b.Node("Gemm", "y", []string{"r", "w2", "b2"})
		b.Out("y")
		return b.Model(t)
	}
	d, o := gatetest.Labelled(gatetest.Samples(3, 80, 6), 3), search.Options{Anyway: true, Method: gating.Uniform,
		Permute: gating.PermuteActivations}
	r := gatetest.Must(search.Merge(t.Context(), gatetest.Select(t, []*onnx.Model{net(1), net(10)}), d, o))(t)
	c := candidate(t, r, "uniform+repaired")
	repairs := gatetest.Must(c.Mixture.Recipe(gating.RecipeOptions{}))(t).Repairs
	if len(repairs) != 1 || repairs[0].Layer != "w2" {
		t.Errorf("repairs %v, want one of w2", repairs)
	}
}
