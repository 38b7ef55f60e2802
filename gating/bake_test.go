package gating

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

var granularities = []Granularity{ByModel, ByModule, ByLayer, ByChannel, ByTensor}

// randomCoefficients draws convex coefficients for every gate of a plan; unit 0
// of every group takes one parent alone.
func randomCoefficients(p *Plan, seed uint64) [][]float64 {
	logAlpha := make([][]float64, len(p.Groups))
	for g, group := range p.Groups {
		logAlpha[g] = random(seed+uint64(g), p.parents()*group.Units)
		for j := range p.parents() {
			logAlpha[g][j*group.Units] = map[bool]float64{true: 3, false: -3}[j == g%p.parents()]
		}
	}
	return p.Coefficients(logAlpha, Convex)
}

// logits computes an output for the first rows of the data.
func logits(t *testing.T, m *onnx.Model, d *dataset.Data, p *Plan, coeffs [][]float64) []float32 {
	t.Helper()
	output := m.Proto().GetGraph().GetOutput()[0].GetName()
	f := must(newForward(m, d, output, d.Len(), p, nil))(t)
	rows := make([]int, d.Len())
	for i := range rows {
		rows[i] = i
	}
	return slices.Clone(must(f.run(rows, coeffs))(t).F)
}

// wantSameLogits bakes, writes and reads back, and compares with the network whose weights are mixtures.
func wantSameLogits(t *testing.T, p *Plan, coeffs [][]float64, d *dataset.Data, tol float64) *onnx.Model {
	t.Helper()
	back := written(t, must(p.Bake(coeffs))(t))
	want, got := logits(t, p.base(), d, p, coeffs), logits(t, back, d, nil, nil)
	var scale float64
	for _, v := range want {
		scale = math.Max(scale, math.Abs(float64(v)))
	}
	for i := range want {
		if !(math.Abs(float64(want[i])-float64(got[i])) <= tol*scale) {
			t.Fatalf("element %d: the baked file computes %v, the mixtures %v", i, got[i], want[i])
		}
	}
	return back
}

// planOf is the plan of every layer of the models.
func planOf(t *testing.T, models []*onnx.Model, g Granularity, only ...string) *Plan {
	t.Helper()
	return must(NewPlan(must(LoadWeights(selectAll(t, models, only...)))(t), g))(t)
}

// TestBakeComputesTheMixture holds, for real networks and every granularity,
// the written file against the network with the mixtures in it.
func TestBakeComputesTheMixture(t *testing.T) {
	for _, family := range []string{"mlp", "mlp_matmul", "cnn_bn", "resnet", "families/keras"} {
		models := openAll(t, fineTunes(family, 3)...)
		data := "test.npz"
		d := openData(t, models[0], data).Head(16)
		for _, g := range granularities {
			t.Run(family+"/"+string(g), func(t *testing.T) {
				p := planOf(t, models, g)
				wantSameLogits(t, p, randomCoefficients(p, 1), d, 1e-5)
			})
		}
	}
}

// TestOneHotGivesTheParentsBits bakes coefficients that take one parent alone:
// every merged tensor must have that parent's bits. (A normalisation's are
// computed anew from its affine map, so it is left out here.)
func TestOneHotGivesTheParentsBits(t *testing.T) {
	models := openAll(t, fineTunes("resnet", 3)...)
	for _, g := range []Granularity{ByLayer, ByChannel} {
		p := planOf(t, models, g)
		for j := range models {
			in := make([]bool, len(models))
			in[j] = true
			back := written(t, must(p.Bake(p.Uniform(in)))(t))
			if j == 0 && !bytes.Equal(fileBytes(t, back), fileBytes(t, models[0])) {
				t.Errorf("%s: the base alone is not the base's file", g)
			}
			a := must(graphmatch.Align([]*onnx.Model{models[j], back}, 0))(t)
			for _, l := range a.Layers {
				if l.Status != graphmatch.Identical {
					t.Errorf("%s, parent %d: layer %s is %s", g, j, l.Name, l.Status)
				}
			}
		}
	}
}

