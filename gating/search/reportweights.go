package search

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/graphmatch"
)

// ReportWeights says how many of the base's weights are merged, and why the others are the base's own.
type ReportWeights struct {
	Total     int     `json:"total"`
	Merged    int     `json:"merged"`
	Identical int     `json:"identical"` // selected, and equal in all models: neither merged nor lost
	Kept      int     `json:"kept"`      // the base's own
	Share     float64 `json:"merged_share"`
	// Why counts the kept ones, the commonest reason first.
	Why []ReportKept `json:"kept_why"`
}

// ReportKept is a number of weights that stay the base's, and why.
type ReportKept struct {
	Why     string  `json:"why"` // unmatched, excluded, unseen, nonfinite or no_merge
	Weights int     `json:"weights"`
	Share   float64 `json:"share"` // of all of the base's
}

// The reasons why weights stay the base's: nothing in the other models matches them; --only and
// --except leave them out; the loss does not depend on them; every parent has a NaN or an infinity there; the result is
// a parent.
const (
	keptUnmatched = "unmatched"
	keptExcluded  = "excluded"
	keptUnseen    = "unseen"
	keptNonfinite = Nonfinite
	keptNoMerge   = "no_merge"
)

// keptWords are the reasons in words.
var keptWords = map[string]string{keptUnmatched: "match nothing", keptExcluded: "are not selected",
	keptUnseen: "are not seen by the loss", keptNonfinite: "are no finite numbers in any model",
	keptNoMerge: "are those of the best parent"}

// countWeights counts the base's weights by what became of them.
func (r *Result) countWeights() (*ReportWeights, error) {
	a := r.Selection.Alignment
	all, err := a.Weights()
	if err != nil {
		return nil, err
	}
	selected := map[string]bool{}
	for _, i := range r.Selection.Layers {
		selected[a.Layers[i].Name] = true
	}
	w, kept := &ReportWeights{Why: []ReportKept{}}, map[string]int{}
	for _, t := range all[a.Base] {
		w.Total += t.Elements
		switch layer := t.Layer; {
		case !t.Matched():
			kept[keptUnmatched] += t.Elements
		case r.unseen[layer.Name]:
			kept[keptUnseen] += t.Elements
		case !selected[layer.Name]:
			kept[keptExcluded] += t.Elements
		case layer.Status == graphmatch.Identical:
			w.Identical += t.Elements
		case r.weights.Skipped(layer) != "":
			kept[keptNonfinite] += t.Elements
		case r.Chosen.Mixture == nil && r.Chosen.Made == nil:
			kept[keptNoMerge] += t.Elements
		default:
			w.Merged += t.Elements
		}
	}
	for why, n := range kept {
		w.Kept += n
		w.Why = append(w.Why, ReportKept{why, n, shareOf(n, w.Total)})
	}
	slices.SortFunc(w.Why, func(x, y ReportKept) int {
		return cmp.Or(cmp.Compare(y.Weights, x.Weights), strings.Compare(x.Why, y.Why))
	})
	w.Share = shareOf(w.Merged, w.Total)
	return w, nil
}

// Keep counts weights that stay the base's because nothing matches them, or because they are not selected, and fills in
// the shares of what was counted before.
func (w *ReportWeights) Keep(unmatched, excluded int) {
	w.Kept, w.Share, w.Why = unmatched+excluded, shareOf(w.Merged, w.Total), []ReportKept{}
	for _, k := range []ReportKept{{Why: keptUnmatched, Weights: unmatched}, {Why: keptExcluded, Weights: excluded}} {
		if k.Weights > 0 {
			k.Share = shareOf(k.Weights, w.Total)
			w.Why = append(w.Why, k)
		}
	}
}

// shareOf is a part of a whole, 0 of nothing.
func shareOf(n, total int) float64 {
	if total == 0 {
		return 0
	}
	return float64(n) / float64(total)
}

// Text says it in one line.
func (w *ReportWeights) Text() string {
	text := fmt.Sprintf("%s of the base's %d weights are merged", percent(w.Share), w.Total)
	if w.Identical > 0 {
		text += fmt.Sprintf(", %s are equal in all models", percent(shareOf(w.Identical, w.Total)))
	}
	var why []string
	for _, k := range w.Why {
		why = append(why, fmt.Sprintf("%s %s", percent(k.Share), keptWords[k.Why]))
	}
	if len(why) > 0 {
		text += "; the base's are kept where they are not: " + strings.Join(why, ", ")
	}
	return text
}

// percent prints a share; what is neither nothing nor all does not look so.
func percent(share float64) string {
	switch p := 100 * share; {
	case share > 0 && p < 0.1:
		return "less than 0.1 %"
	case share < 1 && p > 99.9:
		return "more than 99.9 %"
	case p == float64(int(p)):
		return fmt.Sprintf("%d %%", int(p))
	default:
		return fmt.Sprintf("%.1f %%", p)
	}
}
