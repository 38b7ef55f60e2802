package search_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
)

// TestMergeOfSeveralLengths goes the whole way with each thing that runs networks
// on data: losses, averages, gates, activations, repairs, statistics. The bytes
// do not depend on threads.
func TestMergeOfSeveralLengths(t *testing.T) {
	d := gatetest.Sequences(t, 9, 30, 1, 20)
	for name, c := range map[string]struct {
		net  func(testing.TB, uint64) *onnx.Model
		data *dataset.Data
		o    search.Options
		want string // part of a candidate's name
		runs int    // of learning: gates, with a transplant, its training, and one more beside parents whose units were reordered
	}{
		"activations": {gatetest.Dense, d, search.Options{Permute: gating.PermuteActivations}, "+repaired", 4},
		"weights": {gatetest.Dense, d, search.Options{Permute: gating.PermuteWeights, Init: gating.InitOpen},
			"soft:channel", 3},
		"average": {gatetest.Dense, d, search.Options{Permute: gating.PermuteWeights, Method: gating.Uniform},
			"+repaired", 0},
		"statistics": {gatetest.Convolved, gatetest.ChannelsFirst(t, d), search.Options{Permute: gating.PermuteNone},
			"+recalibrated", 3},
	} {
		models := []*onnx.Model{c.net(t, 1), c.net(t, 2), c.net(t, 3)}
		merge := func(threads int) (*search.Result, []byte) {
			o := c.o
			o.Folds, o.Rounds = 1, 1
			o.Anyway = true // random networks know nothing of the labels
			o.Threads, o.Learn = threads, gating.LearnOptions{MaxSteps: 12, BatchSize: 16, Seed: 3}
			r := gatetest.Must(search.Merge(t.Context(), gatetest.Select(t, models), c.data, o))(t)
			return r, gatetest.Bytes(t, r.Model())
		}
		r, file := merge(1)
		seen := 0
		for _, candidate := range r.Candidates {
			if !candidate.Score.Finite() || candidate.Score.Samples != 12 {
				t.Errorf("%s: %s has %+v", name, candidate.Name, candidate.Score)
			}
			if strings.Contains(candidate.Name, c.want) {
				seen++
			}
		}
		steps := 12 * c.runs
		if r.Refitted && r.Chosen.Trial.Method != gating.Uniform && r.Chosen.Trial.Method != gating.Greedy &&
			r.Chosen.Trial.Method != gating.Transplanted {
			steps += 12
		}
		if seen == 0 || r.Steps != steps {
			t.Errorf("%s: %d candidates %s, %d steps", name, seen, c.want, r.Steps)
		}
		if _, again := merge(2); !bytes.Equal(file, again) {
			t.Errorf("%s: one and two threads differ", name)
		}
	}
}
