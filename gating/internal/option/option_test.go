package option

import (
	"errors"
	"testing"
)

// TestOptions: zero values get a default, others stay; what is unknown is an error that lists what is known.
func TestOptions(t *testing.T) {
	zero, set := 0, 7
	Default(&zero, 3)
	Default(&set, 3)
	if zero != 3 || set != 7 {
		t.Errorf("%d and %d, want 3 and 7", zero, set)
	}
	if err := OneOf("colour", "red", "red", "green", "blue"); err != nil {
		t.Error(err)
	}
	err := OneOf("colour", "pink", "red", "green", "blue")
	if !errors.Is(err, Err) || err.Error() != `colour "pink": want red, green or blue` {
		t.Errorf("got %v", err)
	}
}
