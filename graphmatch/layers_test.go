package graphmatch

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// linear draws MatMul and Add.
func (d *drawing) linear(name, x string, in, out int) string {
	y := d.node(name+"/MatMul", "MatMul", []string{x, d.weight(name+".weight", in, out)})
	return d.node(name+"/Add", "Add", []string{d.weight(name+".bias", out), y})
}

// kerasNorm draws x*w + (bias - mean*w) with w = scale/sqrt(variance + eps).
func kerasNorm(d *drawing, x string) string {
	axes := d.ints("norm/axes", -1)
	mean := d.node("norm/mean", "ReduceMean", []string{x, axes})
	centred := d.node("norm/diff", "Sub", []string{mean, x})
	variance := d.node("norm/var", "ReduceMean", []string{d.node("norm/square", "Mul", []string{centred, centred}), axes})
	root := d.node("norm/sqrt", "Sqrt", []string{d.node("norm/add", "Add", []string{d.tensor("norm/add/y:0", nil, []float32{1e-3}), variance})})
	w := d.node("norm/mul", "Mul", []string{d.node("norm/rsqrt", "Reciprocal", []string{root}), d.weight("norm/mul/ReadVariableOp:0", 6)})
	shift := d.node("norm/sub", "Sub", []string{d.weight("norm/ReadVariableOp:0", 6), d.node("norm/mul_2", "Mul", []string{w, mean})})
	return d.node("norm/add_1", "Add", []string{d.node("norm/mul_1", "Mul", []string{w, x}), shift})
}

// KerasNet draws two dense layers with Keras's normalisation between them.
func KerasNet(t testing.TB) *onnx.Model {
	d := draw(t, 4)
	d.model.OpsetImport[0].Version = proto.Int64(18)
	x := d.input("x")
	d.model.Graph.Input[0].Type.GetTensorType().Shape = fixedShape(2, 3)
	d.output(d.linear("out", kerasNorm(d, d.linear("in", x, 3, 6)), 6, 2))
	return d.load()
}

