package graphmatch

import (
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// maxNumbers bounds the whole numbers read from a shape or axes tensor: no tensor has more axes.
const maxNumbers = 64

// passed is what a node's first output is when the node adds nothing to the flow: a Constant's tensor, the
// input of a renaming node, or a constant seen through a node that only turns it. It is nil for all others.
func (b *builder) passed(n *node) *value {
	if n.op == "Constant" && len(n.proto.GetOutput()) > 0 {
		return &value{fixed: literal(n.proto)}
	}
	if len(n.in) == 0 || n.in[0] == nil || len(n.proto.GetOutput()) == 0 {
		return nil
	}
	v := n.in[0]
	switch {
	case n.op == "Identity" || n.op == "Dropout":
		return v.alias(n.proto.GetOutput()[0])
	case v.fixed.weight() && v.fixed.elements() > 0:
		return b.view(n, v.fixed)
	}
	return nil
}

// alias is a value under another name; only constants keep their names.
func (v *value) alias(name string) *value {
	if v.fixed == nil {
		return v
	}
	return &value{fixed: v.fixed.alias(name)}
}

// view is a constant behind a node that transposes, reshapes or converts it, nil for other nodes.
func (b *builder) view(n *node, c *constant) *value {
	site := onnx.Site{Node: n.proto}
	var seen *constant
	switch n.op {
	case "Cast":
		to := onnx.DataType(intAttr(n.proto, "to", 0))
		if to == c.dataType() {
			return &value{fixed: c.alias(n.proto.GetOutput()[0])}
		}
		if to.IsFloat() {
			seen = c.through(site)
		}
	case "Transpose":
		seen = c.transposed(intsAttr(n.proto, "perm"), site)
	case "Reshape", "Flatten", "Squeeze", "Unsqueeze":
		if shape, ok := b.newShape(n, c.shape); ok {
			seen = c.reshaped(shape, site)
		}
	}
	if seen == nil {
		return nil
	}
	return &value{fixed: seen}
}

// literal is the tensor of a Constant node.
func literal(p *onnxpb.NodeProto) *constant {
	name := p.GetOutput()[0]
	for _, a := range p.GetAttribute() {
		switch a.GetName() {
		case "value":
			if a.GetT() != nil {
				return newConstant(a.GetT(), name, true)
			}
		case "value_floats":
			return &constant{names: []string{name}, literal: true, shape: []int{len(a.GetFloats())}, axes: []int{0}}
		case "value_ints":
			return &constant{names: []string{name}, literal: true, shape: []int{len(a.GetInts())}, axes: []int{0}, numbers: a.GetInts()}
		case "value_int":
			return &constant{names: []string{name}, literal: true, numbers: []int64{a.GetI()}}
		}
	}
	return &constant{names: []string{name}, literal: true}
}

// newShape is the shape that a reshaping node gives to a constant, false when the node does not say so by
// constants or the numbers do not fit.
func (b *builder) newShape(n *node, shape []int) ([]int, bool) {
	switch n.op {
	case "Reshape":
		want, ok := b.numbers(n, "shape")
		if !ok {
			return nil, false
		}
		return resolveReshape(shape, want)
	case "Flatten":
		return flattened(shape, int(intAttr(n.proto, "axis", 1)))
	}
	axes, ok := b.numbers(n, "axes")
	if n.op == "Squeeze" {
		if len(n.in) < 2 && intsAttr(n.proto, "axes") == nil {
			return squeezed(shape, nil)
		}
		return squeezed(shape, axes)
	}
	if !ok {
		return nil, false
	}
	return unsqueezed(shape, axes)
}

// numbers are the whole numbers that a node gets as its second input, or as the attribute that older
// opsets used.
func (f *flow) numbers(n *node, attr string) ([]int64, bool) {
	if list := intsAttr(n.proto, attr); list != nil {
		return list, len(list) <= maxNumbers
	}
	if len(n.in) < 2 || n.in[1] == nil || n.in[1].fixed == nil {
		return nil, false
	}
	c := n.in[1].fixed
	if c.tensor == nil || c.elements() > maxNumbers || !c.dataType().IsInteger() {
		return c.numbers, c.numbers != nil && len(c.numbers) <= maxNumbers
	}
	list, err := f.model.Tensor(c.tensor).Ints(nil)
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

// attribute finds an attribute by name, nil when the node has none.
func attribute(p *onnxpb.NodeProto, name string) *onnxpb.AttributeProto {
	for _, a := range p.GetAttribute() {
		if a.GetName() == name {
			return a
		}
	}
	return nil
}

// intAttr is a whole-number attribute, or its default.
func intAttr(p *onnxpb.NodeProto, name string, absent int64) int64 {
	if a := attribute(p, name); a != nil {
		return a.GetI()
	}
	return absent
}

// intsAttr is a list attribute, nil when absent.
func intsAttr(p *onnxpb.NodeProto, name string) []int64 {
	return attribute(p, name).GetInts()
}
