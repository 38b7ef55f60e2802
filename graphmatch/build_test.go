package graphmatch

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// drawing builds small models for tests.
type drawing struct {
	t     testing.TB
	model *onnxpb.ModelProto
	rng   *rand.Rand
}

func draw(t testing.TB, seed uint64) *drawing {
	return &drawing{t: t, rng: rand.New(rand.NewPCG(seed, 1)), model: &onnxpb.ModelProto{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Domain: proto.String(""), Version: proto.Int64(17)}},
		Graph:       &onnxpb.GraphProto{Name: proto.String("g")},
	}}
}

func (d *drawing) input(name string) string {
	d.model.Graph.Input = append(d.model.Graph.Input, floatInfo(name))
	return name
}

func (d *drawing) output(name string) {
	d.model.Graph.Output = append(d.model.Graph.Output, floatInfo(name))
}

func floatInfo(name string) *onnxpb.ValueInfoProto {
	return &onnxpb.ValueInfoProto{Name: proto.String(name), Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{
		TensorType: &onnxpb.TypeProto_Tensor{ElemType: proto.Int32(int32(onnx.Float32))}}}}
}

// weight adds an initializer of random values.
func (d *drawing) weight(name string, shape ...int) string {
	n := 1
	for _, s := range shape {
		n *= s
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(d.rng.NormFloat64())
	}
	return d.tensor(name, shape, values)
}

func (d *drawing) tensor(name string, shape []int, values []float32) string {
	t, err := onnx.NewTensor(name, shape, values)
	if err != nil {
		d.t.Fatal(err)
	}
	d.model.Graph.Initializer = append(d.model.Graph.Initializer, t)
	return name
}

// node adds a node called name with one output called name_out; attributes are given as name, value pairs.
func (d *drawing) node(name, op string, inputs []string, attributes ...any) string {
	n := &onnxpb.NodeProto{Name: proto.String(name), OpType: proto.String(op), Input: inputs, Output: []string{name + "_out"}}
	for i := 0; i < len(attributes); i += 2 {
		n.Attribute = append(n.Attribute, attr(attributes[i].(string), attributes[i+1]))
	}
	d.model.Graph.Node = append(d.model.Graph.Node, n)
	return n.Output[0]
}

func attr(name string, value any) *onnxpb.AttributeProto {
	a := &onnxpb.AttributeProto{Name: proto.String(name)}
	switch v := value.(type) {
	case int:
		a.Type, a.I = onnxpb.AttributeProto_INT.Enum(), proto.Int64(int64(v))
	case []int64:
		a.Type, a.Ints = onnxpb.AttributeProto_INTS.Enum(), v
	case *onnxpb.TensorProto:
		a.Type, a.T = onnxpb.AttributeProto_TENSOR.Enum(), v
	case *onnxpb.GraphProto:
		a.Type, a.G = onnxpb.AttributeProto_GRAPH.Enum(), v
	default:
		panic(fmt.Sprintf("attribute %q of type %T", name, value))
	}
	return a
}

// load is the drawn model.
func (d *drawing) load() *onnx.Model { return load(d.t, d.model) }

func load(t testing.TB, p *onnxpb.ModelProto) *onnx.Model {
	t.Helper()
	data, err := proto.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Parse(data, "")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// align aligns models and fails the test if it cannot.
func align(t testing.TB, models ...*onnx.Model) *Alignment {
	t.Helper()
	a, err := Align(models, 0)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
