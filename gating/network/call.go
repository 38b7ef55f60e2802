package network

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// call is one node as its builder sees it: attributes, opset, and what is known
// of its inputs.
type call struct {
	node    *onnxpb.NodeProto // attributes with function references resolved
	name    string            // for messages
	opset   int64             // version of the node's domain
	in      []*input          // nil where an optional input is absent
	nout    int               // number of outputs the node names
	env     environment       // the file's tensors, and the limits of memory
	rebatch int               // how many times more samples there are than the graph was exported for
}

// environment is what a builder may ask of whoever lowers the graph.
type environment interface {
	// ReadTensor reads a tensor of the file.
	ReadTensor(p *onnxpb.TensorProto) (*Tensor, error)
	// ReadSparse reads a sparse tensor of the file as a dense one.
	ReadSparse(p *onnxpb.SparseTensorProto) (*Tensor, error)
	// CheckSize refuses a tensor larger than memory allows, before it is made.
	CheckSize(c *call, s Spec) error
	// Spend is CheckSize for a tensor that is made now; a short file can ask for many.
	Spend(c *call, s Spec) error
}

// input is what is known of one input of a node.
type input struct {
	Spec
	Const  *Tensor // the elements, where they do not depend on data or coefficients
	fed    bool    // depends on a graph input
	origin origin  // what computes it
}

// origin is the operator that computes an input, "" for none, and the shape of its own first input.
type origin struct {
	op    string
	shape []int
}

// view is what a builder returns as the operator where the node's only output is one of its inputs under another spec:
// nothing is computed.
type view struct{ input int }

// Forward copies the elements, for whoever runs it all the same.
func (v view) Forward(_ *Context, in, out []*Tensor) error {
	copy(out[0].F, in[v.input].F)
	copy(out[0].I, in[v.input].I)
	return nil
}

// constant is what a builder returns as the operator where it already knows the outputs.
type constant struct{ outs []*Tensor }

// Forward copies the elements, for whoever runs it all the same.
func (c constant) Forward(_ *Context, _, out []*Tensor) error {
	for k, t := range c.outs {
		if out[k] != nil {
			copy(out[k].F, t.F)
			copy(out[k].I, t.I)
		}
	}
	return nil
}

// has says whether input i is there.
func (c *call) has(i int) bool { return i < len(c.in) && c.in[i] != nil }

// need returns an error unless inputs 0 to n-1 are all there.
func (c *call) need(n int) error {
	for i := range n {
		if !c.has(i) {
			return c.shapeError("input %d is missing, want at least %d inputs", i, n)
		}
	}
	return nil
}

// ints returns the elements of input i, which must be integers known without data.
func (c *call) ints(i int) ([]int64, error) {
	if !c.has(i) {
		return nil, c.shapeError("input %d is missing", i)
	}
	t := c.in[i].Const
	switch {
	case t == nil:
		return nil, c.unsupported("input %d decides a shape and depends on the data: its value must be known from the input shapes alone", i)
	case t.I == nil && t.Len() > 0:
		return nil, c.shapeError("input %d is %s, want integers", i, t.Spec())
	}
	return t.I, nil
}

// floats returns the elements of input i, which must be floats known without data.
func (c *call) floats(i int) ([]float32, error) {
	if !c.has(i) {
		return nil, c.shapeError("input %d is missing", i)
	}
	t := c.in[i].Const
	switch {
	case t == nil:
		return nil, c.unsupported("input %d depends on the data: its value must be a constant here", i)
	case t.F == nil && t.Len() > 0:
		return nil, c.shapeError("input %d is %s, want floats", i, t.Spec())
	}
	return t.F, nil
}

// intsAttrOrInput returns a list of integers that older opsets give as an
// attribute and newer ones as input i; ok is false where neither is there.
func (c *call) intsAttrOrInput(attr string, i int) (list []int64, ok bool, err error) {
	if a := c.attr(attr); a != nil {
		if c.has(i) {
			return nil, false, c.shapeError("%s is given both as an attribute and as input %d", attr, i)
		}
		return a.Ints, true, nil
	}
	if !c.has(i) {
		return nil, false, nil
	}
	list, err = c.ints(i)
	return list, true, err
}

