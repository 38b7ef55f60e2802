package tape

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

// operation is a Gorgonia Op made of functions. Its inputs and output are
// vectors, or the scalar loss. One operation is one node: it owns its output, so
// it must not be applied twice.
type operation struct {
	Name string
	In   []hm.Type // types of the inputs: floatVector, intVector or floatScalar
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

// The types of operation's inputs and outputs.
var (
	floatVector hm.Type = G.TensorType{Dims: 1, Of: tensor.Float32}
	intVector   hm.Type = G.TensorType{Dims: 1, Of: tensor.Int64}
	floatScalar hm.Type = tensor.Float32
)

var lastID atomic.Uint64

// Apply adds the op to the expression graph of its children.
func (o *operation) Apply(children ...*G.Node) (*G.Node, error) {
	o.id = lastID.Add(1)
	return G.ApplyOp(o, children...)
}

// Arity returns the number of inputs.
func (o *operation) Arity() int { return len(o.In) }

// Type returns the op's signature in concrete types.
func (o *operation) Type() hm.Type {
	return hm.NewFnType(append(append([]hm.Type{}, o.In...), o.Out)...)
}

// InferShape returns the shape that is known from the start.
func (o *operation) InferShape(...G.DimSizer) (tensor.Shape, error) {
	if o.Out == floatScalar {
		return tensor.ScalarShape(), nil
	}
	return tensor.Shape{o.Len}, nil
}

// Do runs the op and turns a panic into an error: on the tape machine's
// goroutine nobody else could.
func (o *operation) Do(in ...G.Value) (out G.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: internal check failed: %v", o.Name, r)
		}
	}()
	out, err = o.Run(in)
	for _, l := range o.reads {
		l.done()
	}
	return out, err
}

// DiffWRT says which inputs a gradient flows to.
func (o *operation) DiffWRT(inputs int) []bool {
	if o.Diff == nil {
		return make([]bool, inputs)
	}
	return o.Diff
}

// SymDiff returns the gradients as nodes.
func (o *operation) SymDiff(in G.Nodes, out, grad *G.Node) (G.Nodes, error) {
	return o.Grad(in, out, grad)
}

// ReturnsPtr is true: the output is the op's own memory.
func (o *operation) ReturnsPtr() bool { return true }

// CallsExtern is false: no code outside Go runs.
func (o *operation) CallsExtern() bool { return false }

// OverwritesInput is -1: inputs are only read.
func (o *operation) OverwritesInput() int { return -1 }

// WriteHash writes what no other op writes, so that Gorgonia never takes two nodes for one.
func (o *operation) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%s#%d", o.Name, o.id) }

// Hashcode returns a hash of WriteHash's bytes.
func (o *operation) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// String returns the name.
func (o *operation) String() string { return o.Name }

// newVector returns a vector value over the slice.
func newVector(f []float32) *tensor.Dense {
	return tensor.New(tensor.WithShape(len(f)), tensor.WithBacking(f))
}

// newIntVector returns a vector value over the slice.
func newIntVector(v []int64) *tensor.Dense {
	return tensor.New(tensor.WithShape(len(v)), tensor.WithBacking(v))
}

// floats returns the elements of a float vector or scalar value.
func floats(v G.Value) []float32 {
	switch d := v.Data().(type) {
	case []float32:
		return d
	case float32:
		return []float32{d}
	}
	panic(fmt.Sprintf("a %T where float32 elements are wanted", v.Data()))
}
