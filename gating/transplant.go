package gating

import (
	"context"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/internal/regression"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// How much a transplant looks at.
const (
	transplantSamples = 800     // samples, at most
	transplantSpots   = 16      // places of each in a layer's output, at most
	transplantBytes   = 1 << 30 // memory for targets, and for the network's values, each
	transplantInputs  = 6000    // inputs of a unit, at most: equations take the square of memory, the cube of time
	transplantWork    = 3e11    // products for the equations of all layers, at most: some ten seconds
)

// Transplant returns weights in closed form, of the base's shape: layer by layer, in the order of the graph, each
// convolution and matrix product becomes the linear map of what reaches it in the merged network so far that comes
// nearest, in least squares, to what the parents compute there,
//
//	T_n = sum over parents j of w_nj pre_j(x_n),
//
// where w_nj is parent j's competence for sample n: softmax_j(-3 loss_nj). The map is drawn towards the mean of the
// parents' weights by their mean competence, at which all other tensors stay. A BatchNormalization that alone reads
// such a layer is solved as one map with it; scales and biases of other normalisations are fitted channel by channel.
// The parents' hidden units need be in no common order. It is kin of RegMean (arXiv 2212.09849), which looks at each
// parent's own inputs, and of layer-wise distillation.
//
// The plan names the layers; the evaluator's data gives what reaches them, and competence. The result is nil where
// no layer can be solved, or the graph takes fewer samples at once than equations need. Errors are of kind
// network.ErrUnsupported or network.ErrShape, or the context's.
func Transplant(ctx context.Context, p *Plan, e *Evaluator) (*Source, error) {
	t, err := newTransplant(ctx, p, e)
	if err != nil || t == nil {
		return nil, err
	}
	return t.run(ctx)
}

// run finds the weights, and makes a source of them.
func (t *transplant) run(ctx context.Context) (*Source, error) {
	p := t.plan
	for j, m := range p.selection.Alignment.Models {
		if t.mean[j] == 0 {
			continue
		}
		if ok, err := t.observe(ctx, j, m); err != nil || !ok {
			return nil, err
		}
	}
	if ok, err := t.solve(ctx); err != nil || !ok {
		return nil, err
	}
	b := &baker{plan: p, coefficients: t.start, given: t.given}
	m, err := b.bake((*baker).affine)
	if err != nil {
		return nil, err
	}
	s, err := NewSource(p, m)
	if err != nil {
		return nil, err
	}
	for _, w := range t.mean {
		s.suspects = append(s.suspects, w == 0)
	}
	return s, nil
}

// transplant is a Transplant under way.
type transplant struct {
	plan       *Plan
	evaluator  *Evaluator
	layers     []*linearLayer
	norms      []*affineLayer
	competence [][]float64 // per sample and parent
	mean       []float64   // per parent
	start      Coefficients
	targets    []*target                   // per layer; nil for one that stays at the mean
	spots      int                         // places of each sample, at most
	given      map[string][]float32        // what was solved, by layer and role
	mixture    func(name string) []float32 // the network's weights, by layer and role
}

// target is what a layer should compute: a row for each spot, with a number for each unit.
type target struct {
	at            []regression.Spot
	units, places int
	rows          []float32
}

// newTransplant finds the layers, and the competence of the parents. It is nil where there is nothing to solve.
func newTransplant(ctx context.Context, p *Plan, e *Evaluator) (*transplant, error) {
	t := &transplant{plan: p, layers: p.linearLayers(), given: map[string][]float32{}}
	t.norms = p.affineLayers(t.layers)
	n, err := t.samples(e)
	if err != nil || len(t.layers) == 0 {
		return nil, err
	}
	d := e.data.Parts()[0]
	t.evaluator = e.over(d.Select(evenly(d.Len(), n)))
	if t.competence, err = t.evaluator.competence(ctx, p.selection.Alignment.Models); err != nil {
		return nil, err
	}
	var total float64
	t.mean = make([]float64, p.parents())
	for _, w := range t.competence {
		for j, v := range w {
			t.mean[j] += v / float64(len(t.competence))
			total += v
		}
	}
	if total == 0 {
		return nil, nil
	}
	t.start = p.weighted(t.mean)
	units := 0
	for _, l := range t.layers {
		units += l.units()
	}
	for _, l := range t.norms {
		units += sizeOf(l.layer.Params[l.scale].Shape)
	}
	for range len(t.layers) + len(t.norms) {
		t.targets = append(t.targets, &target{})
	}
	t.spots = max(1, min(transplantSpots, transplantBytes/(4*n*units), int(transplantWork/(float64(n)*t.products()))))
	return t, nil
}

// products is how many each spot of a sample adds to the equations of all layers.
func (t *transplant) products() (sum float64) {
	for _, l := range t.layers {
		inputs := float64(sizeOf(l.layer.Params[l.weight].Shape) / l.units())
		if inputs <= transplantInputs {
			sum += inputs * (inputs + float64(l.units()))
		}
	}
	return max(1, sum)
}

// samples is how many samples are looked at: fewer of a network whose values take much memory.
func (t *transplant) samples(e *Evaluator) (int, error) {
	d := e.data.Parts()[0]
	f, err := e.over(d).forward(t.plan.base(), t.plan, 1)
	if err != nil {
		return 0, err
	}
	g, err := f.lower(run{0, f.sizes[0]})
	if err != nil {
		return 0, err
	}
	each := max(1, g.Bytes()/int64(f.sizes[0]))
	return min(transplantSamples, d.Len(), max(1, int(transplantBytes/each))), nil
}

// evenly lists n of so many rows, at equal steps.
func evenly(of, n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i * of / n
	}
	return rows
}

