package gating

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// TestBakeComputesTheMixture holds, for real networks and every granularity,
// the written file against the network with the mixtures in it.
func TestBakeComputesTheMixture(t *testing.T) {
	for _, family := range []string{"mlp", "mlp_matmul", "cnn_bn", "resnet", "families/keras"} {
		models := gatetest.Open(t, gatetest.FineTunes(family, 3)...)
		data := "test.npz"
		d := gatetest.Data(t, data, Fields(models[0])).Head(16)
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
	models := gatetest.Open(t, gatetest.FineTunes("resnet", 3)...)
	for _, g := range []Granularity{ByLayer, ByChannel} {
		p := planOf(t, models, g)
		for j := range models {
			in := make([]bool, len(models))
			in[j] = true
			back := gatetest.Written(t, gatetest.Must(p.Bake(p.Average(in)))(t))
			if j == 0 && !bytes.Equal(gatetest.Bytes(t, back), gatetest.Bytes(t, models[0])) {
				t.Errorf("%s: the base alone is not the base's file", g)
			}
			a := gatetest.Must(graphmatch.Align([]*onnx.Model{models[j], back}, 0))(t)
			for _, l := range a.Layers {
				if l.Status != graphmatch.Identical {
					t.Errorf("%s, parent %d: layer %s is %s", g, j, l.Name, l.Status)
				}
			}
		}
	}
}

// TestUnselectedLayersKeepTheBasesBits merges the convolutions alone.
func TestUnselectedLayersKeepTheBasesBits(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...)
	p := planOf(t, models, ByChannel, "op:Conv")
	back := gatetest.Written(t, gatetest.Must(p.Bake(randomCoefficients(p, 2)))(t))
	a := gatetest.Must(graphmatch.Align([]*onnx.Model{models[0], back}, 0))(t)
	for _, l := range a.Layers {
		if (l.Op == "Conv") == (l.Status == graphmatch.Identical) {
			t.Errorf("layer %s (%s) is %s", l.Name, l.Op, l.Status)
		}
	}
}

// linearNet is x -> Gemm -> Relu -> Gemm with weights of a float type.
func linearNet(t *testing.T, dt onnx.DataType, seed uint64) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", -1, 4)
	b.Node("Cast", "cast", []string{"x"}, gatetest.Int("to", int64(dt)))
	b.Weight(t, "w1", dt, seed, 6, 4)
	b.Weight(t, "b1", dt, seed+100, 6)
	b.Weight(t, "w2", dt, seed+200, 6, 3)
	b.Node("Gemm", "h", []string{"cast", "w1", "b1"}, gatetest.Int("transB", 1))
	b.Node("Relu", "r", []string{"h"})
	b.Node("MatMul", "s", []string{"r", "w2"})
	b.Node("Cast", "y", []string{"s"}, gatetest.Int("to", int64(onnx.Float32)))
	b.Out("y")
	return b.Model(t)
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
			back := wantSameLogits(t, p, coeffs, gatetest.Samples(9, 8, 4), max(tol, 1e-5))
			for _, l := range p.layers {
				for k, param := range l.layer.Params {
					wantMixed(t, p, coeffs.groups[l.groups[k]], &param, back)
				}
			}
		})
	}
}

// wantMixed recomputes a mixed tensor from the parents' values, one element at a time.
func wantMixed(t *testing.T, p *Plan, c []float64, param *graphmatch.Param, back *onnx.Model) {
	t.Helper()
	a := p.selection.Alignment
	sum := make([]float64, gatetest.Size(param.Shape))
	inner := gatetest.Size(param.Shape[param.ChannelAxis+1:])
	channels := param.Shape[param.ChannelAxis]
	for j := range a.Models {
		for i, v := range gatetest.Must(a.Doubles(param, j, nil))(t) {
			sum[i] += c[j*channels+i/inner%channels] * v
		}
	}
	name := param.Uses[0].Name
	b := gatetest.NewBuilder()
	b.Tensor(t, name, param.Type, sum, param.Shape...)
	b.In("x", 1)
	b.Node("Neg", "y", []string{"x"})
	b.Out("y")
	rounded := b.Model(t)
	want := gatetest.Must(rounded.Tensor(initializers(rounded)[name]).Doubles(nil))(t)
	if got := gatetest.Must(back.Tensor(initializers(back)[name]).Doubles(nil))(t); !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", name, got[:3], want[:3])
	}
}

