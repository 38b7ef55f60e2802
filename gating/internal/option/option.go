// Package option is how options are checked: defaults for zero values, and one kind of error for what is unknown or out
// of range.
package option

import (
	"errors"

	"github.com/softmerge/softmerge/onnx/advice"
)

// Err is the kind of every error that says an option is unknown or out of range.
var Err = errors.New("bad option")

// Errorf is an error of kind Err.
func Errorf(format string, args ...any) error { return advice.Errorf(Err, "", format, args...) }

// Default replaces the zero value.
func Default[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// OneOf is an error of kind Err unless the value is one of those known.
func OneOf[T ~string](what string, value T, known ...T) error {
	text := ""
	for i, k := range known {
		if value == k {
			return nil
		}
		switch {
		case i == 0:
		case i == len(known)-1:
			text += " or "
		default:
			text += ", "
		}
		text += string(k)
	}
	return Errorf("%s %q: want %s", what, value, text)
}
