package search_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
)

// TestAutoMixesTransplants: gates of the parents and a transplant beat the gates of the parents alone on data that
// nothing saw, where those leave much behind; and what is written comes back from its recipe to the byte.
func TestAutoMixesTransplants(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("families/densenet", 3)...)
	s := gatetest.Select(t, models)
	merge := func(method gating.Method) *search.Result {
		o := search.Options{Method: method, Granularity: []gating.Granularity{gating.ByChannel}, Threads: 2}
		return gatetest.Must(search.Merge(t.Context(), s, openData(t, models[0], "val.npz"), o))(t)
	}
	soft, auto := merge(gating.Soft), merge(gating.Auto)
	if auto.Chosen.Trial == nil || !auto.Chosen.Trial.Source || !strings.Contains(auto.Chosen.Name, "+transplant") {
		t.Errorf("%s was chosen", auto.Chosen.Name)
	}
	test := gatetest.Must(gating.NewEvaluator(openData(t, models[0], "test.npz"), auto.Objective,
		gating.EvaluatorOptions{}))(t)
	defer test.Close()
	with := gatetest.Must(test.Score(t.Context(), auto.Model()))(t)
	without := gatetest.Must(test.Score(t.Context(), soft.Model()))(t)
	if with.Metric < without.Metric+0.01 || with.Loss > without.Loss {
		t.Errorf("with a transplant %+v, without %+v", with, without)
	}
	again := gatetest.Must(gatetest.Must(auto.Recipe())(t).Bake(s.Alignment))(t)
	if !bytes.Equal(gatetest.Bytes(t, again), gatetest.Bytes(t, auto.Model())) {
		t.Error("the recipe gives other bytes")
	}
	report := gatetest.Must(auto.Report())(t)
	for _, l := range report.Layers {
		if l.Status == "gated" && len(l.Coefficients) != 4 {
			t.Errorf("layer %s has coefficients of %d models, want three parents and the transplant", l.Name,
				len(l.Coefficients))
		}
	}
}

// TestAutoWithBadParents: broken parents take nothing from the good ones, wherever they stand.
func TestAutoWithBadParents(t *testing.T) {
	for _, bad := range []string{"nan", "inf", "random", "scaled"} {
		names := append([]string{"cnn_bn/ft0.onnx", "broken/" + bad + ".onnx"}, "cnn_bn/ft1.onnx", "cnn_bn/ft2.onnx")
		models := gatetest.Open(t, names...)
		r := gatetest.Must(search.Merge(t.Context(), gatetest.Select(t, models), openData(t, models[0], "val.npz"),
			search.Options{Method: gating.Auto, Threads: 2}))(t)
		if !r.Gained() || r.Chosen.Score.Metric < 0.95 {
			t.Errorf("%s: %s with accuracy %.3f", bad, r.Chosen.Name, r.Chosen.Score.Metric)
		}
		scoreOf(t, r, "transplant")
	}
}
