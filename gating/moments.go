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
	s := newSums(t.Shape[axis])
	s.add(t, axis)
	return s.moments()
}

// sums adds up what moments are computed from.
type sums struct {
	count         float64 // numbers a channel
	first, second []float64
}

func newSums(channels int) *sums {
	return &sums{first: make([]float64, channels), second: make([]float64, channels)}
}

// add adds every channel's sum and sum of squares.
func (s *sums) add(t *network.Tensor, axis int) {
	channels := t.Shape[axis]
	inner := innerOf(t.Shape, axis)
	for i := 0; i < len(t.F); i += inner {
		c := i / inner % channels
		for _, v := range t.F[i : i+inner] {
			s.first[c] += float64(v)
			s.second[c] += float64(v) * float64(v)
		}
	}
	s.count += float64(len(t.F) / channels)
}

func (s *sums) moments() moments {
	m := moments{make([]float64, len(s.first)), make([]float64, len(s.first))}
	for c := range s.first {
		m.mean[c] = s.first[c] / s.count
		m.deviation[c] = math.Sqrt(math.Max(0, s.second[c]/s.count-m.mean[c]*m.mean[c]))
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
	collected := make([]*sums, len(layers))
	names := make([]string, len(layers))
	for i, l := range layers {
		collected[i], names[i] = newSums(l.channels), l.value(j)
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