// observe adds what a parent computes, in proportion to its competence, to the targets. It says whether the parent
// takes all samples at once.
func (t *transplant) observe(ctx context.Context, j int, m *onnx.Model) (bool, error) {
	o, err := t.evaluator.newObserver(m, t.names(j), t.evaluator.data.Len(), func(i int, v *network.Tensor) {
		if t.targets[i] != nil && !t.add(t.targets[i], v, t.axis(i, v), j) {
			t.targets[i] = nil
		}
	})
	if err != nil || !o.inOneRun() {
		return false, err
	}
	return true, o.run(ctx)
}

// names lists what the layers and the normalisations compute in a parent.
func (t *transplant) names(j int) (list []string) {
	for _, l := range t.layers {
		list = append(list, l.values[j])
	}
	for _, l := range t.norms {
		list = append(list, l.values[j])
	}
	return list
}

// axis is where the i-th of these has its channels.
func (t *transplant) axis(i int, v *network.Tensor) int {
	if i < len(t.layers) {
		return t.layers[i].outputAxis(v)
	}
	return t.norms[i-len(t.layers)].outputAxis(v)
}

// add adds what a parent computes in a layer to its target. It returns false where that has not the target's shape.
func (t *transplant) add(to *target, v *network.Tensor, axis, parent int) bool {
	n := t.evaluator.data.Len()
	g, ok := regression.NewGrid(v, n, axis)
	if !ok {
		return false
	}
	if to.rows == nil {
		to.at, to.units, to.places = regression.Spots(n, g.Places, t.spots), g.Channels, g.Places
		to.rows = make([]float32, len(to.at)*to.units)
	}
	if g.Channels != to.units || g.Places != to.places {
		return false
	}
	rows := g.Gather(v.F, to.at, false)
	for r, s := range to.at {
		w := float32(t.competence[s.Sample][parent])
		if w == 0 { // what it computes there may be no number
			continue
		}
		for i := r * to.units; i < (r+1)*to.units; i++ {
			to.rows[i] += w * rows[i]
		}
	}
	return true
}

// outputAxis is where what the layer computes has its channels.
func (l *linearLayer) outputAxis(t *network.Tensor) int {
	if l.layer.Op == "Conv" || l.norm != nil {
		return 1
	}
	return len(t.Shape) - 1
}

// weighted returns coefficients in proportion to the parents' weights, without those that are excluded.
func (p *Plan) weighted(weights []float64) Coefficients {
	out := Coefficients{numbers: newNumbers(p)}
	for g := range p.groups {
		var total float64
		for j, excluded := range p.groups[g].excluded {
			if !excluded {
				total += weights[j]
			}
		}
		for j, excluded := range p.groups[g].excluded {
			if excluded || total == 0 {
				continue
			}
			row := out.of(g, j)
			for u := range row {
				row[u] = weights[j] / total
			}
		}
	}
	return out
}

