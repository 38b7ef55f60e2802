package experts

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/routed/internal/surgery"
	"github.com/softmerge/softmerge/onnx"
)

// conv mixes a convolution, or a transposed one.
func (m *mixer) conv(s *site) error {
	p, weighs := s.params[1]
	bias, biased := s.params[2]
	if in := s.node.GetInput(); !weighs || len(s.params) == 3 || !biased && len(in) > 2 && in[2] != "" {
		return unsupported(s.layer, "a part of %s is computed in the graph", onnx.NodeLabel(s.node))
	}
	if onnx.NodeAttributes(s.node).Int("group", 1) != 1 {
		m.oneByOne(s, p, bias)
		return nil
	}
	axis := 0 // of outputs
	if s.node.GetOpType() == "ConvTranspose" {
		axis = 1
	}
	m.together(s, p, bias, axis)
	return nil
}

// together gives the convolution the outputs of all models, [B,JO,...], and adds them up by a product of [B,1,J] gates
// with [B,J,O*...] outputs. The shape of the result is that of all outputs with the second axis divided by J, so that
// pictures may be of any size.
func (m *mixer) together(s *site, p, bias paramOf, axis int) {
	shape, src := m.stacked(p, axis)
	in := []string{s.node.GetInput()[0], m.Add(p.name()+".all", onnx.Float32, shape, src)}
	if bias.Param != nil {
		of, values := m.stacked(bias, 0)
		in = append(in, m.Add(bias.name()+".all", onnx.Float32, of, values))
	}
	name, rank := s.layer.Name, len(p.Shape)
	all := m.NodeAt(s.node, s.node.GetOpType(), name+".all", in, s.node.GetAttribute()...)
	flat := m.NodeAt(s.node, "Reshape", name+".flat", []string{all, m.shape(name+".apart", 0, m.parents, -1)})
	mixed := m.NodeAt(s.node, "MatMul", name+".mixed", []string{m.turn(-1, 1, m.parents), flat})
	size := m.NodeAt(s.node, "Shape", name+".size", []string{all})
	one := m.NodeAt(s.node, "Div", name+".one", []string{size, m.shape(name+".divided",
		append([]int{1, m.parents}, repeated(1, rank-2)...)...)})
	m.Replace(s.node, "Reshape", []string{mixed, one})
}

// oneByOne lets the convolution stand once for each model: in groups, where runtimes are fast at as many outputs as
// there are inputs.
func (m *mixer) oneByOne(s *site, p, bias paramOf) {
	var parts []string
	rank := len(p.Shape)
	for j := range m.parents {
		in := []string{s.node.GetInput()[0], m.one(p, j)}
		if bias.Param != nil {
			in = append(in, m.one(bias, j))
		}
		name := fmt.Sprintf("%s.%d", s.layer.Name, j)
		own := m.NodeAt(s.node, s.node.GetOpType(), name, in, s.node.GetAttribute()...)
		parts = append(parts, m.NodeAt(s.node, "Mul", name+".gated", []string{own, m.gate(j, rank)}))
	}
	m.Replace(s.node, "Sum", parts)
}

// one adds a model's own numbers of a parameter.
func (m *mixer) one(p paramOf, parent int) string {
	return m.Add(fmt.Sprintf("%s.%d", p.name(), parent), onnx.Float32, p.Shape,
		func() ([]float64, error) { return m.values(p, parent) })
}

// gate is one model's gate of each sample, in so many axes.
func (m *mixer) gate(parent, rank int) string {
	key := fmt.Sprint("one ", parent, rank)
	if m.turned[key] == "" {
		column := m.NodeAt(m.head, "Gather", "gates.one", []string{m.gates,
			m.Constant("gates.number", onnx.Int64, nil, float64(parent))}, surgery.Integer("axis", 1))
		m.turned[key] = m.NodeAt(m.head, "Reshape", "gates.turned",
			[]string{column, m.shape("gates.shape", append([]int{-1}, repeated(1, rank-1)...)...)})
	}
	return m.turned[key]
}
