package network

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// bindParams makes one value of each mixture and fixed weight and notes the sites that read it.
func (l *lowerer) bindParams() {
	for i, p := range l.Params {
		v := &ir.Value{Spec: op.Spec{Type: cmp.Or(p.Type, onnx.Float32), Shape: p.Shape},
			Param: i, Gated: true, Grad: true}
		for _, site := range p.Sites {
			l.sites[site] = v
		}
	}
	for _, f := range l.Fixed {
		v := &ir.Value{Spec: f.Spec, Known: op.NewTensor(f.Spec), Param: -1}
		for i := range v.Known.F {
			v.Known.F[i] = f.Number
		}
		for _, site := range f.Sites {
			l.sites[site] = v
		}
	}
}

// bindInputs gives every graph input without an initializer its concrete shape or its known elements.
func (l *lowerer) bindInputs(g *onnxpb.GraphProto, s *scope) error {
	for _, in := range g.GetInput() {
		name := in.GetName()
		if _, ok := s.tensors[name]; ok {
			continue
		}
		if t := l.Values[name]; t != nil {
			s.values[name] = &ir.Value{Spec: t.Spec(), Known: t, Param: -1}
			continue
		}
		t := in.GetType().GetTensorType()
		if t == nil {
			s.values[name] = &ir.Value{Param: -1, Input: name, Spec: op.Spec{Type: onnx.Undefined}}
			continue
		}
		dt := onnx.DataType(t.GetElemType())
		shape, ok := l.Shapes[name]
		if !ok {
			if shape, ok = fixedShape(t.GetShape()); !ok {
				return fmt.Errorf("input %q: no concrete shape given: %w", name, op.ErrShape)
			}
		}
		if !dt.IsFloat() && !dt.IsInteger() && dt != onnx.Bool {
			return fmt.Errorf("input %q has element type %s: %w", name, dt, op.ErrUnsupported)
		}
		v := &ir.Value{Spec: op.Spec{Type: dt, Shape: slices.Clone(shape)}, Param: -1, Input: name, Fed: true}
		s.values[name] = v
		l.graph.Inputs = append(l.graph.Inputs, v)
	}
	return nil
}

// fixedShape returns a declared shape all of whose dimensions are numbers.
func fixedShape(t *onnxpb.TensorShapeProto) ([]int, bool) {
	if t == nil {
		return nil, false
	}
	shape := make([]int, len(t.GetDim()))
	for i, d := range t.GetDim() {
		dv, ok := d.GetValue().(*onnxpb.TensorShapeProto_Dimension_DimValue)
		if !ok || dv.DimValue < 0 {
			return nil, false
		}
		shape[i] = int(dv.DimValue)
	}
	return shape, true
}
