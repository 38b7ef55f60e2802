package exit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// The codes are written down once more: scripts rely on the numbers.
func TestCode(t *testing.T) {
	if exit.Code(nil) != 0 {
		t.Errorf("no error has exit code %d", exit.Code(nil))
	}
	for _, c := range []struct {
		err  error
		want int
	}{
		{errors.New("anything"), 1},
		{exit.Usagef("", "wrong flag"), 2},
		{graphmatch.ErrPattern, 2},
		{gating.ErrOption, 2},
		{search.ErrNoGain, 3},
		{graphmatch.ErrAlign, 4},
		{network.ErrUnsupported, 5},
		{onnx.ErrInvalid, 6},
		{network.ErrShape, 6},
		{gating.ErrRecipe, 6},
		{dataset.ErrData, 7},
		{exit.ErrInterrupted, 130},
		{context.Canceled, 130},
	} {
		for _, err := range []error{
			c.err,
			fmt.Errorf("in a file: %w", c.err),
			advice.With(c.err, "do"),
			errors.Join(errors.New("other"), c.err),
		} {
			if got := exit.Code(err); got != c.want {
				t.Errorf("%v: exit code %d, want %d", err, got, c.want)
			}
		}
	}
}

// An error of several kinds has the code of the one that says most to a script: that the program was
// interrupted, then what the command line has to do with it.
func TestCodeOfSeveralKinds(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{errors.Join(dataset.ErrData, context.Canceled), exit.Interrupted},
		{errors.Join(onnx.ErrInvalid, exit.ErrUsage), exit.Usage},
		{errors.Join(onnx.ErrInvalid, dataset.ErrData), exit.Data},
	} {
		if got := exit.Code(c.err); got != c.want {
			t.Errorf("%v: exit code %d, want %d", c.err, got, c.want)
		}
	}
}

func TestGuard(t *testing.T) {
	err := exit.Guard(func() error { panic("index out of range") })
	if err == nil || exit.Code(err) != exit.Failure || strings.Contains(err.Error(), "goroutine") {
		t.Errorf("a panic becomes %v", err)
	}
	if advice.Hint(err) == "" {
		t.Error("nothing says where to report it")
	}
	if err := exit.Guard(func() error { return nil }); err != nil {
		t.Errorf("success becomes %v", err)
	}
}
