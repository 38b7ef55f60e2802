package routed_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/internal/runtest"
	"github.com/softmerge/softmerge/gating/routed"
	"github.com/softmerge/softmerge/onnx"
)

// golden is a case of fixtures/golden/routed.json, which NumPy computed from the paper's equations.
type golden struct {
	Start   map[string][]float64
	Models  []map[string][]float64
	Unified map[string][]float64
	Masks   map[string][]int64
	Factors []float64
	Merged  []map[string][]float64
}

// layersOf is a model of two linear layers with these weights, and a head of its own.
func layersOf(t *testing.T, weights map[string][]float64) *onnx.Model {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", -1, 4)
	b.Tensor(t, "w1", onnx.Float32, weights["w1"], 4, 3)
	b.Tensor(t, "w2", onnx.Float32, weights["w2"], 3, 2)
	b.Node("MatMul", "h", []string{"x", "w1"})
	b.Node("Relu", "r", []string{"h"})
	b.Node("MatMul", "z", []string{"r", "w2"})
	b.Weight(t, "head", onnx.Float32, uint64(1e4*(1+weights["w1"][0]*weights["w1"][0])), 2, 5)
	b.Node("MatMul", "y", []string{"z", "head"})
	b.Out("y")
	return b.Model(t)
}

// named is the elements of an initializer.
func named(t *testing.T, m *onnx.Model, name string) onnx.Tensor {
	t.Helper()
	for _, init := range m.Proto().GetGraph().GetInitializer() {
		if init.GetName() == name {
			return m.Tensor(init)
		}
	}
	t.Fatalf("no initializer %q", name)
	return onnx.Tensor{}
}

// TestNumPyAgrees compares what stands in the file, and the plain models, with another program's values; for 1, 8, 9
// and 20 tasks, from a start and from the mean.
func TestNumPyAgrees(t *testing.T) {
	data, err := os.ReadFile("../../fixtures/golden/routed.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []golden
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	for i, g := range list {
		var models []*onnx.Model
		var names []string
		for k, w := range g.Models {
			models, names = append(models, layersOf(t, w)), append(names, fmt.Sprint("task", k))
		}
		o := routed.Options{Tasks: names, Anyway: true}
		if g.Start != nil {
			o.Start = layersOf(t, g.Start)
		}
		e := gatetest.Must(routed.NewEMR(gatetest.Select(t, models), o))(t)
		for k, f := range e.Factors() {
			near(t, fmt.Sprintf("case %d, factor %d", i, k), []float64{f}, g.Factors[k:k+1])
		}
		m, _ := all(t, e)
		for name, want := range g.Unified {
			near(t, fmt.Sprintf("case %d, vector of %s", i, name), gatetest.Must(named(t, m, layerOf[name]+".tau").Doubles(nil))(t), want)
			masks := gatetest.Must(named(t, m, layerOf[name]+".masks").Ints(nil))(t)
			if !slices.Equal(masks, g.Masks[name]) {
				t.Errorf("case %d: masks of %s are %v, want %v", i, name, masks, g.Masks[name])
			}
			for k := range models {
				plain := gatetest.Must(e.Task(k))(t)
				near(t, fmt.Sprintf("case %d, task %d, %s", i, k, name), gatetest.Must(named(t, plain, name).Doubles(nil))(t),
					g.Merged[k][name])
			}
		}
		inputs := runtest.Samples(t, models[0], 5)
		for k := range models {
			want := runtest.Evaluate(t, gatetest.Must(e.Task(k))(t), inputs)
			inputs[routed.InputName] = number(k)
			if d := runtest.Apart(runtest.Evaluate(t, asked(t, m, routed.InputName), inputs), want); d != 0 {
				t.Errorf("case %d, task %d: %g apart from its plain model", i, k, d)
			}
		}
	}
}

// layerOf is what softmerge calls the parameters here.
var layerOf = map[string]string{"w1": "w1.weight", "w2": "w2.weight"}

// near compares numbers to what float32 holds.
func near(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= 1e-6*max(1, math.Abs(want[i]))) {
			t.Errorf("%s: %v, want %v", what, got[i], want[i])
		}
	}
}
