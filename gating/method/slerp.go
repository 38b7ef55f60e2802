package method

import "math"

// slerp is spherical linear interpolation (K. Shoemake, Animating Rotation with Quaternion Curves, 1985) of each tensor
// as one vector. For the angle omega between theta_1 and theta_2 and the share s of the second,
//
//	theta = sin((1-s) omega) / sin(omega) theta_1 + sin(s omega) / sin(omega) theta_2.
//
// Vectors that are nearly parallel, or opposite, are averaged. More than two models are taken in one after the other,
// each by its share of those so far, so that their order matters a little; karcher has none.
var slerp = Method{
	Name: "slerp", Paper: "Shoemake 1985",
	Does:  "interpolation along the arc between two models; more are taken in one by one",
	merge: mergeSlerp,
}

// slerpParallel is the cosine from which on vectors count as parallel: sin(omega) is 0.03 there.
const slerpParallel = 0.9995

func mergeSlerp(t *Tensor, _ values) ([]float64, error) {
	out, so := t.Models[0], t.Weights[0]
	for j, v := range t.Models[1:] {
		if so += t.Weights[j+1]; so > 0 {
			out = arc(out, v, t.Weights[j+1]/so, slerpParallel)
		}
	}
	return append([]float64(nil), out...), nil
}

// arc interpolates by the share s of y; vectors with a cosine beyond parallel, either way, on the line between them.
func arc(x, y []float64, s, parallel float64) []float64 {
	p, q := 1-s, s
	cosine := dot(x, y) / (norm(x) * norm(y))
	if math.Abs(cosine) <= parallel { // a vector of nothing has a NaN here
		omega := math.Acos(cosine)
		p, q = math.Sin((1-s)*omega)/math.Sin(omega), math.Sin(s*omega)/math.Sin(omega)
	}
	out := make([]float64, len(x))
	addTo(out, p, x)
	addTo(out, q, y)
	return out
}
