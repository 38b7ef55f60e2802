package flow

// ChannelAxis is the axis of a parameter's stored tensor that counts the layer's output channels, -1 when
// there is none: tables, recurrent matrices (their rows are gates of hidden units), grouped transposed
// convolutions, and tensors without a single axis of their own. Axis numbers follow the operators'
// definitions: Conv and ConvTranspose (opset 22), Gemm (13), MatMul (13), BatchNormalization (15).
func (u *Unit) ChannelAxis(p *Param) int {
	if p.Role != "weight" {
		if vectorRoles[p.Role] {
			return p.C.vectorAxis()
		}
		return -1
	}
	rank := len(p.C.Shape)
	switch {
	case u.Kind == "Conv" && rank > 2:
		return p.C.TensorAxis(0)
	case u.Kind == "ConvTranspose" && rank > 2 && u.Anchor.Attributes().Int("group", 1) == 1:
		return p.C.TensorAxis(1)
	case u.Kind == "Linear" && rank > 1 && u.outputsFirst(p):
		return p.C.TensorAxis(0)
	case u.Kind == "Linear" && rank > 1:
		return p.C.TensorAxis(-1)
	}
	return -1
}

// vectorAxis is the one axis of the stored tensor that is longer than one, the last if all are of length
// one, and -1 for scalars and for tensors with several.
func (c *Constant) vectorAxis() int {
	dims := c.Tensor.GetDims()
	axis := len(dims) - 1
	found := 0
	for i, d := range dims {
		if d != 1 {
			axis = i
			found++
		}
	}
	if found > 1 {
		return -1
	}
	return axis
}

// Transposed tells whether the stored matrix is the transposed of the layer's own orientation.
func (u *Unit) Transposed(p *Param) bool {
	return p.C.transposed != (p.Role == "weight" && u.outputsFirst(p))
}

// FileShape is the stored tensor's shape.
func (c *Constant) FileShape() []int {
	shape := make([]int, len(c.Tensor.GetDims()))
	for i, d := range c.Tensor.GetDims() {
		shape[i] = int(d)
	}
	return shape
}
