package experts_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/internal/runtest"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/routed/experts"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// built makes a model whose weights are sums of what several seeds draw, each so many times.
func built(t *testing.T, shares []float64, build func(b gatetest.Builder, weight func(name string, shape ...int))) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	n := uint64(0)
	build(b, func(name string, shape ...int) {
		n++
		v := make([]float64, gatetest.Size(shape))
		for j, share := range shares {
			for i, w := range gatetest.Random(n+100*uint64(j), len(v)) {
				v[i] += share * w
			}
		}
		if name == "var" {
			for i := range v {
				v[i] = math.Abs(v[i]) + 0.1
			}
		}
		b.Tensor(t, name, onnx.Float32, v, shape...)
	})
	return b.Model(t)
}

// forms are layers that can be mixed sample by sample: one in each network, which reads x or ids.
var forms = map[string]func(b gatetest.Builder, weight func(string, ...int)){
	"MatMul": func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 4)
		weight("w", 4, 3)
		b.Node("MatMul", "y", []string{"x", "w"})
	},
	"MatMul of sequences, with a bias": func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 5, 4)
		weight("w", 4, 3)
		weight("b", 3)
		b.Node("MatMul", "h", []string{"x", "w"})
		b.Node("Add", "y", []string{"b", "h"})
	},
	"MatMul, twice by one matrix": func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 5, 4)
		weight("w", 4, 4)
		b.Node("MatMul", "h", []string{"x", "w"})
		b.Node("Relu", "r", []string{"h"})
		b.Node("MatMul", "y", []string{"r", "w"})
	},
	"Gemm": func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 4)
		weight("w", 4, 3)
		weight("b", 1, 3)
		b.Node("Gemm", "y", []string{"x", "w", "b"}, gatetest.Float("alpha", 0.5), gatetest.Float("beta", 2))
	},
	"Gemm, turned and without a bias": func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 4)
		weight("w", 3, 4)
		b.Node("Gemm", "y", []string{"x", "w"}, gatetest.Int("transB", 1))
	},
	"Conv": func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 2, 5, 7)
		weight("w", 3, 2, 3, 3)
		weight("b", 3)
		b.Node("Conv", "y", []string{"x", "w", "b"}, gatetest.Ints("strides", 2, 1), gatetest.Ints("pads", 1, 1, 0, 1))
	},
	"Conv along one axis, without a bias": func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 2, 9)
		weight("w", 3, 2, 3)
		b.Node("Conv", "y", []string{"x", "w"})
	},
	"Conv in groups": func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 4, 5, 5)
		weight("w", 6, 2, 3, 3)
		weight("b", 6)
		b.Node("Conv", "y", []string{"x", "w", "b"}, gatetest.Int("group", 2))
	},
	"Conv of each channel": func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 4, 5, 5)
		weight("w", 4, 1, 3, 3)
		b.Node("Conv", "y", []string{"x", "w"}, gatetest.Int("group", 4))
	},
	"ConvTranspose": func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 2, 4, 4)
		weight("w", 2, 3, 2, 2)
		weight("b", 3)
		b.Node("ConvTranspose", "y", []string{"x", "w", "b"}, gatetest.Ints("strides", 2, 2))
	},
	"ConvTranspose in groups": func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 4, 4, 4)
		weight("w", 4, 3, 2, 2)
		b.Node("ConvTranspose", "y", []string{"x", "w"}, gatetest.Int("group", 2))
	},
	"Gather": func(b gatetest.Builder, weight func(string, ...int)) {
		b.InOf("ids", onnx.Int64, -1, 5)
		weight("w", 16, 3)
		b.Node("Gather", "y", []string{"w", "ids"})
	},
	"Add": func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 3, 4)
		weight("w", 1, 3, 4)
		b.Node("Add", "y", []string{"x", "w"})
	},
	"Sub from a parameter": func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 3, 4)
		weight("w", 4)
		b.Node("Sub", "y", []string{"w", "x"})
	},
	"PRelu": func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 3, 4, 4)
		weight("w", 3, 1, 1)
		b.Node("PRelu", "y", []string{"x", "w"})
	},
	"InstanceNormalization": func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 3, 4, 4)
		weight("w", 3)
		weight("b", 3)
		b.Node("InstanceNormalization", "y", []string{"x", "w", "b"})
	},
}

