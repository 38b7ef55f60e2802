package op

import (
	"fmt"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Call is one node as its builder sees it: attributes, opset, and what is known
// of its inputs.
type Call struct {
	Node    *onnxpb.NodeProto // attributes with function references resolved
	Name    string            // for messages
	Opset   int64             // version of the node's domain
	In      []*Input          // nil where an optional input is absent
	Outs    int               // number of outputs the node names
	Env     Environment       // the file's tensors, and the limits of memory
	Rebatch int               // how many times more samples there are than the graph was exported for
}

// Environment is what a builder may ask of whoever lowers the graph.
type Environment interface {
	// ReadTensor reads a tensor of the file.
	ReadTensor(p *onnxpb.TensorProto) (*Tensor, error)
	// ReadSparse reads a sparse tensor of the file as a dense one.
	ReadSparse(p *onnxpb.SparseTensorProto) (*Tensor, error)
	// CheckSize refuses a tensor larger than memory allows, before it is made.
	CheckSize(c *Call, s Spec) error
	// Spend is CheckSize for a tensor that is made now; a short file can ask for many.
	Spend(c *Call, s Spec) error
}

// Input is what is known of one input of a node.
type Input struct {
	Spec
	Const  *Tensor // the elements, where they do not depend on data or coefficients
	Fed    bool    // depends on a graph input
	Origin Origin  // what computes it
}

// Origin is the operator that computes an input, "" for none, and the shape of its own first input.
type Origin struct {
	Op    string
	Shape []int
}

// View is what a builder returns as the operator where the node's only output is one of its inputs under another spec:
// nothing is computed.
type View struct{ Input int }

// Forward copies the elements, for whoever runs it all the same.
func (v View) Forward(_ *Context, in, out []*Tensor) error {
	copy(out[0].F, in[v.Input].F)
	copy(out[0].I, in[v.Input].I)
	return nil
}

// Backward copies dy; other inputs than that whose elements these are decided the shape at most.
func (v View) Backward(_ *Context, i, _ int, _, _ []*Tensor, dy, dx *Tensor) error {
	if i != v.Input {
		clear(dx.F)
		return nil
	}
	copy(dx.F, dy.F)
	return nil
}

// Constant is what a builder returns as the operator where it already knows the outputs.
type Constant struct{ Outs []*Tensor }

// Forward copies the elements, for whoever runs it all the same.
func (c Constant) Forward(_ *Context, _, out []*Tensor) error {
	for k, t := range c.Outs {
		if out[k] != nil {
			copy(out[k].F, t.F)
			copy(out[k].I, t.I)
		}
	}
	return nil
}

// Unsupported returns an ErrUnsupported error at this node.
func (c *Call) Unsupported(format string, args ...any) error {
	return &NodeError{Node: c.Name, Op: c.Op(), Kind: ErrUnsupported, Msg: fmt.Sprintf(format, args...)}
}

// ShapeError returns an ErrShape error at this node.
func (c *Call) ShapeError(format string, args ...any) error {
	return &NodeError{Node: c.Name, Op: c.Op(), Kind: ErrShape, Msg: fmt.Sprintf(format, args...)}
}

// Invalid returns an onnx.ErrInvalid error at this node.
func (c *Call) Invalid(format string, args ...any) error {
	return &NodeError{Node: c.Name, Op: c.Op(), Kind: onnx.ErrInvalid, Msg: fmt.Sprintf(format, args...)}
}

// Op returns the operator type, with its domain where it is not ONNX's own.
func (c *Call) Op() string { return onnx.OpLabel(c.Node) }

// AsView makes the node's only output the elements of input i under another spec: nothing is computed.
func (c *Call) AsView(i int, s Spec) (Operator, []Spec, error) {
	return View{i}, []Spec{s}, nil
}

// AsConstant makes the outputs known tensors: nothing is computed at run time.
func (c *Call) AsConstant(outs ...*Tensor) (Operator, []Spec, error) {
	specs := make([]Spec, len(outs))
	for i, t := range outs {
		specs[i] = t.Spec()
	}
	return Constant{outs}, specs, nil
}

// Title returns the node's name, or its first output's where it has none.
func Title(n *onnxpb.NodeProto) string {
	if n.GetName() != "" || len(n.GetOutput()) == 0 {
		return n.GetName()
	}
	return n.GetOutput()[0]
}
