package network

import (
	"errors"
	"strings"
	"testing"

	"github.com/chewxy/hm"
	"github.com/softmerge/softmerge/gating/network/op"

	G "gorgonia.org/gorgonia"
)

// runVector runs one op over the vector [1 2] on a tape machine.
func runVector(t *testing.T, op *VectorOp) (G.Value, error) {
	t.Helper()
	eg := G.NewGraph()
	x := G.NewVector(eg, G.Float32, G.WithShape(2), G.WithName("x"), G.WithValue(NewVector([]float32{1, 2})))
	n, err := op.Apply(x)
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
	op := &VectorOp{Name: "exploding", In: []hm.Type{FloatVector}, Out: FloatVector, Len: 2,
		Run: func([]G.Value) (G.Value, error) { panic("boom") }}
	if _, err := runVector(t, op); err == nil || !strings.Contains(err.Error(), "exploding") || !strings.Contains(err.Error(), "boom") {
		t.Errorf("got %v", err)
	}
}

// TestErrorsOfOpsKeepTheirKind through the tape machine.
func TestErrorsOfOpsKeepTheirKind(t *testing.T) {
	operator := &VectorOp{Name: "failing", In: []hm.Type{FloatVector}, Out: FloatVector, Len: 2,
		Run: func([]G.Value) (G.Value, error) { return nil, op.ErrShape }}
	if _, err := runVector(t, operator); !errors.Is(err, op.ErrShape) && !strings.Contains(err.Error(), op.ErrShape.Error()) {
		t.Errorf("got %v", err)
	}
}

// TestEqualOpsStayApart: Gorgonia takes nodes of one hash for one node; two ops of one name are two.
func TestEqualOpsStayApart(t *testing.T) {
	eg := G.NewGraph()
	x := G.NewVector(eg, G.Float32, G.WithShape(2), G.WithName("x"), G.WithValue(NewVector([]float32{1, 2})))
	runs := 0
	for range 2 {
		out := NewVector(make([]float32, 2))
		op := &VectorOp{Name: "same", In: []hm.Type{FloatVector}, Out: FloatVector, Len: 2,
			Run: func([]G.Value) (G.Value, error) { runs++; return out, nil }}
		if _, err := op.Apply(x); err != nil {
			t.Fatal(err)
		}
	}
	vm := G.NewTapeMachine(eg)
	defer vm.Close()
	if err := vm.RunAll(); err != nil || runs != 2 {
		t.Errorf("%d runs: %v", runs, err)
	}
}
