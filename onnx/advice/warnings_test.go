package advice_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/onnx/advice"
)

func TestWarnings(t *testing.T) {
	var none advice.Warnings
	if none.Err() != nil || none.Texts() == nil || len(none.Texts()) > 0 {
		t.Errorf("nothing to warn of is %v and %#v", none.Err(), none.Texts())
	}
	other := errors.New("another kind")
	var w advice.Warnings
	w.Addf(errKind, "scale it", "input %q is constant", "x")
	w.Addf(errKind, "scale it", "input %q is constant", "x")
	w.Add(advice.Errorf(other, "scale it", "second"), advice.Errorf(other, "look", "third"))
	if want := []string{`input "x" is constant`, "second", "third"}; !slices.Equal(w.Texts(), want) {
		t.Errorf("got %q, want %q", w.Texts(), want)
	}
	err := w.Err()
	if !errors.Is(err, errKind) || !errors.Is(err, other) || advice.Hint(err) != "scale it; look" {
		t.Errorf("got %v with hint %q", err, advice.Hint(err))
	}
	if want := "input \"x\" is constant\nsecond\nthird"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}
