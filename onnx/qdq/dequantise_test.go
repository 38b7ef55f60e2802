package qdq_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"github.com/softmerge/softmerge/onnx/qdq"
)

// net builds a model of opset 21.
type net struct {
	*testing.T
	p *onnxpb.ModelProto
}

func newNet(t *testing.T) *net {
	n := &net{t, &onnxpb.ModelProto{IrVersion: proto.Int64(10), Graph: &onnxpb.GraphProto{Name: proto.String("g")}}}
	n.opset(21)
	return n
}

func (n *net) opset(version int64) {
	n.p.OpsetImport = []*onnxpb.OperatorSetIdProto{{Domain: proto.String(""), Version: proto.Int64(version)}}
}

func info(name string, of onnx.DataType) *onnxpb.ValueInfoProto {
	return &onnxpb.ValueInfoProto{Name: proto.String(name), Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{
		TensorType: &onnxpb.TypeProto_Tensor{ElemType: proto.Int32(int32(of))}}}}
}

func (n *net) input(name string, of onnx.DataType) string {
	n.p.Graph.Input = append(n.p.Graph.Input, info(name, of))
	return name
}

func (n *net) output(name string) {
	n.p.Graph.Output = append(n.p.Graph.Output, info(name, onnx.Float32))
}

func constant[T onnx.Element](n *net, name string, shape []int, values ...T) string {
	t, err := onnx.NewTensor(name, shape, values)
	if err != nil {
		n.Fatal(err)
	}
	n.p.Graph.Initializer = append(n.p.Graph.Initializer, t)
	return name
}

// node adds a node; attributes are numbers.
func (n *net) node(op, out string, inputs []string, attributes map[string]int64) string {
	node := &onnxpb.NodeProto{Name: proto.String(out + "_node"), OpType: proto.String(op), Input: inputs,
		Output: []string{out}}
	for name, v := range attributes {
		node.Attribute = append(node.Attribute, &onnxpb.AttributeProto{Name: proto.String(name),
			Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(v)})
	}
	n.p.Graph.Node = append(n.p.Graph.Node, node)
	return out
}

func (n *net) model() *onnx.Model {
	m, err := onnx.FromProto(n.p)
	if err != nil {
		n.Fatal(err)
	}
	if err := onnx.Validate(m); err != nil {
		n.Fatal(err)
	}
	return m
}

