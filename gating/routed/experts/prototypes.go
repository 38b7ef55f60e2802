package experts

import (
	"math"

	"github.com/softmerge/softmerge/gating"
)

// prototypes are the models' mean values at a place, of the samples that each is for.
//
// SE-Merging (arXiv 2506.18135) weighs the models, for each sample, by how near its representation is to what each of
// them makes of the sample. This form, which is ours, asks instead how near it is to the mean of the samples that each
// model is for:
//
//	g_bj = softmax_j(-||h_b - p_j||^2 / tau)
//
// so that a run takes no model more than once. Of tau it takes what explains best, of each sample in turn, which model
// it is for, where the prototypes are those without that sample.
type prototypes struct {
	means  [][]float64 // of each model
	counts []int       // samples of each
}

// newPrototypes are the means of rows by the models that they are for.
func newPrototypes(rows [][]float64, of []int, models int) *prototypes {
	p := &prototypes{means: make([][]float64, models), counts: make([]int, models)}
	for j := range p.means {
		p.means[j] = make([]float64, len(rows[0]))
	}
	for b, row := range rows {
		p.counts[of[b]]++
		for i, v := range row {
			p.means[of[b]][i] += v
		}
	}
	for j, mean := range p.means {
		for i := range mean {
			mean[i] /= float64(max(1, p.counts[j]))
		}
	}
	return p
}

// distances are the squared distances of a row to all prototypes. That to the own one is to what it was without the
// row: (n/(n-1))^2 times as much. A row that is the only one of its model has no such distance.
func (p *prototypes) distances(row []float64, own int) (list []float64, ok bool) {
	for _, mean := range p.means {
		var sum float64
		for i, v := range row {
			sum += (v - mean[i]) * (v - mean[i])
		}
		list = append(list, sum)
	}
	n := float64(p.counts[own])
	if n < 2 {
		return nil, false
	}
	list[own] *= n / (n - 1) * n / (n - 1)
	return list, true
}

// surprise is -log of the gate that a row gives to its own model, where the squared distances are divided by tau.
func surprise(distances []float64, own int, tau float64) float64 {
	least := math.Inf(1)
	for _, d := range distances {
		least = min(least, d)
	}
	var sum float64
	for _, d := range distances {
		sum += math.Exp((least - d) / tau)
	}
	return math.Log(sum) + (distances[own]-least)/tau
}

// fitted is how well prototypes tell samples apart, each judged without it.
type fitted struct {
	tau       float64
	surprises []float64 // of each sample that has fellows, in nats
	right     int       // samples that are nearest to their own
}

// mean is the mean surprise, the cross entropy.
func (f *fitted) mean() float64 {
	var sum float64
	for _, s := range f.surprises {
		sum += s
	}
	return sum / float64(len(f.surprises))
}

// taus are the temperatures tried, by how far rows are from their own prototypes: half as much from one to the next.
const (
	firstTau = 16.0
	tauSteps = 20
)

// fit finds the temperature of least cross entropy; nil where no sample has a fellow or all values are the same.
func (p *prototypes) fit(rows [][]float64, of []int) *fitted {
	var all [][]float64
	var own []int
	var spread float64
	right := 0
	for b, row := range rows {
		d, ok := p.distances(row, of[b])
		if !ok {
			continue
		}
		all, own, spread = append(all, d), append(own, of[b]), spread+d[of[b]]
		nearest := 0
		for j := range d {
			if d[j] < d[nearest] {
				nearest = j
			}
		}
		if nearest == of[b] {
			right++
		}
	}
	if spread /= float64(len(all)); !(spread > 0) || math.IsInf(spread, 0) {
		return nil
	}
	var best *fitted
	for k := range tauSteps {
		f := &fitted{tau: firstTau * spread / float64(int(1)<<k), right: right}
		for i, d := range all {
			f.surprises = append(f.surprises, surprise(d, own[i], f.tau))
		}
		if best == nil || f.mean() < best.mean() {
			best = f
		}
	}
	return best
}

// logits is the linear map whose softmax the gates are: as ||h||^2 is the same for all models, and as a prototype
// counts by how it differs from the mean m of all,
//
//	-||h - p_j||^2 / tau = h 2(p_j - m)/tau - (||p_j||^2 - ||m||^2)/tau + what is the same for all
//
// weights are [d,J], row by row. Where a map was learned it is that.
func logits(g *gating.RecipeGates) (weights, bias []float64) {
	if len(g.Weights) > 0 {
		for i := range g.Weights[0] {
			for _, own := range g.Weights {
				weights = append(weights, own[i])
			}
		}
		return weights, g.Bias
	}
	models, width := len(g.Prototypes), len(g.Prototypes[0])
	weights, bias = make([]float64, width*models), make([]float64, models)
	for i := range width {
		var mean float64
		for _, p := range g.Prototypes {
			mean += p[i] / float64(models)
		}
		for j, p := range g.Prototypes {
			weights[i*models+j] = 2 * (p[i] - mean) / g.Temperature
			bias[j] -= (p[i] - mean) * (p[i] + mean) / g.Temperature
		}
	}
	return weights, bias
}
