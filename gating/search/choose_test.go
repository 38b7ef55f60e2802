package search

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch/random"
)

// judged is how many samples judge the candidates of a test.
const judged = 100

// scored is a candidate judged on 100 samples: of these the first so many are right (the last, where its name ends in
// "x"), and the losses spread by a tenth about their mean. A parent's name begins with "p".
func scored(name string, loss, right float64) Candidate {
	parent := -1
	if strings.HasPrefix(name, "p") {
		parent = int(name[1] - '1')
	}
	noise, losses, hits := random.New(uint64(name[0]), uint64(name[1])), make([]float64, judged), make([]float64,
		judged)
	for i := range losses {
		losses[i] = 0.1 * noise.Normal()
		if float64(i) < right*judged {
			hits[i] = 1
		}
	}
	mean := gating.MeanScore(losses, hits).Loss
	for i, off := range losses {
		losses[i] = loss + off - mean
	}
	if strings.HasSuffix(name, "x") {
		slices.Reverse(hits)
	}
	return Candidate{Name: name, Parent: parent, Score: gating.MeanScore(losses, hits)}
}

// nowhere is a candidate without a finite loss.
func nowhere(name string, loss float64) Candidate {
	c := scored(name, 0, 0)
	c.Score = gating.Score{Loss: loss, Metric: 0.99, Samples: judged}
	return c
}

// accuracy is a metric by its name; what it counts is in the scores.
var accuracy = gating.Metric{Name: "accuracy"}

// TestChoose is the rule of the candidate table: a merge must be no worse than every
// parent in metric and loss and beyond chance better in both together, or beyond doubt
// better in the metric; of merges within one standard error of the best metric, the one
// of least loss is chosen. A merge of two seeds that was one sample
// better at twice the loss was worse on data that nothing saw.
func TestChoose(t *testing.T) {
	mse := gating.Metric{Name: "mse", Smaller: true}
	for _, c := range []struct {
		name   string
		metric gating.Metric
		list   []Candidate
		want   string // "" for none
	}{
		{"much better metric", accuracy, []Candidate{scored("p1", 0.5, 0.8), scored("m1", 0.6, 0.9)}, "m1"},
		{"one sample better at more loss", accuracy, []Candidate{scored("p1", 0.5, 0.8), scored("m1", 0.6, 0.81)},
			"p1"},
		{"less loss than one parent, more than another", accuracy,
			[]Candidate{scored("p1", 0.5, 0.8), scored("p2", 0.3, 0.8), scored("m1", 0.4, 0.8)}, "p2"},
		{"equal metric, less loss", accuracy, []Candidate{scored("p1", 0.5, 0.8), scored("m1x", 0.4, 0.8)}, "m1x"},
		{"the same answers, less loss", accuracy, []Candidate{scored("p1", 0.5, 0.8), scored("m1", 0.4, 0.8)}, "p1"},
		{"all answers right, less loss", accuracy, []Candidate{scored("p1", 0.5, 1), scored("m1x", 0.4, 1)}, "p1"},
		{"one sample less, far less loss", accuracy, []Candidate{scored("p1", 0.5, 0.8), scored("m1x", 0.1, 0.79)}, "m1x"},
		{"all samples better", accuracy, []Candidate{scored("p1", 0.5, 0), scored("m1", 0.4, 1)}, "m1"},
		{"less loss by chance", accuracy, []Candidate{scored("p1", 0.5, 0.8), scored("m1", 0.495, 0.8)}, "p1"},
		{"one sample more and less loss, by chance", accuracy,
			[]Candidate{scored("p1", 0.5, 0.8), scored("m1", 0.499, 0.81)}, "p1"},
		{"equal in both", accuracy, []Candidate{scored("p1", 0.5, 0.8), scored("m1", 0.5, 0.8)}, "p1"},
		{"less loss, worse metric", accuracy, []Candidate{scored("p1", 0.5, 0.8), scored("m1", 0.1, 0.75)}, "p1"},
		{"worse than one of the parents", accuracy,
			[]Candidate{scored("p1", 0.5, 0.8), scored("p2", 0.9, 0.7), scored("m1", 0.6, 0.75)}, "p1"},
		{"within one standard error the loss decides", accuracy,
			[]Candidate{scored("p1", 0.9, 0.5), scored("m1", 0.6, 0.80), scored("m2x", 0.4, 0.78)}, "m2x"},
		{"beyond one standard error the metric decides", accuracy,
			[]Candidate{scored("p1", 0.9, 0.5), scored("m1", 0.6, 0.80), scored("m2", 0.4, 0.75)}, "m1"},
		{"of equals the first", accuracy,
			[]Candidate{scored("p1", 0.9, 0.5), scored("m1", 0.6, 0.80), scored("m1", 0.6, 0.80)}, "m1"},
		{"NaN loss", accuracy, []Candidate{scored("p1", 0.5, 0.8), nowhere("m1", math.NaN())}, "p1"},
		{"infinite loss", accuracy, []Candidate{scored("p1", 0.5, 0.8), nowhere("m1", math.Inf(1))}, "p1"},
		{"NaN parent", accuracy,
			[]Candidate{nowhere("p1", math.NaN()), scored("p2", 0.5, 0.8), scored("m1x", 0.4, 0.8)}, "m1x"},
		{"no parent has a score", accuracy, []Candidate{nowhere("p1", math.NaN()), scored("m1", 2, 0.1)}, "m1"},
		{"nothing has a score", accuracy, []Candidate{nowhere("p1", math.NaN()), nowhere("m1", math.NaN())}, ""},
		{"a score that keeps no samples proves nothing", accuracy,
			[]Candidate{scored("p1", 0.5, 0.8), {Name: "m1", Parent: -1,
				Score: gating.Score{Loss: 0.1, Metric: 0.9, Samples: judged}}}, "p1"},
		{"smaller is better", mse, []Candidate{scored("p1", 0.5, 0.5), scored("m1", 0.4, 0.4),
			scored("m2", 0.3, 0.3)}, "m2"},
		{"smaller is better, but not by a merge", mse, []Candidate{scored("p1", 0.5, 0.5), scored("m1", 0.6, 0.6)},
			"p1"},
		{"nearer to an ensemble, which believes the parent most", gating.Metric{Name: "agreement"},
			[]Candidate{scored("p1", 0.5, 0.8), scored("m1", 0.2, 0.7)}, "m1"},
		{"more often an ensemble's answer, but farther from it", gating.Metric{Name: "agreement"},
			[]Candidate{scored("p1", 0.2, 0.7), scored("m1", 0.5, 0.8)}, "p1"},
	} {
		got := ""
		if chosen := newChoice(c.metric, c.list).choose(); chosen != nil {
			got = chosen.Name
		}
		if got != c.want {
			t.Errorf("%s: chose %q, want %q", c.name, got, c.want)
		}
	}
}