// fileBytes is a model as it would be written.
func fileBytes(t *testing.T, m *onnx.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestUnselectedLayersKeepTheBasesBits merges the convolutions alone.
func TestUnselectedLayersKeepTheBasesBits(t *testing.T) {
	models := openAll(t, fineTunes("cnn_bn", 3)...)
	p := planOf(t, models, ByChannel, "op:Conv")
	back := written(t, must(p.Bake(randomCoefficients(p, 2)))(t))
	a := must(graphmatch.Align([]*onnx.Model{models[0], back}, 0))(t)
	for _, l := range a.Layers {
		if (l.Op == "Conv") == (l.Status == graphmatch.Identical) {
			t.Errorf("layer %s (%s) is %s", l.Name, l.Op, l.Status)
		}
	}
}

// linearNet is x -> Gemm -> Relu -> Gemm with weights of a float type.
func linearNet(t *testing.T, dt onnx.DataType, seed uint64) *onnx.Model {
	t.Helper()
	b := newBuilt()
	b.in("x", -1, 4)
	b.node("Cast", "cast", []string{"x"}, intAttr("to", int64(dt)))
	b.weight(t, "w1", dt, seed, 6, 4)
	b.weight(t, "b1", dt, seed+100, 6)
	b.weight(t, "w2", dt, seed+200, 6, 3)
	b.node("Gemm", "h", []string{"cast", "w1", "b1"}, intAttr("transB", 1))
	b.node("Relu", "r", []string{"h"})
	b.node("MatMul", "s", []string{"r", "w2"})
	b.node("Cast", "y", []string{"s"}, intAttr("to", int64(onnx.Float32)))
	b.out("y")
	return b.model(t)
}

// TestBakeRoundsToTheFilesType mixes weights of every float type in float64 and
// rounds once, to nearest even.
func TestBakeRoundsToTheFilesType(t *testing.T) {
	for _, dt := range []onnx.DataType{onnx.Float32, onnx.Float64, onnx.Float16, onnx.BFloat16} {
		t.Run(dt.String(), func(t *testing.T) {
			models := []*onnx.Model{linearNet(t, dt, 1), linearNet(t, dt, 2), linearNet(t, dt, 3)}
			p := planOf(t, models, ByChannel)
			coeffs := randomCoefficients(p, 3)
			tol := map[onnx.DataType]float64{onnx.Float16: 4e-3, onnx.BFloat16: 3e-2}[dt]
			back := wantSameLogits(t, p, coeffs, samples(9, 8, 4), max(tol, 1e-5))
			for _, l := range p.Layers {
				for k, param := range l.Layer.Params {
					wantMixed(t, p, coeffs[l.Groups[k]], &param, back)
				}
			}
		})
	}
}

// wantMixed recomputes a mixed tensor from the parents' values, one element at a time.
func wantMixed(t *testing.T, p *Plan, c []float64, param *graphmatch.Param, back *onnx.Model) {
	t.Helper()
	a := p.Selection.Alignment
	sum := make([]float64, size(param.Shape))
	inner := size(param.Shape[param.ChannelAxis+1:])
	channels := param.Shape[param.ChannelAxis]
	for j := range a.Models {
		for i, v := range must(a.Doubles(param, j, nil))(t) {
			sum[i] += c[j*channels+i/inner%channels] * v
		}
	}
	name := param.Uses[0].Name
	b := newBuilt()
	b.tensor(t, name, param.Type, sum, param.Shape...)
	b.in("x", 1)
	b.node("Neg", "y", []string{"x"})
	b.out("y")
	rounded := b.model(t)
	want := must(rounded.Tensor(initializers(rounded)[name]).Doubles(nil))(t)
	if got := must(back.Tensor(initializers(back)[name]).Doubles(nil))(t); !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", name, got[:3], want[:3])
	}
}

// normNet is x [B,3,5] through a BatchNormalization whose statistics are far from its parents' means.
func normNet(t *testing.T, seed uint64, eps float32) *onnx.Model {
	t.Helper()
	b := newBuilt()
	b.in("x", -1, 3, 5)
	b.weight(t, "scale", onnx.Float32, seed, 3)
	b.weight(t, "shift", onnx.Float32, seed+1, 3)
	b.weight(t, "mean", onnx.Float32, seed+2, 3)
	v := random(seed+3, 3)
	for i := range v {
		v[i] = v[i]*v[i] + 0.05
	}
	b.tensor(t, "var", onnx.Float32, v, 3)
	b.node("BatchNormalization", "y", []string{"x", "scale", "shift", "mean", "var"}, floatAttr("epsilon", eps))
	b.out("y")
	return b.model(t)
}

