package main

import (
	"fmt"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
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
		return nil, advice.With(fmt.Errorf("%w: they have no weights", graphmatch.ErrAlign),
			"softmerge inspect shows what is in a file")
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
