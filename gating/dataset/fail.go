package dataset

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// ErrData is the kind of every error of this package: the data, not the program, has to change.
// Errors of this kind have a method Hint() string that says what to do; find it with errors.As.
var ErrData = errors.New("bad data")

// failure is an error of kind ErrData.
type failure struct {
	what  string
	hint  string
	cause error
}

func (f *failure) Error() string        { return f.what }
func (f *failure) Hint() string         { return f.hint }
func (f *failure) Is(target error) bool { return target == ErrData }
func (f *failure) Unwrap() error        { return f.cause }

// fail makes an error of kind ErrData with what to do about it.
func fail(hint, format string, args ...any) error {
	return &failure{what: fmt.Sprintf(format, args...), hint: hint}
}

// unreadable makes an error of kind ErrData out of an error of the file system or of a decoder.
func unreadable(err error) error {
	if err == nil || errors.Is(err, ErrData) {
		return err
	}
	what := err.Error()
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		what = at.Path + ": " + at.Err.Error()
	}
	return &failure{what: what, hint: "check that the file exists, is complete and can be read", cause: err}
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
