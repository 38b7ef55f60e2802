package search

import (
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch"
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
