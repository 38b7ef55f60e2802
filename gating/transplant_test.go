package gating

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// transplanting is parents with a plan of all layers, and their data.
type transplanting struct {
	models []*onnx.Model
	plan   *Plan
	learn  *Evaluator
	test   *Evaluator
}

func newTransplanting(t *testing.T, val, test string, names ...string) *transplanting {
	t.Helper()
	models := gatetest.Open(t, names...)
	d := gatetest.Data(t, val, Fields(models[0]))
	o := objectiveOf(t, models[0], d)
	return &transplanting{models, planOf(t, models, ByLayer), onThreads(t, d, o, 64, 2),
		onThreads(t, gatetest.Data(t, test, Fields(models[0])), o, 64, 2)}
}

// accuracy is a model's on data that nothing saw.
func (x *transplanting) accuracy(t *testing.T, m *onnx.Model) float64 {
	t.Helper()
	return gatetest.Must(x.test.Score(t.Context(), m))(t).Metric
}

// TestTransplantOfSeeds: parents of different starts, whose units are in no common order, make one network nearly
// as good as they are, where their average knows nothing.
func TestTransplantOfSeeds(t *testing.T) {
	for family, most := range map[string]float64{"mlp": 0.02, "mlp_matmul": 0.02, "cnn": 0.03, "cnn_bn": 0.03,
		"resnet": 0.09} {
		x := newTransplanting(t, "val.npz", "test.npz", family+"/seed0.onnx", family+"/seed1.onnx")
		got := x.accuracy(t, gatetest.Must(Transplant(t.Context(), x.plan, x.learn))(t).Model())
		best := max(x.accuracy(t, x.models[0]), x.accuracy(t, x.models[1]))
		average := x.accuracy(t, gatetest.Must(x.plan.Bake(x.plan.Average(nil)))(t))
		if got < best-most || got < average+0.2 {
			t.Errorf("%s: %.3f, the best parent %.3f, the average %.3f", family, got, best, average)
		}
	}
}

// TestTransplantOfFineTunes is better than the best parent and than the average, on every kind of network.
func TestTransplantOfFineTunes(t *testing.T) {
	families := []string{"cnn_bn", "families/densenet", "families/mobilenet"}
	if !testing.Short() {
		families = append(families, "mlp", "resnet", "families/vit", "families/convnext", "families/sklearn",
			"families/keras")
	}
	for _, family := range families {
		x := newTransplanting(t, "val.npz", "test.npz", gatetest.FineTunes(family, 3)...)
		got := x.accuracy(t, gatetest.Must(Transplant(t.Context(), x.plan, x.learn))(t).Model())
		average := x.accuracy(t, gatetest.Must(x.plan.Bake(x.plan.Average(nil)))(t))
		for _, m := range x.models {
			if parent := x.accuracy(t, m); got <= parent || got < average {
				t.Errorf("%s: %.3f, a parent %.3f, the average %.3f", family, got, parent, average)
			}
		}
	}
}

// TestTransplantOfTheOnlyParentThatWorks is that parent: it alone is competent, all layers start at its
// weights, and what they compute is their own target. Were a target taken from other places than its inputs, the
// weights would move.
func TestTransplantOfTheOnlyParentThatWorks(t *testing.T) {
	families := []string{"mlp", "cnn_bn"}
	if !testing.Short() { // the race detector makes the others take minutes
		families = append(families, "mlp_matmul", "resnet", "families/mobilenet", "families/vit", "families/swin",
			"families/bert", "families/unet")
	}
	for _, family := range families {
		val := "val.npz"
		if family == "families/bert" {
			val = family + "/val.npz"
		}
		x := newTransplanting(t, val, val, gatetest.FineTunes(family, 2)...)
		tr := gatetest.Must(newTransplant(t.Context(), x.plan, x.learn))(t)
		for _, w := range tr.competence {
			w[0], w[1] = 0, 1
		}
		tr.mean = []float64{0, 1}
		tr.start = x.plan.weighted(tr.mean)
		got := gatetest.Must(tr.run(t.Context()))(t).Model()
		d := x.learn.data.Head(32)
		if !within(ungated(t, got, d), ungated(t, x.models[1], d), 2e-3) {
			t.Errorf("%s: another network than the parent's", family)
		}
		if len(tr.given) < len(tr.layers) || slices.Contains(tr.targets, nil) {
			t.Errorf("%s: %d layers, %d tensors found", family, len(tr.layers), len(tr.given))
		}
	}
}

// TestSourceIsMixedAndBakedAgain: a transplant beside its parents, mixed by gates of its own, comes back from a
// recipe to the byte.
func TestSourceIsMixedAndBakedAgain(t *testing.T) {
	for _, family := range []string{"cnn_bn", "families/keras"} {
		x := newTransplanting(t, "val.npz", "test.npz", gatetest.FineTunes(family, 2)...)
		s := gatetest.Must(Transplant(t.Context(), x.plan, x.learn))(t)
		p := gatetest.Must(NewPlan(gatetest.Must(s.Weights())(t), ByChannel))(t)
		m := NewMixture(p, randomCoefficients(p, 5))
		if p.parents() != 3 || len(p.layers) != len(x.plan.layers) {
			t.Fatalf("%s: %d layers of %d models, want %d of 3", family, len(p.layers), p.parents(), len(x.plan.layers))
		}
		rec := gatetest.Must(m.Recipe(RecipeOptions{Method: Soft}))(t)
		again := gatetest.Must(ParseRecipe(gatetest.Must(json.Marshal(rec))(t)))(t)
		if len(again.Parents) != 2 {
			t.Errorf("%s: the recipe wants %d files", family, len(again.Parents))
		}
		back := gatetest.Must(again.Bake(gatetest.Must(graphmatch.Align(x.models, 0))(t)))(t)
		if !bytes.Equal(gatetest.Bytes(t, back), gatetest.Bytes(t, gatetest.Must(m.Bake())(t))) {
			t.Errorf("%s: other bytes", family)
		}
	}
}

