package onnx

import (
	"errors"
	"fmt"
)

// ErrInvalid is the kind of every error that says a file is not a well-formed
// ONNX model: errors.Is(err, ErrInvalid) holds for parse errors, for payloads
// that do not fit their shape, for external data that may not be read, and for
// every Violation.
var ErrInvalid = errors.New("invalid ONNX file")

// ErrClosed is returned by reads after Close.
var ErrClosed = errors.New("the model is closed")

// fault is an error with its kind kept apart, so that the message does not
// have to repeat it.
type fault struct {
	msg  string
	hint string
	kind error
}

func (f *fault) Error() string { return f.msg }
func (f *fault) Unwrap() error { return f.kind }
func (f *fault) Hint() string  { return f.hint }

// invalidf is a fault of kind ErrInvalid.
func invalidf(format string, args ...any) error {
	return &fault{msg: fmt.Sprintf(format, args...), kind: ErrInvalid}
}

// invalidAt is a fault at a byte offset of the model file.
func invalidAt(offset int, format string, args ...any) error {
	return invalidf("byte %d: %s", offset, fmt.Sprintf(format, args...))
}
