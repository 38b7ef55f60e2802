package graphmatch

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// kerasNorm draws x*w + (bias - mean*w) with w = scale/sqrt(variance + eps).
func kerasNorm(d *graphtest.Builder, x string) string {
	axes := d.Ints("norm/axes", -1)
	mean := d.Node("norm/mean", "ReduceMean", []string{x, axes})
	centred := d.Node("norm/diff", "Sub", []string{mean, x})
	variance := d.Node("norm/var", "ReduceMean", []string{d.Node("norm/square", "Mul", []string{centred, centred}),
		axes})
	root := d.Node("norm/sqrt", "Sqrt", []string{d.Node("norm/add", "Add",
		[]string{d.Tensor("norm/add/y:0", nil, []float32{1e-3}), variance})})
	w := d.Node("norm/mul", "Mul", []string{d.Node("norm/rsqrt", "Reciprocal", []string{root}),
		d.Weight("norm/mul/ReadVariableOp:0", 6)})
	shift := d.Node("norm/sub", "Sub", []string{d.Weight("norm/ReadVariableOp:0", 6),
		d.Node("norm/mul_2", "Mul", []string{w, mean})})
	return d.Node("norm/add_1", "Add", []string{d.Node("norm/mul_1", "Mul", []string{w, x}), shift})
}

// KerasNet draws two dense layers with Keras's normalisation between them.
func KerasNet(t testing.TB) *onnx.Model {
	d := graphtest.New(t, 4)
	d.Model.OpsetImport[0].Version = proto.Int64(18)
	x := d.Input("x")
	d.Model.Graph.Input[0].Type.GetTensorType().Shape = graphtest.FixedShape(2, 3)
	d.Output(d.Linear("out", kerasNorm(d, d.Linear("in", x, 3, 6)), 6, 2))
	return d.Load()
}

