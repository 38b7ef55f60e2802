// Package advice has the errors of softmerge. Each has a kind, which programs ask for with [errors.Is]; a
// message, which says what is wrong: which file, node or tensor, what was found and what was wanted; and a
// hint, which says what the user can do about it. Packages above keep their own kinds and methods, as
// network.NodeError does, and any error with a method Hint() string counts as one that has a hint.
package advice

import (
	"errors"
	"fmt"
)

// Error is an error with a kind, a message and a hint.
type Error struct {
	kind error // nil where programs need not tell it from others
	msg  error // carries the message, and what it wraps
	hint string
}

// Errorf makes an error of a kind. The hint may be empty where the message says it all, the kind nil. The
// message is formatted as by [fmt.Errorf]: what %w formats is found by [errors.Is] and [errors.As] too.
func Errorf(kind error, hint, format string, args ...any) error {
	return &Error{kind: kind, msg: fmt.Errorf(format, args...), hint: hint}
}

// With adds a hint to an error, in place of any that it has; its message and kinds stay.
func With(err error, hint string) error { return &Error{msg: err, hint: hint} }

// Error returns the message alone.
func (e *Error) Error() string { return e.msg.Error() }

// Hint returns what the user can do, "" if the message says it.
func (e *Error) Hint() string { return e.hint }

// Unwrap returns the kind and the message, for [errors.Is] and [errors.As].
func (e *Error) Unwrap() []error {
	if e.kind == nil {
		return []error{e.msg}
	}
	return []error{e.kind, e.msg}
}

// Hint returns the hint of the outermost error in err's tree that can have one, "" if there is none.
func Hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
