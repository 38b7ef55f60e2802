package network

import (
	"errors"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
)

// TestVisitorChangesWhatRunsNext: what a visitor leaves in a mixture is what the node computes with, and what reaches
// the next one; a mixture that is read later can be set before. An error ends the run.
func TestVisitorChangesWhatRunsNext(t *testing.T) {
	lowered := threeProducts(t)
	stop := errors.New("stop")
	var seen [][]float32
	var names []string
	var r *Runner
	var err error
	r, err = NewVisitor(lowered, nil, func(v *Visit) error {
		names = append(names, lowered.Params()[v.Param].Name)
		seen = append(seen, slices.Clone(v.In[0].F))
		if v.Op != "MatMul" || v.Slot != 1 || v.Conv != nil {
			t.Errorf("visited %s at input %d", v.Op, v.Slot)
		}
		switch len(seen) {
		case 1:
			copy(r.Mixture(v.Param).F, []float32{0, 1, 1, 0})
			copy(r.Mixture(1).F, []float32{2, 0, 0, 3})
		case 3:
			return stop
		}
		return nil
	}, func(int, *op.Tensor) {})
	if err != nil {
		t.Fatal(err)
	}
	x := &op.Tensor{Type: 1, Shape: []int{1, 2}, F: []float32{10, 20}}
	ones := [][]float64{{1, 0}, {1, 0}, {1, 0}}
	if _, err := r.Run(map[string]*op.Tensor{"x": x}, ones); !errors.Is(err, stop) {
		t.Errorf("the visitor's error became %v", err)
	}
	want := [][]float32{{10, 20}, {20, 10}, {40, 30}}
	if !slices.EqualFunc(seen, want, slices.Equal) || !slices.Equal(names, []string{"a", "b", "c"}) {
		t.Errorf("%v are reached by %v, want %v", names, seen, want)
	}
}

// threeProducts is y = x a b c, of which a, b and c are mixtures.
func threeProducts(t *testing.T) *Graph {
	t.Helper()
	g := graphOf("x")
	addFloats(t, g, "a", []int{2, 2}, 1, 2, 3, 4)
	addFloats(t, g, "b", []int{2, 2}, 5, 6, 7, 8)
	addFloats(t, g, "c", []int{2, 2}, 1, 0, 0, 1)
	addNode(g, "MatMul", "x a", "xa")
	addNode(g, "MatMul", "xa b", "xab")
	addNode(g, "MatMul", "xab c", "y")
	m := modelOf(t, g, nil, "y")
	lowered, err := Lower(m, Config{Shapes: map[string][]int{"x": {1, 2}}, Params: weightParams(t, m)})
	if err != nil {
		t.Fatal(err)
	}
	return lowered
}

// TestVisitorKnowsConvolutions by their geometry.
func TestVisitorKnowsConvolutions(t *testing.T) {
	g := graphOf("x")
	addFloats(t, g, "w", []int{1, 1, 1, 2}, 1, 2)
	addNode(g, "Conv", "x w", "y")
	m := modelOf(t, g, nil, "y")
	lowered, err := Lower(m, Config{Shapes: map[string][]int{"x": {1, 1, 1, 4}}, Params: weightParams(t, m)})
	if err != nil {
		t.Fatal(err)
	}
	visits := 0
	r, err := NewVisitor(lowered, nil, func(v *Visit) error {
		visits++
		if v.Conv == nil || !slices.Equal(v.Conv.OutDims(), []int{1, 3}) {
			t.Errorf("geometry %+v", v.Conv)
		}
		return nil
	}, func(int, *op.Tensor) {})
	if err != nil {
		t.Fatal(err)
	}
	x := &op.Tensor{Type: 1, Shape: []int{1, 1, 1, 4}, F: []float32{1, 2, 3, 4}}
	if _, err := r.Run(map[string]*op.Tensor{"x": x}, [][]float64{{1, 0}}); err != nil || visits != 1 {
		t.Errorf("%d visits, %v", visits, err)
	}
}