// TestNormalisationBakesExactly mixes the affine maps of normalisations, each
// with its own epsilon: the baked node computes the mixture of what the parents compute.
func TestNormalisationBakesExactly(t *testing.T) {
	models := []*onnx.Model{normNet(t, 10, 1e-3), normNet(t, 20, 1e-5), normNet(t, 30, 1e-2)}
	d := samples(4, 6, 3, 5)
	for _, g := range []Granularity{ByLayer, ByChannel, ByTensor} {
		p := planOf(t, models, g)
		coeffs := randomCoefficients(p, 5)
		got := logits(t, wantSameLogits(t, p, coeffs, d, 1e-5), d, nil, nil)
		want := make([]float64, len(got))
		units := p.Groups[0].Units
		for j, m := range models {
			for i, v := range logits(t, m, d, nil, nil) {
				want[i] += coeffs[0][j*units+i/5%3%units] * float64(v)
			}
		}
		for i := range want {
			if math.Abs(float64(got[i])-want[i]) > 1e-5*math.Max(1, math.Abs(want[i])) {
				t.Fatalf("%s: element %d is %v, the mixture of the parents' is %v", g, i, got[i], want[i])
			}
		}
	}
}

// sharedNet has two layers with weights of one shape. Where they are equal the
// exporter stored one, and the second layer reads it behind an Identity.
func sharedNet(t *testing.T, shared bool, seed uint64) *onnx.Model {
	t.Helper()
	b := newBuilt()
	b.in("x", -1, 4)
	b.weight(t, "w1", onnx.Float32, seed, 4, 4)
	second := "w2"
	if shared {
		b.node("Identity", "same", []string{"w1"})
		second = "same"
	} else {
		b.weight(t, "w2", onnx.Float32, seed+50, 4, 4)
	}
	b.node("Gemm", "h", []string{"x", "w1"})
	b.node("Tanh", "r", []string{"h"})
	b.node("Gemm", "y", []string{"r", second})
	b.out("y")
	return b.model(t)
}

// TestSharedTensorIsParted merges into a base where two layers read one
// initializer, with parents where each has its own: the layers become different,
// so the file needs two.
func TestSharedTensorIsParted(t *testing.T) {
	models := []*onnx.Model{sharedNet(t, true, 1), sharedNet(t, false, 2), sharedNet(t, false, 3)}
	p := planOf(t, models, ByLayer)
	if len(p.Groups) != 2 {
		t.Fatalf("%d groups, want one for each of the two layers", len(p.Groups))
	}
	coeffs := [][]float64{{0.2, 0.5, 0.3}, {0.6, 0, 0.4}}
	back := wantSameLogits(t, p, coeffs, samples(3, 8, 4), 1e-5)
	if n := len(back.Proto().GetGraph().GetInitializer()); n < 2 {
		t.Errorf("%d initializers, want at least 2", n)
	}
	again := written(t, must(planOf(t, append([]*onnx.Model{back}, models[1:]...), ByLayer).Bake(coeffs))(t))
	wantFinite(t, logits(t, again, samples(3, 8, 4), nil, nil))
}

// TestSharedTensorStaysWithUnselectedLayers leaves the layer that is not
// selected what it read, bit for bit.
func TestSharedTensorStaysWithUnselectedLayers(t *testing.T) {
	models := []*onnx.Model{sharedNet(t, true, 1), sharedNet(t, false, 2)}
	s := selectAll(t, models)
	s.Layers = s.Layers[:1]
	p := must(NewPlan(must(LoadWeights(s))(t), ByLayer))(t)
	back := wantSameLogits(t, p, [][]float64{{0.5, 0.5}}, samples(3, 8, 4), 1e-5)
	a := must(graphmatch.Align([]*onnx.Model{models[0], back}, 0))(t)
	if a.Layers[0].Status == graphmatch.Identical || a.Layers[1].Status != graphmatch.Identical {
		t.Errorf("layers are %s and %s, want the first changed alone", a.Layers[0].Status, a.Layers[1].Status)
	}
}

func wantFinite(t *testing.T, v []float32) {
	t.Helper()
	if !allFinite(v) {
		t.Errorf("not all of %v are finite", v)
	}
}

// tiedNet reads one weight in two layers in every parent: as it is and transposed.
func tiedNet(t *testing.T, seed uint64) *onnx.Model {
	t.Helper()
	b := newBuilt()
	b.in("x", -1, 4)
	b.weight(t, "w", onnx.Float32, seed, 4, 6)
	b.node("MatMul", "h", []string{"x", "w"})
	b.node("Tanh", "r", []string{"h"})
	b.node("Gemm", "y", []string{"r", "w"}, intAttr("transB", 1))
	b.out("y")
	return b.model(t)
}

