package graphmatch

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// normed draws a network of one layer with a BatchNormalization behind it, and an activation.
type normed struct {
	kind      string // Conv, ConvTranspose, Gemm, GemmB (transB) or MatMul
	bias      bool   // the layer has a bias of its own
	channels  int    // of the normalisation; 0 for as many as the layer has
	attribute []any  // of the BatchNormalization
	tap       bool   // another node reads the layer's result too
	shown     bool   // the layer's result is an output
	absent    string // role of the normalisation that is an input of the network
	opset     int64
	outputs   int // of the BatchNormalization
}

// draw is the network with the normalisation as a node.
func (c normed) draw(t testing.TB, seed uint64) *onnxpb.ModelProto {
	d := graphtest.New(t, seed)
	if c.opset > 0 {
		d.Model.OpsetImport[0].Version = proto.Int64(c.opset)
	}
	y := c.layer(d, c.bias)
	channels := 5
	if c.channels > 0 {
		channels = c.channels
	}
	variance := make([]float32, channels)
	for i := range variance {
		variance[i] = 0.5 + d.Rng.Float32()
	}
	inputs := []string{y, d.Weight("bn.weight", channels), d.Weight("bn.bias", channels), d.Weight("bn.mean", channels),
		d.Tensor("bn.var", []int{channels}, variance)}
	if i := slices.Index([]string{"", "scale", "bias", "mean", "var"}, c.absent); i > 0 {
		inputs[i] = d.Input("statistics")
	}
	z := d.Node("bn/BatchNormalization", "BatchNormalization", inputs, c.attribute...)
	for range c.outputs {
		n := d.Model.Graph.Node[len(d.Model.Graph.Node)-1]
		n.Output = append(n.Output, z+strings.Repeat("_", len(n.Output)))
	}
	d.Output(d.Node("act/Relu", "Relu", []string{z}))
	if c.tap {
		d.Output(d.Node("tap/Tanh", "Tanh", []string{y}))
	}
	if c.shown {
		d.Output(y)
	}
	return d.Model
}

// layer draws the layer alone.
func (c normed) layer(d *graphtest.Builder, bias bool) string {
	inputs := []string{d.Input("x")}
	shape := map[string][]int{"Conv": {5, 3, 3, 3}, "ConvTranspose": {3, 5, 3, 3}, "Gemm": {4, 5}, "GemmB": {5, 4},
		"MatMul": {4, 5}}[c.kind]
	d.Model.Graph.Input[0] = shapedInfo("x", map[bool][]int64{true: {2, 3, 6, 6}, false: {2, 4}}[len(shape) == 4])
	inputs = append(inputs, d.Weight("layer.weight", shape...))
	if bias && c.kind != "MatMul" {
		inputs = append(inputs, d.Weight("layer.bias", 5))
	}
	if c.kind == "GemmB" {
		return d.Node("layer/Gemm", "Gemm", inputs, "transB", 1)
	}
	y := d.Node("layer/"+c.kind, c.kind, inputs)
	if bias && c.kind == "MatMul" {
		y = d.Node("layer/Add", "Add", []string{y, d.Weight("layer.bias", 5)})
	}
	return y
}

// folded is what an exporter makes of the network when it folds constants: the layer alone, with the
// normalisation multiplied into its weight and bias.
func (c normed) folded(t testing.TB, seed uint64) *onnxpb.ModelProto {
	whole := c.draw(t, seed)
	values := map[string][]float32{}
	for _, x := range whole.Graph.Initializer {
		v, err := onnx.TensorOf(x).Floats(nil)
		if err != nil {
			t.Fatal(err)
		}
		values[x.GetName()] = v
	}
	d := graphtest.New(t, seed)
	y := c.layer(d, true)
	for _, x := range d.Model.Graph.Initializer {
		v, err := onnx.TensorOf(x).Floats(nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range v {
			channel := i
			if x.GetName() == "layer.weight" {
				channel = map[string]int{"Conv": i / 27, "ConvTranspose": i / 9, "GemmB": i / 4}[c.kind]
				if c.kind == "Gemm" || c.kind == "MatMul" {
					channel = i
				}
			}
			scale := float64(values["bn.weight"][channel%5]) / math.Sqrt(float64(values["bn.var"][channel%5])+1e-5)
			switch x.GetName() {
			case "layer.weight":
				v[i] = float32(float64(v[i]) * scale)
			case "layer.bias":
				own := 0.0
				if c.bias {
					own = float64(values["layer.bias"][i])
				}
				v[i] = float32((own-float64(values["bn.mean"][i]))*scale + float64(values["bn.bias"][i]))
			}
		}
		z, err := onnx.NewTensor(x.GetName(), onnx.TensorOf(x).Shape(), v)
		if err != nil {
			t.Fatal(err)
		}
		proto.Reset(x)
		proto.Merge(x, z)
	}
	d.Output(d.Node("act/Relu", "Relu", []string{y}))
	return d.Model
}

// shapedInfo declares a float input of a shape.
func shapedInfo(name string, shape []int64) *onnxpb.ValueInfoProto {
	info := graphtest.FloatInfo(name)
	s := &onnxpb.TensorShapeProto{}
	for _, n := range shape {
		s.Dim = append(s.Dim,
			&onnxpb.TensorShapeProto_Dimension{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: n}})
	}
	info.GetType().GetTensorType().Shape = s
	return info
}

