package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Exit codes are a contract: scripts rely on them. "softmerge help exit-codes"
// says it to users.
const (
	exitDone        = 0
	exitFailure     = 1
	exitUsage       = 2
	exitNoGain      = 3
	exitAlign       = 4
	exitUnsupported = 5
	exitInvalid     = 6
	exitData        = 7
	exitInterrupted = 130
)

var errInterrupted = errors.New("interrupted, nothing written")

// errUsage is the kind of a mistake in the command line.
var errUsage = errors.New("bad command line")

// usagef makes an error of kind errUsage; the hint says how to call the command.
func usagef(hint, format string, args ...any) error {
	return advice.Errorf(errUsage, hint, format, args...)
}

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	switch {
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, errUsage), errors.Is(err, graphmatch.ErrPattern):
		return exitUsage
	case errors.Is(err, gating.ErrNoGain):
		return exitNoGain
	case errors.Is(err, graphmatch.ErrAlign):
		return exitAlign
	case errors.Is(err, network.ErrUnsupported):
		return exitUnsupported
	case errors.Is(err, dataset.ErrData):
		return exitData
	case errors.Is(err, onnx.ErrInvalid), errors.Is(err, network.ErrShape), errors.Is(err, gating.ErrRecipe):
		return exitInvalid
	}
	return exitFailure
}

// guard turns a panic into an error: no user ever sees a stack trace.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = advice.With(fmt.Errorf("internal error: %v", r), "this is a fault of softmerge: please report it with the command line")
		}
	}()
	return f()
}
