package network

import (
	"errors"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// lowered lowers a model for inputs with the named outputs.
func lowered(t *testing.T, m *onnx.Model, inputs map[string]*op.Tensor, outputs []string) *Graph {
	t.Helper()
	c := Config{Outputs: outputs, Shapes: map[string][]int{}}
	for name, x := range inputs {
		c.Shapes[name] = x.Shape
	}
	g, err := Lower(m, c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// computed names the values of the main graph that nodes compute from data, as many as stay after lowering.
func computed(t *testing.T, m *onnx.Model, inputs map[string]*op.Tensor) []string {
	t.Helper()
	var names []string
	for _, n := range m.Proto().GetGraph().GetNode() {
		name := n.GetOutput()[0]
		g := lowered(t, m, inputs, []string{name})
		if v := g.lowered.Outputs[0].Value.Root(); v.Node != nil && v.Spec.IsFloat() {
			names = append(names, name)
		}
	}
	return names
}

// TestObserverShowsWhatARunnerKeeps compares every value inside two families,
// shown while buffers are shared, with the same values kept as outputs.
func TestObserverShowsWhatARunnerKeeps(t *testing.T) {
	models := fixtureModels(t)
	for _, family := range []string{"resnet", "vit"} {
		m := models[family]
		inputs := declaredInputs(m, 3)
		names := computed(t, m, inputs)
		g := lowered(t, m, inputs, names)
		want, err := NewRunner(g, nil).Run(inputs, nil)
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		o, err := NewObserver(g, nil, func(i int, got *op.Tensor) {
			seen++
			if !slices.Equal(got.Shape, want[i].Shape) || !slices.Equal(got.F, want[i].F) {
				t.Errorf("%s: %s differs", family, names[i])
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if outs, err := o.Run(inputs, nil); err != nil || outs != nil {
			t.Fatal(outs, err)
		}
		if seen != len(names) || seen < 10 {
			t.Errorf("%s: %d values shown, want %d", family, seen, len(names))
		}
	}
}

// TestObserverMayChangeWhatFollows doubles the first convolution's output, by
// hand and through its weights' place in the graph: the nodes after it must see it.
func TestObserverMayChangeWhatFollows(t *testing.T) {
	m := fixtureModels(t)["cnn"]
	inputs := declaredInputs(m, 2)
	nodes := m.Proto().GetGraph().GetNode()
	first, last := nodes[0].GetOutput()[0], nodes[len(nodes)-1].GetOutput()[0]
	g := lowered(t, m, inputs, []string{first, last})
	var outs [2][]float32
	for i, factor := range []float32{1, 0} {
		o, err := NewObserver(g, nil, func(k int, x *op.Tensor) {
			if k == 0 {
				for e := range x.F {
					x.F[e] *= factor
				}
				return
			}
			outs[i] = slices.Clone(x.F)
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Run(inputs, nil); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Equal(outs[0], outs[1]) {
		t.Error("the output does not depend on what was changed")
	}
	for c := range 10 { // with the first convolution silenced, all samples look alike
		if outs[1][c] != outs[1][10+c] {
			t.Errorf("class %d: %v and %v", c, outs[1][c], outs[1][10+c])
		}
	}
}

// TestObserverRefusesInputs: a value that no node computes is never shown.
func TestObserverRefusesInputs(t *testing.T) {
	m := fixtureModels(t)["cnn"]
	inputs := declaredInputs(m, 2)
	g := lowered(t, m, inputs, []string{m.Proto().GetGraph().GetInput()[0].GetName()})
	if _, err := NewObserver(g, nil, func(int, *op.Tensor) {}); !errors.Is(err, op.ErrShape) {
		t.Errorf("got %v", err)
	}
}
