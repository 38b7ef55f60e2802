package network

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/softmerge/softmerge/gating/network/ir"

	onnxgo "github.com/owulveryck/onnx-go"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/simple"
	"google.golang.org/protobuf/proto"
)

// onnx-go hands a graph to a backend but drops node names, domains, types it
// does not know, and the first of two edges between the same nodes. So it is
// given a shadow of the lowered graph: names only, no tensors, a name of its own
// for every input slot, and the node's index as its one attribute. The backend
// finds the lowered node again by that index.

const indexAttribute = "index"

// shadow encodes the nodes as an ONNX model that onnx-go can decode. Names are
// the values' numbers; an input is "number/slot of the graph", which is unique.
func shadow(nodes []*ir.Node, number map[*ir.Value]int) ([]byte, error) {
	g := &onnxpb.GraphProto{Name: proto.String("shadow")}
	slot := 0
	for i, n := range nodes {
		p := &onnxpb.NodeProto{OpType: proto.String(n.Op), Attribute: []*onnxpb.AttributeProto{{
			Name: proto.String(indexAttribute), Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(int64(i)),
		}}}
		for _, v := range n.In {
			if v != nil && v.Gated {
				p.Input = append(p.Input, fmt.Sprintf("%d/%d", number[v.Root()], slot))
				slot++
			}
		}
		for _, v := range n.Out {
			if v != nil {
				p.Output = append(p.Output, strconv.Itoa(number[v]))
			}
		}
		g.Node = append(g.Node, p)
	}
	last := g.Node[len(g.Node)-1].Output[0]
	g.Output = []*onnxpb.ValueInfoProto{{Name: proto.String(last)}}
	return proto.Marshal(&onnxpb.ModelProto{IrVersion: proto.Int64(7), Graph: g})
}

// backend receives onnx-go's operator calls in the order of the file.
type backend struct {
	*simple.WeightedDirectedGraph
	apply func(index int, inputs []int) error
}

// named is a node of the backend's graph that remembers the name onnx-go gave it.
type named struct {
	graph.Node
	name string
}

// SetName takes the name of the value that the node stands for.
func (n *named) SetName(name string) { n.name = name }

// GetName returns the name of the value that the node stands for.
func (n *named) GetName() string { return n.name }

// NewNode returns a node that can be named.
func (b *backend) NewNode() graph.Node { return &named{Node: b.WeightedDirectedGraph.NewNode()} }

// ApplyOperation finds the lowered node by its index and hands over the numbers of the values it reads, in order.
func (b *backend) ApplyOperation(op onnxgo.Operation, outs ...graph.Node) error {
	index, ok := op.Attributes[indexAttribute].(int64)
	if !ok || len(outs) == 0 {
		return fmt.Errorf("operator %s came back without its index", op.Name)
	}
	from := b.From(outs[0].ID())
	inputs := make([]int, from.Len())
	for from.Next() {
		n := from.Node().(*named)
		w, _ := b.Weight(outs[0].ID(), n.ID())
		number, _, aliased := strings.Cut(n.name, "/")
		v, err := strconv.Atoi(number)
		if !aliased || err != nil || int(w) >= len(inputs) {
			return fmt.Errorf("operator %s came back with an input named %q in slot %v of %d", op.Name, n.name, w, len(inputs))
		}
		inputs[int(w)] = v
	}
	return b.apply(int(index), inputs)
}

// decodeShadow runs onnx-go's decoder over the shadow of the nodes. apply is
// called for each node in order with the numbers of the gated values it reads.
func decodeShadow(nodes []*ir.Node, number map[*ir.Value]int, apply func(index int, inputs []int) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("onnx-go: %v", r)
		}
	}()
	if len(nodes) == 0 {
		return nil
	}
	data, err := shadow(nodes, number)
	if err != nil {
		return err
	}
	b := &backend{WeightedDirectedGraph: simple.NewWeightedDirectedGraph(0, 0), apply: apply}
	return onnxgo.NewModel(b).UnmarshalBinary(data)
}