// TestLayersAreMixedExactly: of one layer, what each sample gets is what the layer computes with the sample's own mixture
// of weights, sum_j g_bj W_j.
func TestLayersAreMixedExactly(t *testing.T) {
	ort := runtest.StartRuntime(t)
	const batch = 4
	gates := [][]float64{{0.2, 0.5, 0.3}, {1, 0, 0}, {0, 0.25, 0.75}, {1. / 3, 1. / 3, 1. / 3}}
	for name, build := range forms {
		t.Run(name, func(t *testing.T) {
			var models []*onnx.Model
			for j := range 3 {
				shares := make([]float64, 3)
				shares[j] = 1
				models = append(models, built(t, shares, finished(build)))
			}
			sample := sampleOf(models[0])
			e := gatetest.Must(experts.Given(gatetest.Select(t, models), sample))(t)
			given := gatetest.Written(t, gatetest.Must(e())(t))
			inputs := samples(t, models[0], batch)
			var want []float32
			all := &network.Tensor{Type: onnx.Float32, Shape: []int{batch, 3}}
			for b, shares := range gates {
				own := runtest.Evaluate(t, built(t, shares, finished(build)), inputs)
				size := len(own) / batch
				want = append(want, own[b*size:(b+1)*size]...)
				for _, g := range shares {
					all.F = append(all.F, float32(g))
				}
			}
			inputs["gates"] = all
			if d := runtest.Apart(runtest.Evaluate(t, given, inputs), want); !(d <= 1e-5*runtest.Largest(want)) {
				t.Errorf("%g apart from the layer with each sample's own weights", d)
			}
			ort.Check(t, runtest.File(t, given), inputs, want)
		})
	}
}

// finished ends a network.
func finished(build func(gatetest.Builder, func(string, ...int))) func(gatetest.Builder, func(string, ...int)) {
	return func(b gatetest.Builder, weight func(string, ...int)) {
		build(b, weight)
		b.Out("y")
	}
}

// TestNormalisationsAreMixedAsMaps: a BatchNormalization with gates of a half each computes the mean of what both do,
// which the mean of their variances does not.
func TestNormalisationsAreMixedAsMaps(t *testing.T) {
	ort := runtest.StartRuntime(t)
	build := finished(func(b gatetest.Builder, weight func(string, ...int)) {
		b.In("x", -1, 3, 4, 4)
		for _, name := range []string{"scale", "bias", "mean", "var"} {
			weight(name, 3)
		}
		b.Node("BatchNormalization", "y", []string{"x", "scale", "bias", "mean", "var"}, gatetest.Float("epsilon", 1e-3))
	})
	models := []*onnx.Model{built(t, []float64{1, 0}, build), built(t, []float64{0, 1}, build)}
	e := gatetest.Must(experts.Given(gatetest.Select(t, models), sampleOf(models[0])))(t)
	given := gatetest.Written(t, gatetest.Must(e())(t))
	inputs := samples(t, models[0], 2)
	var want []float32
	for i, v := range runtest.Evaluate(t, models[0], inputs) {
		want = append(want, (v+runtest.Evaluate(t, models[1], inputs)[i])/2)
	}
	inputs["gates"] = &network.Tensor{Type: onnx.Float32, Shape: []int{2, 2}, F: []float32{0.5, 0.5, 0.5, 0.5}}
	if d := runtest.Apart(runtest.Evaluate(t, given, inputs), want); !(d <= 1e-5*runtest.Largest(want)) {
		t.Errorf("%g apart from the mean of both", d)
	}
	ort.Check(t, runtest.File(t, given), inputs, want)
}

