package dataset

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/softmerge/softmerge/onnx/advice"
)

// ErrData is the kind of every error of this package: the data, not the program, has to change. Errors of
// this kind have a hint that says what to do, see [advice.Hint].
var ErrData = errors.New("bad data")

// fail makes an error of kind ErrData with what to do about it.
func fail(hint, format string, args ...any) error {
	return advice.Errorf(ErrData, hint, format, args...)
}

// unreadable makes an error of kind ErrData out of an error of the file system or of a decoder.
func unreadable(err error) error {
	if err == nil || errors.Is(err, ErrData) {
		return err
	}
	const hint = "check that the file exists, is complete and can be read"
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return fail(hint, "%s: %w", at.Path, at.Err)
	}
	return fail(hint, "%w", err)
}

// storeError makes an error of kind ErrData of one of the package that keeps arrays.
func storeError(err error) error {
	if err == nil || errors.Is(err, ErrData) {
		return err
	}
	return fail(advice.Hint(err), "%w", err)
}

// cutShort tells a file that ends too early from other reading errors.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fail("write or download the file again", "the file ends too early: it is truncated")
	}
	return unreadable(err)
}

// quoted lists names for a message: at most ten of them.
func quoted(names []string) string {
	const most = 10
	var out []string
	for _, name := range names[:min(len(names), most)] {
		out = append(out, fmt.Sprintf("%q", name))
	}
	if len(names) > most {
		out = append(out, fmt.Sprintf("and %d more", len(names)-most))
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

// didYouMean returns a hint that names the candidate closest to name, or otherwise when none is close.
func didYouMean(name string, candidates []string, otherwise string) string {
	near := advice.Nearest(name, candidates, len(name)/2+1, 1)
	if len(near) == 0 {
		return otherwise
	}
	return fmt.Sprintf("did you mean %q? otherwise %s", near[0], otherwise)
}
