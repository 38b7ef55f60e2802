package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
)

// spoken is what a function prints to each side.
func spoken(t *testing.T, print func(*terminal.Voice) error) (out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	if err := print(&terminal.Voice{Out: &o, Err: &e}); err != nil {
		t.Fatal(err)
	}
	return o.String(), e.String()
}

func number(f float64) *float64 { return &f }

// merged is the report of a merge of two models that have the same name in different folders.
func merged() *search.Report {
	return &search.Report{
		Output: "m.onnx", LossName: "cross_entropy", Metric: "accuracy", Chosen: "soft:layer", HeldOut: 1,
		Parents: []search.ReportParent{{Path: "a/ft.onnx"}, {Path: "b/ft.onnx"}, {Path: "b/other.onnx"}},
		Candidates: []search.ReportCandidate{
			{Name: "parent:a/ft.onnx", Parent: "a/ft.onnx", Loss: number(0.5), Metric: number(0.75)},
			{Name: "parent:b/other.onnx", Parent: "b/other.onnx", Reason: "its loss is not finite"},
			{Name: "soft:layer", Loss: number(0.25), Metric: number(1), Chosen: true},
		},
	}
}

func TestCandidates(t *testing.T) {
	out, errs := spoken(t, func(v *terminal.Voice) error { return Candidates(v, merged()) })
	want := `candidate          cross_entropy  accuracy
parent a/ft.onnx          0.5000    0.7500
parent other.onnx              -         -  its loss is not finite
soft:layer                0.2500    1.0000  <- chosen
`
	if out != want || errs != "softmerge: judged on 1 sample that no gate learned from\n" {
		t.Errorf("got\n%s%swant\n%s", out, errs, want)
	}
}

func TestCandidatesOfNothing(t *testing.T) {
	const identical = "the models are identical in every selected layer: the result is the base, byte for byte\n"
	for want, change := range map[string]func(*search.Report){
		identical: func(r *search.Report) { r.Identical = true },
		"uniform of 3 models; without data nothing is judged\n": func(r *search.Report) {
			r.LossName, r.Chosen = "",
				"uniform"
		},
	} {
		r := merged()
		change(r)
		if out, errs := spoken(t, func(v *terminal.Voice) error { return Candidates(v, r) }); out != want ||
			errs != "" {
			t.Errorf("got %q and %q, want %q", out, errs, want)
		}
	}
}

func TestWrote(t *testing.T) {
	_, errs := spoken(t, func(v *terminal.Voice) error { Wrote(v, merged(), 1500); return nil })
	if want := "softmerge: wrote m.onnx (1.5 kB): soft:layer, accuracy 1.0000\n"; errs != want {
		t.Errorf("got %q, want %q", errs, want)
	}
}

// A model given twice counts twice in an average: people want to know.
func TestCopies(t *testing.T) {
	r := merged()
	for i := range r.Parents {
		r.Parents[i].SHA256 = []string{"a", "b", "a"}[i]
	}
	if w := Copies(r).Texts(); len(w) != 1 || w[0] != "a/ft.onnx and b/other.onnx are the same file, byte for byte" {
		t.Errorf("got %q", w)
	}
}

func TestReordered(t *testing.T) {
	r := merged()
	r.Reordered = &search.ReportReordered{By: "weights", Units: []int{0, 64, 64}, Moved: []int{0, 60, 0},
		CosineBefore: []float64{1, 0.125, 1}, CosineAfter: []float64{1, 0.5, 1}}
	_, errs := spoken(t, func(v *terminal.Voice) error { Reordered(v, r); return nil })
	want := "softmerge: ft.onnx: 60 of 64 hidden units reordered by weights; " +
		"cosine with the base's weights 0.50, was 0.12\n"
	if errs != want {
		t.Errorf("got %q, want %q", errs, want)
	}
}

// Each reason is told once, with the layers that it is given for, and no more than a screen of them.
func TestReasons(t *testing.T) {
	var why []string
	layers := map[string][]string{}
	for i := range 14 {
		reason := fmt.Sprint("reason ", i/2)
		why = append(why, reason)
		layers[reason] = append(layers[reason], fmt.Sprint("layer ", i))
	}
	_, errs := spoken(t, func(v *terminal.Voice) error { reasons(v, "left out", why, layers); return nil })
	lines := strings.Split(strings.TrimSpace(errs), "\n")
	if len(lines) != terminal.MaxListed+1 || lines[0] != "softmerge: left out layer 0, layer 1: reason 0" ||
		!strings.Contains(lines[terminal.MaxListed], "and more") {
		t.Errorf("got %q", lines)
	}
}

