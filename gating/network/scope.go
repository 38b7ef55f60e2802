package network

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// scope is the names visible in one body: the main graph, a subgraph (which
// also sees its parent's) or a function (which sees only its own).
type scope struct {
	parent  *scope
	values  map[string]*ir.Value
	tensors map[string]*onnxpb.TensorProto // initializers not read yet, nil where they are sparse
	sparse  map[string]*onnxpb.SparseTensorProto
	attrs   map[string]*onnxpb.AttributeProto
	origins map[*onnxpb.NodeProto]*onnxpb.NodeProto // resolved copy to node in the file
}

// opsets is the version of each operator domain in force in a body.
type opsets map[string]int64

func newScope(parent *scope, tensors []*onnxpb.TensorProto, sparse []*onnxpb.SparseTensorProto) *scope {
	s := &scope{
		parent: parent, values: map[string]*ir.Value{},
		tensors: map[string]*onnxpb.TensorProto{}, sparse: map[string]*onnxpb.SparseTensorProto{},
	}
	for _, t := range tensors {
		s.tensors[t.GetName()] = t
	}
	for _, t := range sparse {
		name := t.GetValues().GetName()
		s.tensors[name], s.sparse[name] = nil, t
	}
	return s
}

// lookup returns the value of a name, reading an initializer at its first use;
// nil if the name is unknown.
func (l *lowerer) lookup(name string, s *scope) (*ir.Value, error) {
	for ; s != nil; s = s.parent {
		if v, ok := s.values[name]; ok {
			return v, nil
		}
		t, ok := s.tensors[name]
		if !ok {
			continue
		}
		known, err := l.readInitializer(t, s.sparse[name])
		if err != nil {
			return nil, fmt.Errorf("initializer %q: %w", name, err)
		}
		v := &ir.Value{Spec: known.Spec(), Known: known, Param: -1}
		s.values[name] = v
		return v, nil
	}
	return nil, nil
}

// readInitializer reads whichever of the two is there.
func (l *lowerer) readInitializer(dense *onnxpb.TensorProto, sparse *onnxpb.SparseTensorProto) (*op.Tensor, error) {
	if dense == nil {
		return l.ReadSparse(sparse)
	}
	if t := l.Read[dense]; t != nil {
		return t, nil
	}
	t, err := l.ReadTensor(dense)
	if err == nil && l.Read != nil {
		l.Read[dense] = t
	}
	return t, err
}

// ReadTensor reads a tensor of the file.
func (l *lowerer) ReadTensor(p *onnxpb.TensorProto) (*op.Tensor, error) {
	return readTensor(l.model, p)
}

// readTensor reads a tensor of a file as elements to compute with.
func readTensor(m *onnx.Model, p *onnxpb.TensorProto) (*op.Tensor, error) {
	t := m.Tensor(p)
	out := &op.Tensor{Type: t.DataType(), Shape: t.Shape()}
	var err error
	switch {
	case t.DataType().IsFloat():
		out.F, err = t.Floats(nil)
	case t.DataType().IsInteger(), t.DataType() == onnx.Bool:
		out.I, err = t.Ints(nil)
	default:
		err = fmt.Errorf("element type %s: %w", t.DataType(), op.ErrUnsupported)
	}
	return out, err
}

// resolve returns the node with attribute references of a function body replaced
// by the caller's attributes; the node itself where it has none.
func (s *scope) resolve(n *onnxpb.NodeProto) *onnxpb.NodeProto {
	refers := false
	for _, a := range n.GetAttribute() {
		refers = refers || a.GetRefAttrName() != ""
	}
	if !refers {
		return n
	}
	c := &onnxpb.NodeProto{
		Name: n.Name, OpType: n.OpType, Domain: n.Domain, Input: n.GetInput(), Output: n.GetOutput(),
	}
	for _, a := range n.GetAttribute() {
		if a.GetRefAttrName() == "" {
			c.Attribute = append(c.Attribute, a)
		} else if from := s.attribute(a.GetRefAttrName()); from != nil {
			given := proto.Clone(from).(*onnxpb.AttributeProto)
			given.Name = a.Name
			c.Attribute = append(c.Attribute, given)
		}
	}
	if s.origins == nil {
		s.origins = map[*onnxpb.NodeProto]*onnxpb.NodeProto{}
	}
	s.origins[c] = n
	return c
}

// attribute returns the caller's attribute that a function body refers to.
func (s *scope) attribute(name string) *onnxpb.AttributeProto {
	for ; s != nil; s = s.parent {
		if a := s.attrs[name]; a != nil {
			return a
		}
	}
	return nil
}

// origin returns the node of the file that a resolved node stands for.
func (s *scope) origin(n *onnxpb.NodeProto) *onnxpb.NodeProto {
	if o := s.origins[n]; o != nil {
		return o
	}
	return n
}

func (l *lowerer) modelOpsets() opsets { return opsetsOf(l.model.Proto().GetOpsetImport()) }

func opsetsOf(list []*onnxpb.OperatorSetIdProto) opsets {
	o := opsets{}
	for _, id := range list {
		o[onnx.Domain(id.GetDomain())] = id.GetVersion()
	}
	return o
}

// neededNodes marks the nodes that the wanted names depend on. Names that a
// node's subgraphs read count as its inputs.
func neededNodes(list []*onnxpb.NodeProto, wanted []string) []bool {
	names := map[string]bool{}
	for _, name := range wanted {
		names[name] = true
	}
	need := make([]bool, len(list))
	for i := len(list) - 1; i >= 0; i-- {
		for _, out := range list[i].GetOutput() {
			need[i] = need[i] || names[out]
		}
		if need[i] {
			addReads(names, list[i], 0)
		}
	}
	return need
}

// addReads adds the names that a node and its subgraphs read.
func addReads(names map[string]bool, n *onnxpb.NodeProto, depth int) {
	for _, in := range n.GetInput() {
		names[in] = true
	}
	if depth > maxDepth {
		return
	}
	for _, a := range n.GetAttribute() {
		for _, g := range append(a.GetGraphs(), a.GetG()) {
			for _, o := range g.GetOutput() {
				names[o.GetName()] = true
			}
			for _, inner := range g.GetNode() {
				addReads(names, inner, depth+1)
			}
		}
	}
}
