package gating

import (
	"context"
	"fmt"
	"math"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
)

// maxObservations is how many numbers of a hidden unit are compared, evenly
// spaced over samples and places: more would not change which units are alike.
const maxObservations = 4096

// correlator compares hidden units by how their activations on data go together
// (arXiv 2209.04836, section 3.1).
type correlator struct {
	workers *kernel.Workers
	base    map[graphmatch.HiddenValues][]float32   // standardised activations, unit by unit
	models  []map[graphmatch.HiddenValues][]float32 // the same of every other model
}

// newCorrelator runs the base and every other model once over the data.
func newCorrelator(ctx context.Context, a *graphmatch.Alignment, d *dataset.Data, output string, w *kernel.Workers) (*correlator, error) {
	units, _, err := hiddenUnits(a)
	if err != nil {
		return nil, err
	}
	c := &correlator{workers: w, base: map[graphmatch.HiddenValues][]float32{}, models: make([]map[graphmatch.HiddenValues][]float32, len(units))}
	var wanted places
	for j, list := range units {
		var own places
		for _, u := range list {
			for _, v := range u.Values {
				wanted.add(v.Base, v, u.Size)
				own.add(v.Model, v, u.Size)
			}
		}
		c.models[j] = map[graphmatch.HiddenValues][]float32{}
		if err := own.observe(ctx, a, j, d, output, w, c.models[j]); err != nil {
			return nil, err
		}
	}
	return c, wanted.observe(ctx, a, a.Base, d, output, w, c.base)
}

// similarity is the correlation of every unit of the base with every unit of
// model j, added up over the places where the units can be observed.
func (c *correlator) similarity(j int, u *graphmatch.HiddenUnits) ([]float64, error) {
	if len(u.Values) == 0 {
		return nil, nil
	}
	part, sum := make([]float32, u.Size*u.Size), make([]float64, u.Size*u.Size)
	for _, v := range u.Values {
		a, b := c.base[v], c.models[j][v]
		n := min(len(a), len(b)) / u.Size
		kernel.Gemm(c.workers, false, true, u.Size, u.Size, n, 1/float32(max(1, n)), a, n, b, n, 0, part, u.Size)
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
func (p *places) observe(ctx context.Context, a *graphmatch.Alignment, j int, d *dataset.Data, output string, w *kernel.Workers, into map[graphmatch.HiddenValues][]float32) error {
	if len(p.names) == 0 {
		return nil
	}
	var misfit error
	o, err := newObserver(a.Models[j], p.names, output, d, w, func(i int, t *network.Tensor) {
		for _, v := range p.at[i] {
			axis := len(t.Shape) - v.Axis
			if axis < 0 || v.First+v.size > t.Shape[axis] {
				misfit = fmt.Errorf("value %q has shape %v, want %d hidden units on axis %d from the end", p.names[i], t.Shape, v.size, v.Axis)
				continue
			}
			into[v.HiddenValues] = standardised(t, axis, v.First, v.size)
		}
	})
	if err != nil {
		return err
	}
	if err := o.once(ctx); err != nil {
		return err
	}
	return misfit
}

// standardised gathers the units along an axis as rows of mean 0 and deviation 1.
func standardised(t *network.Tensor, axis, first, size int) []float32 {
	inner := innerOf(t.Shape, axis)
	all := t.Len() / t.Shape[axis] // numbers a unit
	n := min(all, maxObservations)
	out := make([]float32, 0, size*n)
	row := make([]float64, n)
	for u := range size {
		var mean, square float64
		for k := range row {
			at := k * all / n
			row[k] = float64(t.F[(at/inner*t.Shape[axis]+first+u)*inner+at%inner])
			mean += row[k] / float64(n)
		}
		for _, v := range row {
			square += (v - mean) * (v - mean) / float64(n)
		}
		deviation := math.Sqrt(square + 1e-12)
		for _, v := range row {
			out = append(out, float32((v-mean)/deviation))
		}
	}
	return out
}