// TestSourceAloneIsItsModel: with all gates of the parents at 0 the mixture computes what the source does.
func TestSourceAloneIsItsModel(t *testing.T) {
	x := newTransplanting(t, "val.npz", "test.npz", gatetest.FineTunes("cnn_bn", 2)...)
	s := gatetest.Must(Transplant(t.Context(), x.plan, x.learn))(t)
	p := gatetest.Must(NewPlan(gatetest.Must(s.Weights())(t), ByLayer))(t)
	got := gatetest.Must(p.Bake(p.Average([]bool{false, false, true})))(t)
	d := x.test.data.Head(16)
	if !within(ungated(t, got, d), ungated(t, s.Model(), d), 1e-5) {
		t.Error("the mixture of the source alone is another network")
	}
}

// TestRecipeRefusesSources that do not fit, in words.
func TestRecipeRefusesSources(t *testing.T) {
	x := newTransplanting(t, "val.npz", "test.npz", gatetest.FineTunes("mlp", 2)...)
	s := gatetest.Must(Transplant(t.Context(), x.plan, x.learn))(t)
	a := x.plan.selection.Alignment
	for name, change := range map[string]func([]SourceTensor) []SourceTensor{
		"a layer that is not there": func(l []SourceTensor) []SourceTensor { l[0].Layer = "none"; return l },
		"a role that is not there":  func(l []SourceTensor) []SourceTensor { l[0].Role = "none"; return l },
		"too few values":            func(l []SourceTensor) []SourceTensor { l[0].Values = l[0].Values[:4]; return l },
		"half a value":              func(l []SourceTensor) []SourceTensor { l[0].Values = l[0].Values[1:]; return l },
		"a layer without its bias":  func(l []SourceTensor) []SourceTensor { return l[1:] },
		"a NaN": func(l []SourceTensor) []SourceTensor {
			copy(l[0].Values,
				"\xff\xff\xff\xff")
			return l
		},
		"coefficients for no sources": nil,
	} {
		r := &Recipe{Version: RecipeVersion, Parents: []string{"a", "b"}, Layers: []RecipeLayer{{Layer: "none"}}}
		if change != nil {
			var list []SourceTensor
			for _, tensor := range s.tensors {
				list = append(list, SourceTensor{tensor.Layer, tensor.Role, bytes.Clone(tensor.Values)})
			}
			r.Source = change(list)
		}
		if _, err := r.Bake(a); !errors.Is(err, ErrRecipe) && !errors.Is(err, graphmatch.ErrAlign) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTransplantOnThreads gives the same bytes on any number of them.
func TestTransplantOnThreads(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...)
	d := gatetest.Data(t, "val.npz", Fields(models[0])).Head(200)
	o := objectiveOf(t, models[0], d)
	p := planOf(t, models, ByLayer)
	var first []byte
	for threads := 1; threads <= 3; threads++ {
		e := onThreads(t, d, o, 64, threads)
		got := gatetest.Bytes(t, gatetest.Must(Transplant(t.Context(), p, e))(t).Model())
		if first == nil {
			first = got
		}
		if !bytes.Equal(got, first) {
			t.Errorf("%d threads: other bytes", threads)
		}
	}
}

// TestTransplantLeavesOutWhatIsBroken: a parent that computes no numbers has no competence, wherever it stands.
func TestTransplantLeavesOutWhatIsBroken(t *testing.T) {
	for at := range 3 {
		names := gatetest.FineTunes("cnn_bn", 2)
		names = append(names[:at:at], append([]string{"broken/nan.onnx"}, names[at:]...)...)
		x := newTransplanting(t, "val.npz", "test.npz", names...)
		got := x.accuracy(t, gatetest.Must(Transplant(t.Context(), x.plan, x.learn))(t).Model())
		for j, m := range x.models {
			if parent := x.accuracy(t, m); got <= parent {
				t.Errorf("the broken one at %d: %.3f, parent %d %.3f", at, got, j, parent)
			}
		}
	}
}

// TestTransplantCounts the products that a spot costs, which bound how many are looked at: of n inputs and m units n
// (n + m).
func TestTransplantCounts(t *testing.T) {
	x := newTransplanting(t, "val.npz", "test.npz", gatetest.FineTunes("mlp", 2)...)
	tr := gatetest.Must(newTransplant(t.Context(), x.plan, x.learn))(t)
	if got, want := tr.products(), float64(64*(64+64)+64*(64+32)+32*(32+10)); got != want {
		t.Errorf("%v products, want %v", got, want)
	}
	if tr.spots != transplantSpots {
		t.Errorf("%d spots of a small network, want %d", tr.spots, transplantSpots)
	}
}
