package method

import (
	"gonum.org/v1/gonum/mat"

	"github.com/softmerge/softmerge/onnx/advice"
)

// errNoSVD is that LAPACK's iteration found no singular values, or that differences were too large for numbers.
var errNoSVD = advice.Errorf(ErrMethod, "look at the weights there, or take another method",
	"the singular values of a matrix were not found")

// decomposition is a thin singular value decomposition, U diag(S) V^T, the largest value first.
type decomposition struct {
	u, v *mat.Dense
	s    []float64
}

// decomposed decomposes a matrix of so many rows.
func decomposed(values []float64, rows int) (decomposition, error) {
	return decomposedMatrix(mat.NewDense(rows, len(values)/rows, values))
}

func decomposedMatrix(m *mat.Dense) (decomposition, error) {
	var svd mat.SVD
	if !finite(m.RawMatrix().Data) || !svd.Factorize(m, mat.SVDThin) {
		return decomposition{}, errNoSVD
	}
	d := decomposition{u: &mat.Dense{}, v: &mat.Dense{}, s: svd.Values(nil)}
	svd.UTo(d.u)
	svd.VTo(d.v)
	return d, nil
}

// rank is how many singular values are more than rounding of float32, in which models are stored.
func (d decomposition) rank() int {
	for k, s := range d.s {
		if s <= singularRounding*d.s[0] {
			return k
		}
	}
	return len(d.s)
}

// singularRounding is below which part of the largest a singular value says nothing.
const singularRounding = 1e-6

// matrix says whether the tensor is a matrix that can be decomposed.
func (t *Tensor) matrix() bool { return t.Rows > 0 && len(t.Models[0]) > 0 }

// flat returns the elements of a matrix row by row.
func flat(m *mat.Dense) []float64 {
	rows, columns := m.Dims()
	out := make([]float64, 0, rows*columns)
	for i := range rows {
		out = append(out, m.RawRowView(i)...)
	}
	return out
}
