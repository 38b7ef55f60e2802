package experts

import (
	"maps"
	"math"
	"slices"

	"github.com/softmerge/softmerge/onnx"
)

// element mixes a parameter that is added to each sample or multiplied with it, or spread over positions.
func (m *mixer) element(s *site) error {
	rank, _ := m.shapes.perSample(s.node.GetOutput()[0])
	for _, slot := range slices.Sorted(maps.Keys(s.params)) {
		p := s.params[slot]
		op := s.node.GetOpType()
		if len(s.params) > 1 || op == "PRelu" && slot != 1 {
			return unsupported(s.layer, "%s reads nothing but parameters", onnx.NodeLabel(s.node))
		}
		shape := slices.Clone(p.Shape)
		if len(shape) == rank && shape[0] == 1 {
			shape = shape[1:]
		}
		if len(shape) >= rank {
			return unsupported(s.layer, "its %s has the shape %v where samples have %d axes", p.Role, p.Shape, rank-1)
		}
		shape = append(repeated(1, rank-1-len(shape)), shape...)
		m.Edit(onnx.SetInput(s.node, slot, m.table(s, p.name(), p.size(), m.each(p), shape...)))
	}
	return nil
}

// batchNorm mixes the affine maps that BatchNormalizations compute: y = s x + t with s = g/sqrt(v+eps), t = b - m s.
func (m *mixer) batchNorm(s *site) error {
	if len(s.params) != 4 {
		return unsupported(s.layer, "a part of %s is computed in the graph", onnx.NodeLabel(s.node))
	}
	x := s.node.GetInput()[0]
	rank, ok := m.shapes.perSample(x)
	if !ok {
		return folded(s)
	}
	n, shape := s.params[1].size(), append([]int{s.params[1].size()}, repeated(1, rank-2)...)
	name := s.layer.Name
	scale := m.table(s, name+".scale", n, m.maps(s, false), shape...)
	scaled := m.NodeAt(s.node, "Mul", name+".scaled", []string{x, scale})
	m.Replace(s.node, "Add", []string{scaled, m.table(s, name+".shift", n, m.maps(s, true), shape...)})
	return nil
}

// maps are all models' s, or t, of a BatchNormalization.
func (m *mixer) maps(s *site, shift bool) onnx.Source {
	return func() (all []float64, err error) {
		for j := range m.parents {
			var v [5][]float64
			for slot, p := range s.params {
				if v[slot], err = m.values(p, j); err != nil {
					return nil, err
				}
			}
			eps := float64(onnx.NodeAttributes(s.params[4].Uses[j].Reader).Float("epsilon", 1e-5))
			for i := range v[1] {
				scale := v[1][i] / math.Sqrt(v[4][i]+eps)
				if shift {
					scale = v[2][i] - v[3][i]*scale
				}
				all = append(all, scale)
			}
		}
		return all, nil
	}
}

// norm takes scale and bias out of a normalisation by each sample's own statistics, and mixes them behind it.
func (m *mixer) norm(s *site) error {
	x := s.node.GetInput()[0]
	scale, scales := s.params[1]
	bias, biased := s.params[2]
	if in := s.node.GetInput(); !scales || len(s.params) > 2 || !biased && len(in) > 2 && in[2] != "" {
		return unsupported(s.layer, "a part of %s is computed in the graph", onnx.NodeLabel(s.node))
	}
	rank := m.shapes.rank(x)
	shape := append(repeated(1, rank-1-len(scale.Shape)), scale.Shape...)
	in := []string{x, m.filled(scale, 1)}
	if s.node.GetOpType() == "InstanceNormalization" {
		shape = append(slices.Clone(scale.Shape), repeated(1, rank-2)...)
		in = append(in, m.filled(scale, 0))
	}
	name := s.layer.Name
	plain := m.NodeAt(s.node, s.node.GetOpType(), name+".plain", in, s.node.GetAttribute()...)
	own := m.table(s, scale.name(), scale.size(), m.each(scale), shape...)
	if !biased {
		m.Replace(s.node, "Mul", []string{plain, own})
		return nil
	}
	scaled := m.NodeAt(s.node, "Mul", name+".scaled", []string{plain, own})
	m.Replace(s.node, "Add", []string{scaled, m.table(s, bias.name(), bias.size(), m.each(bias), shape...)})
	return nil
}

// filled adds a tensor of a parameter's shape that holds one number.
func (m *mixer) filled(p paramOf, v float64) string {
	return m.Constant(p.name()+".plain", onnx.Float32, p.Shape, slices.Repeat([]float64{v}, p.size())...)
}
