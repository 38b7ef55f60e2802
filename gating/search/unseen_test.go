package search_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
)

// twoHeads is a trunk with a head of scores, which have a layer of their own, and a head of boxes.
func twoHeads(t *testing.T, seed uint64) *onnx.Model {
	b := gatetest.NewBuilder()
	b.In("x", -1, 6)
	b.Weight(t, "trunk", onnx.Float32, 1, 6, 8)
	b.Weight(t, "scores", onnx.Float32, seed+10, 8, 3)
	b.Weight(t, "boxes", onnx.Float32, seed+20, 8, 4)
	b.Node("MatMul", "hidden", []string{"x", "trunk"})
	b.Node("Relu", "active", []string{"hidden"})
	b.Node("MatMul", "class", []string{"active", "scores"})
	b.Node("MatMul", "box", []string{"active", "boxes"})
	b.Out("class")
	b.Out("box")
	m := b.Model(t)
	if seed == 0 {
		return m
	}
	other := gatetest.Random(seed, 48)
	for i, v := range gatetest.Random(1, 48) {
		other[i] = v + 0.1*other[i]
	}
	return gatetest.Must(m.With(onnx.SetValues(m.Proto().GetGraph().GetInitializer()[0],
		func() ([]float64, error) { return other, nil })))(t)
}

// statuses merges two models of two heads and returns the status of every layer by the name of its tensor.
func statuses(t *testing.T, o search.Options) (map[string]string, *search.Result, error) {
	t.Helper()
	models := []*onnx.Model{twoHeads(t, 0), twoHeads(t, 1)}
	o.Anyway, o.Method, o.Objective = true, gating.Uniform, gating.ObjectiveOptions{Output: "class"}
	d := gatetest.Labelled(gatetest.Samples(3, 80, 6), 3)
	r, err := search.Merge(t.Context(), gatetest.Select(t, models), d, o)
	if err != nil {
		return nil, nil, err
	}
	list := map[string]string{}
	for _, l := range gatetest.Must(r.Report())(t).Layers {
		list[l.Tensors[0]] = l.Reason
	}
	return list, r, nil
}

// unseen is why a layer stays the base's.
const unseen = "not seen by the loss"

// TestUnseenLayersStayTheBases: the head that the loss does not read is not mixed blindly, and the trunk that it
// shares is not changed under it; it is said, and the user may say otherwise.
func TestUnseenLayersStayTheBases(t *testing.T) {
	got, r, err := statuses(t, search.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got["boxes"] != unseen || got["trunk"] != unseen || got["scores"] == unseen {
		t.Errorf("layers: %v", got)
	}
	says := func(what string) bool {
		return slices.ContainsFunc(r.Warnings.Texts(), func(w string) bool { return strings.Contains(w, what) })
	}
	if !says(`the loss reads output "class" alone: 1 layers of "box" are judged by nothing, and 1 are shared`) {
		t.Errorf("warnings %q", r.Warnings.Texts())
	}
	got, r, err = statuses(t, search.Options{Unseen: search.UnseenMerge})
	if err != nil {
		t.Fatal(err)
	}
	if got["boxes"] == unseen || got["trunk"] == unseen || !says("merged all the same") {
		t.Errorf("layers: %v, warnings %q", got, r.Warnings.Texts())
	}
	if _, _, err = statuses(t, search.Options{Unseen: "some"}); !errors.Is(err, gating.ErrOption) {
		t.Errorf("an unknown word: %v", err)
	}
}

// TestUnseenLayersAreMergedByEveryMethod: what is learned beside gates of layers that the loss does not read has no
// gradient, which is no error.
func TestUnseenLayersAreMergedByEveryMethod(t *testing.T) {
	models := []*onnx.Model{twoHeads(t, 0), twoHeads(t, 1)}
	d := gatetest.Labelled(gatetest.Samples(3, 80, 6), 3)
	for _, method := range []gating.Method{gating.Auto, gating.Soft, gating.FineTuned} {
		o := search.Options{Unseen: search.UnseenMerge, Method: method, Anyway: true,
			Objective: gating.ObjectiveOptions{Output: "class"}}
		o.Learn.Affine, o.Learn.MaxSteps = method == gating.Soft, 2
		_, err := search.Merge(t.Context(), gatetest.Select(t, models), d, o)
		if err != nil && !errors.Is(err, search.ErrNoGain) {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// TestNothingLeftOfUnseen: where only the other head is selected there is nothing to judge a merge by.
func TestNothingLeftOfUnseen(t *testing.T) {
	models := []*onnx.Model{twoHeads(t, 0), twoHeads(t, 1)}
	d := gatetest.Labelled(gatetest.Samples(3, 80, 6), 3)
	o := search.Options{Objective: gating.ObjectiveOptions{Output: "class"}, Anyway: true}
	_, err := search.Merge(t.Context(), gatetest.Select(t, models, "boxes"), d, o)
	if !errors.Is(err, dataset.ErrData) || !strings.Contains(err.Error(), "nothing is left to merge") {
		t.Errorf("got %v", err)
	}
}

// TestStrictStopsBeforeLearning: who takes warnings for errors learns of unseen layers before gates are learned.
func TestStrictStopsBeforeLearning(t *testing.T) {
	models := []*onnx.Model{twoHeads(t, 0), twoHeads(t, 1)}
	d := gatetest.Labelled(gatetest.Samples(3, 80, 6), 3)
	o := search.Options{Objective: gating.ObjectiveOptions{Output: "class"}, Anyway: true, Strict: true}
	o.Progress = func(e search.Event) {
		if e.Stage != "start" {
			t.Errorf("%s before the error", e.Stage)
		}
	}
	_, err := search.Merge(t.Context(), gatetest.Select(t, models), d, o)
	if !errors.Is(err, dataset.ErrData) || !strings.Contains(err.Error(), "are judged by nothing") {
		t.Errorf("got %v", err)
	}
}
