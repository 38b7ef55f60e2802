package onnx

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// AddNode adds a node to a graph: before a node of the file, or at the end if before is nil. Nodes that are
// added at one place stand in the order of their edits. The names of its outputs must be new to the graph, and
// its attributes may hold numbers and strings; a tensor that it needs is added with [AddInitializer]. The node
// is copied, and no later edit can name it.
func AddNode(g *onnxpb.GraphProto, before, n *onnxpb.NodeProto) Edit {
	n = proto.CloneOf(n)
	return Edit{func(e *edits) error {
		graph, ok := e.element(g)
		if !ok {
			return fmt.Errorf("graph %q is not of this model", g.GetName())
		}
		at := len(e.base.messages[graph].(*onnxpb.GraphProto).GetNode())
		if before != nil {
			i, ok := e.element(before)
			if !ok || e.base.elements[i].parent != graph {
				return fmt.Errorf("node %q is not of graph %q", NodeLabel(before), g.GetName())
			}
			at = int(e.base.elements[i].ordinal)
		}
		if err := e.checkNewNode(graph, n); err != nil {
			return fmt.Errorf("new node %q: %w", NodeLabel(n), err)
		}
		e.nodes = append(e.nodes, newNode{graph, at, n})
		return nil
	}}
}

// newNode is a node that is not in the file.
type newNode struct {
	graph int32 // element of the graph that it belongs to
	at    int   // number of the graph's nodes in the file that stand before it
	proto *onnxpb.NodeProto
}

// checkNewNode says why a node cannot be added to a graph.
func (e *edits) checkNewNode(graph int32, n *onnxpb.NodeProto) error {
	if n.GetOpType() == "" {
		return fmt.Errorf("it has no operator")
	}
	for i, name := range n.GetOutput() {
		if name != "" && (e.definedIn(graph, name) || slices.Contains(n.GetOutput()[:i], name)) {
			return fmt.Errorf("its output %q is not new to the graph", name)
		}
	}
	return withoutTensors(n)
}

// withoutTensors is an error where a node's attributes hold tensors or graphs.
func withoutTensors(n *onnxpb.NodeProto) error {
	for _, a := range n.GetAttribute() {
		if a.T != nil || a.G != nil || a.SparseTensor != nil ||
			len(a.GetTensors())+len(a.GetGraphs())+len(a.GetSparseTensors()) > 0 {
			return fmt.Errorf("attribute %q holds a tensor or a graph", a.GetName())
		}
	}
	return nil
}

// insertNodes puts the new nodes of the graph at element i into its copy.
func (e *edits) insertNodes(i int32, c *onnxpb.GraphProto) {
	added := map[int][]*onnxpb.NodeProto{}
	for _, n := range e.nodes {
		if n.graph == i {
			added[n.at] = append(added[n.at], n.proto)
		}
	}
	if len(added) == 0 {
		return
	}
	var list []*onnxpb.NodeProto
	for at, n := range c.GetNode() {
		list = append(append(list, added[at]...), n)
	}
	c.Node = append(list, added[len(c.GetNode())]...)
}

// nodePatches inserts the new nodes where the nodes begin that they stand before, or at the ends of their graphs.
func (e *edits) nodePatches() ([]patch, error) {
	var patches []patch
	for _, n := range e.nodes {
		pos := e.base.elements[n.graph].end
		if nodes := e.base.messages[n.graph].(*onnxpb.GraphProto).GetNode(); n.at < len(nodes) {
			pos = e.base.elements[e.base.index[nodes[n.at]]].tag
		}
		body, err := proto.MarshalOptions{Deterministic: true}.Marshal(n.proto)
		if err != nil {
			return nil, err
		}
		patches = append(patches, literal(n.graph, pos, pos, appendBytesField(nil, fieldGraphNode, body)))
	}
	return patches, nil
}
