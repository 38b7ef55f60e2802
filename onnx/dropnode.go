package onnx

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// DropNode removes a node of the file, whose outputs nothing may read any more unless a node that a later edit adds
// gives them anew: a node is replaced by dropping it and adding others before it. The node may hold no tensors and no
// graphs in its attributes, and no later edit can name it but to say where others stand.
func DropNode(n *onnxpb.NodeProto) Edit {
	return Edit{func(e *edits) error {
		i, ok := e.element(n)
		if !ok || e.dropped[i] {
			return fmt.Errorf("node %q is not of this model", NodeLabel(n))
		}
		if _, ok := e.base.messages[e.base.elements[i].parent].(*onnxpb.GraphProto); !ok {
			return fmt.Errorf("node %q is not of a graph", NodeLabel(n))
		}
		if err := withoutTensors(n); err != nil {
			return fmt.Errorf("node %q: %w", NodeLabel(n), err)
		}
		delete(e.inputs, i)
		e.drop(i)
		return nil
	}}
}

// drop notes that the element is no more.
func (e *edits) drop(i int32) {
	if e.dropped == nil {
		e.dropped = map[int32]bool{}
	}
	e.dropped[i] = true
}

// dropNodes takes those that are dropped out of a graph's copy.
func (e *edits) dropNodes(c *onnxpb.GraphProto) {
	if len(e.dropped) == 0 {
		return
	}
	c.Node = slices.DeleteFunc(slices.Clone(c.Node), func(n *onnxpb.NodeProto) bool {
		i, ok := e.element(n)
		return ok && e.dropped[i]
	})
}
