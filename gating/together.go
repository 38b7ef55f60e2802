package gating

import (
	"errors"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// Without labels a broken model shows in that its answers have nothing to do with those of the others: models that are
// right agree, and each that is wrong is wrong in its own way.

// answers are what a model answers for some samples of one shape.
type answers struct {
	axis   int   // of a batch, that counts classes; -1 where none does
	shape  []int // of a sample
	values []float32
}

// errEnough ends a run over the data when there are enough answers.
var errEnough = errors.New("enough answers")

// add keeps a run's answers.
func (a *answers) add(_ []int, answer *network.Tensor) error {
	a.shape = slices.Clone(answer.Shape[1:])
	a.values = append(a.values, answer.F...)
	if len(a.values) >= ensembleNumbers {
		return errEnough
	}
	return nil
}

// finite says whether all numbers are finite.
func (a *answers) finite() bool { return onnx.AllFinite(a.values) }

// kinds divides a sample's numbers into those that mean the same, such as scores of one class: kind i is that of
// number i/stride%count.
func (a *answers) kinds() (stride, count int) {
	stride, count = 1, 1
	for i, n := range a.shape {
		if a.axis < 0 {
			count *= n
		} else if i == a.axis-1 {
			count = n
		} else if i >= a.axis {
			stride *= n
		}
	}
	return stride, count
}

// answersApart is how far the answers of two models are apart: the mean square of their differences for the same
// sample, by that for samples drawn at random. It is 0 for models that answer alike, and 1 where one model's answers
// say nothing of the other's. NaN where they have different shapes.
func answersApart(a, b *answers) float64 {
	if a == nil || b == nil || !slices.Equal(a.shape, b.shape) {
		return math.NaN()
	}
	stride, count := a.kinds()
	kinds := make([]paired, count)
	n := min(len(a.values), len(b.values)) // a graph of a fixed batch size may have stopped earlier
	for i := range n {
		kinds[i/stride%count].add(float64(a.values[i]), float64(b.values[i]))
	}
	var same, random float64
	for _, k := range kinds {
		same += k.squares
		random += k.random()
	}
	if random == 0 {
		return 0
	}
	return same / random
}

// paired are sums over pairs of numbers.
type paired struct {
	n, a, aa, b, bb float64
	squares         float64 // of the differences
}

func (p *paired) add(a, b float64) {
	p.n++
	p.a += a
	p.aa += a * a
	p.b += b
	p.bb += b * b
	p.squares += (a - b) * (a - b)
}

// random is what squares would be, were the pairs drawn at random.
func (p *paired) random() float64 {
	if p.n == 0 {
		return 0
	}
	return math.Max(0, p.aa+p.bb-2*p.a*p.b/p.n)
}

// mostApart is how far answers may be apart of models that go together (see answersApart). Fine-tunes of the fixtures
// are up to 0.6 apart, those that learned another task or none 0.89 and more.
const mostApart = 0.8

// allApart is how far the answers of every two models are apart; nil stands for a model without answers, which is NaN
// from all.
func allApart(list []*answers) [][]float64 {
	n := len(list)
	apart := make([][]float64, n)
	for j := range apart {
		apart[j] = make([]float64, n)
		for k := range n {
			apart[j][k] = answersApart(list[j], list[k])
			if j == k && list[j] != nil {
				apart[j][k] = 0
			}
		}
	}
	return apart
}

// together finds the largest group of models whose answers are near those of one of them, of as large ones the
// nearest. It is doubtful where that is only one of several, or as many others go together too.
func together(apart [][]float64) (in []bool, doubtful bool) {
	in = largestGroup(apart, make([]bool, len(apart)))
	others := largestGroup(apart, in)
	size := countTrue(in)
	return in, size < 2 && len(apart) > 1 || countTrue(others) >= size
}

// When a model of a group answers otherwise than the rest of it. Of three fine-tunes of the fixtures each is at most
// 0.6 from the nearest other, and where that is more than 0.25 it is less than twice what the two others are apart.
const (
	farApart    = 0.6  // whatever the others are
	oddApart    = 0.25 // where the others are near each other:
	oddlyCloser = 2    // so many times nearer
)

// dissenter finds the model of a group that is farthest from the nearest other, and how far that is; rest is how far
// those others are apart at most, 0 of one. It is -1 where all go together.
func dissenter(apart [][]float64, in []bool) (model int, near, rest float64) {
	model = -1
	for j := range apart {
		if !in[j] {
			continue
		}
		nearest, others := math.Inf(1), 0.0
		for k := range apart {
			if !in[k] || k == j {
				continue
			}
			nearest = min(nearest, apart[j][k])
			for i := range k {
				if in[i] && i != j {
					others = max(others, apart[i][k])
				}
			}
		}
		odd := nearest > farApart || nearest > oddApart && nearest > oddlyCloser*others && countTrue(in) > 2
		if odd && nearest > near && !math.IsInf(nearest, 1) {
			model, near, rest = j, nearest, others
		}
	}
	return model, near, rest
}

// largestGroup is the largest group of those that are not out.
func largestGroup(apart [][]float64, out []bool) []bool {
	best, least, size := make([]bool, len(apart)), 0.0, 0
	for j := range apart {
		if out[j] || apart[j][j] != 0 {
			continue
		}
		group, sum, n := make([]bool, len(apart)), 0.0, 0
		for k, d := range apart[j] {
			if group[k] = !out[k] && d <= mostApart; group[k] {
				sum += d
				n++
			}
		}
		if n > size || n == size && sum < least {
			best, least, size = group, sum, n
		}
	}
	return best
}

func countTrue(list []bool) (n int) {
	for _, v := range list {
		if v {
			n++
		}
	}
	return n
}
