package experts

import (
	"github.com/softmerge/softmerge/onnx"
)

// copies are J copies of a value whose last axis has size elements, each scaled by a gate of its sample, side by side
// along that axis.
func (m *mixer) copies(s *site, x string, size int) string {
	if m.scaled[x] != "" {
		return m.scaled[x]
	}
	rank, name := m.shapes.rank(x), s.layer.Name+".input"
	gates := m.turn(append([]int{-1}, repeated(1, rank-2, m.parents, 1)...)...)
	split := m.NodeAt(s.node, "Reshape", name+".split",
		[]string{x, m.shape(name+".apart", repeated(0, rank-1, 1, size)...)})
	scaled := m.NodeAt(s.node, "Mul", name+".gated", []string{split, gates})
	m.scaled[x] = m.NodeAt(s.node, "Reshape", name+".copies",
		[]string{scaled, m.shape(name+".joined", repeated(0, rank-1, m.parents*size)...)})
	return m.scaled[x]
}

// matMul mixes a matrix that stands on the right.
func (m *mixer) matMul(s *site) error {
	p, ok := s.params[1]
	if _, left := s.params[0]; left || !ok || len(p.Shape) != 2 {
		return unsupported(s.layer, "%s has no matrix on its right", onnx.NodeLabel(s.node))
	}
	if _, ok := m.shapes.perSample(s.node.GetInput()[0]); !ok {
		return folded(s)
	}
	m.side(s, p, 0)
	return nil
}

// gemm mixes a linear layer, with its bias where it has one.
func (m *mixer) gemm(s *site) error {
	attrs := onnx.NodeAttributes(s.node)
	p, weighs := s.params[1]
	if _, left := s.params[0]; left || attrs.Int("transA", 0) != 0 {
		return unsupported(s.layer, "%s turns its input, or has a weight in the place of it", onnx.NodeLabel(s.node))
	}
	if bias, ok := s.params[2]; ok {
		m.Edit(onnx.SetInput(s.node, 2, m.table(s, bias.name(), bias.size(), m.each(bias), bias.size())))
	}
	if weighs {
		m.side(s, p, int(attrs.Int("transB", 0)))
	}
	return nil
}

// side puts the models' matrices side by side along the axis of their inputs, and makes the node read as many copies.
func (m *mixer) side(s *site, p paramOf, axis int) {
	shape, src := m.stacked(p, axis)
	m.Edit(onnx.SetInput(s.node, 0, m.copies(s, s.node.GetInput()[0], p.Shape[axis])))
	m.Edit(onnx.SetInput(s.node, 1, m.Add(p.name()+".all", onnx.Float32, shape, src)))
}

// gather mixes the rows of a table: those of all models side by side, which a product with the gates adds up. Where the
// rows are the same for all samples, as those of positions are, each sample has its own afterwards.
func (m *mixer) gather(s *site) error {
	p, out := s.params[0], s.node.GetOutput()[0]
	if len(p.Shape) != 2 || onnx.NodeAttributes(s.node).Int("axis", 0) != 0 || len(s.params) != 1 {
		return unsupported(s.layer, "%s reads something else than rows of a table", onnx.NodeLabel(s.node))
	}
	rank, size := m.shapes.rank(out), p.Shape[1]
	shape, src := m.stacked(p, 1)
	name := p.name()
	all := m.NodeAt(s.node, "Gather", name+".rows", []string{m.Add(name+".all", onnx.Float32, shape, src),
		s.node.GetInput()[1]}, s.node.GetAttribute()...)
	split := m.NodeAt(s.node, "Reshape", name+".split",
		[]string{all, m.shape(name+".apart", repeated(0, rank-1, m.parents, size)...)})
	gates := m.turn(append([]int{-1}, repeated(1, rank-1, m.parents)...)...)
	mixed := m.NodeAt(s.node, "MatMul", name+".mixed", []string{gates, split})
	m.Replace(s.node, "Reshape", []string{mixed, m.shape(name+".joined", repeated(0, rank-1, size)...)})
	return nil
}
