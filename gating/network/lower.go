package network

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/reduction"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Config says how to lower a model.
type Config struct {
	Shapes  map[string][]int      // concrete shape of each graph input, batch axis included
	Values  map[string]*op.Tensor // graph inputs whose elements are known now and can be folded
	Outputs []string              // names of the outputs wanted; empty means all of the graph's
	Params  []ir.Param            // weights to replace by mixtures
	Fixed   []ir.Fixed            // weights to read as a number instead of the file's elements
	// Read keeps the initializers that are read, for further lowerings of the same
	// model, which share their memory; nil keeps none.
	Read map[*onnxpb.TensorProto]*op.Tensor
	// Affine names BatchNormalization nodes whose scale and bias inputs already
	// hold the whole affine map (s and t of y = s*x + t): their mean and variance are not read.
	Affine map[*onnxpb.NodeProto]bool
	// Statistics names BatchNormalization nodes that are to normalise by each
	// batch's own statistics and collect them.
	Statistics map[*onnxpb.NodeProto]*reduction.Statistics
	// Rebatch says how many times more samples the graph is given than it was exported for, where it was for a fixed
	// number: the first dimension of shapes that Reshape nodes carry grows with them, and so do constants that Concat
	// joins with the data. 0 and 1 leave all as it is.
	Rebatch int
	Workers *kernel.Workers // for folding
	// bound on the memory of one tensor, and of all that are computed while lowering; 0 for 8 GiB
	MaxBytes int64
	MaxNodes int // bound on nodes once functions and loops are expanded, 0 for a million
}

// Bounds that keep a hostile graph from expanding without end.
const (
	defaultMaxBytes = 8 << 30
	defaultMaxNodes = 1 << 20
	maxDepth        = 64
)

// lowerer carries the state of one Lower call.
type lowerer struct {
	Config
	model  *onnx.Model
	graph  *ir.Graph
	sites  map[onnx.Site]*ir.Value
	count  int   // nodes looked at, inlined ones each time
	folded int64 // bytes of the tensors computed so far
}

// Lower turns a model into a graph over concrete shapes: functions and decided
// conditionals are inlined, everything that depends on no data is computed, dead
// nodes are dropped. Errors are of kind ErrUnsupported (an operator, type or
// data-dependent shape), ErrShape (inputs that do not fit) or onnx.ErrInvalid.
func Lower(m *onnx.Model, c Config) (*Graph, error) {
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultMaxBytes
	}
	if c.MaxNodes == 0 {
		c.MaxNodes = defaultMaxNodes
	}
	l := &lowerer{Config: c, model: m, graph: &ir.Graph{Params: c.Params}, sites: map[onnx.Site]*ir.Value{}}
	l.bindParams()
	g := m.Proto().GetGraph()
	s := newScope(nil, g.GetInitializer(), g.GetSparseInitializer())
	if err := l.bindInputs(g, s); err != nil {
		return nil, err
	}
	names := c.Outputs
	if len(names) == 0 {
		for _, o := range g.GetOutput() {
			names = append(names, o.GetName())
		}
	}
	if err := l.nodes(g.GetNode(), names, place{s, l.modelOpsets(), 0}); err != nil {
		return nil, err
	}
	for _, name := range names {
		v, err := l.lookup(name, s)
		if err != nil {
			return nil, err
		}
		if v == nil {
			return nil, fmt.Errorf("output %q: no node computes it: %w", name, onnx.ErrInvalid)
		}
		if v.Spec.Type == onnx.Undefined {
			return nil, fmt.Errorf("output %q is no tensor: %w", name, op.ErrUnsupported)
		}
		l.graph.Outputs = append(l.graph.Outputs, ir.Output{Name: name, Spec: v.Spec, Value: v})
	}
	l.graph.Prune()
	return &Graph{l.graph}, nil
}

// nodes lowers the nodes of one body that the wanted names depend on.
func (l *lowerer) nodes(list []*onnxpb.NodeProto, wanted []string, p place) error {
	if p.depth > maxDepth {
		return fmt.Errorf("subgraphs and functions nest deeper than %d: %w", maxDepth, onnx.ErrInvalid)
	}
	if l.count += len(list); l.count > l.MaxNodes {
		return fmt.Errorf("the graph has more than %d nodes once its functions and loops are expanded: %w", l.MaxNodes,
			onnx.ErrInvalid)
	}
	// some exporters leave nodes out of order, and ONNX Runtime takes those files too
	list, err := onnx.Order(lastConstants(list))
	if err != nil {
		return err
	}
	need := neededNodes(list, wanted)
	for i, n := range list {
		if !need[i] {
			continue
		}
		if err := l.node(n, p); err != nil {
			return err
		}
	}
	return nil
}

// lastConstants leaves out every Constant whose output a later one gives again: tools that change constants append the
// new ones, and ONNX Runtime takes those.
func lastConstants(list []*onnxpb.NodeProto) []*onnxpb.NodeProto {
	last, again := map[string]*onnxpb.NodeProto{}, false
	for _, n := range list {
		if n.GetOpType() == "Constant" && len(n.GetOutput()) == 1 {
			again = again || last[n.GetOutput()[0]] != nil
			last[n.GetOutput()[0]] = n
		}
	}
	if !again {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(n *onnxpb.NodeProto) bool {
		return n.GetOpType() == "Constant" && len(n.GetOutput()) == 1 && last[n.GetOutput()[0]] != n
	})
}
