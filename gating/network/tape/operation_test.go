package tape

import (
	"errors"
	"strings"
	"testing"

	"github.com/chewxy/hm"

	G "gorgonia.org/gorgonia"
)

var errTest = errors.New("a kind of error")

// runVector runs one op over the vector [1 2] on a tape machine.
func runVector(t *testing.T, o *operation) (G.Value, error) {
	t.Helper()
	eg := G.NewGraph()
	x := G.NewVector(eg, G.Float32, G.WithShape(2), G.WithName("x"), G.WithValue(newVector([]float32{1, 2})))
	n, err := o.Apply(x)
	if err != nil {
		t.Fatal(err)
	}
	vm := G.NewTapeMachine(eg)
	defer vm.Close()
	err = vm.RunAll()
	return n.Value(), err
}

// TestPanicsBecomeErrors: the tape machine runs ops in a goroutine of its own,
// where a panic would end the process.
func TestPanicsBecomeErrors(t *testing.T) {
	o := &operation{Name: "exploding", In: []hm.Type{floatVector}, Out: floatVector, Len: 2,
		Run: func([]G.Value) (G.Value, error) { panic("boom") }}
	if _, err := runVector(t, o); err == nil || !strings.Contains(err.Error(), "exploding") ||
		!strings.Contains(err.Error(), "boom") {
		t.Errorf("got %v", err)
	}
}

// TestErrorsOfOpsKeepTheirKind through the tape machine.
func TestErrorsOfOpsKeepTheirKind(t *testing.T) {
	o := &operation{Name: "failing", In: []hm.Type{floatVector}, Out: floatVector, Len: 2,
		Run: func([]G.Value) (G.Value, error) { return nil, errTest }}
	if _, err := runVector(t, o); !errors.Is(err, errTest) && !strings.Contains(err.Error(), errTest.Error()) {
		t.Errorf("got %v", err)
	}
}

// TestEqualOpsStayApart: Gorgonia takes nodes of one hash for one node; two ops of one name are two.
func TestEqualOpsStayApart(t *testing.T) {
	eg := G.NewGraph()
	x := G.NewVector(eg, G.Float32, G.WithShape(2), G.WithName("x"), G.WithValue(newVector([]float32{1, 2})))
	runs := 0
	for range 2 {
		out := newVector(make([]float32, 2))
		o := &operation{Name: "same", In: []hm.Type{floatVector}, Out: floatVector, Len: 2,
			Run: func([]G.Value) (G.Value, error) { runs++; return out, nil }}
		if _, err := o.Apply(x); err != nil {
			t.Fatal(err)
		}
	}
	vm := G.NewTapeMachine(eg)
	defer vm.Close()
	if err := vm.RunAll(); err != nil || runs != 2 {
		t.Errorf("%d runs: %v", runs, err)
	}
}
