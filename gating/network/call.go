package network

import (
	"fmt"

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

// Backward copies dy; other inputs than that whose elements these are decided the shape at most.
func (v view) Backward(_ *Context, i, _ int, _, _ []*Tensor, dy, dx *Tensor) error {
	if i != v.input {
		clear(dx.F)
		return nil
	}
	copy(dx.F, dy.F)
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

func domainOf(n *onnxpb.NodeProto) string {
	if d := n.GetDomain(); d != "ai.onnx" {
		return d
	}
	return ""
}

// nodeName returns the node's name, or its first output's where it has none.
func nodeName(n *onnxpb.NodeProto) string {
	if n.GetName() != "" || len(n.GetOutput()) == 0 {
		return n.GetName()
	}
	return n.GetOutput()[0]
}