// normNet is x [B,3,5] through a BatchNormalization whose statistics are far from its parents' means.
func normNet(t *testing.T, seed uint64, eps float32) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", -1, 3, 5)
	b.Weight(t, "scale", onnx.Float32, seed, 3)
	b.Weight(t, "shift", onnx.Float32, seed+1, 3)
	b.Weight(t, "mean", onnx.Float32, seed+2, 3)
	v := gatetest.Random(seed+3, 3)
	for i := range v {
		v[i] = v[i]*v[i] + 0.05
	}
	b.Tensor(t, "var", onnx.Float32, v, 3)
	b.Node("BatchNormalization", "y", []string{"x", "scale", "shift", "mean", "var"}, gatetest.Float("epsilon", eps))
	b.Out("y")
	return b.Model(t)
}

// TestNormalisationBakesExactly mixes the affine maps of normalisations, each
// with its own epsilon: the baked node computes the mixture of what the parents compute.
func TestNormalisationBakesExactly(t *testing.T) {
	models := []*onnx.Model{normNet(t, 10, 1e-3), normNet(t, 20, 1e-5), normNet(t, 30, 1e-2)}
	d := gatetest.Samples(4, 6, 3, 5)
	for _, g := range []Granularity{ByLayer, ByChannel, ByTensor, ByElement} {
		p := planOf(t, models, g)
		coeffs := randomCoefficients(p, 5)
		got := ungated(t, wantSameLogits(t, p, coeffs, d, 1e-5), d)
		want := make([]float64, len(got))
		units := p.groups[0].units
		for j, m := range models {
			for i, v := range ungated(t, m, d) {
				want[i] += coeffs.groups[0][j*units+i/5%3%units] * float64(v)
			}
		}
		for i := range want {
			if math.Abs(float64(got[i])-want[i]) > 1e-5*math.Max(1, math.Abs(want[i])) {
				t.Fatalf("%s: element %d is %v, the mixture of the parents' is %v", g, i, got[i], want[i])
			}
		}
	}
}

// constantNet keeps its weight in a Constant node.
func constantNet(t *testing.T, seed uint64) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", -1, 4)
	w := gatetest.Must(onnx.NewFloatTensor("w", onnx.Float32, []int{4, 3}, gatetest.Random(seed, 12)))(t)
	name, kind := "value", onnxpb.AttributeProto_TENSOR
	b.Node("Constant", "w", nil, &onnxpb.AttributeProto{Name: &name, Type: &kind, T: w})
	b.Node("MatMul", "y", []string{"x", "w"})
	b.Out("y")
	return b.Model(t)
}

// TestConstantNodesAreMerged writes merged values into the attribute.
func TestConstantNodesAreMerged(t *testing.T) {
	models := []*onnx.Model{constantNet(t, 1), constantNet(t, 2)}
	p := planOf(t, models, ByChannel)
	back := wantSameLogits(t, p, randomCoefficients(p, 4), gatetest.Samples(3, 8, 4), 1e-5)
	if g := back.Proto().GetGraph(); len(g.GetInitializer()) != 0 || len(g.GetNode()) != 2 {
		t.Errorf("the graph has %d initializers and %d nodes, want 0 and 2", len(g.GetInitializer()), len(g.GetNode()))
	}
}

// TestNonfiniteParentsAreExcluded mixes layers where one parent has a NaN or an
// infinity: it takes no part there, and does elsewhere.
func TestNonfiniteParentsAreExcluded(t *testing.T) {
	for _, broken := range []string{"nan", "inf"} {
		models := gatetest.Open(t, "cnn_bn/ft0.onnx", fmt.Sprintf("broken/%s.onnx", broken), "cnn_bn/ft2.onnx")
		d := gatetest.Data(t, "test.npz", Fields(models[0])).Head(8)
		for _, g := range granularities {
			p := planOf(t, models, g)
			c := p.Average(nil)
			excluded := 0
			for i, name := range p.Groups() {
				if !p.Excluded(i, 1) {
					continue
				}
				excluded++
				if c.At(i, 1, 0) != 0 || c.At(i, 0, 0) != 0.5 {
					t.Errorf("%s, %s: coefficients of %s are %v", broken, g, name, c.ByParent(i))
				}
			}
			// the network is one module
			if excluded == 0 || excluded == len(p.groups) && g != ByModel && g != ByModule {
				t.Errorf("%s, %s: excluded from %d of %d groups", broken, g, excluded, len(p.groups))
			}
			wantFinite(t, ungated(t, wantSameLogits(t, p, c, d, 1e-5), d))
		}
	}
}
