package optest

import (
	"errors"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// limit is an environment of no file, that bounds the bytes of a tensor.
type limit int64

// ReadTensor is an error.
func (limit) ReadTensor(*onnxpb.TensorProto) (*op.Tensor, error) { return nil, errors.ErrUnsupported }

// ReadSparse is an error.
func (limit) ReadSparse(*onnxpb.SparseTensorProto) (*op.Tensor, error) {
	return nil, errors.ErrUnsupported
}

// CheckSize refuses tensors beyond the limit.
func (l limit) CheckSize(c *op.Call, s op.Spec) error {
	bytes := int64(8)
	for _, d := range s.Shape {
		if d < 0 || d > 0 && bytes > int64(l)/int64(d) {
			return c.ShapeError("an output of shape %v would take more than the limit of %d bytes", s.Shape, int64(l))
		}
		bytes *= int64(d)
	}
	return nil
}

// Spend is CheckSize.
func (l limit) Spend(c *op.Call, s op.Spec) error { return l.CheckSize(c, s) }
