package imaging

import (
	"errors"

	"github.com/softmerge/softmerge/onnx/advice"
)

// ErrImage is the kind of every error of this package: an image that cannot be decoded or has the wrong size, a
// preprocessing that makes no sense, or one that does not fit the graph.
var ErrImage = errors.New("bad image")

// fail makes an error of kind ErrImage with what to do about it.
func fail(hint, format string, args ...any) error {
	return advice.Errorf(ErrImage, hint, format, args...)
}
