package search_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
)

// TestVerify accepts what was written and refuses another model.
func TestVerify(t *testing.T) {
	r := shortMerge(t, 1, 1, gatetest.FineTunes("mlp", 3)...)
	if err := r.Verify(t.Context(), gatetest.Written(t, r.Model())); err != nil {
		t.Error(err)
	}
	if err := r.Verify(t.Context(), r.Selection.Alignment.Models[0]); err == nil ||
		!strings.Contains(err.Error(), "the chosen model had") {
		t.Errorf("a parent passes for the merge: %v", err)
	}
}

// TestMergeOfEqualModels gives the base itself.
func TestMergeOfEqualModels(t *testing.T) {
	r := shortMerge(t, 1, 1, "mlp/ft0.onnx", "mlp/ft0.onnx")
	if !r.Identical || r.Model() != r.Selection.Alignment.Models[0] || r.Gained() {
		t.Errorf("identical %v, chosen %s", r.Identical, r.Chosen.Name)
	}
}

// TestParentHasNoRecipe: a parent as it is needs none.
func TestParentHasNoRecipe(t *testing.T) {
	r := &search.Result{Chosen: &search.Candidate{Parent: 0}}
	if _, err := r.Recipe(); !errors.Is(err, search.ErrNoGain) {
		t.Errorf("got %v", err)
	}
}
