package fused

import (
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/linear"
	"github.com/softmerge/softmerge/gating/network/op/spatial"
	"github.com/softmerge/softmerge/onnx"
)

// quantProductOps are products of 8-bit integers with zero points. They have no
// gradient: gates are learned on the float model.
var quantProductOps = op.Family{
	op.WithoutGradient("MatMulInteger", 10, buildMatMulInteger),
	op.WithoutGradient("ConvInteger", 10, buildConvInteger),
	op.WithoutGradient("QLinearMatMul", 10, buildQLinearMatMul),
	op.WithoutGradient("QLinearConv", 10, buildQLinearConv),
}

// quantOperand says where a quantised operand of a product is among the inputs.
// Its zero point and scale are one for all, or one for each of count stretches of inner elements, over and over.
type quantOperand struct {
	value, zero, scale int // -1: not there
	count, inner       int
}

// quantProduct is an integer product, rounded to the output's scale where there is one.
type quantProduct struct {
	a, b     quantOperand
	multiply func(x *op.Context, a, b, y []int64)
	yScale   int // input with the output's scale, -1 for a plain int32 result; its zero point is the next
	bias     int // input with one integer a channel, -1 for none
	channels op.Channels
	rows     int // rows of a matrix product whose a-scales may differ, else 0
}

// check refuses operands that are no integers, and zero points and scales that do not fit.
func (o quantOperand) check(c *op.Call) error {
	if !c.Has(o.value) || c.In[o.value].IsFloat() {
		return c.Unsupported("input %d is no integer tensor", o.value)
	}
	for _, i := range []int{o.zero, o.scale} {
		if i < 0 || !c.Has(i) {
			continue
		}
		if n := c.In[i].Len(); n != 1 && n != o.count {
			return c.ShapeError("input %d has shape %v, want one number or %d", i, c.In[i].Shape, o.count)
		}
		if c.In[i].IsFloat() != (i == o.scale) {
			return c.ShapeError("input %d is %s, want integers for zero points and floats for scales", i, c.In[i].Spec)
		}
	}
	return nil
}

// shifted returns the operand's elements minus its zero point.
func (o quantOperand) shifted(in []*op.Tensor) []int64 {
	list := make([]int64, len(in[o.value].I))
	copy(list, in[o.value].I)
	if o.zero >= len(in) || in[o.zero] == nil {
		return list
	}
	zero := in[o.zero].I
	for i := range list {
		list[i] -= zero[o.at(i, len(zero))]
	}
	return list
}

// at returns which of n zero points or scales belongs to element i.
func (o quantOperand) at(i, n int) int {
	if n == 1 {
		return 0
	}
	return i / o.inner % o.count
}

// build checks the operands and returns the operator with the type of the output.
func (p *quantProduct) build(c *op.Call, shape []int) (op.Operator, []op.Spec, error) {
	for _, o := range []quantOperand{p.a, p.b} {
		if err := o.check(c); err != nil {
			return nil, nil, err
		}
	}
	if p.yScale < 0 {
		return p, []op.Spec{{Type: onnx.Int32, Shape: shape}}, nil
	}
	if err := c.Need(p.yScale + 2); err != nil {
		return nil, nil, err
	}
	for i := p.yScale; i < p.yScale+2; i++ {
		if c.In[i].Len() != 1 {
			return nil, nil, c.ShapeError("input %d has shape %v, want one number", i, c.In[i].Shape)
		}
	}
	if !c.In[p.yScale].IsFloat() || p.bias >= 0 && c.Has(p.bias) && c.In[p.bias].IsFloat() {
		return nil, nil,
			c.ShapeError("the output's scale is %s, want a float, and a bias integers", c.In[p.yScale].Spec)
	}
	to := c.In[p.yScale+1].Type
	if to != onnx.Int8 && to != onnx.Uint8 {
		return nil, nil, c.Unsupported("the output is %s, want int8 or uint8", to)
	}
	return p, []op.Spec{{Type: to, Shape: shape}}, nil
}

// matrixOperands reads the geometry of a product of quantised matrices.
func (p *quantProduct) matrixOperands(c *op.Call) ([]int, error) {
	rows := 1
	if s := c.In[p.a.value].Shape; len(s) > 1 {
		rows = s[len(s)-2]
	}
	sides := &op.Call{Node: c.Node, Name: c.Name, In: []*op.Input{c.In[p.a.value], c.In[p.b.value]}}
	m, err := linear.NewIntMatmul(sides)
	if err != nil {
		return nil, err
	}
	p.a.count, p.a.inner = rows, m.Inner
	p.b.count, p.b.inner = m.Columns, 1
	p.multiply = func(_ *op.Context, a, b, y []int64) { m.Multiply(a, b, y) }
	p.channels = op.Channels{Batch: op.SizeOf(m.Shape) / max(1, m.Columns), Count: m.Columns, Inner: 1}
	p.rows = rows
	return m.Shape, nil
}

