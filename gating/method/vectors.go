package method

import "math"

// mean is the weighted mean of the models, sum over j of w_j theta_j.
func (t *Tensor) mean() []float64 {
	out := make([]float64, len(t.Models[0]))
	for j, v := range t.Models {
		addTo(out, t.Weights[j], v)
	}
	return out
}

// start is theta_0: the models' common start, or their mean where it is not known.
func (t *Tensor) start() []float64 {
	if t.Start != nil {
		return t.Start
	}
	return t.mean()
}

// tasks are the task vectors tau_j = theta_j - theta_0.
func (t *Tensor) tasks(start []float64) [][]float64 {
	out := make([][]float64, len(t.Models))
	for j, v := range t.Models {
		out[j] = make([]float64, len(v))
		for i := range v {
			out[j][i] = v[i] - start[i]
		}
	}
	return out
}

// share is by how much model j counts in a sum over the models: 1 where all count the same.
func (t *Tensor) share(j int) float64 { return float64(len(t.Models)) * t.Weights[j] }

// sum is the sum of the task vectors, each by its share.
func (t *Tensor) sum(tasks [][]float64) []float64 {
	out := make([]float64, len(tasks[0]))
	for j, tau := range tasks {
		addTo(out, t.share(j), tau)
	}
	return out
}

// from returns start + factor * add.
func from(start []float64, factor float64, add []float64) []float64 {
	out := make([]float64, len(start))
	for i, v := range start {
		out[i] = v + factor*add[i]
	}
	return out
}

// addTo adds factor * v to out.
func addTo(out []float64, factor float64, v []float64) {
	for i, x := range v {
		out[i] += factor * x
	}
}

// dot is the inner product.
func dot(x, y []float64) (sum float64) {
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

// norm is the Euclidean norm.
func norm(x []float64) float64 { return math.Sqrt(dot(x, x)) }
