package gating

import (
	"math"

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
	sums     [][]float32          // gradient of each group's log a, summed over the batches of an update
	samples  int                  // of an update, on average
	solver   *tape.Adam
}

// newTrainer lowers the base model with the plan's mixtures for the first part of
// the data, builds the expression graph of the cost and its gradient, and compiles it.
func newTrainer(p *Plan, e *Evaluator, start LogAlpha, o LearnOptions) (*trainer, error) {
	f, err := e.forward(p.base(), p, o.BatchSize)
	if err != nil {
		return nil, err
	}
	t := &trainer{
		forward: f, plan: p, l0: *o.L0, programs: newLRU[int]((*compiled).close),
		prefixes: make([]*prefixCache, len(f.parts)), tried: make([]bool, len(f.parts)), room: maxPrefixBytes,
		samples: f.batch, solver: tape.NewAdam(o.Rate),
	}
	if f.fixed {
		t.samples *= max(1, min(o.BatchSize, e.data.Len())/f.batch)
	}
	for i := range p.groups {
		g := newGates(p.groups[i], o.Combine, start.groups[i], o.Seed, uint64(i)+1)
		t.gates = append(t.gates, g)
		t.sums = append(t.sums, make([]float32, len(g.value)))
	}
	_, err = t.program(0)
	return t, err
}

// close ends all programs.
func (t *trainer) close() { t.programs.clear() }

// step makes one update from batches and returns the cost, to which every sample
// adds the same. A draw that opens a harmful gate may have no finite cost or
// gradient: it moves nothing, the next draw differs.
func (t *trainer) step(batches [][]int) (cost float64, moved bool, err error) {
	for i, g := range t.gates {
		g.draw()
		clear(t.sums[i])
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
	for _, s := range t.sums {
		for _, g := range s {
			sum += float64(g) * float64(g)
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
	for i := range t.sums {
		for e, g := range c.machine.Gradient(i) {
			t.sums[i][e] += g * share
		}
	}
	return cost, nil
}

// maxGradient bounds the norm of an update's gradient, so that one unlucky draw
// does not fill Adam's second moment for hundreds of steps.
const maxGradient = 1

// update moves log a by one Adam step along the summed gradient, whose length is norm.
func (t *trainer) update(norm float64) error {
	scale := float32(1)
	if norm > maxGradient {
		scale = float32(maxGradient / norm)
	}
	values := make([][]float32, len(t.gates))
	for i, g := range t.gates {
		for e := range t.sums[i] {
			t.sums[i][e] *= scale
		}
		values[i] = g.value
	}
	return t.solver.Step(values, t.sums)
}

// setRate lowers the learning rate along half a cosine to a tenth.
func (t *trainer) setRate(rate float64, step, total int) {
	f := 0.55 + 0.45*math.Cos(math.Pi*float64(step)/float64(total))
	t.solver.SetRate(rate * f)
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
