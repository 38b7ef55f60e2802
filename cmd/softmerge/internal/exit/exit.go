// Package exit says how the program ends: the one place where errors become exit codes.
package exit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/qdq"
)

// Exit codes are a contract: scripts rely on them. "softmerge help exit-codes" says it to users.
const (
	Done        = 0
	Failure     = 1
	Usage       = 2
	NoGain      = 3
	Align       = 4
	Unsupported = 5
	Invalid     = 6
	Data        = 7
	Interrupted = 130
)

// ErrInterrupted is the error of a program that was told to end.
var ErrInterrupted = errors.New("interrupted, nothing written")

// ErrUsage is the kind of a mistake in the command line.
var ErrUsage = errors.New("bad command line")

// Usagef makes an error of kind [ErrUsage]; the hint says how to call the command.
func Usagef(hint, format string, args ...any) error {
	return advice.Errorf(ErrUsage, hint, format, args...)
}

// kinds are the kinds of errors in the order in which they count: an error may be of several.
var kinds = []struct {
	err  error
	code int
}{
	{ErrInterrupted, Interrupted},
	{context.Canceled, Interrupted},
	{ErrUsage, Usage},
	{graphmatch.ErrPattern, Usage},
	{gating.ErrOption, Usage},
	{search.ErrNoGain, NoGain},
	{graphmatch.ErrAlign, Align},
	{network.ErrUnsupported, Unsupported},
	{qdq.ErrForm, Unsupported},
	{dataset.ErrData, Data},
	{onnx.ErrInvalid, Invalid},
	{network.ErrShape, Invalid},
	{gating.ErrRecipe, Invalid},
}

// Code is the exit code of an error.
func Code(err error) int {
	if err == nil {
		return Done
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.code
		}
	}
	return Failure
}

// TraceVariable is the environment variable that asks for the stack trace of an internal error.
const TraceVariable = "SOFTMERGE_TRACE"

// Guard turns a panic into an error: no user sees a stack trace who does not ask for it.
func Guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			trace := ""
			if os.Getenv(TraceVariable) != "" {
				trace = "\n" + string(debug.Stack())
			}
			err = advice.With(fmt.Errorf("internal error: %v%s", r, trace),
				"this is a fault of softmerge: please report it with the command line and what it prints "+
					"with "+TraceVariable+"=1")
		}
	}()
	return f()
}