// A script that asks for JSON gets an object for an error, too, and the candidates if there were any.
func TestFailure(t *testing.T) {
	var out, errs bytes.Buffer
	v := &terminal.Voice{Out: &out, Err: &errs, JSON: true}
	kept := merged()
	kept.Candidates[0].Chosen, kept.Candidates[2].Chosen = true, false
	code := Failure(v, fmt.Errorf("merge: %w", NoGain(kept)))
	var got failure
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if code != exit.NoGain || got.Code != code || len(got.Candidates) != 3 || got.Hint == "" {
		t.Errorf("code %d, object %+v", code, got)
	}
	if !strings.Contains(got.Error, "no merged model beats the best parent, a/ft.onnx") {
		t.Errorf("says %q", got.Error)
	}
	out.Reset()
	if code := Failure(v, errors.New("disk full")); code != exit.Failure ||
		strings.Contains(out.String(), "candidates") {
		t.Errorf("code %d, object %s", code, out.String())
	}
	if !strings.HasSuffix(errs.String(), "softmerge: error: disk full\n") {
		t.Errorf("says %q", errs.String())
	}
}

func TestEvaluation(t *testing.T) {
	e := &Evaluation{Metric: "accuracy", LossName: "mse", Models: []Evaluated{
		{Path: "a.onnx", Loss: number(0.5), Metric: number(1), Samples: 3, Seconds: 1.234},
		{Path: "b.onnx", Samples: 3},
	}}
	out, _ := spoken(t, e.Print)
	want := `model      mse  accuracy  samples  seconds
a.onnx  0.5000    1.0000        3     1.23
b.onnx       -         -        3     0.00
`
	if out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

// differences is a difference of every kind.
func differences() *graphmatch.Difference {
	text := func(s string) *string { return &s }
	constant := graphmatch.NodeChange{Change: "removed", Name: "c", Op: "Constant", Place: "graph"}
	return &graphmatch.Difference{
		Model: []graphmatch.Change{{What: "producer", A: text("py torch\n 2"), B: nil}},
		Nodes: []graphmatch.NodeChange{
			constant, constant, constant,
			{Change: "changed", Name: "conv", Op: "Conv", Place: "graph / if.then_branch",
				Details: []graphmatch.Change{{What: "attribute group", A: text("1"), B: text("2")}}},
			{Change: "added", Name: "relu", Op: "Relu", Place: "graph"},
		},
		Tensors: []graphmatch.TensorChange{
			{Status: graphmatch.TensorIdentical, Names: []string{"b", "b"}, Shapes: [][]int{{3}, {3}},
				Types: []string{"f32", "f32"}},
			{Status: graphmatch.TensorChanged, Layer: "conv", Names: []string{"w", "v"},
				Shapes: [][]int{{3, 2}, {3, 2}},
				Types:  []string{"f32", "f16"}, Relative: number(0.012345), Cosine: number(1), MaxAbs: nil},
			{Status: graphmatch.TensorReshaped, Names: []string{"r", ""}, Shapes: [][]int{{3, 2}, {6}},
				Types: []string{"f32", ""}},
		},
	}
}

func TestDifference(t *testing.T) {
	out, _ := spoken(t, func(v *terminal.Voice) error { return Difference(v, differences(), false) })
	want := `model     A           B
producer  py torch 2  -

node                           operator  change   what             A  B
3 nodes                        Constant  removed
graph / if.then_branch / conv  Conv      changed  attribute group  1  2
relu                           Relu      added

tensor  layer  shape         change    relative  cosine  max abs
v       conv   [3 2]         changed    0.01235       1        -  f32 -> f16
r              [3 2] -> [6]  reshaped         -       -        -

nodes: 1 added, 3 removed, 1 changed, 0 renamed; tensors: 1 identical, 1 changed, 1 reshaped
`
	if out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

// All is told where it is asked for.
func TestDifferenceInFull(t *testing.T) {
	out, _ := spoken(t, func(v *terminal.Voice) error { return Difference(v, differences(), true) })
	if n := strings.Count(out, "Constant  removed"); n != 3 || !strings.Contains(out, "identical         -") {
		t.Errorf("%d constants in\n%s", n, out)
	}
}

func TestClipped(t *testing.T) {
	long := strings.Repeat("é", 100)
	if got := clipped(&long); got != strings.Repeat("é", 72)+"..." {
		t.Errorf("got %q", got)
	}
}
