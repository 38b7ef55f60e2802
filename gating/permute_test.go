package gating

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/graphmatch"
)

// scoreOf returns a candidate's score, failing if there is none of that name.
func scoreOf(t *testing.T, r *Result, name string) Score {
	t.Helper()
	for _, c := range r.Candidates {
		if c.Name == name {
			return c.Score
		}
	}
	t.Fatalf("no candidate %q", name)
	return Score{}
}

// mergeSeeds averages two independently trained networks.
func mergeSeeds(t *testing.T, how Permutation, names ...string) *Result {
	t.Helper()
	w := kernel.NewWorkers(2)
	t.Cleanup(w.Close)
	models := openAll(t, names...)
	o := Options{Method: UniformMean, Permute: how, Learn: LearnConfig{Workers: w}}
	r, err := Merge(context.Background(), selectAll(t, models), openData(t, models[0], "val.npz"), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestPermutationAndRepair is the pattern of Git Re-Basin and REPAIR: the plain
// average of two seeds collapses, the average of matched units recovers much of
// it, and repaired activations more; most of it where networks are wide.
func TestPermutationAndRepair(t *testing.T) {
	for _, c := range []struct {
		family string
		how    Permutation
	}{
		{"mlp", PermuteWeights},
		{"cnn", PermuteActivations},
		{"cnn_bn", PermuteActivations},
		{"resnet", PermuteActivations},
		{"seeds/mlp", PermuteWeights},
		{"seeds/cnn", PermuteWeights},
		{"seeds/resnet", PermuteActivations},
	} {
		if testing.Short() && strings.HasPrefix(c.family, "seeds/") {
			continue
		}
		t.Run(c.family, func(t *testing.T) {
			names := []string{c.family + "/seed0.onnx", c.family + "/seed1.onnx"}
			naive := scoreOf(t, mergeSeeds(t, PermuteNone, names...), "uniform")
			r := mergeSeeds(t, c.how, names...)
			permuted, repaired := scoreOf(t, r, "uniform"), scoreOf(t, r, "uniform+repaired")
			t.Logf("accuracy: naive %.3f, permuted %.3f, repaired %.3f", naive.Metric, permuted.Metric, repaired.Metric)
			if !(permuted.Loss < naive.Loss && repaired.Loss < permuted.Loss) {
				t.Errorf("loss: naive %.3f, permuted %.3f, repaired %.3f: want each less than the one before", naive.Loss, permuted.Loss, repaired.Loss)
			}
		})
	}
}

// TestParentsAreJudgedAsGiven: reordering must change neither what a parent
// scores nor which file a parent that is chosen comes from.
func TestParentsAreJudgedAsGiven(t *testing.T) {
	names := []string{"cnn/seed0.onnx", "cnn/seed1.onnx"}
	plain, moved := mergeSeeds(t, PermuteNone, names...), mergeSeeds(t, PermuteAuto, names...)
	for i := range 2 {
		if plain.Candidates[i].Score != moved.Candidates[i].Score || moved.Candidates[i].model != moved.parents[i] {
			t.Errorf("parent %d: %+v, reordered %+v", i, plain.Candidates[i].Score, moved.Candidates[i].Score)
		}
	}
	if moved.arranged.orders == nil {
		t.Error("seeds were not reordered")
	}
}

// TestFineTunesAreNotReordered: their units are in one order, and a search costs time.
func TestFineTunesAreNotReordered(t *testing.T) {
	if r := mergeSeeds(t, PermuteAuto, fineTunes("cnn", 3)...); r.arranged.orders != nil {
		t.Error("fine-tunes of one start were reordered")
	}
}

// TestRecipeRestoresOrders bakes a permuted and repaired merge again without data.
func TestRecipeRestoresOrders(t *testing.T) {
	r := mergeSeeds(t, PermuteActivations, "cnn/seed0.onnx", "cnn/seed1.onnx")
	for i := range r.Candidates {
		if r.Candidates[i].Name == "uniform+repaired" {
			r.Chosen = &r.Candidates[i]
		}
	}
	data, err := json.Marshal(must(r.Recipe())(t))
	if err != nil {
		t.Fatal(err)
	}
	again := must(ParseRecipe(data))(t)
	if len(again.Orders) != 2 || len(again.Repairs) == 0 {
		t.Fatalf("%d orders, %d repairs", len(again.Orders), len(again.Repairs))
	}
	back := must(again.Bake(must(graphmatch.Align(r.parents, again.Base))(t)))(t)
	if !bytes.Equal(fileBytes(t, back), fileBytes(t, r.Model())) {
		t.Error("other bytes")
	}
	for name, change := range map[string]func(){
		"no permutation":   func() { again.Orders[1][0].Order[0] = again.Orders[1][0].Order[1] },
		"too few parents":  func() { again.Orders = again.Orders[:1] },
		"repair elsewhere": func() { again.Orders, again.Repairs[0].Layer = nil, "nowhere" },
	} {
		again = must(ParseRecipe(data))(t)
		change()
		if _, err := again.Bake(must(graphmatch.Align(r.parents, again.Base))(t)); !errors.Is(err, ErrRecipe) {
			t.Errorf("%s: %v, want it refused", name, err)
		}
	}
}
