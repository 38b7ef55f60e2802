package gating

import (
	"errors"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/option"
	"github.com/softmerge/softmerge/onnx/advice"
)

// ErrDiverged is the kind of the error that learning never saw a finite loss.
var ErrDiverged = errors.New("nothing could be learned")

// ErrRecipe is the kind of every error that says a file is no recipe, or one that
// contradicts itself.
var ErrRecipe = errors.New("bad recipe")

// ErrOption is the kind of every error that says an option is unknown or out of range.
var ErrOption = option.Err

func dataErr(hint, format string, args ...any) error {
	return advice.Errorf(dataset.ErrData, hint, format, args...)
}

func recipeErr(format string, args ...any) error {
	return advice.Errorf(ErrRecipe, "give the file that softmerge merge --recipe wrote, unchanged", format, args...)
}