// computed is a model's first output for an input x.
func computed(t *testing.T, m *onnx.Model, shape []int, x []float32) []float32 {
	t.Helper()
	out, err := network.Evaluate(m,
		map[string]*network.Tensor{m.Proto().GetGraph().GetInput()[0].GetName(): {Type: onnx.Float32, Shape: shape,
			F: x}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out[0].F
}

// weightForms are a 2 x 4 weight behind DequantizeLinear in every form.
var weightForms = map[string]func(*net) string{
	"a tensor": func(n *net) string {
		return n.node("DequantizeLinear", "w", []string{constant(n, "w_quantized", []int{2, 4}, ints...),
			constant(n, "s", nil, float32(.1)), constant(n, "z", nil, int8(3))}, nil)
	},
	"without zero point": func(n *net) string {
		return n.node("DequantizeLinear", "w", []string{constant(n, "w_quantized", []int{2, 4}, ints...),
			constant(n, "s", nil, float32(.1))}, nil)
	},
	"a row": func(n *net) string {
		return n.node("DequantizeLinear", "w", []string{constant(n, "w_quantized", []int{2, 4}, ints...),
			constant(n, "s", []int{2}, float32(.1), .7), constant(n, "z", []int{2}, int8(3), -1)},
			map[string]int64{"axis": 0})
	},
	"a column, from the end": func(n *net) string {
		return n.node("DequantizeLinear", "w", []string{constant(n, "w_quantized", []int{2, 4}, ints...),
			constant(n, "s", []int{4}, float32(.1), .7, .2, .3)}, map[string]int64{"axis": -1})
	},
	"a block": func(n *net) string {
		return n.node("DequantizeLinear", "w", []string{constant(n, "w_quantized", []int{2, 4}, ints...),
			constant(n, "s", []int{2, 2}, float32(.1), .7, .2, .3)}, map[string]int64{"axis": 1, "block_size": 2})
	},
	"a ragged block": func(n *net) string {
		return n.node("DequantizeLinear", "w", []string{constant(n, "w_quantized", []int{2, 4}, ints...),
			constant(n, "s", []int{2, 2}, float32(.1), .7, .2, .3)}, map[string]int64{"axis": 1, "block_size": 3})
	},
	"uint8": func(n *net) string {
		return n.node("DequantizeLinear", "w", []string{constant(n, "w_quantized", []int{2, 4}, uint8(1), 2, 3, 4, 5,
			250, 251, 255), constant(n, "s", nil, float32(.1)), constant(n, "z", nil, uint8(128))}, nil)
	},
	"floats that are quantised on the way": func(n *net) string {
		s, z := constant(n, "s", nil, float32(.1)), constant(n, "z", nil, int8(3))
		q := n.node("QuantizeLinear", "q", []string{constant(n, "w_float", []int{2, 4}, float32(-30), -.05, .05, .15,
			.25, 1, 2, 30), s, z}, nil)
		return n.node("DequantizeLinear", "w", []string{q, s, z}, nil)
	},
}

var ints = []int8{-128, -5, 0, 1, 2, 77, 100, 127}

// TestWeights: a weight in any form becomes the floats that its DequantizeLinear gives, to the bit, under the name that
// it had; nothing is left of the integers.
func TestWeights(t *testing.T) {
	x := []float32{1, -2, .5, 3, 4, -1}
	for name, form := range weightForms {
		t.Run(name, func(t *testing.T) {
			n := newNet(t)
			n.output(n.node("MatMul", "y", []string{n.input("x", onnx.Float32), form(n)}, nil))
			m := n.model()
			d, s, err := qdq.Dequantise(m)
			if err != nil {
				t.Fatal(err)
			}
			if *s != (qdq.Summary{Tensors: 1, Weights: 8}) {
				t.Errorf("%+v", *s)
			}
			want, got := computed(t, m, []int{3, 2}, x), computed(t, d, []int{3, 2}, x)
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			g := d.Proto().GetGraph()
			if len(g.GetNode()) != 1 || len(g.GetInitializer()) != 1 || len(g.GetInput()) != 1 {
				t.Errorf("something is left: %v", g)
			}
		})
	}
}

// TestActivations: a pair becomes a Clip to what its integers represent, which differs from the pair by no more than
// the rounding, half a scale. Before opset 11 the bounds are attributes.
func TestActivations(t *testing.T) {
	x := make([]float32, 400)
	for i := range x {
		x[i] = float32(i-200) / 7
	}
	for _, opset := range []int64{10, 13, 21} {
		for _, zero := range []uint8{0, 100, 255} {
			n := newNet(t)
			n.opset(opset)
			s, z := constant(n, "s", nil, float32(.05)), constant(n, "z", nil, zero)
			q := n.node("QuantizeLinear", "q", []string{n.input("x", onnx.Float32), s, z}, nil)
			a := n.node("DequantizeLinear", "a", []string{q, s, z}, nil)
			b := n.node("DequantizeLinear", "b", []string{q, s, z}, nil) // quantisers write one for each reader
			n.output(n.node("Add", "y", []string{a, b}, nil))
			m := n.model()
			d, sum, err := qdq.Dequantise(m)
			if err != nil {
				t.Fatal(err)
			}
			if *sum != (qdq.Summary{Clips: 1}) || len(d.Proto().GetGraph().GetNode()) != 2 {
				t.Errorf("%+v: %v", *sum, d.Proto().GetGraph())
			}
			want, got := computed(t, m, []int{400}, x), computed(t, d, []int{400}, x)
			for i := range want {
				if math.Abs(float64(want[i]-got[i])) > .0501 {
					t.Errorf("opset %d, zero point %d: of %g got %g, want %g", opset, zero, x[i], got[i], want[i])
				}
			}
		}
	}
}

// TestOutputsStay: a graph goes on giving what it gave under the same names, and names in bodies hold.
func TestOutputsStay(t *testing.T) {
	n := newNet(t)
	s, z := constant(n, "s", nil, float32(.05)), constant(n, "z", nil, uint8(0))
	w := n.node("DequantizeLinear", "w", []string{constant(n, "w_quantized", []int{2}, uint8(3), 4), s, z}, nil)
	q := n.node("QuantizeLinear", "q", []string{n.node("Mul", "p", []string{n.input("x", onnx.Float32), w}, nil), s, z},
		nil)
	n.node("Identity", "side", []string{n.node("DequantizeLinear", "first", []string{q, s, z}, nil)}, nil)
	n.output(n.node("DequantizeLinear", "y", []string{q, s, z}, nil))
	n.output("side")
	d, _, err := qdq.Dequantise(n.model())
	if err != nil {
		t.Fatal(err)
	}
	if got := computed(t, d, []int{2}, []float32{1, -1}); math.Abs(float64(got[0]-.15)) > 1e-6 || got[1] != 0 {
		t.Errorf("got %v, want .15 and 0", got)
	}
}

// TestSharedWeightStaysShared: quantisers write one DequantizeLinear for each reader of a weight.
func TestSharedWeightStaysShared(t *testing.T) {
	n := newNet(t)
	s := constant(n, "s", nil, float32(.05))
	w := constant(n, "w_quantized", []int{2}, int8(3), 4)
	a := n.node("DequantizeLinear", "a", []string{w, s}, nil)
	b := n.node("DequantizeLinear", "b", []string{w, s}, nil)
	n.output(n.node("Mul", "y", []string{n.node("Mul", "p", []string{n.input("x", onnx.Float32), a}, nil), b}, nil))
	d, sum, err := qdq.Dequantise(n.model())
	if err != nil {
		t.Fatal(err)
	}
	if g := d.Proto().GetGraph(); len(g.GetInitializer()) != 1 || g.GetInitializer()[0].GetName() != "w" ||
		sum.Tensors != 1 {
		t.Errorf("%+v %v", sum, g)
	}
}

// TestRefusals: what is not understood is said, and nothing is made of it.
func TestRefusals(t *testing.T) {
	pair := func(n *net, s, z string) {
		q := n.node("QuantizeLinear", "q", []string{n.input("x", onnx.Float32), s, z}, map[string]int64{"axis": 1})
		n.output(n.node("DequantizeLinear", "y", []string{q, s, z}, map[string]int64{"axis": 1}))
	}
	for says, build := range map[string]func(n *net){
		"QLinearMatMul": func(n *net) {
			s, z := constant(n, "s", nil, float32(.05)), constant(n, "z", nil, uint8(0))
			q := n.node("QuantizeLinear", "q", []string{n.input("x", onnx.Float32), s, z}, nil)
			y := n.node("QLinearMatMul", "p", []string{q, s, z, constant(n, "w", []int{2, 2}, uint8(1), 2, 3, 4), s, z,
				s, z}, nil)
			n.output(n.node("DequantizeLinear", "y", []string{y, s, z}, nil))
		},
		"MatMulInteger": func(n *net) {
			n.node("MatMulInteger", "p", []string{n.input("x", onnx.Uint8),
				constant(n, "w", []int{2, 2}, uint8(1), 2, 3, 4)},
				nil)
			n.output(n.node("Cast", "y", []string{"p"}, map[string]int64{"to": int64(onnx.Float32)}))
		},
		"quantises activations by 2 scales": func(n *net) {
			pair(n, constant(n, "s", []int{2}, float32(.05), .1), constant(n, "z", []int{2}, uint8(0), 0))
		},
		"its scale \"s\" is computed": func(n *net) {
			pair(n, n.node("Abs", "s", []string{constant(n, "t", nil, float32(.05))}, nil),
				constant(n, "z", nil, uint8(0)))
		},
		"are read by MaxPool": func(n *net) {
			s, z := constant(n, "s", nil, float32(.05)), constant(n, "z", nil, uint8(0))
			q := n.node("QuantizeLinear", "q", []string{n.input("x", onnx.Float32), s, z}, nil)
			n.p.Graph.Node = append(n.p.Graph.Node, &onnxpb.NodeProto{Name: proto.String("pool"),
				OpType: proto.String("MaxPool"), Input: []string{q}, Output: []string{"p"},
				Attribute: []*onnxpb.AttributeProto{{Name: proto.String("kernel_shape"),
					Type: onnxpb.AttributeProto_INTS.Enum(), Ints: []int64{1, 1}}}})
			n.output(n.node("DequantizeLinear", "y", []string{"p", s, z}, nil))
		},
		"has another scale": func(n *net) {
			z := constant(n, "z", nil, uint8(0))
			q := n.node("QuantizeLinear", "q", []string{n.input("x", onnx.Float32),
				constant(n, "s", nil, float32(.05)), z},
				nil)
			n.output(n.node("DequantizeLinear", "y", []string{q, constant(n, "s2", nil, float32(.06)), z}, nil))
		},
		"reads neither a constant": func(n *net) {
			n.output(n.node("DequantizeLinear", "y", []string{n.input("x", onnx.Uint8),
				constant(n, "s", nil, float32(.05))},
				nil))
		},
		"is none of shape": func(n *net) {
			n.output(n.node("DequantizeLinear", "y", []string{constant(n, "w", []int{2}, int8(1), 2),
				constant(n, "s", []int{2}, float32(.05), .1)}, map[string]int64{"axis": 1}))
		},
	} {
		n := newNet(t)
		build(n)
		_, _, err := qdq.Dequantise(n.model())
		if !errors.Is(err, qdq.ErrForm) || !strings.Contains(err.Error(), says) {
			t.Errorf("want an error that says %q, got %v", says, err)
		}
	}
}

// TestFloatModelsStay: a model in which nothing is quantised is returned as it is.
func TestFloatModelsStay(t *testing.T) {
	m, err := onnx.Open(filepath.Join("..", "..", "fixtures", "cnn", "ft0.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if d, s, err := qdq.Dequantise(m); d != m || s != nil || err != nil {
		t.Errorf("%v, %v, %v", d, s, err)
	}
}

// TestStandsForTheFile: messages, reports and recipes go on naming the quantised file.
func TestStandsForTheFile(t *testing.T) {
	m, err := onnx.Open(filepath.Join("..", "..", "fixtures", "unlike", "quantised", "qdq0.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	d, s, err := qdq.Dequantise(m)
	if err != nil || *s != (qdq.Summary{Tensors: 8, Weights: 4218, Clips: 4}) {
		t.Fatal(s, err)
	}
	sum, err := m.SHA256()
	if err != nil {
		t.Fatal(err)
	}
	m.Close() // the float form is its own
	if same, err := d.SHA256(); err != nil || same != sum || d.Path() != m.Path() {
		t.Errorf("%s of %s, want %s of %s: %v", same, d.Path(), sum, m.Path(), err)
	}
	edited, err := d.With(onnx.SetMetadata("a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	if other, err := edited.SHA256(); err != nil || other == sum {
		t.Errorf("an edited model has the sum of the file: %v", err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 64)
	for i := range x {
		x[i] = r.Float32()
	}
	if y := computed(t, d, []int{1, 1, 8, 8}, x); len(y) != 10 {
		t.Errorf("%v", y)
	}
}

// FuzzDequantise: whatever parses is refused or made float, and then is a model by all rules.
func FuzzDequantise(f *testing.F) {
	for _, name := range []string{"qdq0.onnx", "weights0.onnx"} {
		m, err := onnx.Open(filepath.Join("..", "..", "fixtures", "unlike", "quantised", name))
		if err != nil {
			f.Fatal(err)
		}
		var b strings.Builder
		if _, err := m.WriteTo(&b); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(b.String()))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := onnx.Parse(data, "")
		if err != nil {
			return
		}
		d, s, err := qdq.Dequantise(m)
		if err == nil && s != nil {
			if err := onnx.Validate(d); err != nil {
				t.Fatal(err)
			}
		}
	})
}