// TestTiedWeightsStayTied keeps one tensor for a weight that every parent ties.
func TestTiedWeightsStayTied(t *testing.T) {
	models := []*onnx.Model{tiedNet(t, 1), tiedNet(t, 2), tiedNet(t, 3)}
	p := planOf(t, models, ByLayer)
	back := wantSameLogits(t, p, randomCoefficients(p, 4), samples(3, 8, 4), 1e-5)
	if n := len(back.Proto().GetGraph().GetInitializer()); n != 1 || len(p.Groups) != 1 {
		t.Errorf("%d initializers and %d groups, want one of each", n, len(p.Groups))
	}
}

// constantNet keeps its weight in a Constant node.
func constantNet(t *testing.T, seed uint64) *onnx.Model {
	t.Helper()
	b := newBuilt()
	b.in("x", -1, 4)
	w := must(onnx.NewFloatTensor("w", onnx.Float32, []int{4, 3}, random(seed, 12)))(t)
	name, kind := "value", onnxpb.AttributeProto_TENSOR
	b.node("Constant", "w", nil, &onnxpb.AttributeProto{Name: &name, Type: &kind, T: w})
	b.node("MatMul", "y", []string{"x", "w"})
	b.out("y")
	return b.model(t)
}

// TestConstantNodesAreMerged writes merged values into the attribute.
func TestConstantNodesAreMerged(t *testing.T) {
	models := []*onnx.Model{constantNet(t, 1), constantNet(t, 2)}
	p := planOf(t, models, ByChannel)
	back := wantSameLogits(t, p, randomCoefficients(p, 4), samples(3, 8, 4), 1e-5)
	if g := back.Proto().GetGraph(); len(g.GetInitializer()) != 0 || len(g.GetNode()) != 2 {
		t.Errorf("the graph has %d initializers and %d nodes, want 0 and 2", len(g.GetInitializer()), len(g.GetNode()))
	}
}

// TestNonfiniteParentsAreShutOut mixes layers where one parent has a NaN or an
// infinity: it takes no part there, and does elsewhere.
func TestNonfiniteParentsAreShutOut(t *testing.T) {
	for _, broken := range []string{"nan", "inf"} {
		models := openAll(t, "cnn_bn/ft0.onnx", fmt.Sprintf("broken/%s.onnx", broken), "cnn_bn/ft2.onnx")
		for _, g := range granularities {
			p := planOf(t, models, g)
			everyone := []bool{true, true, true}
			shut := 0
			for i, group := range p.Uniform(everyone) {
				if p.Groups[i].Shut[1] {
					shut++
					if group[p.Groups[i].Units] != 0 || group[0] != 0.5 {
						t.Errorf("%s, %s: coefficients of %s begin with %v", broken, g, p.Groups[i].Name, group[:2])
					}
				}
			}
			if shut == 0 || shut == len(p.Groups) && g != ByModel && g != ByModule { // the network is one module
				t.Errorf("%s, %s: shut out of %d of %d groups", broken, g, shut, len(p.Groups))
			}
			wantFinite(t, logits(t, wantSameLogits(t, p, p.Uniform(everyone), openData(t, models[0], "test.npz").Head(8), 1e-5),
				openData(t, models[0], "test.npz").Head(8), nil, nil))
		}
	}
}

// TestMisshapenNormalisation: tensors that do not go together are no affine map. Without data nothing has
// checked the file yet, and the graph is not run.
func TestMisshapenNormalisation(t *testing.T) {
	for name, shapes := range map[string][4][]int{
		"short variance": {{4}, {4}, {4}, {3}}, "short mean": {{4}, {4}, {1}, {4}}, "scalars": {{}, {}, {}, {}},
	} {
		net := func(seed uint64) *onnx.Model {
			b := newBuilt()
			b.in("x", -1, 4)
			in := []string{"x"}
			for i, shape := range shapes {
				in = append(in, b.weight(t, fmt.Sprint("t", i), onnx.Float32, seed+uint64(i), shape...).GetName())
			}
			b.node("BatchNormalization", "y", in)
			b.out("y")
			return b.model(t)
		}
		w := must(LoadWeights(selectAll(t, []*onnx.Model{net(1), net(5)})))(t)
		for i := range w.layers {
			if w.layers[i].affine {
				t.Errorf("%s: taken for an affine map", name)
			}
		}
	}
}
