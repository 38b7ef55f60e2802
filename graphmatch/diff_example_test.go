package graphmatch_test

import (
	"fmt"
	"log"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// What a fine-tune changed: no node, and how much of each weight.
func ExampleDiff() {
	a, err := onnx.Open("../fixtures/mlp/start.onnx")
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	b, err := onnx.Open("../fixtures/mlp/ft0.onnx")
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	d, err := graphmatch.Diff(a, b)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(d.Nodes), "nodes differ")
	for _, t := range d.Tensors {
		fmt.Printf("%s %s: %.0f %%\n", t.Names[1], t.Status, *t.Relative*100)
	}
	// Output:
	// 0 nodes differ
	// 1.weight changed: 39 %
	// 1.bias changed: 30 %
	// 3.weight changed: 34 %
	// 3.bias changed: 40 %
	// 5.weight changed: 23 %
	// 5.bias changed: 15 %
}