// TestRefusedLayers: layers that are not linear in their parameters, or whose samples do not stand along the first axis,
// are refused by name, and what can be done is said.
func TestRefusedLayers(t *testing.T) {
	for _, c := range []struct {
		name, want string
		build      func(b gatetest.Builder, weight func(string, ...int))
	}{
		{"samples folded into positions", "does not count the samples", func(b gatetest.Builder, weight func(string, ...int)) {
			b.In("x", -1, 5, 4)
			b.Ints(t, "fold", -1, 4)
			b.Node("Reshape", "f", []string{"x", "fold"})
			weight("w", 4, 3)
			b.Node("MatMul", "h", []string{"f", "w"})
			b.Ints(t, "unfold", -1, 5, 3)
			b.Node("Reshape", "y", []string{"h", "unfold"})
		}},
		{"samples along the second axis", "does not count the samples", func(b gatetest.Builder, weight func(string, ...int)) {
			b.In("x", -1, 5, 4)
			b.Node("Transpose", "f", []string{"x"}, gatetest.Ints("perm", 1, 0, 2))
			weight("w", 4, 3)
			b.Node("MatMul", "h", []string{"f", "w"})
			b.Node("Transpose", "y", []string{"h"}, gatetest.Ints("perm", 1, 0, 2))
		}},
		{"a parameter that divides", "Div is not linear", func(b gatetest.Builder, weight func(string, ...int)) {
			b.In("x", -1, 4)
			weight("w", 4)
			b.Node("Div", "y", []string{"x", "w"})
		}},
		{"a weight that is turned first", "is read through", func(b gatetest.Builder, weight func(string, ...int)) {
			b.In("x", -1, 4)
			weight("w", 3, 4)
			b.Node("Transpose", "wt", []string{"w"}, gatetest.Ints("perm", 1, 0))
			b.Node("MatMul", "y", []string{"x", "wt"})
		}},
		{"a recurrent network", "LSTM is not linear", func(b gatetest.Builder, weight func(string, ...int)) {
			b.In("x", -1, 5, 4)
			weight("W", 1, 12, 4)
			weight("R", 1, 12, 3)
			b.Node("LSTM", "h", []string{"x", "W", "R"}, gatetest.Int("hidden_size", 3), gatetest.Int("layout", 1))
			b.Node("Relu", "y", []string{"h"})
		}},
	} {
		build := func(b gatetest.Builder, weight func(string, ...int)) { // a layer before that can be mixed
			c.build(b, weight)
			b.Out("y")
		}
		models := []*onnx.Model{built(t, []float64{1, 0}, build), built(t, []float64{0, 1}, build)}
		_, err := experts.Given(gatetest.Select(t, models), sampleOf(models[0]))
		if !errors.Is(err, network.ErrUnsupported) || !strings.Contains(fmt.Sprint(err), c.want) ||
			!strings.Contains(advice.Hint(err), "--except") {
			t.Errorf("%s: got %v (hint %q), want one that says %q", c.name, err, advice.Hint(err), c.want)
		}
	}
}

// TestRefusedGraphs: a graph for a fixed number of samples, types that are not float32, numbers that are not finite.
func TestRefusedGraphs(t *testing.T) {
	build := finished(forms["MatMul"])
	two := func(change func(p *onnxpb.ModelProto)) (list []*onnx.Model) {
		for j := range 2 {
			shares := []float64{0, 0}
			shares[j] = 1
			list = append(list, gatetest.Must(built(t, shares, build).Rewrite(func(p *onnxpb.ModelProto) error {
				change(p)
				return nil
			}))(t))
		}
		return list
	}
	for _, c := range []struct {
		name, want string
		models     []*onnx.Model
	}{
		{"a fixed batch", "exported for 2 samples", two(func(p *onnxpb.ModelProto) {
			p.Graph.Input[0].GetType().GetTensorType().Shape.Dim[0] = &onnxpb.TensorShapeProto_Dimension{
				Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: 2}}
		})},
		{"opset 8", "imports opset 8", two(func(p *onnxpb.ModelProto) { *p.OpsetImport[0].Version = 8 })},
		{"float16", "has the type float16", two(func(p *onnxpb.ModelProto) {
			v := gatetest.Must(onnx.TensorOf(p.Graph.Initializer[0]).Doubles(nil))(t)
			p.Graph.Initializer[0] = gatetest.Must(onnx.NewFloatTensor("w", onnx.Float16, []int{4, 3}, v))(t)
			p.Graph.Input[0].GetType().GetTensorType().ElemType = new(int32(onnx.Float16))
		})},
		{"a NaN", "has a NaN or an infinity", two(func(p *onnxpb.ModelProto) {
			v := gatetest.Must(onnx.TensorOf(p.Graph.Initializer[0]).Doubles(nil))(t)
			v[3] = math.NaN()
			p.Graph.Initializer[0] = gatetest.Must(onnx.NewFloatTensor("w", onnx.Float32, []int{4, 3}, v))(t)
		})},
	} {
		_, err := experts.Given(gatetest.Select(t, c.models), map[string][]int{"x": {4}})
		if err == nil || !strings.Contains(err.Error(), c.want) || advice.Hint(err) == "" {
			t.Errorf("%s: got %v, want one that says %q", c.name, err, c.want)
		}
	}
}
