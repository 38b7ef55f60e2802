package network

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// ReadSparse reads a sparse tensor as a dense one. Indices are either one linear index a value or one index an axis.
// A tensor too large for memory, an index out of range or repeated is an error.
func (l *lowerer) ReadSparse(p *onnxpb.SparseTensorProto) (*op.Tensor, error) {
	if p == nil {
		return nil, fmt.Errorf("a sparse tensor is missing: %w", onnx.ErrInvalid)
	}
	values, err := readTensor(l.model, p.GetValues())
	if err != nil {
		return nil, err
	}
	at, err := readTensor(l.model, p.GetIndices())
	if err != nil {
		return nil, err
	}
	shape := make([]int, len(p.GetDims()))
	for i, d := range p.GetDims() {
		shape[i] = int(d)
	}
	name, spec := p.GetValues().GetName(), op.Spec{Type: values.Type, Shape: shape}
	if err := l.CheckSize(&op.Call{Name: name, Node: &onnxpb.NodeProto{}}, spec); err != nil {
		return nil, fmt.Errorf("sparse tensor %q: %w", name, err)
	}
	n := values.Len()
	if len(at.I) != n && len(at.I) != n*len(shape) {
		return nil, fmt.Errorf("sparse tensor %q has %d values and %v indices: %w", name, n, at.Shape, onnx.ErrInvalid)
	}
	dense := op.NewTensor(spec)
	for k := range n {
		i, ok := linearIndex(at.I[k*len(at.I)/n:(k+1)*len(at.I)/n], shape)
		if !ok {
			return nil,
				fmt.Errorf("sparse tensor %q: index of value %d is outside shape %v: %w", name, k, shape,
					onnx.ErrInvalid)
		}
		if values.Type.IsFloat() {
			dense.F[i] = values.F[k]
		} else {
			dense.I[i] = values.I[k]
		}
	}
	return dense, nil
}

// linearIndex returns the row-major index of an element given by one index an axis, or already given as one number.
func linearIndex(index []int64, shape []int) (int, bool) {
	if len(index) == 1 {
		return int(index[0]), index[0] >= 0 && index[0] < int64(op.SizeOf(shape))
	}
	at := 0
	for k, i := range index {
		if i < 0 || i >= int64(shape[k]) {
			return 0, false
		}
		at = at*shape[k] + int(i)
	}
	return at, true
}