// buildMatMulInteger follows MatMulInteger of opset 10.
func buildMatMulInteger(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	p := &quantProduct{a: quantOperand{value: 0, zero: 2, scale: -1},
		b: quantOperand{value: 1, zero: 3, scale: -1}, yScale: -1, bias: -1}
	shape, err := p.matrixOperands(c)
	if err != nil {
		return nil, nil, err
	}
	return p.build(c, shape)
}

// buildQLinearMatMul follows QLinearMatMul of opsets 10 and 21.
func buildQLinearMatMul(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(8); err != nil {
		return nil, nil, err
	}
	p := &quantProduct{a: quantOperand{value: 0, zero: 2, scale: 1},
		b: quantOperand{value: 3, zero: 5, scale: 4}, yScale: 6, bias: -1}
	shape, err := p.matrixOperands(c)
	if err != nil {
		return nil, nil, err
	}
	return p.build(c, shape)
}

// convOperands reads the geometry of a convolution of quantised tensors.
func (p *quantProduct) convOperands(c *op.Call) ([]int, error) {
	sides := &op.Call{Node: c.Node, Name: c.Name, In: []*op.Input{
		{Spec: op.Spec{Type: onnx.Float32, Shape: c.In[p.a.value].Shape}},
		{Spec: op.Spec{Type: onnx.Float32, Shape: c.In[p.b.value].Shape}},
	}}
	g, specs, err := spatial.ConvGeometry(sides)
	if err != nil {
		return nil, err
	}
	p.a.count, p.a.inner = 1, 1
	p.b.count, p.b.inner = g.OutChannels, g.InChannels/g.Groups*op.SizeOf(g.Kernel)
	p.multiply = func(x *op.Context, a, b, y []int64) { g.ForwardInts(x.Workers, y, a, b) }
	p.channels = op.Channels{Batch: g.Batch, Count: g.OutChannels, Inner: op.SizeOf(g.Out)}
	return specs[0].Shape, nil
}

// buildConvInteger follows ConvInteger of opset 10.
func buildConvInteger(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	p := &quantProduct{a: quantOperand{value: 0, zero: 2, scale: -1},
		b: quantOperand{value: 1, zero: 3, scale: -1}, yScale: -1, bias: -1}
	shape, err := p.convOperands(c)
	if err != nil {
		return nil, nil, err
	}
	return p.build(c, shape)
}

// buildQLinearConv follows QLinearConv of opset 10.
func buildQLinearConv(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(8); err != nil {
		return nil, nil, err
	}
	p := &quantProduct{a: quantOperand{value: 0, zero: 2, scale: 1},
		b: quantOperand{value: 3, zero: 5, scale: 4}, yScale: 6, bias: 8}
	shape, err := p.convOperands(c)
	if err != nil {
		return nil, nil, err
	}
	if err := c.CheckBias(8, p.channels.Count); err != nil {
		return nil, nil, err
	}
	return p.build(c, shape)
}

// Forward computes Y.
func (p *quantProduct) Forward(x *op.Context, in, out []*op.Tensor) error {
	y := out[0]
	p.multiply(x, p.a.shifted(in), p.b.shifted(in), y.I)
	if p.bias >= 0 && p.bias < len(in) && in[p.bias] != nil {
		for i := range y.I {
			y.I[i] += in[p.bias].I[i/p.channels.Inner%p.channels.Count]
		}
	}
	if p.yScale < 0 {
		for i, v := range y.I {
			y.I[i] = op.WrapInt(y.Type, v)
		}
		return nil
	}
	p.rescale(in, y)
	return nil
}

// rescale brings the sums to the output's scale, rounded half to even and saturated.
func (p *quantProduct) rescale(in []*op.Tensor, y *op.Tensor) {
	a, b, scale, zero := in[p.a.scale].F, in[p.b.scale].F, in[p.yScale].F[0], in[p.yScale+1].I[0]
	low, high := op.IntRange(y.Type)
	for i, v := range y.I {
		channel, row := i/p.channels.Inner%p.channels.Count, 0
		if len(a) > 1 {
			row = i / p.channels.Count % p.rows
		}
		factor := a[row] * b[min(channel, len(b)-1)] / scale
		r := math.RoundToEven(float64(float32(v) * factor))
		y.I[i] = int64(min(max(r+float64(zero), float64(low)), float64(high)))
	}
}