// solve runs the network of the mean once, and before each layer runs finds its weights. It says whether the network
// takes all samples at once.
func (t *transplant) solve(ctx context.Context) (bool, error) {
	e, p := t.evaluator, t.plan
	n := e.data.Len()
	f, err := e.forward(p.base(), p, n)
	if err != nil || f.sizes[0] != n {
		return false, err
	}
	base, own := p.selection.Alignment.Base, len(t.layers)
	f.config.Outputs = append(t.names(base)[own:], f.config.Outputs...)
	g, err := f.lower(run{0, n})
	if err != nil {
		return false, err
	}
	r, err := network.NewVisitor(g, e.workers, t.visitor(ctx, g.Params()), func(i int, v *network.Tensor) {
		if i < len(t.norms) && t.targets[own+i] != nil {
			t.correct(t.norms[i], t.targets[own+i], v)
		}
	})
	if err != nil {
		return false, err
	}
	index := map[string]int{}
	for i, param := range g.Params() {
		index[param.Name] = i
	}
	t.mixture = func(name string) []float32 { return r.Mixture(index[name]).F }
	_, err = r.Run(f.gather(0, evenly(n, n)), t.start.groups)
	return true, err
}

// keep keeps weights that were found.
func (t *transplant) keep(name string) { t.given[name] = slices.Clone(t.mixture(name)) }

// visitor finds the weights of a layer when the node that reads them is about to run.
func (t *transplant) visitor(ctx context.Context, params []network.Param) func(*network.Visit) error {
	bySite := map[onnx.Site]int{}
	for i, l := range t.layers {
		if t.targets[i] != nil {
			bySite[l.layer.Params[l.weight].Uses[t.plan.selection.Alignment.Base].Sites[0]] = i
		}
	}
	return func(v *network.Visit) error {
		sites := params[v.Param].Sites
		if i, ok := bySite[sites[0]]; ok && len(sites) == 1 {
			s := &solving{transplant: t, layer: t.layers[i], target: t.targets[i], visit: v}
			s.solve()
		}
		return ctx.Err()
	}
}

// sharpness is how quickly a model's share in a target, or in an answer, falls with its loss on the sample.
const sharpness = 3

// competence returns each parent's share in the targets of each sample: softmax_j(-3 loss_nj), where the loss is no
// cross-entropy in units of the best parent's mean. Suspects have none (Trusted): one whose scores are many times too
// large has no loss at all where it is right. Nor has a parent where its loss is no finite number. Where labels are an
// ensemble's answers the models' confidence takes the place of their losses.
func (e *Evaluator) competence(ctx context.Context, models []*onnx.Model) ([][]float64, error) {
	losses, means, scale := make([][]float64, len(models)), make([]float64, len(models)), math.Inf(1)
	for j, m := range models {
		s, err := e.Score(ctx, m)
		if err != nil {
			return nil, err
		}
		losses[j], means[j] = s.Losses(), s.Loss
		if s.Loss < scale {
			scale = s.Loss
		}
	}
	in := Trusted(means)
	if e.objective.Only().Taught() {
		return e.confidences(ctx, models, in)
	}
	if e.objective.Only().Classes > 0 || !onnx.Finite(scale) || scale <= 0 {
		scale = 1
	}
	out := make([][]float64, e.data.Len())
	for n := range out {
		out[n] = make([]float64, len(models))
		least := math.Inf(1)
		for j := range models {
			if l := losses[j][n]; in[j] && onnx.Finite(l) {
				least = min(least, l)
			}
		}
		for j := range models {
			if l := losses[j][n]; in[j] && onnx.Finite(l) {
				out[n][j] = math.Exp(-sharpness * (l - least) / scale)
			}
		}
		normalise(out[n])
	}
	return out, nil
}

// normalise makes shares add up to one; where all are 0 they stay.
func normalise(shares []float64) {
	var total float64
	for _, v := range shares {
		total += v
	}
	for j := range shares {
		shares[j] /= max(total, math.SmallestNonzeroFloat64)
	}
}