// A normalisation folded by one exporter and kept by the other is one layer whose values agree.
func TestFoldedNormalisations(t *testing.T) {
	for _, kind := range []string{"Conv", "ConvTranspose", "Gemm", "GemmB", "MatMul"} {
		for _, bias := range []bool{false, true} {
			c := normed{kind: kind, bias: bias}
			for base := range 2 {
				a, err := Align([]*onnx.Model{graphtest.Load(t, c.folded(t, 1)), graphtest.Load(t, c.draw(t, 1))}, base)
				if err != nil {
					t.Fatal(err)
				}
				if len(a.Layers) != 1 || a.Layers[0].Status != Matched {
					t.Fatalf("%s, bias %v, base %d: got\n%swant one matched layer", kind, bias, base, summary(a))
				}
				for _, word := range []string{"batchnorm folded", "layer/", "bn/BatchNormalization"} {
					if !strings.Contains(a.Layers[0].Reason, word) {
						t.Errorf("%s: reason %q does not name %s", kind, a.Layers[0].Reason, word)
					}
				}
				if resets := len(a.Layers[0].Resets); base == 0 && resets != 0 || base == 1 && resets < 3 {
					t.Errorf("%s, base %d: %d resets", kind, base, resets)
				}
				sameValues(t, a)
			}
		}
	}
}

// sameValues fails unless all models' values of all layers agree to float32's precision.
func sameValues(t *testing.T, a *Alignment) {
	t.Helper()
	for i := range a.Layers {
		for k := range a.Layers[i].Params {
			p := &a.Layers[i].Params[k]
			want, err := a.Doubles(p, a.Base, nil)
			if err != nil {
				t.Fatal(err)
			}
			for j := range a.Models {
				got, err := a.Doubles(p, j, nil)
				if err != nil {
					t.Fatal(err)
				}
				for e := range want {
					if math.Abs(got[e]-want[e]) > 1e-6*max(1, math.Abs(want[e])) {
						t.Fatalf("%s.%s[%d] is %v in model %d, %v in the base", a.Layers[i].Name, p.Role, e, got[e], j,
							want[e])
					}
				}
			}
		}
	}
}

// Real exports of one network, with constant folding and without, have the same weights once folded.
func TestFoldedExports(t *testing.T) {
	models := open(t, "resnet_tuned", "resnet_bn_tuned", "resnet_tuned")
	for base := range models {
		a, err := Align(models, base)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range a.Layers {
			if !l.Mergeable() || l.Op == "Conv" && !strings.Contains(l.Reason, "folded to match") {
				t.Errorf("base %d: layer %s (%s) is %s: %s", base, l.Name, l.Op, l.Status, l.Reason)
			}
		}
		sameValues(t, a)
	}
}

// What cannot be folded is refused, and the reason names both nodes.
func TestFoldRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		c    normed
		want string
	}{
		"training mode": {normed{kind: "Conv", bias: true, attribute: []any{"training_mode", 1}},
			"training mode"},
		"older training mode": {normed{kind: "Conv", bias: true, opset: 13, outputs: 4}, "training mode"},
		"another length":      {normed{kind: "Conv", bias: true, channels: 4}, "has 4 elements"},
		"missing statistics":  {normed{kind: "Conv", bias: true, absent: "mean"}, "its mean is no stored tensor"},
		"read twice":          {normed{kind: "Conv", bias: true, tap: true}, "something else reads"},
		"an output":           {normed{kind: "Conv", bias: true, shown: true}, "something else reads"},
	} {
		t.Run(name, func(t *testing.T) {
			plain := normed{kind: "Conv", bias: true}
			for base := range 2 {
				a, err := Align([]*onnx.Model{graphtest.Load(t, plain.folded(t, 1)),
					graphtest.Load(t, test.c.draw(t, 1))}, base)
				if err != nil {
					t.Fatal(err)
				}
				for _, l := range a.Layers {
					if l.Mergeable() || !strings.Contains(l.Reason, test.want) ||
						!strings.Contains(l.Reason, "layer/Conv") ||
						!strings.Contains(l.Reason, "bn/BatchNormalization") {
						t.Errorf("base %d: layer %s is %s: %q, want a refusal that names both nodes and says %q", base,
							l.Name, l.Status, l.Reason, test.want)
					}
				}
			}
		})
	}
}

