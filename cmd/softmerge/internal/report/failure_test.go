package report

import (
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx/advice"
)

// TestNoGainNamesOnlyWhatLooksBetter asks that a candidate is not said to look better which does so less often than not.
func TestNoGainNamesOnlyWhatLooksBetter(t *testing.T) {
	for p, want := range map[float64]string{0.2: "soft:layer looks better", 0.97: "no candidate looks better"} {
		r := &search.Report{HeldOut: 100, Candidates: []search.ReportCandidate{{Name: "parent:a", Parent: "a", Chosen: true},
			{Name: "soft:layer", P: &p, MoreSamples: 300}}}
		if got := advice.Hint(NoGain(r)); !strings.HasPrefix(got, want) {
			t.Errorf("%.2f: the hint is %q", p, got)
		}
	}
}
