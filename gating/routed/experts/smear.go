package experts

import (
	"context"
	"math"
	"time"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/graphmatch"
)

// SMEAR is what the command line, recipes and metadata call soft merging of experts with adaptive routing.
const SMEAR gating.Method = "smear"

// epsilon is that of the router's normalisation.
const epsilon = 1e-5

// routerRate is the router's learning rate relative to the one that the options have.
const routerRate = 5

// Smear mixes aligned models' selected layers by gates that a router computes, softmax(LayerNorm(h) R + b) (arXiv
// 2306.03745, section 3), for each sample by itself. There the experts learn with their routers; here they are the
// models, frozen, and one router learns by the evaluator's objective, of labels or of the models' own answers. As no
// expert learns none can fall behind, and none is dropped in between. It is one router for all layers behind it, as the
// first layers are shared, and starts where Prototypes ends.
//
// Errors are those of Prototypes and of gating.Train.
func Smear(ctx context.Context, s *graphmatch.Selection, ev *gating.Evaluator, o Options) (*Experts, error) {
	learn, err := o.Learn.Validate()
	if err != nil {
		return nil, err
	}
	learn.Rate *= routerRate
	e, candidates, err := begin(SMEAR, s, ev, o)
	if err != nil {
		return nil, err
	}
	v, err := e.choose(ctx, ev, candidates, o)
	if err != nil {
		return nil, err
	}
	out := v.merge()
	if err := out.train(ctx, ev, learn); err != nil {
		return nil, err
	}
	out.told, out.warnings = Told{}, e.warnings
	out.tellShares(v.rows)
	return out, nil
}

// train learns the router of a merge that is under way.
func (e *Experts) train(ctx context.Context, ev *gating.Evaluator, o gating.LearnOptions) error {
	m, names, err := e.withRouter()
	if err != nil {
		return err
	}
	trained, l, err := gating.Train(ctx, m, ev, o, "/"+names[0])
	if err != nil {
		return err
	}
	var values [2][]float64
	for _, t := range trained.Proto().GetGraph().GetInitializer() {
		for i, name := range names {
			if t.GetName() != name {
				continue
			}
			if values[i], err = trained.Tensor(t).Doubles(nil); err != nil {
				return err
			}
		}
	}
	models := len(e.tasks)
	e.learned = l
	e.gates = gating.RecipeGates{Router: e.gates.Router, Flat: e.gates.Flat, Shapes: e.gates.Shapes,
		Weights: make([][]float64, models), Bias: values[1]}
	for i, v := range values[0] { // [d,J]
		e.gates.Weights[i%models] = append(e.gates.Weights[i%models], v)
	}
	return nil
}

// normalises says whether gates are computed from normalised numbers.
func (e *Experts) normalises() bool { return e.method == SMEAR }

// normalised gives a row a mean of 0 and a variance of 1.
func normalised(row []float64) {
	var mean, variance float64
	n := float64(len(row))
	for _, v := range row {
		mean += v / n
	}
	for i := range row {
		row[i] -= mean
		variance += row[i] * row[i] / n
	}
	for i := range row {
		row[i] /= math.Sqrt(variance + epsilon)
	}
}

// Learned says how many steps a router learned, and for how long.
func (e *Experts) Learned() (steps int, took time.Duration) {
	if e.learned == nil {
		return 0, 0
	}
	return e.learned.Steps, e.learned.Elapsed
}

// leastSpread is how far samples' gates must differ, in nats, not to be called constant.
const leastSpread = 0.01

// tellShares notes how much of each model samples take on average, and how far they differ in it. It warns where they
// hardly do.
func (e *Experts) tellShares(rows [][]float64) {
	weights, bias := logits(&e.gates)
	all, n := make([][]float64, len(rows)), float64(len(rows))
	shares, spread := make([]float64, len(e.tasks)), 0.0
	for b, row := range rows {
		all[b] = gatesAt(row, weights, bias)
		for j, g := range all[b] {
			shares[j] += g / n
		}
	}
	for _, gates := range all {
		for j, g := range gates {
			if g > 0 {
				spread += g * math.Log(g/shares[j]) / n
			}
		}
	}
	e.told.Shares, e.told.Spread = shares, spread
	if spread < leastSpread {
		e.warnings.Addf(dataset.ErrData, "a static merge does as well: softmerge merge without --method",
			"the router became a constant: its gates are nearly the same for all samples")
	}
}

// gatesAt are the gates of a sample, given what the router sees of it and the linear map that it is.
func gatesAt(row, weights, bias []float64) []float64 {
	gates, models := make([]float64, len(bias)), len(bias)
	most := math.Inf(-1)
	for j := range gates {
		gates[j] = bias[j]
		for i, v := range row {
			gates[j] += v * weights[i*models+j]
		}
		most = max(most, gates[j])
	}
	var sum float64
	for j := range gates {
		gates[j] = math.Exp(gates[j] - most)
		sum += gates[j]
	}
	for j := range gates {
		gates[j] /= sum
	}
	return gates
}
