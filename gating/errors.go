package gating

import (
	"errors"
	"fmt"

	"github.com/softmerge/softmerge/gating/dataset"
)

// ErrNoGain is the kind of the error that no merged candidate beat the best parent.
var ErrNoGain = errors.New("no merged model beats the best parent")

// ErrDiverged is the kind of the error that learning never saw a finite loss.
var ErrDiverged = errors.New("nothing could be learned")

// ErrRecipe is the kind of every error that says a file is no recipe, or one that
// contradicts itself.
var ErrRecipe = errors.New("bad recipe")

// hinted is an error of some kind with advice.
type hinted struct {
	kind error
	msg  string
	hint string
}

func (e *hinted) Error() string { return e.msg }

// Unwrap returns the kind of the error, for errors.Is.
func (e *hinted) Unwrap() error { return e.kind }

// Hint says what the user can do.
func (e *hinted) Hint() string { return e.hint }

func dataErr(hint, format string, args ...any) error {
	return &hinted{dataset.ErrData, fmt.Sprintf(format, args...), hint}
}

func recipeErr(format string, args ...any) error {
	return &hinted{ErrRecipe, fmt.Sprintf(format, args...), "give the file that softmerge merge --recipe wrote, unchanged"}
}
