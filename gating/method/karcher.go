package method

import "math"

// karcher is the mean of the models' directions on the sphere (H. Karcher, Riemannian center of mass and mollifier
// smoothing, 1977), with the mean of their norms. For u_j = theta_j / |theta_j| it is the point x with
//
//	sum over j of w_j log_x(u_j) = 0,   log_x(u) = angle(x, u) (u - cos x) / |u - cos x|,
//
// which the steps x <- exp_x(sum w_j log_x(u_j)) find from the mean of the u_j. Models of nothing have no direction and
// count in the norm alone. Where directions cancel out there is no mean direction, and the average is taken.
var karcher = Method{
	Name: "karcher", Paper: "Karcher 1977", Does: "mean direction on the sphere, with the mean norm",
	Params: []Param{{Name: "steps", Default: 100, Least: 1, Most: 10000, Whole: true, Does: "steps at most"}},
	merge:  mergeKarcher, Costly: true,
}

// karcherStill is the length of a step, in radians, from which on the mean is found; karcherNone the length of the mean
// of directions below which they cancel out.
const (
	karcherStill = 1e-12
	karcherNone  = 1e-9
)

func mergeKarcher(t *Tensor, v values) ([]float64, error) {
	directions, weights, length := t.directions()
	x := make([]float64, len(t.Models[0]))
	for j, u := range directions {
		addTo(x, weights[j], u)
	}
	n := norm(x)
	if n < karcherNone {
		return t.mean(), nil
	}
	scaleBy(x, 1/n)
	for range int(v["steps"]) {
		step := make([]float64, len(x))
		for j, u := range directions {
			addLog(step, weights[j], x, u)
		}
		angle := norm(step)
		if angle < karcherStill {
			break
		}
		scaleBy(x, math.Cos(angle))
		addTo(x, math.Sin(angle)/angle, step)
		scaleBy(x, 1/norm(x))
	}
	scaleBy(x, length)
	return x, nil
}

// directions are the models as unit vectors with the weights of those that have one, and the mean of all norms.
func (t *Tensor) directions() (list [][]float64, weights []float64, length float64) {
	var total float64
	for j, v := range t.Models {
		n := norm(v)
		length += t.Weights[j] * n
		if n == 0 {
			continue
		}
		u := append([]float64(nil), v...)
		scaleBy(u, 1/n)
		list, weights = append(list, u), append(weights, t.Weights[j])
		total += t.Weights[j]
	}
	for j := range weights {
		weights[j] /= total
	}
	return list, weights, length
}

// addLog adds factor * log_x(u) to step.
func addLog(step []float64, factor float64, x, u []float64) {
	cosine := dot(x, u)
	across := make([]float64, len(x)) // u less its part along x
	for i := range x {
		across[i] = u[i] - cosine*x[i]
	}
	sine := norm(across)
	if sine > 0 {
		addTo(step, factor*math.Atan2(sine, cosine)/sine, across)
	}
}

func scaleBy(x []float64, factor float64) {
	for i := range x {
		x[i] *= factor
	}
}
