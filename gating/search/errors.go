package search

import (
	"fmt"
	"path/filepath"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

func noFiniteModel() error {
	return advice.Errorf(ErrNoGain, "check the data and the parents with softmerge eval",
		"no model, parent or merged, has a finite loss on the held-out data")
}

func noRecipe() error {
	return advice.Errorf(ErrNoGain, "leave out --recipe", "there is no recipe: the result is a parent as it is")
}

func noneCanBeMerged(l *graphmatch.Layer, why string) error {
	return advice.Errorf(graphmatch.ErrAlign,
		"run softmerge match to see what aligns, or choose other layers with --only",
		"none of the selected layers can be merged; layer %s: %s", l.Name, why)
}

func badOption(format string, args ...any) error {
	return advice.Errorf(gating.ErrOption, "", format, args...)
}

// cannotRun is the error that a parent cannot be judged: nobody would know what it brings to the merge.
func cannotRun(m *onnx.Model, why error) error {
	return advice.With(fmt.Errorf("%s cannot be judged: %w", m.Path(), why),
		fmt.Sprintf("leave %s out, or merge it unjudged with --anyway", filepath.Base(m.Path())))
}
