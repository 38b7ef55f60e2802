package search

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
)

// withAgain lists after each name the same recalibrated.
func withAgain(names ...string) (list []string) {
	for _, n := range names {
		list = append(list, n, n+"+recalibrated")
	}
	return list
}

// TestTrials says what is tried, and by which names: reports and recipes have had them before.
func TestTrials(t *testing.T) {
	soft := []string{"soft:layer", "soft:layer:rounded", "soft:channel", "soft:channel:rounded"}
	warm := []string{
		"soft:layer+repaired", "soft:layer+repaired:rounded", "soft:channel+repaired", "soft:channel+repaired:rounded",
	}
	averages := []string{"uniform", "greedy"}
	for _, c := range []struct {
		name             string
		o                Options
		reordered, small bool
		want             []string
	}{
		{"soft", Options{Method: gating.Soft}, false, true, slices.Concat(averages, soft)},
		{"soft, large", Options{Method: gating.Soft}, false, false, slices.Concat(averages, soft)},
		{"soft, reordered and large", Options{Method: gating.Soft}, true, false, slices.Concat(averages, warm)},
		{"soft, reordered", Options{Method: gating.Soft}, true, true, slices.Concat(averages, warm,
			[]string{"soft:channel+repaired:sum"})},
		{"soft by sums, reordered", Options{Method: gating.Soft, Learn: gating.LearnOptions{Combine: gating.Sum}}, true,
			true, slices.Concat(averages, warm)},
		{"soft, reordered, open gates", Options{Method: gating.Soft, Init: gating.InitOpen}, true, true, slices.Concat(averages, soft)},
		{"soft by tensor", Options{Method: gating.Soft, Granularity: []gating.Granularity{gating.ByTensor}}, true, true,
			slices.Concat(averages, []string{"soft:tensor+repaired", "soft:tensor+repaired:rounded"})},
		{"auto", Options{}, false, true, []string{"uniform", "greedy", "transplant", "soft:channel",
			"soft:channel+transplant", "finetune+transplant"}},
		{"auto, large", Options{}, false, false, []string{"uniform", "greedy", "transplant", "soft:channel",
			"soft:channel+transplant"}},
		{"auto, reordered", Options{Method: gating.Auto}, true, true, []string{"uniform", "greedy", "transplant",
			"soft:channel+repaired", "soft:channel+repaired:sum", "soft:channel+transplant", "finetune+transplant"}},
		{"finetune", Options{Method: gating.FineTuned}, false, true, []string{"finetune"}},
		{"greedy", Options{Method: gating.Greedy}, false, true, []string{"greedy"}},
		{"greedy, reordered", Options{Method: gating.Greedy}, true, true, []string{"greedy"}},
		{"uniform", Options{Method: gating.Uniform}, false, true, []string{"uniform"}},
		{"uniform, reordered", Options{Method: gating.Uniform}, true, false, []string{"uniform", "uniform+repaired"}},
	} {
		o := gatetest.Must(c.o.Validate())(t)
		var names []string
		for _, trial := range o.trials(circumstances{reordered: c.reordered, scored: true, small: c.small, labelled: true}) {
			names = append(names, trial.Name())
		}
		if want := withAgain(c.want...); !slices.Equal(names, want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, names, want)
		}
	}
}

// TestTrialNamesAreUnique over everything that any options try of every granularity, and
// over what becomes of the trials where nothing can be repaired. A trial comes back from JSON as it was.
func TestTrialNamesAreUnique(t *testing.T) {
	all := []gating.Granularity{gating.ByModel, gating.ByModule, gating.ByLayer, gating.ByChannel, gating.ByTensor,
		gating.ByElement}
	o := gatetest.Must(Options{Method: gating.Soft, Granularity: all}.Validate())(t)
	for _, reordered := range []bool{true, false} {
		for _, repairable := range []bool{true, false} {
			known := map[string]Trial{}
			for _, trial := range o.trials(circumstances{reordered: reordered, scored: true, small: true}) {
				if trial.Repaired && !repairable {
					if trial.Method == gating.Uniform {
						continue // is left out
					}
					trial.Repaired = false
				}
				if old, ok := known[trial.Name()]; ok {
					t.Errorf("%+v and %+v are both called %q", old, trial, trial.Name())
				}
				known[trial.Name()] = trial
				var back Trial
				if err := json.Unmarshal(gatetest.Must(json.Marshal(trial))(t), &back); err != nil || back != trial {
					t.Errorf("%+v came back as %+v: %v", trial, back, err)
				}
			}
		}
	}
}

// TestEveryTrialIsWorthItsPlace: no trial is listed twice, and rounded and recalibrated
// trials follow the one whose gates they take, which are learned once.
func TestEveryTrialIsWorthItsPlace(t *testing.T) {
	o := gatetest.Must(Options{}.Validate())(t)
	for _, reordered := range []bool{true, false} {
		seen := map[Trial]bool{}
		var last Trial
		for _, trial := range o.trials(circumstances{reordered: reordered, scored: true, small: true}) {
			if seen[trial] {
				t.Errorf("%s is listed twice", trial.Name())
			}
			if trial != trial.learning() && last != trial.learning() {
				t.Errorf("%s comes after %s", trial.Name(), last.Name())
			}
			seen[trial], last = true, trial.learning()
		}
	}
}
