package network

import (
	"testing"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/onnx"
)

// TestGraphBytes adds up what is computed: two float tensors, one of integers and a mixture.
func TestGraphBytes(t *testing.T) {
	g := graphOf("x")
	addFloats(t, g, "w", []int{3, 5}, make([]float32, 15)...)
	product := addNode(g, "MatMul", "x w", "y")
	addNode(g, "Abs", "y", "z")
	addNode(g, "ArgMax", "z", "best")
	m := modelOf(t, g, nil, "best")
	lower := func(rows int, params ...ir.Param) *Graph {
		c := Config{Shapes: map[string][]int{"x": {rows, 3}}, Params: params}
		lowered, err := Lower(m, c)
		if err != nil {
			t.Fatal(err)
		}
		return lowered
	}
	if got, want := lower(2).Bytes(), int64(4*(2*5+2*5)+8*5); got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
	mixed := ir.Param{Name: "w", Sites: []onnx.Site{{Node: product, Input: 1}}, Shape: []int{3, 5}, Axis: -1}
	if got, want := lower(4, mixed).Bytes(), int64(4*(4*5+4*5)+8*5+4*15); got != want {
		t.Errorf("%d bytes with a mixture, want %d", got, want)
	}
}