// attr returns the named attribute, nil where the node has none of that name.
func (c *call) attr(name string) *onnxpb.AttributeProto {
	for _, a := range c.node.GetAttribute() {
		if a.GetName() == name {
			return a
		}
	}
	return nil
}

// int returns an integer attribute, or def.
func (c *call) int(name string, def int64) int64 {
	if a := c.attr(name); a != nil {
		return a.GetI()
	}
	return def
}

// float returns a float attribute, or def.
func (c *call) float(name string, def float32) float32 {
	if a := c.attr(name); a != nil {
		return a.GetF()
	}
	return def
}

// string returns a string attribute, or def.
func (c *call) string(name, def string) string {
	if a := c.attr(name); a != nil {
		return string(a.GetS())
	}
	return def
}

// intList returns an integer list attribute, or def.
func (c *call) intList(name string, def []int64) []int64 {
	if a := c.attr(name); a != nil {
		return a.Ints
	}
	return def
}

// axis returns an axis of input 0 given as an attribute, counted from 0.
func (c *call) axis(name string, def int64, rank int) (int, error) {
	return c.checkAxis(c.int(name, def), rank)
}

// checkAxis returns the axis counted from 0, or an error if a tensor of that rank has no such axis.
func (c *call) checkAxis(axis int64, rank int) (int, error) {
	if axis < int64(-rank) || axis >= int64(rank) {
		return 0, c.shapeError("axis %d of a tensor of rank %d, want %d to %d", axis, rank, -rank, rank-1)
	}
	if axis < 0 {
		axis += int64(rank)
	}
	return int(axis), nil
}

// checkAxes returns the axes counted from 0, sorted, or an error if one is out of range or repeated.
func (c *call) checkAxes(axes []int64, rank int) ([]int, error) {
	list := make([]int, 0, len(axes))
	for _, a := range axes {
		axis, err := c.checkAxis(a, rank)
		if err != nil {
			return nil, err
		}
		if slices.Contains(list, axis) {
			return nil, c.shapeError("axis %d is given twice", axis)
		}
		list = append(list, axis)
	}
	slices.Sort(list)
	return list, nil
}

// unsupported returns an ErrUnsupported error at this node.
func (c *call) unsupported(format string, args ...any) error {
	return &NodeError{Node: c.name, Op: c.op(), Kind: ErrUnsupported, Msg: fmt.Sprintf(format, args...)}
}

// shapeError returns an ErrShape error at this node.
func (c *call) shapeError(format string, args ...any) error {
	return &NodeError{Node: c.name, Op: c.op(), Kind: ErrShape, Msg: fmt.Sprintf(format, args...)}
}

// invalid returns an onnx.ErrInvalid error at this node.
func (c *call) invalid(format string, args ...any) error {
	return &NodeError{Node: c.name, Op: c.op(), Kind: onnx.ErrInvalid, Msg: fmt.Sprintf(format, args...)}
}

// op returns the operator type, with its domain where it is not ONNX's own.
func (c *call) op() string { return opName(c.node) }

// asView makes the node's only output the elements of input i under another spec: nothing is computed.
func (c *call) asView(i int, s Spec) (Operator, []Spec, error) {
	return view{i}, []Spec{s}, nil
}

// asConstant makes the outputs known tensors: nothing is computed at run time.
func (c *call) asConstant(outs ...*Tensor) (Operator, []Spec, error) {
	specs := make([]Spec, len(outs))
	for i, t := range outs {
		specs[i] = t.Spec()
	}
	return constant{outs}, specs, nil
}

func opName(n *onnxpb.NodeProto) string {
	if d := n.GetDomain(); d != "" && d != "ai.onnx" {
		return d + "." + n.GetOpType()
	}
	return n.GetOpType()
}
