package expand

import (
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/linear"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// expandSTFT lowers STFT (opset 17): inputs signal [B,N,1 or 2], frame_step, window and frame_length; the output is
// [B,frames,bins,2].
func expandSTFT(c *Call) error {
	s := newBuilder(c)
	x := s.given(0)
	shape := s.shape(x, 3)
	at, err := c.frames(shape[1])
	if err != nil {
		return err
	}
	y := s.op("Gather", []*onnxpb.AttributeProto{axisAttribute(1)}, x, knownValue(at))
	if c.Has(2) {
		y = s.op("Mul", nil, y, s.reshape(c.Values[2], at.Shape[1], 1))
	}
	onesided := int64(0)
	if shape[2] == 1 {
		onesided = c.Int("onesided", 1)
	}
	return s.bind(s.op("DFT", []*onnxpb.AttributeProto{axisAttribute(2), intAttribute("onesided", onesided)}, y))
}

// frames is which elements of a signal of n each frame of an STFT holds: [frames,size].
func (c *Call) frames(n int) (*op.Tensor, error) {
	step, err := c.OneInt(1)
	if err != nil {
		return nil, err
	}
	size := int64(0)
	switch {
	case c.Has(3):
		if size, err = c.OneInt(3); err != nil {
			return nil, err
		}
	case c.Has(2):
		size = int64(c.In[2].Len())
	}
	if step < 1 || size < 1 || size > int64(n) {
		return nil, c.ShapeError("frames of %d elements every %d of %d", size, step, n)
	}
	count := (n-int(size))/int(step) + 1
	at, err := c.NewConstant(op.Spec{Type: onnx.Int64, Shape: []int{count, int(size)}})
	if err != nil {
		return nil, err
	}
	for i := range at.I {
		at.I[i] = int64(i/int(size)*int(step) + i%int(size))
	}
	return at, nil
}

// expandRealDFT lowers a DFT that is inverse and onesided: the spectrum of real numbers, of which the half is given, is
// completed by its mirror image.
func expandRealDFT(c *Call) error {
	if err := linear.NeedDFT(c.Call); err != nil {
		return err
	}
	shape := c.In[0].Shape
	axis, err := linear.DftAxis(c.Call, len(shape))
	if err != nil {
		return err
	}
	size := int64(2 * (shape[axis] - 1))
	if c.Has(1) {
		if size, err = c.OneInt(1); err != nil {
			return err
		}
	}
	if size < 1 || size > linear.MaxDFT || shape[len(shape)-1] != 2 {
		return c.ShapeError("%d real numbers from a spectrum of shape %v, want 1 to %d from pairs", size, shape,
			linear.MaxDFT)
	}
	s := newBuilder(c)
	x, n := s.given(0), int(size)
	half := n/2 + 1
	if missing := half - shape[axis]; missing > 0 {
		pads := make([]int64, 2*len(shape))
		pads[len(shape)+axis] = int64(missing)
		x = s.op("Pad", nil, x, knownValue(int64Tensor([]int{len(pads)}, pads...)))
	}
	conjugate := knownValue(&op.Tensor{Type: c.In[0].Type, Shape: []int{2}, F: []float32{1, -1}})
	mirrored := s.op("Mul", nil, s.slice(x, axis, n-half, 0, -1), conjugate)
	y := s.op("DFT", []*onnxpb.AttributeProto{axisAttribute(int64(axis)), intAttribute("inverse", 1)},
		s.concat(int64(axis), s.slice(x, axis, 0, half, 1), mirrored))
	return s.bind(s.slice(y, len(shape)-1, 0, 1, 1))
}
