package flow

import (
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// MaxNumbers bounds the whole numbers read from a shape or axes tensor: no tensor has more axes.
const MaxNumbers = 64

// passed is what a node's first output is when the node adds nothing to the flow: a Constant's tensor, the
// input of a renaming node, or a constant seen through a node that only turns it. It is nil for all others.
func (b *builder) passed(n *Node) *Value {
	if n.Op == "Constant" && len(n.Proto.GetOutput()) > 0 {
		return &Value{Fixed: literal(n.resolved())}
	}
	if len(n.In) == 0 || n.In[0] == nil || len(n.Proto.GetOutput()) == 0 {
		return nil
	}
	v := n.In[0]
	switch {
	case n.Op == "Identity" || n.Op == "Dropout":
		return v.alias(n.Proto.GetOutput()[0])
	case v.Fixed.Weight() && v.Fixed.Elements() > 0:
		return b.view(n, v.Fixed)
	}
	return nil
}

// alias is a value under another name; only constants keep their names.
func (v *Value) alias(name string) *Value {
	if v.Fixed == nil {
		return v
	}
	return &Value{Fixed: v.Fixed.alias(name)}
}

// view is a constant behind a node that transposes, reshapes or converts it, nil for other nodes.
func (b *builder) view(n *Node, c *Constant) *Value {
	site := onnx.Site{Node: n.Proto}
	var seen *Constant
	switch n.Op {
	case "Cast":
		to := onnx.DataType(n.Attributes().Int("to", 0))
		if to == c.DataType() {
			return &Value{Fixed: c.alias(n.Proto.GetOutput()[0])}
		}
		if to.IsFloat() {
			seen = c.through(site)
		}
	case "Transpose":
		seen = c.transpose(n.Attributes().Ints("perm", nil), site)
	case "Reshape", "Flatten", "Squeeze", "Unsqueeze":
		if shape, ok := b.newShape(n, c.Shape); ok {
			seen = c.reshape(shape, site)
		}
	}
	if seen == nil {
		return nil
	}
	return &Value{Fixed: seen}
}

// literal is the tensor of a Constant node.
func literal(p *onnxpb.NodeProto) *Constant {
	name := p.GetOutput()[0]
	for _, a := range p.GetAttribute() {
		switch a.GetName() {
		case "value":
			if a.GetT() != nil {
				return newConstant(a.GetT(), name, true)
			}
		case "value_floats":
			return literalList(name, len(a.GetFloats()), nil)
		case "value_ints":
			return literalList(name, len(a.GetInts()), a.GetInts())
		case "value_int":
			return &Constant{names: []string{name}, Literal: true, numbers: []int64{a.GetI()}}
		}
	}
	return &Constant{names: []string{name}, Literal: true}
}

// literalList is a list that a Constant node gives as an attribute, with its values if they are whole numbers.
func literalList(name string, length int, numbers []int64) *Constant {
	return &Constant{names: []string{name}, Literal: true, Shape: []int{length}, Axes: []int{0}, numbers: numbers}
}

// newShape is the shape that a reshaping node gives to a constant, false when the node does not say so by
// constants or the numbers do not fit.
func (b *builder) newShape(n *Node, shape []int) ([]int, bool) {
	switch n.Op {
	case "Reshape":
		want, ok := b.Numbers(n, "shape")
		if !ok {
			return nil, false
		}
		return resolveReshape(shape, want)
	case "Flatten":
		return flattened(shape, int(n.Attributes().Int("axis", 1)))
	}
	axes, ok := b.Numbers(n, "axes")
	if n.Op == "Squeeze" {
		if len(n.In) < 2 && n.Attributes().Ints("axes", nil) == nil {
			return squeezed(shape, nil)
		}
		return squeezed(shape, axes)
	}
	if !ok {
		return nil, false
	}
	return unsqueezed(shape, axes)
}

// Numbers are the whole numbers that a node gets as its second input, or as the attribute that older
// opsets used; false when they are not stored in the file, or more than MaxNumbers.
func (f *Graph) Numbers(n *Node, attr string) ([]int64, bool) {
	if list := n.Attributes().Ints(attr, nil); list != nil {
		return list, len(list) <= MaxNumbers
	}
	if len(n.In) < 2 {
		return nil, false
	}
	return f.Stored(n.In[1])
}

// Stored are the whole numbers of a constant, false when the value is none, or more than MaxNumbers.
func (f *Graph) Stored(v *Value) ([]int64, bool) {
	if v == nil || v.Fixed == nil {
		return nil, false
	}
	c := v.Fixed
	if c.Tensor == nil || c.Elements() > MaxNumbers || !c.DataType().IsInteger() {
		return c.numbers, c.numbers != nil && len(c.numbers) <= MaxNumbers
	}
	list, err := f.Model.Tensor(c.Tensor).Ints(nil)
	return list, err == nil
}

// resolveReshape applies Reshape's rules: 0 copies the axis, one -1 is what remains.
func resolveReshape(shape []int, want []int64) ([]int, bool) {
	total, known, hole := 1, 1, -1
	for _, d := range shape {
		total *= d
	}
	out := make([]int, len(want))
	for i, d := range want {
		switch {
		case d == 0 && i < len(shape):
			out[i] = shape[i]
		case d == -1 && hole < 0:
			hole, out[i] = i, 1
		case d <= 0 || int(d) > total:
			return nil, false
		default:
			out[i] = int(d)
		}
		if out[i] == 0 || known > total/out[i] {
			return nil, false
		}
		known *= out[i]
	}
	if hole >= 0 && total%known == 0 {
		out[hole], known = total/known, total
	}
	return out, known == total
}

// flattened is Flatten's result: the axes before axis as one, the others as one.
func flattened(shape []int, axis int) ([]int, bool) {
	if axis < 0 {
		axis += len(shape)
	}
	if axis < 0 || axis > len(shape) {
		return nil, false
	}
	out := []int{1, 1}
	for i, d := range shape {
		if i < axis {
			out[0] *= d
		} else {
			out[1] *= d
		}
	}
	return out, true
}

// squeezed drops the given axes, or all of length one.
func squeezed(shape []int, axes []int64) ([]int, bool) {
	drop := map[int]bool{}
	for _, a := range axes {
		if a < 0 {
			a += int64(len(shape))
		}
		if a < 0 || int(a) >= len(shape) || shape[a] != 1 {
			return nil, false
		}
		drop[int(a)] = true
	}
	out := []int{}
	for i, d := range shape {
		if !drop[i] && (axes != nil || d != 1) {
			out = append(out, d)
		}
	}
	return out, true
}

// unsqueezed puts axes of length one at the given places of the result.
func unsqueezed(shape []int, axes []int64) ([]int, bool) {
	rank := len(shape) + len(axes)
	out := make([]int, rank)
	for _, a := range axes {
		if a < 0 {
			a += int64(rank)
		}
		if a < 0 || int(a) >= rank || out[a] == 1 {
			return nil, false
		}
		out[a] = 1
	}
	next := 0
	for i := range out {
		if out[i] == 0 {
			out[i] = shape[next]
			next++
		}
	}
	return out, true
}
