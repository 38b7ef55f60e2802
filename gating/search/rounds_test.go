package search

import (
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
)

// The LSTMs of the fixtures still gain in their second round: it is taken, and lowers the loss.
func TestRoundsWhileTheyPay(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("families/lstm", 3)...)
	d := gatetest.Data(t, "val.npz", gating.Fields(models[0]))
	trained := func(rounds int) (*Result, *Candidate) {
		r := gatetest.Must(Merge(t.Context(), gatetest.Select(t, models), d, Options{Rounds: rounds,
			Folds: 2, Learn: gating.LearnOptions{Epochs: 10}}))(t)
		for i := range r.Candidates {
			if r.Candidates[i].Name == (Trial{Method: gating.FineTuned, Source: true}).Name() {
				return r, &r.Candidates[i]
			}
		}
		t.Fatal("nothing was trained")
		return nil, nil
	}
	once, first := trained(1)
	more, last := trained(3)
	if first.Rounds != 1 || last.Rounds < 2 || last.Rounds > 3 {
		t.Errorf("%d and %d rounds, want 1 and 2 or 3", first.Rounds, last.Rounds)
	}
	if !(last.Score.Loss < (1-worthwhile/2)*first.Score.Loss) {
		t.Errorf("loss %.4f after %d rounds, %.4f after one", last.Score.Loss, last.Rounds, first.Score.Loss)
	}
	if more.Steps <= once.Steps {
		t.Errorf("%d steps in all, %d with one round", more.Steps, once.Steps)
	}
}

// Rounds on all data are as many as the folds had use for, on average.
func TestUsualRounds(t *testing.T) {
	a, b := Trial{Method: gating.FineTuned}, Trial{Method: gating.FineTuned, Source: true}
	r := rounds{a: {1, 2}, b: {4, 1, 2, 2}}
	for trial, want := range map[Trial]int{a: 2, b: 2, {Method: gating.Uniform}: 1} {
		if got := r.usual(trial); got != want {
			t.Errorf("%s: %d rounds, want %d", trial.Name(), got, want)
		}
	}
}

// Few samples are divided into more folds than many: what half of 100 teach says little of what all of them do.
func TestFoldsBySamples(t *testing.T) {
	m := &search{}
	for n, want := range map[int][2]int{1: {2, 2}, 2: {2, 2}, 4: {4, 4}, 10: {5, 5}, 100: {5, 5}, 250: {5, 5}, 300: {4, 5},
		500: {3, 5}, 600: {2, 5}, 1000: {2, 4}, 1999: {2, 2}, 2000: {1, 1}} {
		if got := [2]int{m.foldsOf(n, false), m.foldsOf(n, true)}; got != want {
			t.Errorf("%d samples: %d folds with labels and without, want %d", n, got, want)
		}
	}
}
