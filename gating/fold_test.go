package gating

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// twoExports are exports of one network: with its normalisations folded into the convolutions, and with
// them as nodes.
func twoExports(t *testing.T) []*onnx.Model {
	t.Helper()
	return exports(t, "resnet_tuned", "resnet_bn_tuned")
}

// exports opens files of package graphmatch's tests.
func exports(t *testing.T, names ...string) []*onnx.Model {
	t.Helper()
	var models []*onnx.Model
	for _, name := range names {
		m := gatetest.Must(onnx.Open("../graphmatch/testdata/" + name + ".onnx"))(t)
		t.Cleanup(func() { m.Close() })
		models = append(models, m)
	}
	return models
}

// selectFrom is the plan of layers with a base.
func selectFrom(t *testing.T, models []*onnx.Model, base int, g Granularity, only ...string) *Plan {
	t.Helper()
	a := gatetest.Must(graphmatch.Align(models, base))(t)
	return gatetest.Must(NewPlan(gatetest.Must(LoadWeights(gatetest.Must(a.Select(only, nil))(t)))(t), g))(t)
}

// Any convex mixture of two exports of one network is that network, whichever of them is the base.
func TestMixtureOfFoldedAndUnfoldedIsTheNetwork(t *testing.T) {
	d := gatetest.Samples(3, 8, 1, 8, 8)
	// Fresh exports store equal tensors once: there the reset normalisations need tensors of their own.
	for _, models := range [][]*onnx.Model{twoExports(t), exports(t, "resnet_fresh", "resnet_bn_fresh")} {
		want := ungated(t, models[0], d)
		for base := range models {
			for _, g := range granularities {
				p := selectFrom(t, models, base, g)
				for _, coeffs := range []Coefficients{p.Average(nil), randomCoefficients(p, 4)} {
					back := wantSameLogits(t, p, coeffs, d, 1e-5)
					wantClose(t, ungated(t, back, d), want, 1e-5)
				}
			}
		}
	}
}

// Mixtures of different networks, one of them folded, compute what the learned network does.
func TestFoldedMixtureBakesAsItWasLearned(t *testing.T) {
	models, d := append(twoExports(t), exports(t, "resnet_fresh")...), gatetest.Samples(3, 8, 1, 8, 8)
	for base := range models {
		for _, g := range granularities {
			p := selectFrom(t, models, base, g)
			wantSameLogits(t, p, randomCoefficients(p, 4), d, 1e-5)
		}
	}
}

// What is not selected stays as the base has it, normalisations included.
func TestFoldedLayersLeftOutAreCopied(t *testing.T) {
	models := twoExports(t)
	for base := range models {
		p := selectFrom(t, models, base, ByLayer, "layer2.0.conv1")
		back := gatetest.Written(t, gatetest.Must(p.Bake(p.Average(nil)))(t))
		for _, l := range gatetest.Must(graphmatch.Align([]*onnx.Model{models[base], back}, 0))(t).Layers {
			merged := l.Name == "layer2.0.conv1" || l.Name == "layer2.0.bn1"
			if merged == (l.Status == graphmatch.Identical) {
				t.Errorf("base %d: layer %s is %s", base, l.Name, l.Status)
			}
		}
	}
}

// A recipe of a merge that folded normalisations bakes the same bytes again.
func TestRecipeOfFoldedMerge(t *testing.T) {
	models := twoExports(t)
	for base := range models {
		p := selectFrom(t, models, base, ByChannel)
		m := NewMixture(p, randomCoefficients(p, 7))
		rec := gatetest.Must(ParseRecipe(gatetest.Must(json.Marshal(recipeOf(t, m)))(t)))(t)
		again := gatetest.Must(rec.Bake(gatetest.Must(graphmatch.Align(models, rec.Base))(t)))(t)
		if !bytes.Equal(gatetest.Bytes(t, again), gatetest.Bytes(t, gatetest.Must(m.Bake())(t))) {
			t.Errorf("base %d: other bytes", base)
		}
	}
}

// A normalisation that a merge has reset is no place to measure statistics at.
func TestResetNormalisationsAreNotRecalibrated(t *testing.T) {
	models := twoExports(t)
	p := selectFrom(t, models, 1, ByLayer)
	merged := gatetest.Must(p.Bake(p.Average(nil)))(t)
	if n := len(normNodes(models[1])); n == 0 {
		t.Fatal("the base has no normalisations")
	}
	if list := normNodes(merged); len(list) != 0 {
		t.Errorf("%d normalisations are to be recalibrated, want none", len(list))
	}
}