func TestLayers(t *testing.T) {
	type layer struct {
		name, op string
		roles    []string
		axes     []int
	}
	for name, test := range map[string]struct {
		draw func(d *graphtest.Builder, x string) string
		want []layer
	}{
		"scalars are constants": {func(d *graphtest.Builder, x string) string {
			eps := d.Tensor("onnx::Add_3", nil, []float32{1e-5})
			return d.Node("a", "Add", []string{x, eps})
		}, nil},
		"a named scalar is a parameter": {func(d *graphtest.Builder, x string) string {
			return d.Node("m", "Mul", []string{x, d.Tensor("logit_scale", []int{1}, []float32{2})})
		}, []layer{{"logit_scale", "Mul", []string{"scale"}, []int{0}}}},
		"bounds and sizes are none": {func(d *graphtest.Builder, x string) string {
			lo, hi := d.Tensor("low", nil, []float32{0}), d.Tensor("high", nil, []float32{6})
			x = d.Node("c", "Clip", []string{x, lo, hi})
			return d.Node("r", "Resize", []string{x, "", d.Tensor("scales", []int{4}, []float32{1, 1, 2, 2})})
		}, nil},
		"dead layers are none": {func(d *graphtest.Builder, x string) string {
			d.Linear("dead", x, 3, 3)
			return d.Linear("fc", x, 3, 4)
		}, []layer{{"fc", "MatMul", []string{"weight", "bias"}, []int{1, 0}}}},
		"a sum with data is no bias": {func(d *graphtest.Builder, x string) string {
			y := d.Node("fc", "MatMul", []string{x, d.Weight("fc.weight", 3, 3)})
			return d.Node("skip", "Add", []string{y, x})
		}, []layer{{"fc", "MatMul", []string{"weight"}, []int{1}}}},
		"a result read twice has no bias": {func(d *graphtest.Builder, x string) string {
			y := d.Node("fc", "MatMul", []string{x, d.Weight("fc.weight", 3, 3)})
			z := d.Node("add", "Add", []string{y, d.Weight("pos", 3)})
			return d.Node("skip", "Mul", []string{y, z})
		}, []layer{{"fc", "MatMul", []string{"weight"}, []int{1}}, {"pos", "Add", []string{"value"}, []int{-1}}}},
		"a table after a linear layer is its own": {func(d *graphtest.Builder, x string) string {
			y := d.Linear("embed", x, 3, 4)
			return d.Node("pos", "Add", []string{y, d.Weight("positions", 1, 5, 4)})
		}, []layer{{"embed", "MatMul", []string{"weight", "bias"}, []int{1, 0}}, {"positions", "Add", []string{"value"},
			[]int{-1}}}},
		"convolution with a separate bias": {func(d *graphtest.Builder, x string) string {
			y := d.Node("conv", "Conv", []string{x, d.Weight("conv_w", 4, 1, 3, 3)})
			return d.Node("add", "Add", []string{y, d.Weight("conv_b", 1, 4, 1, 1)})
		}, []layer{{"conv", "Conv", []string{"weight", "bias"}, []int{0, 1}}}},
		"grouped transposed convolution": {func(d *graphtest.Builder, x string) string {
			return d.Node("up", "ConvTranspose", []string{x, d.Weight("up.weight", 4, 2, 3, 3)}, "group", 2)
		}, []layer{{"up", "ConvTranspose", []string{"weight"}, []int{-1}}}},
		"linear behind a transpose": {func(d *graphtest.Builder, x string) string {
			w := d.Node("turn", "Transpose", []string{d.Weight("fc.weight", 5, 3)}, "perm", []int64{1, 0})
			y := d.Node("fc/MatMul", "MatMul", []string{x, w})
			return d.Node("fc/Add", "Add", []string{y, d.Weight("fc.bias", 5)})
		}, []layer{{"fc", "MatMul", []string{"weight", "bias"}, []int{0, 0}}}},
		"weight times data": {func(d *graphtest.Builder, x string) string {
			return d.Node("left", "MatMul", []string{d.Weight("basis", 5, 3), x})
		}, []layer{{"basis", "MatMul", []string{"value"}, []int{-1}}}},
		"names by node scope": {func(d *graphtest.Builder, x string) string {
			return d.Node("/layer1/layer1.0/conv1/Conv", "Conv",
				[]string{x, d.Weight("onnx::Conv_7", 4, 1, 3, 3), d.Weight("onnx::Conv_8", 4)})
		}, []layer{{"layer1.0.conv1", "Conv", []string{"weight", "bias"}, []int{0, 0}}}},
		"names by number": {func(d *graphtest.Builder, x string) string {
			d.Node("", "Conv", []string{x, d.Weight("7", 4, 1, 3, 3)})
			d.Model.Graph.Node[0].Output[0] = "mid"
			return d.Node("Conv_1", "Conv", []string{"mid", d.Weight("8", 4, 4, 3, 3)})
		}, []layer{{"Conv_0", "Conv", []string{"weight"}, []int{0}}, {"Conv_1", "Conv", []string{"weight"}, []int{0}}}},
		"names by PyTorch's scope metadata": {func(d *graphtest.Builder, x string) string {
			y := d.Node("node_conv2d_1", "Conv", []string{x, d.Weight("val_3", 4, 1, 3, 3)})
			d.Model.Graph.Node[0].MetadataProps = []*onnxpb.StringStringEntryProto{{
				Key:   proto.String("pkg.torch.onnx.name_scopes"),
				Value: proto.String("['', 'features', 'features.0', 'conv2d_1']"),
			}}
			return y
		}, []layer{{"features.0", "Conv", []string{"weight"}, []int{0}}}},
		"equal names are numbered": {func(d *graphtest.Builder, x string) string {
			x = d.Node("/rnn/RNN", "RNN", []string{x, d.Weight("1", 1, 4, 3), d.Weight("2", 1, 4, 4)}, "hidden_size", 4)
			return d.Node("/rnn/RNN_1", "RNN", []string{x, d.Weight("3", 1, 4, 3), d.Weight("4", 1, 4, 4)},
				"hidden_size", 4)
		}, []layer{{"rnn", "RNN", []string{"W", "R"}, []int{-1, -1}}, {"rnn#2", "RNN", []string{"W", "R"},
			[]int{-1, -1}}}},
		"Keras's layer normalisation": {kerasNorm, []layer{{"norm", "LayerNormalization", []string{"scale", "bias"},
			[]int{0, 0}}}},
		"Keras's dense layer over three axes": {func(d *graphtest.Builder, x string) string {
			y := d.Node("fc/MatMul", "MatMul", []string{x, d.Weight("fc/MatMul/ReadVariableOp:0", 3, 4)})
			y = d.Node("fc/Reshape", "Reshape", []string{y, d.Ints("shape", -1, 5, 4)})
			return d.Node("fc/BiasAdd", "Add", []string{y, d.Weight("fc/BiasAdd/ReadVariableOp:0", 4)})
		}, []layer{{"fc", "MatMul", []string{"weight", "bias"}, []int{1, 0}}}},
		"RMS normalisation": {func(d *graphtest.Builder, x string) string {
			square := d.Node("sq", "Pow", []string{x, d.Tensor("2", nil, []float32{2})})
			mean := d.Node("mean", "ReduceMean", []string{square}, "axes", []int64{-1})
			root := d.Node("root", "Sqrt", []string{d.Node("eps", "Add",
				[]string{mean, d.Tensor("3", nil, []float32{1e-6})})})
			inverse := d.Node("inv", "Reciprocal", []string{root})
			return d.Node("norm/Mul", "Mul", []string{d.Weight("norm.weight", 8),
				d.Node("mul", "Mul", []string{x, inverse})})
		}, []layer{{"norm", "RMSNormalization", []string{"scale"}, []int{0}}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := graphtest.New(t, 1)
			d.Output(test.draw(d, d.Input("x")))
			a := align(t, d.Load())
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
				if l.Name != want.name || l.Op != want.op || !slices.Equal(roles, want.roles) ||
					!slices.Equal(axes, want.axes) {
					t.Errorf("layer %d: got %s %s %v %v, want %v", i, l.Name, l.Op, roles, axes, want)
				}
			}
		})
	}
}

