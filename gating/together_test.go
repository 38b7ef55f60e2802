package gating

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/graphmatch/random"
)

// answersFrom are answers of two classes, or of one number.
func answersFrom(axis int, shape []int, values []float64) *answers {
	return &answers{axis, shape, gatetest.Floats32(values)}
}

// TestAnswersApart: 0 for the same answers, about 1 for answers in another order, whatever unit and middle they have.
func TestAnswersApart(t *testing.T) {
	list := gatetest.Random(3, 4000)
	other := make([]float64, len(list))
	copy(other, list)
	random.New(1, 0).Shuffle(len(other)/2, func(i, j int) {
		for k := range 2 {
			other[2*i+k], other[2*j+k] = other[2*j+k], other[2*i+k]
		}
	})
	far := make([]float64, len(list))
	for i, v := range list {
		far[i] = 1e3*v + 1e4*float64(i%2)
	}
	constant := make([]float64, len(list))
	for _, c := range []struct {
		name       string
		axis       int
		shape      []int
		a, b       []float64
		want, near float64
	}{
		{"the same", 1, []int{2}, list, list, 0, 0},
		{"in another order", 1, []int{2}, list, other, 1, 0.1},
		{"in another order, classes second of three axes", 1, []int{2, 5}, list, other, 1, 0.1},
		{"numbers in another order", -1, []int{2}, list, other, 1, 0.1},
		{"the same of another unit", -1, []int{2}, far, far, 0, 0},
		{"one constant", 1, []int{2}, list, constant, 1, 0.01},
		{"both constant", 1, []int{2}, constant, constant, 0, 0},
	} {
		got := answersApart(answersFrom(c.axis, c.shape, c.a), answersFrom(c.axis, c.shape, c.b))
		if !(math.Abs(got-c.want) <= c.near) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if got := answersApart(answersFrom(1, []int{2}, list), answersFrom(1, []int{4}, list)); !math.IsNaN(got) {
		t.Errorf("other shapes: %v", got)
	}
}

// TestTogetherOfTwoCamps: where as many models answer one thing as another it is doubtful who is right.
func TestTogetherOfTwoCamps(t *testing.T) {
	one, other := gatetest.Random(3, 400), gatetest.Random(4, 400)
	a, b := answersFrom(-1, []int{1}, one), answersFrom(-1, []int{1}, other)
	if in, doubtful := together(allApart([]*answers{a, b, a, b})); !doubtful || countTrue(in) != 2 {
		t.Errorf("two of each: %v, %v", in, doubtful)
	}
	if in, doubtful := together(allApart([]*answers{a, b, a, nil})); doubtful || !in[0] || in[1] || !in[2] || in[3] {
		t.Errorf("two of one: %v, %v", in, doubtful)
	}
}

// TestDissenter: the model that answers otherwise than others which agree, and none where all differ alike or one is out.
func TestDissenter(t *testing.T) {
	all := []bool{true, true, true}
	for _, c := range []struct {
		name    string
		a, b, c float64 // of models 0 and 1, 0 and 2, 1 and 2
		in      []bool
		want    int
	}{
		{"two agree", 0.05, 0.4, 0.45, all, 2},
		{"fine-tunes", 0.18, 0.27, 0.37, all, -1},
		{"nearly the same, and one like them", 0.01, 0.2, 0.2, all, -1},
		{"none agrees", 0.7, 0.65, 0.75, all, 1},
		{"one that is out", 0.05, 0.9, 0.9, []bool{true, true, false}, -1},
		{"two that differ", 0.7, 0.9, 0.9, []bool{true, true, false}, 0},
		{"two that go together", 0.5, 0.9, 0.9, []bool{true, true, false}, -1},
	} {
		got, near, rest := dissenter([][]float64{{0, c.a, c.b}, {c.a, 0, c.c}, {c.b, c.c, 0}}, c.in)
		if got != c.want {
			t.Errorf("%s: model %d (%v, others %v), want %d", c.name, got, near, rest, c.want)
		}
	}
}