// A normalisation behind a product of unknown rank may work on another axis than the product's last.
func TestFoldBehindProductOfUnknownRank(t *testing.T) {
	c := normed{kind: "MatMul", bias: true}
	m := c.draw(t, 1)
	m.Graph.Input[0] = graphtest.FloatInfo("x")
	a := align(t, graphtest.Load(t, c.folded(t, 1)), graphtest.Load(t, m))
	if a.Layers[0].Mergeable() || !strings.Contains(a.Layers[0].Reason, "not known to normalise") {
		t.Errorf("got\n%swant a refusal", summary(a))
	}
}

// A head of another size or further layers besides do not keep the folded layers from matching, whatever the
// names.
func TestFoldedBesideOtherDifferences(t *testing.T) {
	for _, test := range []struct {
		files     [2]string
		unmatched int
	}{
		{[2]string{"resnet_tuned", "resnet_head_tuned"}, 1},
		{[2]string{"resnet_head_tuned", "resnet_tuned"}, 1},
		{[2]string{"resnet_tuned", "resnet_extra_tuned"}, 4},
		{[2]string{"resnet_extra_tuned", "resnet_tuned"}, 4},
	} {
		for _, renamed := range []bool{false, true} {
			m := readProto(t, test.files[1])
			if renamed {
				renameAll(t, m, rand.New(rand.NewPCG(1, 1)))
			}
			a := align(t, open(t, test.files[0])[0], graphtest.Load(t, m))
			if table := a.Table(); table.Unmatched != test.unmatched || table.Matched < 10 {
				t.Errorf("%v, renamed %v: %d layers matched, %d not, want %d not:\n%s", test.files, renamed,
					table.Matched, table.Unmatched, test.unmatched, summary(a))
			}
		}
	}
}

// A convolution whose weight is computed has nothing that a normalisation could be folded into.
func TestNormalisationBehindComputedWeight(t *testing.T) {
	model := func(norm bool) *onnx.Model {
		d := graphtest.New(t, 1)
		y := d.Node("conv", "Conv", []string{d.Input("x"), d.Input("w"), d.Weight("bias", 5)})
		if norm {
			y = d.Node("bn", "BatchNormalization", []string{y, d.Weight("s", 5), d.Weight("b", 5), d.Weight("m", 5),
				d.Weight("v", 5)})
		}
		d.Output(y)
		return d.Load()
	}
	for _, l := range align(t, model(false), model(true)).Layers {
		if strings.Contains(l.Reason, "folded") {
			t.Errorf("layer %s is %s: %s", l.Name, l.Status, l.Reason)
		}
	}
}

// Normalisations that are behind no layer, as those of a DenseNet after a Concat, are in both files and match.
func TestNormalisationsThatNobodyFolds(t *testing.T) {
	model := func(folded bool) *onnx.Model {
		d := graphtest.New(t, 1)
		norm := func(name, x string) string {
			return d.Node(name, "BatchNormalization", []string{x, d.Weight(name+".scale", 5), d.Weight(name+".bias", 5),
				d.Weight(name+".mean", 5), d.Tensor(name+".var", []int{5}, []float32{1, 2, 3, 4, 5})})
		}
		x := d.Input("x")
		for _, name := range []string{"a", "b"} {
			y := d.Node(name+"/Conv", "Conv", []string{d.Node(name+"/Relu", "Relu", []string{norm(name+"0", x)}),
				d.Weight(name+".weight", 5, 5, 1, 1), d.Weight(name+".bias", 5)})
			if !folded {
				y = norm(name+"1", y)
			}
			x = d.Node(name+"/Add", "Add", []string{x, y})
		}
		d.Output(x)
		renameAll(t, d.Model, rand.New(rand.NewPCG(1, 1)))
		return d.Load()
	}
	for base := range 2 {
		a, err := Align([]*onnx.Model{model(true), model(false)}, base)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range a.Layers {
			if !l.Mergeable() {
				t.Errorf("base %d: layer %s is %s: %s", base, l.Name, l.Status, l.Reason)
			}
		}
		if len(a.Layers) != 4 {
			t.Errorf("base %d: %d layers, want 4", base, len(a.Layers))
		}
	}
}