func TestLayers(t *testing.T) {
	type layer struct {
		name, op string
		roles    []string
		axes     []int
	}
	for name, test := range map[string]struct {
		draw func(d *drawing, x string) string
		want []layer
	}{
		"scalars are constants": {func(d *drawing, x string) string {
			eps := d.tensor("onnx::Add_3", nil, []float32{1e-5})
			return d.node("a", "Add", []string{x, eps})
		}, nil},
		"a named scalar is a parameter": {func(d *drawing, x string) string {
			return d.node("m", "Mul", []string{x, d.tensor("logit_scale", []int{1}, []float32{2})})
		}, []layer{{"logit_scale", "Mul", []string{"scale"}, []int{0}}}},
		"bounds and sizes are none": {func(d *drawing, x string) string {
			lo, hi := d.tensor("low", nil, []float32{0}), d.tensor("high", nil, []float32{6})
			x = d.node("c", "Clip", []string{x, lo, hi})
			return d.node("r", "Resize", []string{x, "", d.tensor("scales", []int{4}, []float32{1, 1, 2, 2})})
		}, nil},
		"dead layers are none": {func(d *drawing, x string) string {
			d.linear("dead", x, 3, 3)
			return d.linear("fc", x, 3, 4)
		}, []layer{{"fc", "MatMul", []string{"weight", "bias"}, []int{1, 0}}}},
		"a sum with data is no bias": {func(d *drawing, x string) string {
			y := d.node("fc", "MatMul", []string{x, d.weight("fc.weight", 3, 3)})
			return d.node("skip", "Add", []string{y, x})
		}, []layer{{"fc", "MatMul", []string{"weight"}, []int{1}}}},
		"a result read twice has no bias": {func(d *drawing, x string) string {
			y := d.node("fc", "MatMul", []string{x, d.weight("fc.weight", 3, 3)})
			z := d.node("add", "Add", []string{y, d.weight("pos", 3)})
			return d.node("skip", "Mul", []string{y, z})
		}, []layer{{"fc", "MatMul", []string{"weight"}, []int{1}}, {"pos", "Add", []string{"value"}, []int{-1}}}},
		"a table after a linear layer is its own": {func(d *drawing, x string) string {
			y := d.linear("embed", x, 3, 4)
			return d.node("pos", "Add", []string{y, d.weight("positions", 1, 5, 4)})
		}, []layer{{"embed", "MatMul", []string{"weight", "bias"}, []int{1, 0}}, {"positions", "Add", []string{"value"}, []int{-1}}}},
		"convolution with a separate bias": {func(d *drawing, x string) string {
			y := d.node("conv", "Conv", []string{x, d.weight("conv_w", 4, 1, 3, 3)})
			return d.node("add", "Add", []string{y, d.weight("conv_b", 1, 4, 1, 1)})
		}, []layer{{"conv", "Conv", []string{"weight", "bias"}, []int{0, 1}}}},
		"grouped transposed convolution": {func(d *drawing, x string) string {
			return d.node("up", "ConvTranspose", []string{x, d.weight("up.weight", 4, 2, 3, 3)}, "group", 2)
		}, []layer{{"up", "ConvTranspose", []string{"weight"}, []int{-1}}}},
		"linear behind a transpose": {func(d *drawing, x string) string {
			w := d.node("turn", "Transpose", []string{d.weight("fc.weight", 5, 3)}, "perm", []int64{1, 0})
			y := d.node("fc/MatMul", "MatMul", []string{x, w})
			return d.node("fc/Add", "Add", []string{y, d.weight("fc.bias", 5)})
		}, []layer{{"fc", "MatMul", []string{"weight", "bias"}, []int{0, 0}}}},
		"weight times data": {func(d *drawing, x string) string {
			return d.node("left", "MatMul", []string{d.weight("basis", 5, 3), x})
		}, []layer{{"basis", "MatMul", []string{"value"}, []int{-1}}}},
		"names by node scope": {func(d *drawing, x string) string {
			return d.node("/layer1/layer1.0/conv1/Conv", "Conv", []string{x, d.weight("onnx::Conv_7", 4, 1, 3, 3), d.weight("onnx::Conv_8", 4)})
		}, []layer{{"layer1.0.conv1", "Conv", []string{"weight", "bias"}, []int{0, 0}}}},
		"names by number": {func(d *drawing, x string) string {
			d.node("", "Conv", []string{x, d.weight("7", 4, 1, 3, 3)})
			d.model.Graph.Node[0].Output[0] = "mid"
			return d.node("Conv_1", "Conv", []string{"mid", d.weight("8", 4, 4, 3, 3)})
		}, []layer{{"Conv_0", "Conv", []string{"weight"}, []int{0}}, {"Conv_1", "Conv", []string{"weight"}, []int{0}}}},
		"names by PyTorch's scope metadata": {func(d *drawing, x string) string {
			y := d.node("node_conv2d_1", "Conv", []string{x, d.weight("val_3", 4, 1, 3, 3)})
			d.model.Graph.Node[0].MetadataProps = []*onnxpb.StringStringEntryProto{{Key: proto.String("pkg.torch.onnx.name_scopes"), Value: proto.String("['', 'features', 'features.0', 'conv2d_1']")}}
			return y
		}, []layer{{"features.0", "Conv", []string{"weight"}, []int{0}}}},
		"equal names are numbered": {func(d *drawing, x string) string {
			x = d.node("/rnn/RNN", "RNN", []string{x, d.weight("1", 1, 4, 3), d.weight("2", 1, 4, 4)}, "hidden_size", 4)
			return d.node("/rnn/RNN_1", "RNN", []string{x, d.weight("3", 1, 4, 3), d.weight("4", 1, 4, 4)}, "hidden_size", 4)
		}, []layer{{"rnn", "RNN", []string{"W", "R"}, []int{-1, -1}}, {"rnn#2", "RNN", []string{"W", "R"}, []int{-1, -1}}}},
		"Keras's layer normalisation": {kerasNorm, []layer{{"norm", "LayerNormalization", []string{"scale", "bias"}, []int{0, 0}}}},
		"Keras's dense layer over three axes": {func(d *drawing, x string) string {
			y := d.node("fc/MatMul", "MatMul", []string{x, d.weight("fc/MatMul/ReadVariableOp:0", 3, 4)})
			y = d.node("fc/Reshape", "Reshape", []string{y, d.ints("shape", -1, 5, 4)})
			return d.node("fc/BiasAdd", "Add", []string{y, d.weight("fc/BiasAdd/ReadVariableOp:0", 4)})
		}, []layer{{"fc", "MatMul", []string{"weight", "bias"}, []int{1, 0}}}},
		"RMS normalisation": {func(d *drawing, x string) string {
			square := d.node("sq", "Pow", []string{x, d.tensor("2", nil, []float32{2})})
			mean := d.node("mean", "ReduceMean", []string{square}, "axes", []int64{-1})
			root := d.node("root", "Sqrt", []string{d.node("eps", "Add", []string{mean, d.tensor("3", nil, []float32{1e-6})})})
			inverse := d.node("inv", "Reciprocal", []string{root})
			return d.node("norm/Mul", "Mul", []string{d.weight("norm.weight", 8), d.node("mul", "Mul", []string{x, inverse})})
		}, []layer{{"norm", "RMSNormalization", []string{"scale"}, []int{0}}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := draw(t, 1)
			d.output(test.draw(d, d.input("x")))
			a := align(t, d.load())
			if len(a.Layers) != len(test.want) {
				t.Fatalf("got\n%swant %v", summary(a), test.want)
			}
			for i, want := range test.want {
				l := a.Layers[i]
				var roles []string
				var axes []int
				for _, p := range l.Params {
					roles, axes = append(roles, p.Role), append(axes, p.ChannelAxis)
				}
				if l.Name != want.name || l.Op != want.op || !slices.Equal(roles, want.roles) || !slices.Equal(axes, want.axes) {
					t.Errorf("layer %d: got %s %s %v %v, want %v", i, l.Name, l.Op, roles, axes, want)
				}
			}
		})
	}
}

