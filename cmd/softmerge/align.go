package main

import (
	"fmt"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/report"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/source"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// baseIndex finds --base among the models' paths; it may name a file anew.
func baseIndex(base string, paths []string) (int, error) {
	if base == "" {
		return 0, nil
	}
	for i, p := range paths {
		if p == base || source.Same(p, base) {
			return i, nil
		}
	}
	return 0, exit.Usagef("name one of the models that are to be merged", "--base %s is not among the models", base)
}

// align aligns models and selects layers; at least one.
func align(list []*onnx.Model, base int, f selectFlags) (*graphmatch.Selection, error) {
	a, err := graphmatch.Align(list, base)
	if err != nil {
		return nil, err
	}
	if len(a.Layers) == 0 {
		return nil, withoutWeights(list)
	}
	s, err := a.Select(f.only, f.except)
	if err != nil {
		return nil, err
	}
	if len(s.Layers) == 0 {
		return nil, exit.Usagef("--except leaves out all that --only chooses", "no layer is selected")
	}
	return s, nil
}

// withoutWeights is the error that the models have nothing to merge.
func withoutWeights(list []*onnx.Model) error {
	if w := quantised(list); len(w) > 0 {
		return advice.Errorf(graphmatch.ErrAlign, advice.Hint(w[0]), "models do not align: %w", w[0])
	}
	return advice.With(fmt.Errorf("%w: they have no weights", graphmatch.ErrAlign),
		"softmerge inspect shows what is in a file")
}

// quantised warns of models that store weights as integers.
func quantised(list []*onnx.Model) (warnings advice.Warnings) {
	for _, m := range list {
		if w := graphmatch.QuantisedWeights(m); len(w) > 0 {
			const hint = "models in QDQ form are merged in float; for others merge those that were quantised"
			warnings.Addf(graphmatch.ErrAlign, hint, "%s is quantised: %d tensors are integers, such as %q", m.Path(),
				len(w), w[0].Tensor)
		}
	}
	return warnings
}

// largelyUnmatched is the share of a model's weights above which that nothing matches them is worth a warning.
const largelyUnmatched = 0.1

// unmatched warns of models of whose weights a large share matches nothing: what is merged is not what they are.
func unmatched(list []graphmatch.Coverage) (warnings advice.Warnings) {
	for _, c := range list {
		if c.UnmatchedShare > largelyUnmatched {
			warnings.Addf(graphmatch.ErrAlign, "softmerge match and softmerge diff show what differs", "%s",
				report.Unmatched(c))
		}
	}
	return warnings
}
