package pairing

import (
	"math"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// Weights settle a tie if one pair of layers correlates by at least clearCosine and by clearMargin more than
// any other: fine-tunes of one start do, networks trained from different seeds do not.
const (
	clearCosine = 0.5
	clearMargin = 0.2
	maxEvidence = 1 << 22 // elements of a tensor that are worth reading for this
)

// mostSimilar is the place among the second side's nodes whose weights resemble the first side's first node
// beyond chance; 0 and false when there is no such node.
func (k *class) mostSimilar() (place int, clear bool) {
	best, second := -1.0, -1.0
	if k.a[0].Unit == nil {
		return 0, false
	}
	for i, n := range k.b {
		switch c := cosine(k.a[0].Unit, n.Unit); {
		case c > best:
			best, second, place = c, best, i
		case c > second:
			second = c
		}
	}
	if best < clearCosine || best < second+clearMargin {
		return 0, false
	}
	return place, true
}

// cosine compares the first parameters of two layers, 0 when they cannot be compared.
func cosine(u, w *flow.Unit) float64 {
	p, q := u.Params[0], w.Params[0]
	if p.C.Elements() > maxEvidence || p.C.Elements() != q.C.Elements() {
		return 0
	}
	x, err := u.Model.Tensor(p.C.Tensor).Floats(nil)
	y, err2 := w.Model.Tensor(q.C.Tensor).Floats(nil)
	if err != nil || err2 != nil || len(x) != len(y) {
		return 0
	}
	if shape := q.C.FileShape(); len(shape) == 2 && u.Transposed(p) != w.Transposed(q) {
		y = flow.TransposedMatrix(y, shape[0], shape[1])
	}
	var xy, xx, yy float64
	for i := range x {
		xy += float64(x[i]) * float64(y[i])
		xx += float64(x[i]) * float64(x[i])
		yy += float64(y[i]) * float64(y[i])
	}
	if c := xy / math.Sqrt(xx*yy); !math.IsNaN(c) {
		return c
	}
	return 0
}
