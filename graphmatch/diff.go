package graphmatch

import (
	"github.com/softmerge/softmerge/onnx"
)

// Difference is what differs between two models, a and b. Its JSON is the output of "softmerge diff".
type Difference struct {
	Model   []Change       `json:"model"`         // versions, operator sets, metadata, inputs, outputs, functions
	Nodes   []NodeChange   `json:"nodes"`         // added, removed and changed nodes, in graph order
	Renamed int            `json:"nodes_renamed"` // nodes that have another name and are not listed for that alone
	Tensors []TensorChange `json:"tensors"`       // all tensors, equal ones too: layers in graph order, then the rest
}

// Change is one property in both models; nil where a model lacks it.
type Change struct {
	What string  `json:"what"`
	A    *string `json:"a"`
	B    *string `json:"b"`
}

// NodeChange is a node that only one model has, or that differs.
type NodeChange struct {
	Change  string   `json:"change"` // added, removed or changed
	Name    string   `json:"name"`   // b's, a's for a removed node; operator and output where it has none
	Op      string   `json:"op"`
	Place   string   `json:"place"`             // graph, or the path of the subgraph or function
	Details []Change `json:"details,omitempty"` // attributes and inputs of a changed node
}

// Diff compares two models. Layers and their tensors are paired by [Align], other nodes by name and by
// what surrounds paired ones, so renamed files compare as well as others. Errors are those of Align and
// of reading tensors.
func Diff(a, b *onnx.Model) (*Difference, error) {
	al, err := AlignStructure([]*onnx.Model{a, b}, 0)
	if err != nil {
		return nil, err
	}
	d := &Difference{Model: modelChanges(a, b)}
	p := newNodePairs(al)
	p.pair()
	if d.Tensors, err = al.tensorChanges(p.constants()); err != nil {
		return nil, err
	}
	d.Nodes, d.Renamed = p.changes()
	return d, nil
}

// Same says whether the models differ in nothing that is compared: structure, metadata and weights.
func (d *Difference) Same() bool {
	for _, t := range d.Tensors {
		if t.Status != TensorIdentical {
			return false
		}
	}
	return len(d.Model) == 0 && len(d.Nodes) == 0 && d.Renamed == 0
}

// changeOf is a change from one text to another, false if they are equal; "" stands for nothing.
func changeOf(what, a, b string) (Change, bool) {
	c := Change{What: what}
	if a != "" {
		c.A = &a
	}
	if b != "" {
		c.B = &b
	}
	return c, a != b
}
