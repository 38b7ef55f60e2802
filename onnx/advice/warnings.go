package advice

import (
	"errors"
	"slices"
	"strings"
)

// Warnings are what the user should know before trusting a result. A warning is made as an error is, with a kind, a
// message and a hint, but stops nothing, unless the caller is strict: then it is the error that it looks like.
type Warnings []error

// Add appends a warning, unless one of the same message is there.
func (w *Warnings) Add(list ...error) {
	for _, err := range list {
		if !slices.ContainsFunc(*w, func(old error) bool { return old.Error() == err.Error() }) {
			*w = append(*w, err)
		}
	}
}

// Addf appends a warning of a kind, as [Errorf] makes it, unless one of the same message is there.
func (w *Warnings) Addf(kind error, hint, format string, args ...any) {
	w.Add(Errorf(kind, hint, format, args...))
}

// Texts returns the messages, an empty list if there are none.
func (w Warnings) Texts() []string {
	texts := make([]string, len(w))
	for i, err := range w {
		texts[i] = err.Error()
	}
	return texts
}

// Err returns all warnings as one error, of the kinds of each and with all their hints; nil if there are none.
func (w Warnings) Err() error {
	if len(w) == 0 {
		return nil
	}
	var hints []string
	for _, err := range w {
		if hint := Hint(err); hint != "" && !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
	}
	return With(errors.Join(w...), strings.Join(hints, "; "))
}
