package gating

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/graphmatch"
)

// Likeness says how alike the parents' values of one tensor are.
type Likeness struct {
	Layer    *graphmatch.Layer
	Role     string // of the tensor in the layer
	Elements int
	Cosine   [][]float64 // of each pair of parents; NaN where one has no finite values, or only zeros
	Norm     []float64   // per parent, of the values as one vector
}

// Likeness compares the parents in everything that is mixed, tensor by tensor, in the order of the layers. Of a
// BatchNormalization what is mixed is its affine map. It looks at no data.
func (w *Weights) Likeness() []Likeness {
	var list []Likeness
	for i := range w.layers {
		l := &w.layers[i]
		for _, m := range l.mixed {
			list = append(list, m.likeness(l))
		}
	}
	return list
}

// likeness compares one tensor.
func (m *mixedParam) likeness(l *layerWeights) Likeness {
	n := len(m.values)
	found := Likeness{Layer: l.layer, Role: l.layer.Params[m.param].Role, Elements: len(m.values[0]),
		Cosine: make([][]float64, n), Norm: make([]float64, n)}
	for j, x := range m.values {
		found.Cosine[j] = make([]float64, n)
		found.Norm[j] = math.Sqrt(dot(x, x))
		for k, y := range m.values[:j] {
			c := math.NaN()
			if !l.nonfinite[j] && !l.nonfinite[k] {
				c = dot(x, y) / (found.Norm[j] * found.Norm[k])
			}
			found.Cosine[j][k], found.Cosine[k][j] = c, c
		}
		found.Cosine[j][j] = 1
	}
	return found
}

// Copies lists the parents that equal an earlier one in everything that is mixed, each with that one.
func (w *Weights) Copies() map[int]int {
	copies := map[int]int{}
	for j := range w.selection.Alignment.Models {
		for k := range j {
			if _, ok := copies[k]; !ok && w.equal(j, k) {
				copies[j] = k
				break
			}
		}
	}
	return copies
}

// equal says whether two parents have the same numbers everywhere.
func (w *Weights) equal(j, k int) bool {
	for i := range w.layers {
		for _, m := range w.layers[i].mixed {
			if !slices.Equal(m.values[j], m.values[k]) {
				return false
			}
		}
	}
	return len(w.layers) > 0
}

// dot is the inner product of two vectors of one length, in double precision.
func dot(x, y []float32) (sum float64) {
	for i, v := range x {
		sum += float64(v) * float64(y[i])
	}
	return sum
}
