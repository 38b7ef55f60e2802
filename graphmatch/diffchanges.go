package graphmatch

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// changes lists what differs between nodes, in the order of b, a removed node where its predecessor
// stands, and counts those with another name.
func (p *nodePairs) changes() (list []NodeChange, renamed int) {
	type placed struct {
		at     int
		change NodeChange
	}
	var found []placed
	for _, y := range p.b.nodes {
		switch details := p.details(y.pair, y); {
		case y.pair == nil:
			found = append(found, placed{y.index, nodeChange("added", y, nil)})
		case len(details) > 0:
			found = append(found, placed{y.index, nodeChange("changed", y, details)})
		}
		if y.pair != nil && y.pair.proto.GetName() != y.proto.GetName() {
			renamed++
		}
	}
	last := -1
	for _, x := range p.a.nodes {
		if x.pair != nil {
			last = x.pair.index
			continue
		}
		found = append(found, placed{last, nodeChange("removed", x, nil)})
	}
	slices.SortStableFunc(found, func(x, y placed) int { return cmp.Compare(x.at, y.at) })
	list = []NodeChange{}
	for _, f := range found {
		list = append(list, f.change)
	}
	return list, renamed
}

func nodeChange(change string, x *listed, details []Change) NodeChange {
	return NodeChange{
		Change: change, Name: onnx.NodeLabel(x.proto), Op: onnx.OpLabel(x.proto), Place: x.place, Details: details,
	}
}

// details lists what differs between two paired nodes.
func (p *nodePairs) details(x, y *listed) []Change {
	if x == nil {
		return nil
	}
	var list []Change
	note := func(what, a, b string) {
		if c, differs := changeOf(what, a, b); differs {
			list = append(list, c)
		}
	}
	note("outputs", strconv.Itoa(len(x.proto.GetOutput())), strconv.Itoa(len(y.proto.GetOutput())))
	for slot := range max(len(x.from), len(y.from)) {
		a, b := x.reads(slot), y.reads(slot)
		if !sameSupply(a, b) {
			note("input "+strconv.Itoa(slot), a.describe(), b.describe())
		}
	}
	for _, name := range attributeNames(x.proto, y.proto) {
		a, b := onnx.NodeAttributes(x.proto).Proto(name), onnx.NodeAttributes(y.proto).Proto(name)
		if !p.sameAttribute(a, b) {
			list = append(list, attributeChange(name, a, b))
		}
	}
	return list
}

// reads is where an input comes from; inputs left out are as good as empty ones.
func (x *listed) reads(slot int) supply {
	if slot < len(x.from) {
		return x.from[slot]
	}
	return supply{text: "nothing"}
}

// sameSupply says whether two inputs come from nodes that are paired, or are of one kind.
func sameSupply(a, b supply) bool {
	if a.node == nil || b.node == nil {
		return a.node == b.node && a.text == b.text || a.constant() && b.constant()
	}
	return a.node.pair == b.node && a.port == b.port
}

// constant says whether a value is stored in the file.
func (o supply) constant() bool {
	return o.text == constantText || o.node != nil && o.node.proto.GetOpType() == "Constant"
}

// describe names the supply.
func (o supply) describe() string {
	if o.node == nil {
		return o.text
	}
	return fmt.Sprintf("output %d of %s (%s)", o.port, onnx.NodeLabel(o.node.proto), onnx.OpLabel(o.node.proto))
}

// attributeNames lists the attributes of two nodes by name.
func attributeNames(nodes ...*onnxpb.NodeProto) []string {
	var names []string
	for _, n := range nodes {
		for _, a := range n.GetAttribute() {
			names = append(names, a.GetName())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// sameAttribute compares two attributes. Subgraphs count as equal, for their nodes are compared one by one,
// and so do layers' weights, which are compared as tensors.
func (p *nodePairs) sameAttribute(a, b *onnxpb.AttributeProto) bool {
	if a == nil || b == nil || a.GetType() != b.GetType() || attributeText(a) != attributeText(b) {
		return false
	}
	tensors := func(x *onnxpb.AttributeProto) []*onnxpb.TensorProto {
		if x.GetT() != nil {
			return []*onnxpb.TensorProto{x.GetT()}
		}
		return x.GetTensors()
	}
	other := tensors(b)
	for i, t := range tensors(a) {
		if p.weights[t] && p.weights[other[i]] {
			continue
		}
		same, err := equalTensors(p.a.model.Tensor(t), p.b.model.Tensor(other[i]))
		if err != nil || !same {
			return false
		}
	}
	return true
}

// attributeChange describes an attribute that differs.
func attributeChange(name string, a, b *onnxpb.AttributeProto) Change {
	x, y := attributeText(a), attributeText(b)
	if x == y {
		y += ", other values"
	}
	c, _ := changeOf("attribute "+name, x, y)
	return c
}

// attributeText is an attribute's value as text: of tensors type and shape, of graphs only that they are graphs.
func attributeText(a *onnxpb.AttributeProto) string {
	switch a.GetType() {
	case onnxpb.AttributeProto_FLOAT:
		return fmt.Sprint(a.GetF())
	case onnxpb.AttributeProto_INT:
		return fmt.Sprint(a.GetI())
	case onnxpb.AttributeProto_STRING:
		return strconv.Quote(string(a.GetS()))
	case onnxpb.AttributeProto_FLOATS:
		return fmt.Sprint(a.GetFloats())
	case onnxpb.AttributeProto_INTS:
		return fmt.Sprint(a.GetInts())
	case onnxpb.AttributeProto_STRINGS:
		return fmt.Sprintf("%q", a.GetStrings())
	case onnxpb.AttributeProto_TENSOR:
		return tensorText(a.GetT())
	case onnxpb.AttributeProto_TENSORS:
		return fmt.Sprintf("%d tensors", len(a.GetTensors()))
	}
	if a == nil {
		return ""
	}
	return "a " + a.GetType().String()
}

func tensorText(t *onnxpb.TensorProto) string {
	return fmt.Sprintf("%v%v", onnx.DataType(t.GetDataType()), t.GetDims())
}
