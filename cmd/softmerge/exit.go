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
)

// Exit codes are a contract: scripts rely on them.
const (
	exitMerged      = 0
	exitFailure     = 1
	exitUsage       = 2
	exitNoGain      = 3 // no candidate beat the best parent, nothing written
	exitAlign       = 4 // models do not align
	exitUnsupported = 5 // an operator or type on the gradient's path is not supported
	exitInvalid     = 6 // invalid or hostile file
	exitData        = 7
	exitInterrupted = 130
)

var errInterrupted = errors.New("interrupted, nothing written")

// usageError is a mistake in the command line.
type usageError struct{ msg, hint string }

func (e *usageError) Error() string { return e.msg }

// Hint says how to call the command.
func (e *usageError) Hint() string { return e.hint }

func usagef(hint, format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...), hint}
}

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	var usage *usageError
	switch {
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage), errors.Is(err, graphmatch.ErrPattern):
		return exitUsage
	case errors.Is(err, gating.ErrNoGain):
		return exitNoGain
	case errors.Is(err, graphmatch.ErrAlign):
		return exitAlign
	case errors.Is(err, network.ErrUnsupported):
		return exitUnsupported
	case errors.Is(err, dataset.ErrData):
		return exitData
	case errors.Is(err, onnx.ErrInvalid), errors.Is(err, network.ErrShape):
		return exitInvalid
	}
	return exitFailure
}

// guard turns a panic into an error: no user ever sees a stack trace.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v", r)
		}
	}()
	return f()
}
