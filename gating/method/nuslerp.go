package method

// nuslerp is slerp of what the models add to their start, where it is known, and of each output of a linear map by
// itself if asked for (the method of this name of the program mergekit):
//
//	theta = theta_0 + slerp(tau_1, tau_2),
//
// with theta_0 = 0 without a start. Other than in slerp only vectors that are parallel to rounding are averaged.
var nuslerp = Method{
	Name: "nuslerp", Paper: "2403.13257", Does: "slerp of the task vectors, or without a start of the models",
	Params: []Param{{Name: "rows", Default: 0, Least: 0, Most: 1, Whole: true,
		Does: "1: each output of a linear map by itself"}},
	Started: true, Startless: true,
	merge: mergeNuslerp,
}

// nuslerpParallel is 1 but for a rounding of sin(omega) of 1e-8.
const nuslerpParallel = 1 - 1e-15

func mergeNuslerp(t *Tensor, v values) ([]float64, error) {
	start := t.Start
	if start == nil {
		start = make([]float64, len(t.Models[0]))
	}
	vectors, size := t.tasks(start), len(start)
	if v["rows"] == 1 && t.Rows > 0 {
		size /= t.Rows
	}
	out := make([]float64, 0, len(start))
	for from := 0; from < len(start); from += size {
		row, so := vectors[0][from:from+size], t.Weights[0]
		for j, x := range vectors[1:] {
			if so += t.Weights[j+1]; so > 0 {
				row = arc(row, x[from:from+size], t.Weights[j+1]/so, nuslerpParallel)
			}
		}
		out = append(out, row...)
	}
	addTo(out, 1, start)
	return out, nil
}
