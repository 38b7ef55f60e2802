package onnx

import (
	"errors"
	"slices"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// tensor checks type, shape and payload of a tensor without decoding it.
func (c *checker) tensor(p *onnxpb.TensorProto) {
	t := c.m.Tensor(p)
	if t.err != nil {
		c.fail(p.GetName(), t.err)
		return
	}
	if s, ok := t.store.(*stored); ok {
		if err := s.check(&t); err != nil {
			c.fail(p.GetName(), err)
		}
	}
	since := int64(0)
	switch {
	case t.dtype >= Uint2:
		since = 13
	case t.dtype == Float8E8M0:
		since = 12
	case t.dtype == Float4E2M1:
		since = 11
	case t.dtype >= Uint4:
		since = 10
	case t.dtype >= Float8E4M3FN:
		since = 9
	case t.dtype == BFloat16:
		since = 4
	}
	if ir := c.m.proto.GetIrVersion(); ir < since {
		c.minor(p.GetName(), "%s needs IR version %d, the model has %d", t.dtype, since, ir)
	}
}

// tensors checks the constants of a graph, and those in its nodes.
func (c *checker) tensors(g *onnxpb.GraphProto) {
	for _, t := range g.GetInitializer() {
		c.tensor(t)
	}
	for _, t := range g.GetSparseInitializer() {
		c.sparse(t)
	}
	for _, n := range g.GetNode() {
		c.node = NodeLabel(n)
		for _, a := range n.GetAttribute() {
			c.attributeTensors(a)
		}
		for _, sub := range (&Place{Graph: g}).subgraphs(n) {
			c.tensors(sub.Graph)
		}
	}
	c.node = ""
}

// sparse checks a sparse tensor: its parts, and that the positions are in
// range and ascending.
func (c *checker) sparse(p *onnxpb.SparseTensorProto) {
	name := p.GetValues().GetName()
	if p.Values == nil || p.Indices == nil {
		c.bad(name, "sparse tensor lacks values or indices")
		return
	}
	before := len(c.found)
	c.tensor(p.Values)
	c.tensor(p.Indices)
	if len(c.found) > before {
		return
	}
	if err := c.m.checkSparse(p); err != nil {
		c.fail(name, err)
	}
}

// checkSparse compares the parts of a sparse tensor with each other.
func (m *Model) checkSparse(p *onnxpb.SparseTensorProto) error {
	shape, n, err := elementCount(p.GetDims())
	if err != nil {
		return err
	}
	values, indices := m.Tensor(p.Values), m.Tensor(p.Indices)
	if len(values.shape) != 1 {
		return invalidf("values of a sparse tensor have the shape %v, want one dimension", values.shape)
	}
	if indices.dtype != Int64 {
		return invalidf("indices of a sparse tensor are of type %s, want int64", indices.dtype)
	}
	flat := slices.Equal(indices.shape, []int{values.n})
	if !flat && !slices.Equal(indices.shape, []int{values.n, len(shape)}) {
		return invalidf("indices of a sparse tensor have the shape %v, want [%d] or [%d %d]", indices.shape, values.n,
			values.n, len(shape))
	}
	list, err := indices.Ints(nil)
	if err != nil {
		return err
	}
	last := int64(-1)
	for i := range values.n {
		at := int64(0)
		if flat {
			at = list[i]
		} else if at, err = flatIndex(list[i*len(shape):(i+1)*len(shape)], shape); err != nil {
			return err
		}
		if at <= last || at >= int64(n) {
			return invalidf("index %d of a sparse tensor is %d after %d, want them ascending and below %d", i, at,
				last, n)
		}
		last = at
	}
	return nil
}

var errIndex = errors.New("index of a sparse tensor is out of range")

// flatIndex turns an index tuple into the position in row-major order.
func flatIndex(index []int64, shape []int) (int64, error) {
	at := int64(0)
	for i, d := range shape {
		if index[i] < 0 || index[i] >= int64(d) {
			return 0, errIndex
		}
		at = at*int64(d) + index[i]
	}
	return at, nil
}

// valueType checks that a type names known element types throughout.
func (c *checker) valueType(name string, t *onnxpb.TypeProto) {
	elem, isTensor := int32(0), true
	var shape *onnxpb.TensorShapeProto
	switch v := t.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		elem, shape = v.TensorType.GetElemType(), v.TensorType.GetShape()
	case *onnxpb.TypeProto_SparseTensorType:
		elem, shape = v.SparseTensorType.GetElemType(), v.SparseTensorType.GetShape()
	case *onnxpb.TypeProto_SequenceType:
		c.valueType(name, v.SequenceType.GetElemType())
		isTensor = false
	case *onnxpb.TypeProto_OptionalType:
		c.valueType(name, v.OptionalType.GetElemType())
		isTensor = false
	case *onnxpb.TypeProto_MapType:
		elem = v.MapType.GetKeyType()
		c.valueType(name, v.MapType.GetValueType())
	default:
		return // unknown types and opaque ones say nothing to check
	}
	if isTensor && !DataType(elem).Known() {
		c.minor(name, "has the element type %d, which is not known", elem)
	}
	for _, d := range shape.GetDim() {
		if d.GetDimValue() < 0 {
			c.minor(name, "has the dimension %d; one that is not known is left out or named", d.GetDimValue())
		}
	}
}
