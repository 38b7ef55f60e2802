package graphmatch

import (
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// align aligns models and fails the test if it cannot.
func align(t testing.TB, models ...*onnx.Model) *Alignment {
	t.Helper()
	a, err := Align(models, 0)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
