package gating

import (
	"context"
	"math"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// moments is the mean and standard deviation of each channel of a value.
type moments struct{ mean, deviation []float64 }

// momentsOf measures a value along its channel axis.
func momentsOf(t *network.Tensor, axis int) moments {
	c := make(channels, t.Shape[axis])
	c.add(t, axis)
	return c.moments()
}

// channels collects the numbers of each channel of a value.
type channels []running

// add takes the numbers of one more value.
func (c channels) add(t *network.Tensor, axis int) {
	inner := innerOf(t.Shape, axis)
	for i := 0; i < len(t.F); i += inner {
		r := &c[i/inner%len(c)]
		for _, v := range t.F[i : i+inner] {
			r.add(float64(v))
		}
	}
}

func (c channels) moments() moments {
	m := moments{make([]float64, len(c)), make([]float64, len(c))}
	for i := range c {
		m.mean[i], m.deviation[i] = c[i].mean, math.Sqrt(c[i].variance())
	}
	return m
}

// innerOf is the number of elements from one index of an axis to the next, at least 1.
func innerOf(shape []int, axis int) int {
	inner := 1
	for _, d := range shape[axis+1:] {
		inner *= d
	}
	return max(1, inner)
}

// channelMoments measures the channels of what layers compute in parent j, all in one pass over the data.
func (e *Evaluator) channelMoments(ctx context.Context, m *onnx.Model, layers []repairable, j int) ([]moments, error) {
	collected := make([]channels, len(layers))
	names := make([]string, len(layers))
	for i, l := range layers {
		collected[i], names[i] = make(channels, l.channels), l.value(j)
	}
	o, err := e.newObserver(m, names, e.data.Len(), func(i int,
		t *network.Tensor) {
		collected[i].add(t, layers[i].axis(t))
	})
	if err != nil {
		return nil, err
	}
	if err := o.run(ctx); err != nil {
		return nil, err
	}
	list := make([]moments, len(layers))
	for i, s := range collected {
		list[i] = s.moments()
	}
	return list, nil
}
