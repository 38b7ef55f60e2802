package search

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWeightsText says shares as a reader takes them: what is nearly all is not "100 %".
func TestWeightsText(t *testing.T) {
	for want, w := range map[string]ReportWeights{
		"100 % of the base's 10 weights are merged": {Total: 10, Merged: 10, Share: 1},
		"more than 99.9 % of the base's 1000000 weights are merged; the base's are kept where they are not: " +
			"less than 0.1 % match nothing": {Total: 1000000, Merged: 999999, Share: .999999,
			Why: []ReportKept{{keptUnmatched, 1, 1e-6}}},
		"50 % of the base's 200 weights are merged, 10 % are equal in all models; the base's are kept where they are " +
			"not: 35 % are not selected, 5 % are not seen by the loss": {Total: 200, Merged: 100, Identical: 20,
			Share: .5, Why: []ReportKept{{keptExcluded, 70, .35}, {keptUnseen, 10, .05}}},
	} {
		if diff := cmp.Diff(want, w.Text()); diff != "" {
			t.Error(diff)
		}
	}
}
