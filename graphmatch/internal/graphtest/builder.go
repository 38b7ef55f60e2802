package graphtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// Builder builds small models for tests: opset 17 unless a test changes Model, weights drawn from a seed, and every
// method that adds something returns its name, for use as an input.
type Builder struct {
	t     testing.TB
	Model *onnxpb.ModelProto
	Rng   *rand.Rand
}

// New starts an empty model whose weights are drawn from seed.
func New(t testing.TB, seed uint64) *Builder {
	return &Builder{t: t, Rng: rand.New(rand.NewPCG(seed, 1)), Model: &onnxpb.ModelProto{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Domain: proto.String(""), Version: proto.Int64(17)}},
		Graph:       &onnxpb.GraphProto{Name: proto.String("g")},
	}}
}

// Input adds a float32 input of unknown shape.
func (d *Builder) Input(name string) string {
	d.Model.Graph.Input = append(d.Model.Graph.Input, FloatInfo(name))
	return name
}

// Output makes a value an output of the graph.
func (d *Builder) Output(name string) {
	d.Model.Graph.Output = append(d.Model.Graph.Output, FloatInfo(name))
}

// FloatInfo declares a float32 value of unknown shape.
func FloatInfo(name string) *onnxpb.ValueInfoProto {
	tensor := &onnxpb.TypeProto_Tensor{ElemType: proto.Int32(int32(onnx.Float32))}
	return &onnxpb.ValueInfoProto{
		Name: proto.String(name),
		Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: tensor}},
	}
}

// Weight adds an initializer of random values.
func (d *Builder) Weight(name string, shape ...int) string {
	n := 1
	for _, s := range shape {
		n *= s
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(d.Rng.NormFloat64())
	}
	return d.Tensor(name, shape, values)
}

// Tensor adds an initializer.
func (d *Builder) Tensor(name string, shape []int, values []float32) string {
	t, err := onnx.NewTensor(name, shape, values)
	if err != nil {
		d.t.Fatal(err)
	}
	d.Model.Graph.Initializer = append(d.Model.Graph.Initializer, t)
	return name
}

// Node adds a node called name with one output called name_out; attributes are given as name, value pairs.
func (d *Builder) Node(name, op string, inputs []string, attributes ...any) string {
	n := &onnxpb.NodeProto{Name: proto.String(name), OpType: proto.String(op), Input: inputs}
	n.Output = []string{name + "_out"}
	for i := 0; i < len(attributes); i += 2 {
		n.Attribute = append(n.Attribute, Attr(attributes[i].(string), attributes[i+1]))
	}
	d.Model.Graph.Node = append(d.Model.Graph.Node, n)
	return n.Output[0]
}

// Attr is an attribute of the type that the value has: int, float32, string, []int64, a tensor or a graph.
func Attr(name string, value any) *onnxpb.AttributeProto {
	a := &onnxpb.AttributeProto{Name: proto.String(name)}
	switch v := value.(type) {
	case int:
		a.Type, a.I = onnxpb.AttributeProto_INT.Enum(), proto.Int64(int64(v))
	case float32:
		a.Type, a.F = onnxpb.AttributeProto_FLOAT.Enum(), proto.Float32(v)
	case string:
		a.Type, a.S = onnxpb.AttributeProto_STRING.Enum(), []byte(v)
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

// Load is the finished model.
func (d *Builder) Load() *onnx.Model { return Load(d.t, d.Model) }

// Load reads a model as from a file without a name.
func Load(t testing.TB, p *onnxpb.ModelProto) *onnx.Model {
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

// Ints adds an initializer of whole numbers.
func (d *Builder) Ints(name string, values ...int64) string {
	t, err := onnx.NewTensor(name, []int{len(values)}, values)
	if err != nil {
		d.t.Fatal(err)
	}
	d.Model.Graph.Initializer = append(d.Model.Graph.Initializer, t)
	return name
}

// SetTensor replaces an initializer.
func (d *Builder) SetTensor(name string, shape []int, values []float32) {
	list := d.Model.Graph.Initializer
	i := slices.IndexFunc(list, func(t *onnxpb.TensorProto) bool { return t.GetName() == name })
	d.Tensor(name, shape, values)
	list = d.Model.Graph.Initializer
	list[i] = list[len(list)-1]
	d.Model.Graph.Initializer = list[:len(list)-1]
}

// Shaped adds an input of a declared shape.
func (d *Builder) Shaped(name string, dims ...int64) string {
	d.Input(name)
	d.Model.Graph.Input[len(d.Model.Graph.Input)-1].GetType().GetTensorType().Shape = FixedShape(dims...)
	return name
}

// FixedShape is a shape of known lengths.
func FixedShape(dims ...int64) *onnxpb.TensorShapeProto {
	s := &onnxpb.TensorShapeProto{}
	for _, d := range dims {
		value := &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: d}
		s.Dim = append(s.Dim, &onnxpb.TensorShapeProto_Dimension{Value: value})
	}
	return s
}

// Scalar adds a whole number as an initializer without axes.
func (d *Builder) Scalar(name string, n int64) string {
	t := &onnxpb.TensorProto{Name: proto.String(name), DataType: proto.Int32(int32(onnx.Int64)), Int64Data: []int64{n}}
	d.Model.Graph.Initializer = append(d.Model.Graph.Initializer, t)
	return name
}

// Linear draws MatMul and Add.
func (d *Builder) Linear(name, x string, in, out int) string {
	y := d.Node(name+"/MatMul", "MatMul", []string{x, d.Weight(name+".weight", in, out)})
	return d.Node(name+"/Add", "Add", []string{d.Weight(name+".bias", out), y})
}

// Conv draws a convolution that keeps the size of images.
func (d *Builder) Conv(name, x string, in, out, kernel, group int) string {
	pad := int64(kernel / 2)
	inputs := []string{x, d.Weight(name+".weight", out, in/group, kernel, kernel), d.Weight(name+".bias", out)}
	return d.Node(name, "Conv", inputs, "group", group, "pads", []int64{pad, pad, pad, pad})
}
