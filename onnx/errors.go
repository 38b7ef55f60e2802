package onnx

import (
	"errors"
	"fmt"

	"github.com/softmerge/softmerge/onnx/advice"
)

// ErrInvalid is the kind of every error that says a file is not a well-formed
// ONNX model: errors.Is(err, ErrInvalid) holds for parse errors, for payloads
// that do not fit their shape, for external data that may not be read, and for
// every Violation.
var ErrInvalid = errors.New("invalid ONNX file")

// ErrClosed is returned by reads after Close.
var ErrClosed = errors.New("the model is closed")

// invalidf makes an error of kind ErrInvalid.
func invalidf(format string, args ...any) error {
	return advice.Errorf(ErrInvalid, "", format, args...)
}

// invalidAt is invalidf at a byte offset of the model file.
func invalidAt(offset int, format string, args ...any) error {
	return invalidf("byte %d: %s", offset, fmt.Sprintf(format, args...))
}
