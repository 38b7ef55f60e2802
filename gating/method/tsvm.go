package method

import "gonum.org/v1/gonum/mat"

// tsvm keeps the leading singular vectors of each task and makes those of different tasks orthogonal (task singular
// vectors, TSV-M, arXiv 2412.00081). For the weight of a linear map, tau_j = U_j S_j V_j^T, of which J-th
// parts of the rank are kept and set side by side,
//
//	U = [U_1 .. U_J] = P D Q^T,   U' = P Q^T, the orthogonal matrix nearest to U, and V' likewise,
//	theta = theta_0 + lambda U' diag(S_1 .. S_J) V'^T.
//
// All that is no linear map's weight is averaged.
var tsvm = Method{
	Name: "tsv_m", Paper: "2412.00081", Does: "leading singular vectors of each task, made orthogonal between tasks",
	Params: []Param{scale(1)}, Started: true, Costly: true,
	merge: func(t *Tensor, v values) ([]float64, error) {
		if !t.matrix() {
			return t.mean(), nil
		}
		start := t.start()
		add, err := t.whitened(t.tasks(start))
		if err != nil {
			return nil, err
		}
		return from(start, v["lambda"], add), nil
	},
}

// whitened merges the leading singular vectors of the task vectors, each task's singular values by its share.
func (t *Tensor) whitened(tasks [][]float64) ([]float64, error) {
	width := len(tasks[0]) / t.Rows
	keep := max(1, min(t.Rows, width)/len(tasks))
	var u, v [][]float64
	var s []float64
	for j, tau := range tasks {
		d, err := decomposed(tau, t.Rows)
		if err != nil {
			return nil, err
		}
		for k := range min(keep, d.rank()) {
			u, v = append(u, mat.Col(nil, k, d.u)), append(v, mat.Col(nil, k, d.v))
			s = append(s, t.share(j)*d.s[k])
		}
	}
	if len(s) == 0 {
		return make([]float64, len(tasks[0])), nil
	}
	left, err := orthogonal(u)
	if err != nil {
		return nil, err
	}
	right, err := orthogonal(v)
	if err != nil {
		return nil, err
	}
	var scaled, out mat.Dense
	scaled.Apply(func(_, k int, x float64) float64 { return x * s[k] }, left)
	out.Mul(&scaled, right.T())
	return flat(&out), nil
}

// orthogonal is the matrix with orthonormal columns, or rows where it has more columns than rows, that is nearest to
// the one of these columns: P Q^T of its singular value decomposition P D Q^T.
func orthogonal(columns [][]float64) (*mat.Dense, error) {
	m := mat.NewDense(len(columns[0]), len(columns), nil)
	for k, c := range columns {
		m.SetCol(k, c)
	}
	d, err := decomposedMatrix(m)
	if err != nil {
		return nil, err
	}
	var out mat.Dense
	out.Mul(d.u, d.v.T())
	return &out, nil
}