// Weights in the body of a local function enter at the call when the call hands them in.
func TestFunctionSites(t *testing.T) {
	d := graphtest.New(t, 1)
	x := d.Input("x")
	y := d.Node("first", "Dense", []string{x, d.Weight("a.weight", 3, 3), d.Weight("a.bias", 3)})
	z := d.Node("second", "Dense", []string{y, d.Weight("b.weight", 3, 3), d.Weight("b.bias", 3)})
	d.Output(z)
	for _, n := range d.Model.Graph.Node {
		n.Domain = proto.String("local")
	}
	d.Model.OpsetImport = append(d.Model.OpsetImport, &onnxpb.OperatorSetIdProto{Domain: proto.String("local"),
		Version: proto.Int64(1)})
	d.Model.Functions = []*onnxpb.FunctionProto{{Name: proto.String("Dense"), Domain: proto.String("local"),
		Input: []string{"x", "w", "b"}, Output: []string{"y"}, OpsetImport: d.Model.OpsetImport[:1],
		Node: []*onnxpb.NodeProto{
			{Name: proto.String("m"), OpType: proto.String("MatMul"), Input: []string{"x", "w"},
				Output: []string{"xw"}},
			{Name: proto.String("a"), OpType: proto.String("Add"), Input: []string{"xw", "b"}, Output: []string{"y"}},
		}}}
	a := align(t, d.Load())
	if len(a.Layers) != 2 || a.Layers[0].Name != "a" || a.Layers[1].Name != "b" {
		t.Fatalf("got\n%swant layers a and b", summary(a))
	}
	for i, want := range []string{"first", "second"} {
		for slot, p := range a.Layers[i].Params {
			if op := p.Uses[0].Reader.GetOpType(); op != []string{"MatMul", "Add"}[slot] {
				t.Errorf("layer %d: %s is used by %s", i, p.Role, op)
			}
			if s := p.Uses[0].Sites[0]; s.Node.GetName() != want || s.Input != slot+1 {
				t.Errorf("layer %d: %s enters at %s input %d, want %s input %d", i, p.Role, s.Node.GetName(), s.Input,
					want, slot+1)
			}
		}
	}
}

// Initial states handed to a Scan enter at the Scan; weights inside its body are found.
func TestScanSites(t *testing.T) {
	d := graphtest.New(t, 1)
	x := d.Input("x")
	in := graphtest.New(t, 2)
	in.Input("state")
	in.Input("step")
	y := in.Node("body/MatMul", "MatMul", []string{"state", in.Weight("body.weight", 3, 3)})
	in.Output(in.Node("next", "Add", []string{y, "step"}))
	d.Output(d.Node("scan", "Scan", []string{d.Weight("start", 3), x}, "body", in.Model.Graph, "num_scan_inputs", 1))
	a := align(t, d.Load())
	sites := map[string]onnx.Site{}
	for _, l := range a.Layers {
		sites[l.Name] = l.Params[0].Uses[0].Sites[0]
	}
	if len(sites) != 2 || sites["start"].Node.GetName() != "scan" || sites["start"].Input != 0 ||
		sites["body"].Node.GetName() != "body/MatMul" {
		t.Errorf("got\n%swant start at the Scan and body's weight", summary(a))
	}
}

// Weights are found inside the bodies of If, where names of the graph around are seen.
func TestSubgraphWeights(t *testing.T) {
	d := graphtest.New(t, 1)
	x := d.Input("x")
	flag := &onnxpb.TensorProto{Name: proto.String("flag"), DataType: proto.Int32(int32(onnx.Bool)),
		Int32Data: []int32{1}}
	d.Model.Graph.Initializer = append(d.Model.Graph.Initializer, flag)
	outer := d.Weight("outer.weight", 3, 3)
	branch := func(name string) *onnxpb.GraphProto {
		in := graphtest.New(t, 2)
		in.Model.Graph.Name = proto.String(name)
		y := in.Node(name+"/MatMul_1", "MatMul", []string{x, in.Weight(name+".weight", 3, 3)})
		in.Output(in.Node(name+"/outer", "MatMul", []string{y, outer}))
		return in.Model.Graph
	}
	d.Output(d.Node("if", "If", []string{"flag"}, "then_branch", branch("yes"), "else_branch", branch("no")))
	a := align(t, d.Load())
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
