package method

import "gonum.org/v1/gonum/mat"

// isoC makes all directions of the summed task vectors count the same (isotropic merging in the common subspace,
// arXiv 2502.04959). For the weight of a linear map,
//
//	sum over j of tau_j = U S V^T,   s = mean of the singular values,   theta = theta_0 + lambda s U V^T.
//
// Singular values that are rounding have no direction: here they stay 0 and count in no mean. All that is no linear
// map's weight is averaged.
var isoC = Method{
	Name: "iso_c", Paper: "2502.04959", Does: "summed task vectors with all singular values made equal",
	Params: []Param{scale(1)}, Started: true, Sums: true, Costly: true,
	merge: func(t *Tensor, v values) ([]float64, error) {
		if !t.matrix() {
			return t.mean(), nil
		}
		start := t.start()
		even, err := isotropic(t.sum(t.tasks(start)), t.Rows)
		if err != nil {
			return nil, err
		}
		return from(start, v["lambda"], even), nil
	},
}

// isotropic is a matrix with each singular value replaced by their mean.
func isotropic(values []float64, rows int) ([]float64, error) {
	d, err := decomposed(values, rows)
	if err != nil {
		return nil, err
	}
	k := d.rank()
	if k == 0 {
		return make([]float64, len(values)), nil
	}
	var mean float64
	for _, s := range d.s[:k] {
		mean += s / float64(k)
	}
	var out mat.Dense
	out.Mul(columns(d.u, k), columns(d.v, k).T())
	out.Scale(mean, &out)
	return flat(&out), nil
}

// columns are the first columns of a matrix.
func columns(m *mat.Dense, n int) mat.Matrix {
	rows, _ := m.Dims()
	return m.Slice(0, rows, 0, n)
}
