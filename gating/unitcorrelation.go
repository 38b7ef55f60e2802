package gating

import (
	"context"
	"fmt"
	"math"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx/advice"
)

// maxObservations is how many numbers of a hidden unit are kept of each batch of
// matchBatch, spread over samples and places: more would not change which units are
// alike. Of smaller batches, which are more, less is kept.
const maxObservations = 1024

// golden is the golden ratio's fraction: its multiples spread evenly, and hit
// all columns of an image alike, as equal steps would not.
const golden = math.Phi - 1

// correlator compares hidden units by how their activations on data go together
// (arXiv 2209.04836, section 3.1).
type correlator struct {
	alignment *graphmatch.Alignment
	units     [][]graphmatch.HiddenUnits
	evaluator *Evaluator
	size      int // samples a run
	base      activations
	model     activations // of the model asked for last
	at        int         // which one that is
}

// activations are standardised, unit by unit, for each place where units can be observed.
type activations map[graphmatch.HiddenValues][]float32

// newCorrelator runs the base over the data.
func newCorrelator(ctx context.Context, a *graphmatch.Alignment, e *Evaluator) (*correlator, error) {
	units, _, err := graphmatch.Hidden(a)
	if err != nil {
		return nil, err
	}
	c := &correlator{alignment: a, units: units, evaluator: e, at: a.Base}
	var wanted places
	for _, list := range units {
		for _, u := range list {
			for _, v := range u.Values {
				wanted.add(v.Base, v, u.Size)
			}
		}
	}
	c.base, err = c.observe(ctx, a.Base, &wanted)
	return c, err
}

// of returns the activations of model j; those of one model at a time are kept.
func (c *correlator) of(ctx context.Context, j int) (activations, error) {
	if c.at == j {
		return c.model, nil
	}
	var own places
	for _, u := range c.units[j] {
		for _, v := range u.Values {
			own.add(v.Model, v, u.Size)
		}
	}
	var err error
	c.at, c.model = j, nil
	c.model, err = c.observe(ctx, j, &own)
	return c.model, err
}

// similarity is the correlation of every unit of the base with every unit of
// model j, added up over the places where the units can be observed.
func (c *correlator) similarity(ctx context.Context, j int, u *graphmatch.HiddenUnits) ([]float64, error) {
	if len(u.Values) == 0 {
		return nil, nil
	}
	model, err := c.of(ctx, j)
	if err != nil {
		return nil, err
	}
	part, sum := make([]float32, u.Size*u.Size), make([]float64, u.Size*u.Size)
	for _, v := range u.Values {
		a, b := c.base[v], model[v]
		n := min(len(a), len(b)) / u.Size
		kernel.Gemm(c.evaluator.workers, kernel.NewMatrix(part, u.Size, u.Size, u.Size),
			kernel.NewMatrix(a, u.Size, n, n),
			kernel.NewMatrix(b, u.Size, n, n).T(), 1/float32(max(1, n)), 0)
		for i, p := range part {
			sum[i] += float64(p)
		}
	}
	return sum, nil
}

// places lists where the units of one model can be observed, by the names of its values.
type places struct {
	names []string
	at    [][]place
}

// place is a run of units along an axis of a value.
type place struct {
	graphmatch.HiddenValues
	size int
}

func (p *places) add(name string, v graphmatch.HiddenValues, size int) {
	for i, n := range p.names {
		if n == name {
			p.at[i] = append(p.at[i], place{v, size})
			return
		}
	}
	p.names = append(p.names, name)
	p.at = append(p.at, []place{{v, size}})
}

// observe runs a model and keeps the standardised activations of all places.
func (c *correlator) observe(ctx context.Context, j int, p *places) (activations, error) {
	if len(p.names) == 0 {
		return nil, nil
	}
	var misfit error
	most := 0
	rows := map[graphmatch.HiddenValues][][]float32{}
	o, err := c.evaluator.newObserver(c.alignment.Models[j], p.names, matchBatch, func(i int, t *network.Tensor) {
		for _, v := range p.at[i] {
			axis := len(t.Shape) - v.Axis
			if axis < 0 || v.First+v.size > t.Shape[axis] {
				misfit = fmt.Errorf("value %q has shape %v, want %d hidden units on axis %d from the end", p.names[i],
					t.Shape, v.size, v.Axis)
				continue
			}
			if rows[v.HiddenValues] == nil {
				rows[v.HiddenValues] = make([][]float32, v.size)
			}
			gatherUnits(rows[v.HiddenValues], t, axis, v.First, most)
		}
	})
	if err != nil {
		return nil, err
	}
	if most, err = c.observations(o, j); err != nil {
		return nil, err
	}
	if err := o.run(ctx); err != nil {
		return nil, err
	}
	into := activations{}
	for v, units := range rows {
		into[v] = standardised(units)
		delete(rows, v)
	}
	return into, misfit
}

// observations is how many numbers of a unit are kept of each run. Models that take
// different numbers of samples at once would show different ones.
func (c *correlator) observations(o *observer, j int) (int, error) {
	size := o.forward.sizes[0]
	if c.size != 0 && size != c.size {
		return 0, advice.Errorf(graphmatch.ErrAlign,
			"export both with a symbolic batch axis, or match with --permute weights",
			"activations cannot be matched: %s computes %d samples at once, the base %d",
			c.alignment.Models[j].Path(), size, c.size)
	}
	c.size = size
	batches := max(1, o.forward.data.Len()/size)
	return max(1, maxObservations*min(batches, matchSamples/matchBatch)/batches), nil
}

// gatherUnits appends numbers of the units along an axis, one row a unit and at most most of each.
func gatherUnits(rows [][]float32, t *network.Tensor, axis, first, most int) {
	inner := innerOf(t.Shape, axis)
	all := t.Len() / t.Shape[axis] // numbers a unit
	n := min(all, most)
	for u := range rows {
		for k := range n {
			at := k
			if n < all {
				_, part := math.Modf(float64(k) * golden)
				at = int(part * float64(all))
			}
			rows[u] = append(rows[u], t.F[(at/inner*t.Shape[axis]+first+u)*inner+at%inner])
		}
	}
}

// standardised brings every row to mean 0 and deviation 1, and puts them one after another.
func standardised(rows [][]float32) []float32 {
	out := make([]float32, 0, len(rows)*len(rows[0]))
	for _, row := range rows {
		var mean, square float64
		for _, v := range row {
			mean += float64(v) / float64(len(row))
		}
		for _, v := range row {
			square += (float64(v) - mean) * (float64(v) - mean) / float64(len(row))
		}
		deviation := math.Sqrt(square + 1e-12)
		for _, v := range row {
			out = append(out, float32((float64(v)-mean)/deviation))
		}
	}
	return out
}