// TestReorderedParentIsNoGain: the greedy soup of one reordered parent is that
// parent up to rounding, and must not count as a merge that beats it.
func TestReorderedParentIsNoGain(t *testing.T) {
	parent, rounded, better := scored("p1", 0.05, 0.9), scored("p1", 0.05-1e-9, 0.9), scored("p1", 0.0499, 0.91)
	for _, c := range []struct {
		merged Candidate
		want   bool
	}{{rounded, false}, {better, true}} {
		c.merged.Parent = -1
		l := []Candidate{parent, c.merged}
		if got := newChoice(accuracy, l).beatsParents(1); got != c.want {
			t.Errorf("a loss that is %g less in every sample beats a parent: %v",
				parent.Score.Loss-c.merged.Score.Loss, got)
		}
	}
}

// TestComparisonIsFair: of two models that differ by chance alone, one beats the other in one case of twenty or less;
// of two that differ by what should decide it does in four of five.
func TestComparisonIsFair(t *testing.T) {
	draw, cases := random.New(7, 1), 200
	for _, c := range []struct {
		shift       float64 // of the losses, in standard errors of the difference
		least, most int
	}{{0, 0, cases / 10}, {decided, cases * 7 / 10, cases * 9 / 10}} {
		won := 0
		for range cases {
			list := []Candidate{{Parent: 0}, {Parent: -1}}
			for i := range list {
				losses := make([]float64, judged)
				for k := range losses {
					losses[k] = 1 + draw.Normal() - float64(i)*c.shift*math.Sqrt2*math.Sqrt(2.0/judged)
				}
				hits := make([]float64, judged) // as many right of both, but others
				for k := range judged / 2 {
					hits[2*k+i] = 1
				}
				list[i].Score = gating.MeanScore(losses, hits)
			}
			if newChoice(accuracy, list).beatsParents(1) {
				won++
			}
		}
		t.Logf("better by %v standard errors: beats %d of %d times", c.shift, won, cases)
		if won < c.least || won > c.most {
			t.Errorf("better by %v standard errors: beats %d of %d times, want %d to %d", c.shift, won, cases,
				c.least, c.most)
		}
	}
}

// TestReplicatesAgreeWithTheFormula: the standard error of a mean is its deviation over the root of the count, and
// McNemar's test and the draws agree on how likely chance is.
func TestReplicatesAgreeWithTheFormula(t *testing.T) {
	a, b := scored("m1", 0.4, 0.9), scored("p1", 0.5, 0.8)
	r := resample([]gating.Score{a.Score, b.Score})
	if got, want := deviation(r[0].metric), math.Sqrt(0.9*0.1/judged); math.Abs(got-want) > 0.05*want {
		t.Errorf("standard error %v, want %v", got, want)
	}
	d := compare(accuracy, a.Score, b.Score, r[0], r[1])
	if want := math.Sqrt(0.1 * 0.9 / judged); math.Abs(d.metricError-want) > 0.05*want || d.metric-0.1 > 1e-12 {
		t.Errorf("difference %v, error %v, want 0.1 and %v", d.metric, d.metricError, want)
	}
	again := resample([]gating.Score{b.Score, a.Score})
	if !slices.Equal(again[1].loss, r[0].loss) {
		t.Error("draws depend on the order of the scores")
	}
}

// TestTinyDataDecidesNothing: three samples that all say so are no verdict.
func TestTinyDataDecidesNothing(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 6} {
		losses, hits := make([]float64, n), make([]float64, n)
		better := slices.Clone(losses)
		for i := range losses {
			losses[i], better[i], hits[i] = 1+float64(i), 0.5+float64(i)/2, float64(i%2)
		}
		worst := make([]float64, n)
		list := []Candidate{{Parent: 0, Score: gating.MeanScore(losses, worst)}, {Parent: -1,
			Score: gating.MeanScore(better, hits)}}
		if got := newChoice(accuracy, list).beatsParents(1); got != (n > 4) {
			t.Errorf("%d samples: beats %v", n, got)
		}
	}
}
