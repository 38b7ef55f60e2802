package network

import (
	"fmt"
	"hash"
	"hash/fnv"
	"sync/atomic"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	// Gorgonia's older version of this module stops programs built with current Go.
	_ "go4.org/unsafe/assume-no-moving-gc"
)

// VectorOp is a Gorgonia Op made of functions. Its inputs and output are
// vectors, or the scalar loss. One VectorOp is one node: it owns its output, so
// it must not be applied twice.
type VectorOp struct {
	Name string
	In   []hm.Type // types of the inputs: FloatVector, IntVector or FloatScalar
	Out  hm.Type   // type of the output
	Len  int       // elements of the output; 0 for the scalar
	// Run computes the output. It runs on the tape machine's goroutine; a panic becomes an error.
	Run func(in []G.Value) (G.Value, error)
	// Diff says which inputs a gradient flows to; nil means none.
	Diff []bool
	// Grad returns the gradient of each input as a node, nil where Diff is false.
	Grad func(in G.Nodes, out, grad *G.Node) (G.Nodes, error)

	id    uint64
	lease *lease   // memory of the output, where the program's gradients share it
	reads []*lease // shared memory that Run reads
}

// The types of VectorOp's inputs and outputs.
var (
	FloatVector hm.Type = G.TensorType{Dims: 1, Of: tensor.Float32}
	IntVector   hm.Type = G.TensorType{Dims: 1, Of: tensor.Int64}
	FloatScalar hm.Type = tensor.Float32
)

var lastID atomic.Uint64

// Apply adds the op to the expression graph of its children.
func (op *VectorOp) Apply(children ...*G.Node) (*G.Node, error) {
	op.id = lastID.Add(1)
	return G.ApplyOp(op, children...)
}

// Arity returns the number of inputs.
func (op *VectorOp) Arity() int { return len(op.In) }

// Type returns the op's signature in concrete types.
func (op *VectorOp) Type() hm.Type {
	return hm.NewFnType(append(append([]hm.Type{}, op.In...), op.Out)...)
}

// InferShape returns the shape that is known from the start.
func (op *VectorOp) InferShape(...G.DimSizer) (tensor.Shape, error) {
	if op.Out == FloatScalar {
		return tensor.ScalarShape(), nil
	}
	return tensor.Shape{op.Len}, nil
}

// Do runs the op and turns a panic into an error: on the tape machine's
// goroutine nobody else could.
func (op *VectorOp) Do(in ...G.Value) (out G.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: internal check failed: %v", op.Name, r)
		}
	}()
	out, err = op.Run(in)
	for _, l := range op.reads {
		l.done()
	}
	return out, err
}

// DiffWRT says which inputs a gradient flows to.
func (op *VectorOp) DiffWRT(inputs int) []bool {
	if op.Diff == nil {
		return make([]bool, inputs)
	}
	return op.Diff
}

// SymDiff returns the gradients as nodes.
func (op *VectorOp) SymDiff(in G.Nodes, out, grad *G.Node) (G.Nodes, error) {
	return op.Grad(in, out, grad)
}

// ReturnsPtr is true: the output is the op's own memory.
func (op *VectorOp) ReturnsPtr() bool { return true }

// CallsExtern is false: no code outside Go runs.
func (op *VectorOp) CallsExtern() bool { return false }

// OverwritesInput is -1: inputs are only read.
func (op *VectorOp) OverwritesInput() int { return -1 }

// WriteHash writes what no other op writes, so that Gorgonia never takes two nodes for one.
func (op *VectorOp) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%s#%d", op.Name, op.id) }

// Hashcode returns a hash of WriteHash's bytes.
func (op *VectorOp) Hashcode() uint32 {
	h := fnv.New32a()
	op.WriteHash(h)
	return h.Sum32()
}

func (op *VectorOp) String() string { return op.Name }

// NewVector returns a vector value of n float32 elements over the slice.
func NewVector(f []float32) *tensor.Dense {
	return tensor.New(tensor.WithShape(len(f)), tensor.WithBacking(f))
}

// Floats returns the elements of a float vector or scalar value.
func Floats(v G.Value) []float32 {
	switch d := v.Data().(type) {
	case []float32:
		return d
	case float32:
		return []float32{d}
	}
	panic(fmt.Sprintf("a %T where float32 elements are wanted", v.Data()))
}
