package search_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/method"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// everyMethod lists the methods that merge weights alone.
func everyMethod() (list []gating.Method) {
	for _, m := range method.All() {
		list = append(list, gating.Method(m.Name))
	}
	return list
}

// TestMethodsWithoutData: every method merges without data, of selected layers alone, and its recipe bakes the same
// bytes; the report says what it took.
func TestMethodsWithoutData(t *testing.T) {
	models, start := gatetest.Open(t, gatetest.FineTunes("cnn", 3)...), gatetest.Open(t, "cnn/start.onnx")[0]
	s := gatetest.Select(t, models, "conv*")
	for _, m := range method.All() {
		o := search.Options{Method: gating.Method(m.Name), Learn: gating.LearnOptions{Seed: 4}}
		if m.Started {
			o.Static.Start = start
		}
		r := gatetest.Must(search.Average(t.Context(), s, o))(t)
		rep := gatetest.Must(r.Report())(t)
		if r.Chosen.Name != m.Name || rep.Method != o.Method || rep.Static == nil || rep.Static.Method != m.Name ||
			rep.Static.MeanStart || (rep.Static.StartSHA256 != "") != m.Started {
			t.Errorf("%s: chosen %s, the report has %+v", m.Name, r.Chosen.Name, rep.Static)
		}
		for _, l := range rep.Layers {
			if l.Coefficients != nil {
				t.Errorf("%s: the report has coefficients of %s, of which nothing is a mixture", m.Name, l.Name)
			}
		}
		rec := gatetest.Must(gatetest.Must(r.Recipe())(t).StartAmong([]*onnx.Model{start}))(t)
		again := gatetest.Must(rec.Bake(gatetest.Must(graphmatch.Align(models, rec.Base))(t)))(t)
		if !bytes.Equal(gatetest.Bytes(t, again), gatetest.Bytes(t, r.Model())) {
			t.Errorf("%s: the recipe bakes other bytes", m.Name)
		}
		if d := gatetest.Must(graphmatch.Diff(models[0], gatetest.Written(t, r.Model())))(t); d.Same() {
			t.Errorf("%s: nothing is merged", m.Name)
		} else if slices.ContainsFunc(d.Tensors, func(c graphmatch.TensorChange) bool {
			return c.Status != graphmatch.TensorIdentical && !strings.HasPrefix(c.Layer, "conv")
		}) {
			t.Errorf("%s: more is merged than was selected", m.Name)
		}
	}
}

// TestMethodsAreJudged: with data methods are candidates like any other, alone and beside the default's, with measured
// statistics too; what is chosen has a recipe that bakes it.
func TestMethodsAreJudged(t *testing.T) {
	models, start := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...), gatetest.Open(t, "cnn_bn/start.onnx")[0]
	s, d := gatetest.Select(t, models), openData(t, models[0], "val.npz")
	o := search.Options{Method: "ties", Static: search.StaticOptions{Start: start, Try: everyMethod(),
		Params: map[string]float64{"ties.density": 0.5, "steps": 20}, Weights: []float64{1, 1, 2}}}
	r := gatetest.Must(search.Merge(t.Context(), s, d, o))(t)
	var names []string
	for _, c := range r.Candidates {
		if c.Parent < 0 {
			names = append(names, c.Name)
			if !c.Score.Finite() {
				t.Errorf("%s has no score: %v", c.Name, c.Failure)
			}
		}
	}
	want := []string{"ties", "ties+recalibrated"}
	for _, m := range everyMethod() {
		if m != "ties" {
			want = append(want, string(m), string(m)+"+recalibrated")
		}
	}
	if !slices.Equal(names, want) {
		t.Errorf("candidates %v, want %v", names, want)
	}
	if !r.Gained() {
		t.Fatalf("chosen %s", r.Chosen.Name)
	}
	rec := gatetest.Must(gatetest.Must(r.Recipe())(t).StartAmong([]*onnx.Model{start}))(t)
	again := gatetest.Must(rec.Bake(gatetest.Must(graphmatch.Align(models, rec.Base))(t)))(t)
	if !bytes.Equal(gatetest.Bytes(t, again), gatetest.Bytes(t, r.Model())) {
		t.Error("the recipe bakes other bytes")
	}
	greedy := gatetest.Must(search.Merge(t.Context(), s, d, search.Options{Method: gating.Greedy,
		Static: search.StaticOptions{Try: []gating.Method{"karcher"}}}))(t)
	if !slices.ContainsFunc(greedy.Candidates, func(c search.Candidate) bool { return c.Name == "karcher" }) {
		t.Error("what is tried beside greedy is not judged")
	}
}

