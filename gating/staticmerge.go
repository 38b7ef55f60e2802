package gating

import (
	"github.com/softmerge/softmerge/gating/method"
	"github.com/softmerge/softmerge/graphmatch"
)

// merges says whether methods merge a layer. They leave a BatchNormalization to the coefficients, which mix the map
// that it computes: its statistics measure the activations of the weights at hand, and a method that trims or adds up
// task vectors would make variances negative, or scales that fit none of them.
func merges(l *graphmatch.Layer) bool { return l.Op != "BatchNormalization" }

// param merges a parameter of a layer, in the base's layout.
func (s *static) param(l *graphmatch.Layer, k int, c shares) ([]float64, error) {
	p, name := &l.Params[k], l.Name+"."+l.Params[k].Role
	if v := s.known(name); v != nil {
		return v, nil
	}
	t := &method.Tensor{Name: name, Depth: s.depths[l.Name], Rows: linearRows(l, k), Seed: s.Seed}
	for j := range s.parents.Models {
		w := c.at(j, 0)
		if w == 0 {
			continue
		}
		v, err := s.parents.Doubles(p, j, nil)
		if err != nil {
			return nil, err
		}
		t.Models, t.Weights = append(t.Models, outputsFirst(v, p, t.Rows)), append(t.Weights, w)
	}
	if own := s.started[l.Name]; own != nil {
		at := withRole(own.Params, p.Role)
		v, err := s.joined.Doubles(&own.Params[at], len(s.parents.Models), nil)
		if err != nil {
			return nil, err
		}
		t.Start = outputsFirst(v, p, t.Rows)
	}
	v, err := s.Merge.Tensor(t)
	if err != nil {
		return nil, err
	}
	v = outputsBack(v, p, t.Rows)
	s.keep(name, v)
	return v, nil
}

// known returns merged values that were kept, as a copy; nil where there are none.
func (s *static) known(name string) []float64 {
	s.lock.Lock()
	defer s.lock.Unlock()
	return append([]float64(nil), s.kept[name]...)
}

// keep keeps merged values that took long.
func (s *static) keep(name string, v []float64) {
	if !s.Merge.Method().Costly {
		return
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.kept[name] = append([]float64(nil), v...)
}

// linearRows is how many outputs the linear map has whose weight a parameter is; 0 where it is none.
func linearRows(l *graphmatch.Layer, k int) int {
	p := &l.Params[k]
	switch {
	case p.Role != "weight" || p.ChannelAxis < 0 || len(p.Shape) < 2:
		return 0
	case l.Op == "Conv" || l.Op == "ConvTranspose":
		return p.Shape[p.ChannelAxis]
	case (l.Op == "Gemm" || l.Op == "MatMul") && len(p.Shape) == 2:
		return p.Shape[p.ChannelAxis]
	}
	return 0
}

// outputsFirst is a weight's values as a matrix of outputs by inputs, whichever way the base has it (Gemm with transB
// against MatMul, convolutions against transposed ones). Values of what is no linear map stay.
func outputsFirst(v []float64, p *graphmatch.Param, rows int) []float64 {
	outer, units, inner := blocks(p)
	if rows == 0 || outer == 1 {
		return v
	}
	return swapped(v, outer, units, inner)
}

// outputsBack undoes outputsFirst.
func outputsBack(v []float64, p *graphmatch.Param, rows int) []float64 {
	outer, units, inner := blocks(p)
	if rows == 0 || outer == 1 {
		return v
	}
	return swapped(v, units, outer, inner)
}

// swapped returns values of shape [a, b, c] as [b, a, c].
func swapped(v []float64, a, b, c int) []float64 {
	out := make([]float64, 0, len(v))
	for j := range b {
		for i := range a {
			out = append(out, v[(i*b+j)*c:(i*b+j+1)*c]...)
		}
	}
	return out
}
