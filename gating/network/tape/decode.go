package tape

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	onnxgo "github.com/owulveryck/onnx-go"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/simple"
	"google.golang.org/protobuf/proto"
)

// onnx-go hands a graph to a backend but drops node names, domains, types it
// does not know, and the first of two edges between the same nodes. So it is
// given the bare structure of the program: names only, no tensors, a name of its own
// for every input slot, and the call's index as its one attribute. The backend
// finds the call again by that index.

const indexAttribute = "index"

// encode writes the calls as an ONNX model that onnx-go can decode. Names are
// the vectors' numbers; an input is "number/slot of the graph", which is unique.
func encode(p *Program) ([]byte, error) {
	g := &onnxpb.GraphProto{Name: proto.String("program")}
	slot := 0
	for i, it := range p.items {
		if it.call == nil {
			continue
		}
		n := &onnxpb.NodeProto{OpType: proto.String(it.call.Op), Attribute: []*onnxpb.AttributeProto{{
			Name: proto.String(indexAttribute), Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(int64(i)),
		}}}
		for _, v := range it.call.In {
			n.Input = append(n.Input, fmt.Sprintf("%d/%d", v.number, slot))
			slot++
		}
		for _, v := range it.out {
			n.Output = append(n.Output, strconv.Itoa(v.number))
		}
		g.Node = append(g.Node, n)
	}
	if len(g.Node) == 0 {
		return nil, errors.New("a program without functions")
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

// ApplyOperation finds the call by its index and hands over the numbers of the vectors it reads, in order.
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
			return fmt.Errorf("operator %s came back with an input named %q in slot %v of %d", op.Name, n.name, w,
				len(inputs))
		}
		inputs[int(w)] = v
	}
	return b.apply(int(index), inputs)
}

// decode runs onnx-go's decoder over the program. apply is called for each call in order, with its index among the
// program's items and the numbers of the vectors it reads.
func decode(p *Program, apply func(index int, inputs []int) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("onnx-go: %v", r)
		}
	}()
	data, err := encode(p)
	if err != nil {
		return err
	}
	b := &backend{WeightedDirectedGraph: simple.NewWeightedDirectedGraph(0, 0), apply: apply}
	return onnxgo.NewModel(b).UnmarshalBinary(data)
}
