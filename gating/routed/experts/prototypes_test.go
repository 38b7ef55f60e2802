package experts

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/softmerge/softmerge/gating"
)

// pointsOf is a case of fixtures/golden/prototypes.json.
type pointsOf struct {
	Rows          [][]float64
	Of            []int
	Models        int
	Tau, Surprise float64
	Right         float64
	Gates         [][]float64
}

// TestScikitLearnAgrees compares temperature, cross entropy and share of right answers, each point left out in turn, and
// the gates that the linear map of the file computes, with what scikit-learn and NumPy make by leaving points out.
func TestScikitLearnAgrees(t *testing.T) {
	data, err := os.ReadFile("../../../fixtures/golden/prototypes.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []pointsOf
	if err := json.Unmarshal(data, &cases); err != nil || len(cases) < 4 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) <= 1e-9*max(1, math.Abs(want))) {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	for _, c := range cases {
		p := newPrototypes(c.Rows, c.Of, c.Models)
		f := p.fit(c.Rows, c.Of)
		near("tau", f.tau, c.Tau)
		near("the cross entropy", f.mean(), c.Surprise)
		near("the share of right answers", float64(f.right)/float64(len(c.Rows)), c.Right)
		weights, bias := logits(&gating.RecipeGates{Prototypes: p.means, Temperature: f.tau})
		for b, row := range c.Rows {
			var sum float64
			scores := make([]float64, c.Models)
			for j := range scores {
				scores[j] = bias[j]
				for i, v := range row {
					scores[j] += v * weights[i*c.Models+j]
				}
			}
			for _, s := range scores {
				sum += math.Exp(s)
			}
			for j, s := range scores {
				near("a gate", math.Exp(s)/sum, c.Gates[b][j])
			}
		}
	}
}

// TestSamplesWithoutFellows: a sample that is the only one of its model says nothing; where all values are the same there
// is nothing to tell.
func TestSamplesWithoutFellows(t *testing.T) {
	rows := [][]float64{{0}, {1}, {10}}
	of := []int{0, 0, 1}
	if f := newPrototypes(rows, of, 2).fit(rows, of); len(f.surprises) != 2 || f.right != 2 {
		t.Errorf("%d samples are judged and %d right, want 2", len(f.surprises), f.right)
	}
	same := [][]float64{{1}, {1}, {1}, {1}}
	if f := newPrototypes(same, []int{0, 0, 1, 1}, 2).fit(same, []int{0, 0, 1, 1}); f != nil {
		t.Errorf("equal values are told apart: %+v", f)
	}
}

// TestMostCompetent: each sample is for the model of least loss, the first of equals; what is no number is no less.
func TestMostCompetent(t *testing.T) {
	nan := math.NaN()
	got := mostCompetent([][]float64{{1, 2, 3, 1, nan}, {1, 1, 4, math.Inf(1), 7}, {2, 3, 0, nan, 8}})
	for b, want := range []int{0, 1, 2, 0, 1} {
		if got[b] != want {
			t.Errorf("sample %d is for %d, want %d", b, got[b], want)
		}
	}
}

// TestConstantRouters: gates that no sample changes are called so, and others are not.
func TestConstantRouters(t *testing.T) {
	rows := [][]float64{{1, -1}, {-1, 1}}
	for weight, constant := range map[float64]bool{0: true, 0.01: true, 1: false} {
		e := &Experts{method: SMEAR, tasks: []string{"a", "b"}, gates: gating.RecipeGates{
			Weights: [][]float64{{weight, 0}, {0, weight}}, Bias: []float64{0.5, 0}}}
		e.tellShares(rows)
		if (len(e.Warnings()) > 0) != constant {
			t.Errorf("weights of %v: %v nats apart, warnings %v", weight, e.Told().Spread, e.Warnings())
		}
	}
	e := &Experts{method: SMEAR, tasks: []string{"a", "b"}, gates: gating.RecipeGates{
		Weights: [][]float64{{50, 0}, {0, 50}}, Bias: []float64{0, 0}}}
	if e.tellShares(rows); math.Abs(e.told.Spread-math.Log(2)) > 1e-9 || math.Abs(e.told.Shares[0]-0.5) > 1e-9 {
		t.Errorf("one model for each sample: %v nats apart, shares %v; want log 2 and a half each", e.told.Spread, e.told.Shares)
	}
}
