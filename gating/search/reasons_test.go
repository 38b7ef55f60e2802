package search

import "testing"

// TestReasons: every candidate that was not chosen says why in a few words, and what cannot be told says how many
// samples more would tell.
func TestReasons(t *testing.T) {
	for _, c := range []struct {
		list []Candidate
		want []string // "" for the chosen one
	}{
		{[]Candidate{scored("p1", 0.5, 0.8), scored("m1", 0.6, 0.9), scored("m2", 0.5, 0.95), scored("m3x", 0.4, 0.95)},
			[]string{"15.0 points below m3x, beyond chance", "5.0 points below m3x, within chance", "more loss than m3x",
				""}},
		{[]Candidate{scored("p1", 0.5, 0.8), scored("p2", 0.9, 0.7), scored("m1", 0.6, 0.75), scored("m2", 0.6, 0.8),
			scored("m3", 0.4, 0.8), scored("m4", 0.5, 0.8)},
			[]string{"", "10.0 points below parent 0, beyond chance", "5.0 points below parent 0, beyond chance",
				"more loss than parent 0", "gives the answers of parent 0", "gives the answers of parent 0"}},
		{[]Candidate{scored("p1", 0.5, 0.8), scored("m1x", 0.485, 0.8)},
			[]string{"", "cannot be told from parent 0 with 100 samples: give about 1200 more"}},
		{[]Candidate{scored("p1", 0.5, 0.8), nowhere("m1", 0.4)}, []string{"", "no better than parent 0"}},
	} {
		choice := newChoice(accuracy, c.list)
		choice.explain(choice.choose())
		for i, want := range c.want {
			if got := c.list[i].Reason; got != want {
				t.Errorf("%s: %q, want %q", c.list[i].Name, got, want)
			}
		}
	}
}

// TestRoundUp: counts that are asked for have one digit and a half.
func TestRoundUp(t *testing.T) {
	for n, want := range map[int]int{1: 1, 7: 7, 19: 19, 21: 25, 99: 100, 101: 110, 199: 200, 201: 250, 5001: 5500} {
		if got := roundUp(n); got != want {
			t.Errorf("%d is rounded to %d, want %d", n, got, want)
		}
	}
}
