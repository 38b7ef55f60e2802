package search_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// squeezed is a linear classifier whose samples go through one more operator: a parent that aligns, but cannot be run.
func squeezed(t *testing.T, seed uint64, op string) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", -1, 4)
	b.Weight(t, "w", onnx.Float32, seed, 4, 3)
	b.Node(op, "h", []string{"x"})
	b.Node("MatMul", "y", []string{"h", "w"})
	b.Out("y")
	return b.Model(t)
}

// TestParentThatCannotBeRun is an error that names the file, the reason and a way out; it is
// no row of dashes beside a written file, unless the user says that it may be merged unjudged.
func TestParentThatCannotBeRun(t *testing.T) {
	d := gatetest.Labelled(gatetest.Samples(3, 60, 4), 3)
	for _, c := range []struct {
		op   string // of the second parent
		want string
		kind error
	}{
		{"Multinomial", "Multinomial", network.ErrUnsupported},
		{"ReduceMean", "MatMul", network.ErrShape},
	} {
		models := []*onnx.Model{squeezed(t, 1, "Tanh"), squeezed(t, 2, c.op), squeezed(t, 3, "Tanh")}
		s := gatetest.Select(t, models)
		o := search.Options{Learn: gating.LearnOptions{MaxSteps: 3}}
		_, err := search.Merge(t.Context(), s, d, o)
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), "cannot be judged") ||
			!strings.Contains(err.Error(), c.want) || !strings.Contains(advice.Hint(err), "--anyway") {
			t.Errorf("%s: %v; hint %s", c.op, err, advice.Hint(err))
		}
		o.Anyway = true
		r := gatetest.Must(search.Merge(t.Context(), s, d, o))(t)
		if !strings.Contains(fmt.Sprint(r.Warnings), "cannot be judged") {
			t.Errorf("%s: merged without a warning: %v", c.op, r.Warnings)
		}
	}
}

// TestBrokenParentHasAReason: a parent that runs and gives no finite loss is a row of the table that says why.
func TestBrokenParentHasAReason(t *testing.T) {
	models := gatetest.Open(t, "cnn_bn/ft0.onnx", "broken/nan.onnx")
	d := gatetest.Data(t, "val.npz", gating.Fields(models[0])).Head(100)
	o := search.Options{Learn: gating.LearnOptions{MaxSteps: 2}}
	r := gatetest.Must(search.Merge(t.Context(), gatetest.Select(t, models), d, o))(t)
	rep := gatetest.Must(r.Report())(t)
	if c := rep.Candidates[1]; c.Loss != nil || c.Reason != "it has a NaN or an infinity in conv2" {
		t.Errorf("%+v", c)
	}
	for _, c := range rep.Candidates {
		if c.Loss == nil && c.Reason == "" {
			t.Errorf("%s has neither a loss nor a reason", c.Name)
		}
	}
}
