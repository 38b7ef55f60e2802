package gating

import (
	"math"

	"github.com/softmerge/softmerge/gating/internal/option"
	"github.com/softmerge/softmerge/gating/network/tape"
	"github.com/softmerge/softmerge/onnx"
)

// trainer is the gates with their optimiser, and a compiled program for each
// shape of the data: those used last are kept.
type trainer struct {
	forward  *forward
	plan     *Plan
	l0       float64
	gates    []*gates
	programs *lru[int, *compiled] // by part of the data
	prefixes []*prefixCache       // by part; nil where it is computed anew in every step
	tried    []bool               // by part: whether there can be a cache is known
	room     int                  // bytes that prefixes may still take
	learned  []*parameters        // what the programs have gradients of, in their order
	samples  int                  // of an update, on average
}

// parameters are learned at one rate.
type parameters struct {
	values, sums [][]float32 // sums: gradients, summed over the batches of an update
	rate         float64
	solver       *tape.Adam
}

func newParameters(rate float64) *parameters {
	return &parameters{rate: rate, solver: tape.NewAdam(rate)}
}

// add adds a vector of values.
func (p *parameters) add(values []float32) {
	p.values, p.sums = append(p.values, values), append(p.sums, make([]float32, len(values)))
}

// newTrainer lowers the base model with the plan's mixtures for the first part of
// the data, builds the expression graph of the cost and its gradient, and compiles it.
func newTrainer(p *Plan, e *Evaluator, start LogAlpha, o LearnOptions) (*trainer, error) {
	if o.Free && p.granularity != ByElement {
		return nil, option.Errorf("free weights of a plan by %s: want one by element", p.granularity)
	}
	f, err := e.forward(p.base(), p, o.BatchSize)
	if err != nil {
		return nil, err
	}
	t := &trainer{
		forward: f, plan: p, l0: *o.L0, programs: newLRU[int]((*compiled).close),
		prefixes: make([]*prefixCache, len(f.parts)), tried: make([]bool, len(f.parts)), room: maxPrefixBytes,
		samples: f.batch,
	}
	if f.fixed {
		t.samples *= max(1, min(o.BatchSize, e.data.Len())/f.batch)
	}
	for i := range p.groups {
		t.gates = append(t.gates, newLearnedGates(p.groups[i], start.groups[i], uint64(i)+1, o))
	}
	t.collect(o)
	if o.Affine || o.Free {
		p.withShifts(f.config.Params)
	}
	_, err = t.program(0)
	return t, err
}

// collect lists what is learned.
func (t *trainer) collect(o LearnOptions) {
	gates, affine := newParameters(o.Rate), newParameters(o.Rate*affineRate)
	if o.Free {
		affine = newParameters(o.Rate * freeRate)
	}
	for _, g := range t.gates {
		if !g.frozen {
			gates.add(g.value)
		}
		for _, v := range g.learnedAffine() {
			affine.add(v)
		}
	}
	t.learned = []*parameters{gates, affine}
}

// close ends all programs.
func (t *trainer) close() { t.programs.clear() }

// step makes one update from batches and returns the cost, to which every sample
// adds the same. A draw that opens a harmful gate may have no finite cost or
// gradient: it moves nothing, the next draw differs.
func (t *trainer) step(batches [][]int) (cost float64, moved bool, err error) {
	for _, g := range t.gates {
		g.draw()
	}
	for _, p := range t.learned {
		for _, s := range p.sums {
			clear(s)
		}
	}
	samples := 0
	for _, rows := range batches {
		samples += len(rows)
	}
	for _, rows := range batches {
		share := float64(len(rows)) / float64(samples)
		c, err := t.gradient(rows, float32(share))
		if err != nil {
			return 0, false, err
		}
		cost += c * share
	}
	norm := t.norm()
	if !onnx.AllFinite([]float64{cost, norm}) {
		return cost, false, nil
	}
	return cost, true, t.update(norm)
}

// norm is the length of the summed gradient of all gates.
func (t *trainer) norm() float64 {
	var sum float64
	for _, p := range t.learned {
		for _, s := range p.sums {
			for _, g := range s {
				sum += float64(g) * float64(g)
			}
		}
	}
	return math.Sqrt(sum)
}

// gradient runs a program forward and backward for one batch and adds a share of
// its gradient to the sums.
func (t *trainer) gradient(rows []int, share float32) (float64, error) {
	part, local := t.forward.data.Locate(rows)
	c, err := t.program(part)
	if err != nil {
		return 0, err
	}
	values, err := t.ungated(c.network, part, local)
	if err != nil {
		return 0, err
	}
	cost, err := c.run(values, t.forward.targetsOf(part, local))
	if err != nil {
		return 0, t.forward.misfit(err)
	}
	i := 0
	for _, p := range t.learned {
		for _, s := range p.sums {
			for e, g := range c.gradient(i) {
				s[e] += g * share
			}
			i++
		}
	}
	return cost, nil
}

// maxGradient bounds the norm of an update's gradient, so that one unlucky draw
// does not fill Adam's second moment for hundreds of steps.
const maxGradient = 1

// update moves what is learned by one Adam step along the summed gradient, whose length is norm.
func (t *trainer) update(norm float64) error {
	scale := float32(1)
	if norm > maxGradient {
		scale = float32(maxGradient / norm)
	}
	for _, p := range t.learned {
		for _, s := range p.sums {
			for e := range s {
				s[e] *= scale
			}
		}
		if len(p.values) == 0 {
			continue
		}
		if err := p.solver.Step(p.values, p.sums); err != nil {
			return err
		}
	}
	return nil
}

// The learning rates of affine gates' scales and shifts, and of free weights, relative to that of the gates. By 0.01
// free weights fit six of eight harder families less well in 30 passes over 1,000 samples.
const (
	affineRate = 0.2
	freeRate   = 0.03
)

// setRate lowers the learning rates along half a cosine to a tenth.
func (t *trainer) setRate(step, total int) {
	f := 0.55 + 0.45*math.Cos(math.Pi*float64(step)/float64(total))
	for _, p := range t.learned {
		p.solver.SetRate(p.rate * f)
	}
}

// affines returns what affine gates learned, nil where there are none.
func (t *trainer) affines() []*affine {
	var list []*affine
	for _, g := range t.gates {
		if g.affine != nil {
			list = append(list, g.affine)
		}
	}
	return list
}

// logAlpha returns the gates' parameters.
func (t *trainer) logAlpha() LogAlpha {
	out := LogAlpha{newNumbers(t.plan)}
	for i, g := range t.gates {
		for k, v := range g.value {
			out.groups[i][k] = float64(v)
		}
	}
	return out
}