// TestMethodsOfReorderedModels: hidden units come into one order first, and the recipe brings them there again.
func TestMethodsOfReorderedModels(t *testing.T) {
	models := gatetest.Open(t, "mlp/seed0.onnx", "mlp/seed1.onnx")
	s := gatetest.Select(t, models)
	r := gatetest.Must(search.Average(t.Context(), s, search.Options{Method: "slerp", Anyway: true}))(t)
	if r.Units.By != gating.PermuteWeights {
		t.Fatalf("reordered by %s", r.Units.By)
	}
	rec := gatetest.Must(r.Recipe())(t)
	again := gatetest.Must(rec.Bake(gatetest.Must(graphmatch.Align(models, rec.Base))(t)))(t)
	if !bytes.Equal(gatetest.Bytes(t, again), gatetest.Bytes(t, r.Model())) {
		t.Error("the recipe bakes other bytes")
	}
	still := gatetest.Must(search.Average(t.Context(), s, search.Options{Method: "slerp", Anyway: true,
		Permute: gating.PermuteNone}))(t)
	if bytes.Equal(gatetest.Bytes(t, still.Model()), gatetest.Bytes(t, r.Model())) {
		t.Error("the order of units makes no difference")
	}
}

// TestStartsAreDoubted: a start of another training is refused without data, and warned of with it or where the user
// goes on anyway; layers that it lacks are named.
func TestStartsAreDoubted(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...)
	s, stranger := gatetest.Select(t, models), gatetest.Open(t, "cnn_bn/seed1.onnx")[0]
	o := search.Options{Method: "ties", Static: search.StaticOptions{Start: stranger}}
	_, err := search.Average(t.Context(), s, o)
	if !errors.Is(err, graphmatch.ErrAlign) || !strings.Contains(err.Error(), "does not look like the start") {
		t.Errorf("a stranger as a start: %v", err)
	}
	warned := func(r *search.Result, err error) []string { return gatetest.Must(r, err)(t).Warnings.Texts() }
	o.Anyway = true
	if w := strings.Join(warned(search.Average(t.Context(), s, o)), "; "); !strings.Contains(w, "does not look like") {
		t.Errorf("going on anyway: %s", w)
	}
	o.Anyway = false
	d := openData(t, models[0], "val.npz")
	if w := strings.Join(warned(search.Merge(t.Context(), s, d, o)), "; "); !strings.Contains(w, "does not look like") {
		t.Errorf("with data: %s", w)
	}
	o.Static.Start = gatetest.Open(t, "broken/nan.onnx")[0]
	if w := strings.Join(warned(search.Average(t.Context(), s, o)), "; "); !strings.Contains(w, "no finite numbers, at") {
		t.Errorf("a start with NaN: %s", w)
	}
}

// TestMethodOptionsRefused: unknown names and parameters are errors of kind gating.ErrOption, with the nearest.
func TestMethodOptionsRefused(t *testing.T) {
	start := gatetest.Open(t, "mlp/start.onnx")[0]
	ties := []gating.Method{"ties"}
	for want, o := range map[string]search.Options{
		`method "tie": want auto, soft, greedy, uniform or finetune`: {Method: "tie"},
		`there is no method "tis"`:                                   {Static: search.StaticOptions{Try: []gating.Method{"tis"}}},
		`ties has no parameter "densty"`: {Method: "ties", Static: search.StaticOptions{
			Params: map[string]float64{"densty": 1}}},
		`"lamda": none of ties, wudi has it`: {Method: "ties", Static: search.StaticOptions{Try: []gating.Method{"wudi"},
			Params: map[string]float64{"lamda": 1}}},
		"none is named": {Static: search.StaticOptions{Params: map[string]float64{"lambda": 1}}},
		"linear does not look at it": {Method: "linear", Static: search.StaticOptions{
			Start: start}},
		"density of ties is 2": {Static: search.StaticOptions{Try: ties, Params: map[string]float64{"ties.density": 2}}},
	} {
		if _, err := o.Validate(); !errors.Is(err, gating.ErrOption) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to say %q", err, want)
		}
	}
	s := gatetest.Select(t, gatetest.Open(t, gatetest.FineTunes("mlp", 2)...))
	for want, o := range map[string]search.StaticOptions{
		"nothing judges what is tried": {Try: ties}, "3 weights": {Weights: []float64{1, 2, 3}},
	} {
		if _, err := search.Average(t.Context(), s, search.Options{Method: "ties", Static: o}); !errors.Is(err,
			gating.ErrOption) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to say %q", err, want)
		}
	}
}
