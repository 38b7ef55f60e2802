package dataset_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/onnx"
)

// A graph with the input "bool" of type float32 is fed a column of booleans: the file's values are converted.
func Example() {
	d, err := dataset.Open("testdata/stored.npz", dataset.Options{
		Inputs: []dataset.Field{{Name: "bool", Type: onnx.Float32, Shape: []int{-1, 3}}},
		Label:  "<i8",
	})
	if err != nil {
		log.Fatal(err)
	}
	for rows := range d.InOrder(1) {
		values := make([]float32, len(rows)*d.Inputs[0].Size())
		d.Inputs[0].Gather(rows, values, nil)
		fmt.Println(rows, values)
	}
	fmt.Println(d.Label.Shape, d.Label.Ints)
	// Output:
	// [0] [1 0 1]
	// [1] [0 1 1]
	// [3] [-1 0 1 2 3 4]
}

// Errors say what is wrong and what to do about it.
func ExampleOpen() {
	_, err := dataset.Open("testdata/stored.npz", dataset.Options{
		Inputs: []dataset.Field{{Name: "fortram", Type: onnx.Float32, Shape: []int{-1, 3, 4}}},
		Label:  "bool",
	})
	var hinter interface{ Hint() string }
	if errors.As(err, &hinter) {
		fmt.Println(errors.Is(err, dataset.ErrData), hinter.Hint())
	}
	// Output:
	// true did you mean "fortran"? otherwise save the array under the name "fortram"
}
