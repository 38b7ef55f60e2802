package search_test

import (
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
)

// TestReportSaysWhatWasReordered checks the counts against the orders themselves.
func TestReportSaysWhatWasReordered(t *testing.T) {
	r := mergeSeeds(t, gating.PermuteWeights, "cnn/seed0.onnx", "cnn/seed1.onnx")
	rep := gatetest.Must(r.Report())(t)
	if rep.Reordered == nil || rep.Reordered.By != gating.PermuteWeights || rep.Reordered.Units[1] != 8+16+16 ||
		rep.Reordered.Moved[1] == 0 || rep.Reordered.Units[0] != 0 {
		t.Fatalf("got %+v", rep.Reordered)
	}
	if before, after := rep.Reordered.CosineBefore[1], rep.Reordered.CosineAfter[1]; after <= before {
		t.Errorf("cosine %g, reordered %g", before, after)
	}
	if rep := gatetest.Must(mergeSeeds(t, gating.PermuteNone, "cnn/seed0.onnx",
		"cnn/seed1.onnx").Report())(t); rep.Reordered != nil {
		t.Error("nothing was reordered")
	}
}

// TestReportOfTrials: every merged candidate says what was tried, by the name of that trial,
// and no parent does.
func TestReportOfTrials(t *testing.T) {
	r := mergeSeeds(t, gating.PermuteActivations, "cnn/seed0.onnx", "cnn/seed1.onnx")
	rep := gatetest.Must(r.Report())(t)
	merged := 0
	for i, c := range rep.Candidates {
		parent := r.Candidates[i].Parent >= 0
		if parent != (c.Trial == nil) || parent != (c.Parent != "") || !parent && c.Trial.Name() != c.Name {
			t.Errorf("candidate %s: trial %+v, parent %q", c.Name, c.Trial, c.Parent)
		}
		if !parent {
			merged++
		}
	}
	if merged < 2 || rep.Chosen != rep.ChosenCandidate().Name || rep.Chosen != r.Chosen.Name {
		t.Errorf("%d merged candidates, chosen %s", merged, rep.Chosen)
	}
}
