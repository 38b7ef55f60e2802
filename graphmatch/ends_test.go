package graphmatch

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
)

// towers is a network of two inputs of one shape, two towers of one size whose results meet in a node, and two heads of
// one size. swapped lists inputs and outputs in the other order; names are those of inputs and outputs in the order
// left, right. Weights come from the seed, and differ a little by tune.
func towers(t *testing.T, seed uint64, meet string, swapped bool, tune float32, names ...string) *onnx.Model {
	t.Helper()
	d := graphtest.New(t, seed)
	order := []int{0, 1}
	if swapped {
		order = []int{1, 0}
	}
	for _, i := range order {
		d.Shaped(names[i], 1, 6)
	}
	var sides []string
	for i := range 2 {
		sides = append(sides, d.Node(fmt.Sprint("relu", i), "Relu", []string{d.Linear(fmt.Sprint("t", i), names[i], 6, 5)}))
	}
	width, attributes := 5, []any{}
	if meet == "Concat" {
		width, attributes = 10, []any{"axis", 1}
	}
	x := d.Node("meet", meet, sides, attributes...)
	for i := range 2 {
		d.Linear(fmt.Sprint("h", i), x, width, 3)
		nodes := d.Model.Graph.Node
		nodes[len(nodes)-1].Output[0] = names[2+i]
	}
	for _, i := range order {
		d.Output(names[2+i])
	}
	for _, w := range slices.Clone(d.Model.Graph.Initializer) { // a little other values, as a fine-tune has
		shape, n := []int{}, 1
		for _, k := range w.GetDims() {
			shape, n = append(shape, int(k)), n*int(k)
		}
		values := make([]float32, n)
		for k := range values {
			values[k] = math.Float32frombits(binary.LittleEndian.Uint32(w.RawData[4*k:])) +
				tune*float32(d.Rng.NormFloat64())
		}
		d.SetTensor(w.GetName(), shape, values)
	}
	return d.Load()
}

// endPlaces lists the places of model 1's inputs and outputs in the order of the base's.
func endPlaces(a *Alignment) []int {
	return []int{a.Input(1, 0), a.Input(1, 1), a.Output(1, 0), a.Output(1, 1)}
}

// TestEndsOfOneShape: which input is which follows from names where both models have them, else from the layers behind,
// and from places only where nothing else tells them apart.
func TestEndsOfOneShape(t *testing.T) {
	straight, crossed := []int{0, 1, 0, 1}, []int{1, 0, 1, 0}
	base := []string{"left", "right", "p", "q"}
	other := []string{"input_7", "input_8", "dense_4", "dense_5"}
	for _, c := range []struct {
		what    string
		meet    string
		seed    uint64
		swapped bool
		names   []string
		want    []int
	}{
		{"same names", "Add", 2, false, base, straight},
		{"same names in another order, another start", "Add", 2, true, base, crossed},
		{"other names, fine-tune", "Add", 1, false, other, straight},
		{"other names and another order, fine-tune", "Add", 1, true, other, crossed},
		{"other names and another order, fine-tune, order matters", "Concat", 1, true, other, crossed},
		{"other names, another start", "Add", 2, false, other, straight},
	} {
		a := align(t, towers(t, 1, c.meet, false, 0, base...), towers(t, c.seed, c.meet, c.swapped, 0.05, c.names...))
		if got := endPlaces(a); !slices.Equal(got, c.want) {
			t.Errorf("%s: inputs and outputs are at %v, want %v", c.what, got, c.want)
		}
		if got := a.Table(); got.Unmatched != 0 || got.Matched != 4 {
			t.Errorf("%s: %d matched, %d unmatched", c.what, got.Matched, got.Unmatched)
		}
	}
	// The base itself, and an end that the other model lacks.
	a := align(t, towers(t, 1, "Add", false, 0, base...), half(t))
	if a.Input(0, 1) != 1 || a.Input(1, 1) != -1 || a.Input(1, 0) != 0 || a.Output(1, 0) != 0 || a.Output(1, 1) != -1 {
		t.Errorf("half a network: %v", endPlaces(a))
	}
}

// half is the left tower and head of towers alone.
func half(t *testing.T) *onnx.Model {
	d := graphtest.New(t, 1)
	x := d.Node("relu0", "Relu", []string{d.Linear("t0", d.Shaped("x", 1, 6), 6, 5)})
	d.Output(d.Linear("h0", x, 5, 3))
	return d.Load()
}
