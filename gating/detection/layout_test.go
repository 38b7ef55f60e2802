package detection

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/random"
	"gonum.org/v1/gonum/diff/fd"
)

// TestLayoutsByHand reads rows that say the same box and, but for the softmax, the same probabilities.
func TestLayoutsByHand(t *testing.T) {
	logit := func(p float64) float32 { return float32(math.Log(p / (1 - p))) }
	for _, c := range []struct {
		layout Layout
		row    []float32
		scores []float64
	}{
		{Layout{Boxes: Corners, ScaleX: 1, ScaleY: 1, Scores: Given}, []float32{10, 20, 40, 60, .2, .6}, []float64{.2, .6}},
		{Layout{Boxes: Centred, ScaleX: 1, ScaleY: 1, Scores: Sigmoid}, []float32{25, 40, 30, 40, logit(.2), logit(.6)},
			[]float64{.2, .6}},
		{Layout{Boxes: Sized, ScaleX: 100, ScaleY: 200, Scores: Given, Objectness: true},
			[]float32{.1, .1, .3, .2, .8, .25, .75}, []float64{.2, .6}},
		{Layout{Boxes: Corners, ScaleX: 1, ScaleY: 1, Scores: Softmax, HasSkip: true, Skip: -1},
			[]float32{10, 20, 40, 60, 0, float32(math.Log(3)), 0}, []float64{.2, .6}},
		{Layout{Boxes: Corners, ScaleX: 1, ScaleY: 1, Scores: Given, HasSkip: true}, []float32{10, 20, 40, 60, .2, .2, .6},
			[]float64{.2, .6}},
	} {
		got := make([]float32, 4+c.layout.Classes(len(c.row)-4))
		c.layout.Read(c.row, got)
		for i, want := range append([]float64{10, 20, 40, 60}, c.scores...) {
			if !near(float64(got[i]), want, 1e-6) {
				t.Errorf("%s: number %d is %v, want %v", c.layout, i, got[i], want)
			}
		}
	}
}

// TestLayoutGradients compares the gradient of every layout with finite differences, on rows drawn at random.
func TestLayoutGradients(t *testing.T) {
	draw := random.New(5, 0)
	for _, boxes := range []BoxForm{Corners, Centred, Sized} {
		for _, scores := range []ScoreForm{Given, Sigmoid, Softmax} {
			for _, l := range []Layout{{}, {Objectness: true}, {HasSkip: true}, {HasSkip: true, Skip: -1}} {
				l.Boxes, l.Scores, l.ScaleX, l.ScaleY = boxes, scores, 2, 0.5
				row, slope := make([]float32, 8), make([]float32, 4+l.Classes(4))
				for _, list := range [][]float32{row, slope} {
					for i := range list {
						list[i] = float32(draw.Float64())
					}
				}
				got, x := make([]float32, 8), make([]float64, 8)
				l.Gradient(row, slope, got)
				for i, v := range row {
					x[i] = float64(v)
				}
				out, at := make([]float32, len(slope)), make([]float32, 8)
				want := fd.Gradient(nil, func(x []float64) (sum float64) {
					for i, v := range x {
						at[i] = float32(v)
					}
					l.Read(at, out)
					for i, v := range out {
						sum += float64(v * slope[i])
					}
					return sum
				}, x, &fd.Settings{Formula: fd.Central, Step: 1e-2})
				if !slices.EqualFunc(want, got, func(a float64, b float32) bool { return near(float64(b), a, 1e-3) }) {
					t.Errorf("%s: gradient %v, want %s", l, got, fmt.Sprint(want))
				}
			}
		}
	}
}

// TestCountsByHand: two objects of a class, of which the second best prediction finds none: average precision is the
// best precision reached at each of 101 recalls. Samples that count twice, or not, are those data.
func TestCountsByHand(t *testing.T) {
	box := func(x float64) Box { return Box{x, 0, x + 10, 10} }
	row := func(x, score float32) []float32 { return []float32{x, 0, x + 10, 10, score} }
	sample := func(rows [][]float32, objects ...Object) Judged {
		return Judge(Predictions{slices.Concat(rows...), 1}, objects, Thresholds[:1])
	}
	first := sample([][]float32{row(0, .9), row(50, .8)}, Object{0, box(0)})
	second := sample([][]float32{row(20, .7)}, Object{0, box(20)})
	c := NewCurves([]Judged{first, second}, 1, 1)
	// right, wrong, right: precision 1 to recall .5 (51 of the recalls), then 2/3 (50 of them)
	if got, want := c.MeanPrecision(nil), (51+50*2.0/3)/101; !near(got, want, 1e-12) {
		t.Errorf("mean average precision %v, want %v", got, want)
	}
	if got := c.MeanPrecision([]float64{0, 1}); got != 1 {
		t.Errorf("of the second alone %v, want 1", got)
	}
	if got := c.MeanPrecision([]float64{0, 0}); !math.IsNaN(got) {
		t.Errorf("of nothing %v", got)
	}
	// duplicates do not count as wrong, a box of another class is no find
	twice := sample([][]float32{row(0, .9), row(1, .8)}, Object{0, box(0)})
	if len(twice.Found) != 1 {
		t.Errorf("%d predictions are kept of two that say the same", len(twice.Found))
	}
}
