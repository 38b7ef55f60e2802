package graphmatch

import (
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// toFunction moves all nodes into a local function that is called once; initializers are handed in.
func toFunction(_ testing.TB, m *onnxpb.ModelProto, _ *rand.Rand) {
	g := m.Graph
	f := &onnxpb.FunctionProto{Name: proto.String("Whole"), Domain: proto.String("local"), Node: g.Node,
		OpsetImport: m.OpsetImport}
	stored := map[string]bool{}
	for _, x := range g.Initializer {
		stored[x.GetName()] = true
		f.Input = append(f.Input, x.GetName())
	}
	for _, in := range g.Input {
		if !stored[in.GetName()] {
			f.Input = append(f.Input, in.GetName())
		}
	}
	for _, out := range g.Output {
		f.Output = append(f.Output, out.GetName())
	}
	m.Functions = append(m.Functions, f)
	g.Node = []*onnxpb.NodeProto{{Name: proto.String("call"), OpType: proto.String("Whole"), Domain: f.Domain,
		Input: slices.Clone(f.Input), Output: slices.Clone(f.Output)}}
}

// toBranch moves all nodes into a branch of an If whose other branch has no weights.
func toBranch(_ testing.TB, m *onnxpb.ModelProto, _ *rand.Rand) {
	g := m.Graph
	then, other := &onnxpb.GraphProto{Name: proto.String("then"),
		Node: g.Node}, &onnxpb.GraphProto{Name: proto.String("else")}
	n := &onnxpb.NodeProto{Name: proto.String("choice"), OpType: proto.String("If"), Input: []string{"which"}}
	for _, out := range g.Output {
		name := out.GetName()
		then.Output = append(then.Output, graphtest.FloatInfo(name))
		other.Output = append(other.Output, graphtest.FloatInfo(name+"_other"))
		other.Node = append(other.Node, &onnxpb.NodeProto{OpType: proto.String("RandomNormal"),
			Output:    []string{name + "_other"},
			Attribute: []*onnxpb.AttributeProto{graphtest.Attr("shape", []int64{1})}})
		out.Name = proto.String(name + "_chosen")
		n.Output = append(n.Output, out.GetName())
	}
	n.Attribute = []*onnxpb.AttributeProto{graphtest.Attr("then_branch", then), graphtest.Attr("else_branch", other)}
	g.Input = append(g.Input, graphtest.FloatInfo("which"))
	g.Node = []*onnxpb.NodeProto{n}
}

// axesSince are the opsets since which operators read their axes as an input.
var axesSince = map[string]int64{"Squeeze": 13, "Unsqueeze": 13, "ReduceSum": 13, "ReduceMean": 18, "ReduceMax": 18}

// otherOpset writes axes, bounds and ratios as inputs where they are attributes and as attributes where they
// are inputs, as another opset has them.
func otherOpset(t testing.TB, m *onnxpb.ModelProto, _ *rand.Rand) {
	ints := storedInts(t, m)
	for _, n := range m.Graph.Node {
		axes := onnx.NodeAttributes(n).Proto("axes")
		switch {
		case axesSince[n.GetOpType()] == 0 || len(n.Input) > 2:
		case axes != nil:
			name := n.GetName() + n.Output[0] + "_axes"
			m.Graph.Initializer = append(m.Graph.Initializer, intTensor(name, axes.Ints))
			n.Input = append(n.Input, name)
			n.Attribute = slices.DeleteFunc(n.Attribute, func(a *onnxpb.AttributeProto) bool { return a == axes })
		case len(n.Input) == 2 && ints[n.Input[1]] != nil:
			n.Attribute = append(n.Attribute, graphtest.Attr("axes", ints[n.Input[1]]))
			n.Input = n.Input[:1]
		}
		if n.GetOpType() == "Dropout" && len(n.Input) == 1 {
			n.Attribute = nil
		}
	}
	for _, o := range m.OpsetImport {
		if d := o.GetDomain(); d == "" || d == "ai.onnx" {
			o.Version = proto.Int64(o.GetVersion() + 1)
		}
	}
}

// storedInts are the whole numbers of the initializers and Constant nodes that hold such.
func storedInts(t testing.TB, m *onnxpb.ModelProto) map[string][]int64 {
	list := map[string][]int64{}
	add := func(name string, x *onnxpb.TensorProto) {
		if x == nil || onnx.DataType(x.GetDataType()) != onnx.Int64 || len(x.Dims) != 1 {
			return
		}
		v, err := onnx.TensorOf(x).Ints(nil)
		if err != nil {
			t.Fatal(err)
		}
		list[name] = v
	}
	for _, x := range m.Graph.Initializer {
		add(x.GetName(), x)
	}
	for _, n := range m.Graph.Node {
		if n.GetOpType() == "Constant" {
			add(n.Output[0], onnx.NodeAttributes(n).Proto("value").GetT())
		}
	}
	return list
}

// intTensor is a vector of whole numbers.
func intTensor(name string, values []int64) *onnxpb.TensorProto {
	return &onnxpb.TensorProto{Name: proto.String(name), DataType: proto.Int32(int32(onnx.Int64)),
		Dims: []int64{int64(len(values))}, Int64Data: values}
}