// Weights in the body of a local function enter at the call when the call hands them in.
func TestFunctionSites(t *testing.T) {
	d := draw(t, 1)
	x := d.input("x")
	y := d.node("first", "Dense", []string{x, d.weight("a.weight", 3, 3), d.weight("a.bias", 3)})
	z := d.node("second", "Dense", []string{y, d.weight("b.weight", 3, 3), d.weight("b.bias", 3)})
	d.output(z)
	for _, n := range d.model.Graph.Node {
		n.Domain = proto.String("local")
	}
	d.model.OpsetImport = append(d.model.OpsetImport, &onnxpb.OperatorSetIdProto{Domain: proto.String("local"), Version: proto.Int64(1)})
	d.model.Functions = []*onnxpb.FunctionProto{{Name: proto.String("Dense"), Domain: proto.String("local"),
		Input: []string{"x", "w", "b"}, Output: []string{"y"}, OpsetImport: d.model.OpsetImport[:1],
		Node: []*onnxpb.NodeProto{
			{Name: proto.String("m"), OpType: proto.String("MatMul"), Input: []string{"x", "w"}, Output: []string{"xw"}},
			{Name: proto.String("a"), OpType: proto.String("Add"), Input: []string{"xw", "b"}, Output: []string{"y"}},
		}}}
	a := align(t, d.load())
	if len(a.Layers) != 2 || a.Layers[0].Name != "a" || a.Layers[1].Name != "b" {
		t.Fatalf("got\n%swant layers a and b", summary(a))
	}
	for i, want := range []string{"first", "second"} {
		for slot, p := range a.Layers[i].Params {
			if op := p.Uses[0].Reader.GetOpType(); op != []string{"MatMul", "Add"}[slot] {
				t.Errorf("layer %d: %s is used by %s", i, p.Role, op)
			}
			if s := p.Uses[0].Sites[0]; s.Node.GetName() != want || s.Input != slot+1 {
				t.Errorf("layer %d: %s enters at %s input %d, want %s input %d", i, p.Role, s.Node.GetName(), s.Input, want, slot+1)
			}
		}
	}
}

// Initial states handed to a Scan enter at the Scan; weights inside its body are found.
func TestScanSites(t *testing.T) {
	d := draw(t, 1)
	x := d.input("x")
	in := draw(t, 2)
	in.input("state")
	in.input("step")
	y := in.node("body/MatMul", "MatMul", []string{"state", in.weight("body.weight", 3, 3)})
	in.output(in.node("next", "Add", []string{y, "step"}))
	d.output(d.node("scan", "Scan", []string{d.weight("start", 3), x}, "body", in.model.Graph, "num_scan_inputs", 1))
	a := align(t, d.load())
	sites := map[string]onnx.Site{}
	for _, l := range a.Layers {
		sites[l.Name] = l.Params[0].Uses[0].Sites[0]
	}
	if len(sites) != 2 || sites["start"].Node.GetName() != "scan" || sites["start"].Input != 0 || sites["body"].Node.GetName() != "body/MatMul" {
		t.Errorf("got\n%swant start at the Scan and body's weight", summary(a))
	}
}

// Weights are found inside the bodies of If, where names of the graph around are seen.
func TestSubgraphWeights(t *testing.T) {
	d := draw(t, 1)
	x := d.input("x")
	flag := &onnxpb.TensorProto{Name: proto.String("flag"), DataType: proto.Int32(int32(onnx.Bool)), Int32Data: []int32{1}}
	d.model.Graph.Initializer = append(d.model.Graph.Initializer, flag)
	outer := d.weight("outer.weight", 3, 3)
	branch := func(name string) *onnxpb.GraphProto {
		in := draw(t, 2)
		in.model.Graph.Name = proto.String(name)
		y := in.node(name+"/MatMul_1", "MatMul", []string{x, in.weight(name+".weight", 3, 3)})
		in.output(in.node(name+"/outer", "MatMul", []string{y, outer}))
		return in.model.Graph
	}
	d.output(d.node("if", "If", []string{"flag"}, "then_branch", branch("yes"), "else_branch", branch("no")))
	a := align(t, d.load())
	var names []string
	for _, l := range a.Layers {
		names = append(names, l.Name)
	}
	if !slices.Equal(names, []string{"yes", "yes.outer", "no"}) {
		t.Fatalf("got\n%swant layers yes, yes.outer, no", summary(a))
	}
	if n := len(a.Layers[1].Params[0].Uses[0].Sites); n != 2 {
		t.Errorf("the outer weight has %d sites, want one in each branch", n)
	}
}
