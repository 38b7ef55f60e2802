package graphmatch

// channelAxis is the axis of a parameter's stored tensor that counts the layer's output channels, -1 when
// there is none: tables, recurrent matrices (their rows are gates of hidden units), grouped transposed
// convolutions, and tensors without a single axis of their own. Axis numbers follow the operators'
// definitions: Conv and ConvTranspose (opset 22), Gemm (13), MatMul (13), BatchNormalization (15).
func (u *unit) channelAxis(p *param) int {
	if p.role != "weight" {
		if vectorRoles[p.role] {
			return p.c.vectorAxis()
		}
		return -1
	}
	rank := len(p.c.shape)
	switch {
	case u.kind == "Conv" && rank > 2:
		return p.c.tensorAxis(0)
	case u.kind == "ConvTranspose" && rank > 2 && intAttr(u.anchor.proto, "group", 1) == 1:
		return p.c.tensorAxis(1)
	case u.kind == "Linear" && rank > 1 && u.turned(p):
		return p.c.tensorAxis(0)
	case u.kind == "Linear" && rank > 1:
		return p.c.tensorAxis(-1)
	}
	return -1
}

// vectorAxis is the one axis of the stored tensor that is longer than one, the last if all are of length
// one, and -1 for scalars and for tensors with several.
func (c *constant) vectorAxis() int {
	dims := c.tensor.GetDims()
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

// flipped tells whether the stored matrix is the transposed of the layer's own orientation.
func (u *unit) flipped(p *param) bool { return p.c.flipped != (p.role == "weight" && u.turned(p)) }

// fileShape is the stored tensor's shape.
func (c *constant) fileShape() []int {
	shape := make([]int, len(c.tensor.GetDims()))
	for i, d := range c.tensor.GetDims() {
		shape[i] = int(d)
	}
	return shape
}
