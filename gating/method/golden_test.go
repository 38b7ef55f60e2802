package method_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/softmerge/softmerge/gating/method"
)

// golden is a case of fixtures/golden/methods.json, which NumPy and PyTorch computed from the papers' equations.
type golden struct {
	Method  string
	Params  map[string]float64
	Rows    int
	Depth   float64
	Weights []float64
	Start   []float64
	Models  [][]float64
	Merged  []float64
}

// TestMethodsAreThoseOfNumPy compares every method that draws nothing with another program's values. The mean on the
// sphere comes from a minimiser there, so that it has fewer digits.
func TestMethodsAreThoseOfNumPy(t *testing.T) {
	data, err := os.ReadFile("../../fixtures/golden/methods.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []golden
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{"dare_linear": true, "dare_ties": true}
	for i, g := range list {
		seen[g.Method] = true
		within := 1e-10
		switch g.Method {
		case "karcher":
			within = 1e-6
		case "wudi": // of forty steps, by gradients that are added up in another order
			within = 1e-6
		}
		got, err := merge(t, g.Method, g.Params).Tensor(&method.Tensor{Name: "w", Rows: g.Rows, Depth: g.Depth,
			Start: g.Start, Models: g.Models, Weights: g.Weights})
		if err != nil {
			t.Fatal(err)
		}
		if d := apart(got, g.Merged); !(d <= within) {
			t.Errorf("case %d, %s %v: off by %g", i, g.Method, g.Params, d)
		}
	}
	for _, m := range method.All() {
		if !seen[m.Name] {
			t.Errorf("no case has %s", m.Name)
		}
	}
}

// merge is a method with parameters.
func merge(t testing.TB, name string, params map[string]float64) *method.Merge {
	t.Helper()
	m, err := method.Named(name)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.With(params)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// apart is the largest difference between two lists, infinite where they have not one length.
func apart(x, y []float64) (most float64) {
	if len(x) != len(y) {
		return math.Inf(1)
	}
	for i := range x {
		d := math.Abs(x[i] - y[i])
		if math.IsNaN(d) {
			return d
		}
		most = max(most, d)
	}
	return most
}

func ExampleMerge_Tensor() {
	ties, err := method.Named("ties")
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := ties.With(map[string]float64{"density": 0.5})
	if err != nil {
		fmt.Println(err)
		return
	}
	merged, err := m.Tensor(&method.Tensor{Name: "w", Start: []float64{1, 1, 1, 1},
		Models: [][]float64{{3, 1.5, 0, 1}, {2, 1, 3, 1.1}}, Weights: []float64{0.5, 0.5}})
	fmt.Println(merged, err)
	// Output: [2.5 1 3 1] <nil>
}
