package dataset_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
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
	fmt.Println(errors.Is(err, dataset.ErrData), advice.Hint(err))
	// Output:
	// true did you mean "fortran"? otherwise save the array under the name "fortram"
}

// Sentences of several lengths are one data set: every batch has one length, and every sample comes equally often.
func ExampleJoin() {
	sentences := func(length int, ids ...int64) *dataset.Data {
		return &dataset.Data{Inputs: []dataset.Column{{Name: "input_ids", Type: onnx.Int64, Shape: []int{length},
			Ints: ids}}}
	}
	d, err := dataset.Join(sentences(2, 1, 2, 3, 4, 5, 6), sentences(3, 7, 8, 9, 10, 11, 12))
	if err != nil {
		log.Fatal(err)
	}
	for rows := range d.InOrder(2) {
		part, local := d.Locate(rows)
		ids := d.Parts()[part].Inputs[0]
		values := make([]int64, len(rows)*ids.Size())
		ids.Gather(local, nil, values)
		fmt.Println(rows, ids.Shape, values)
	}
	// Output:
	// [0 1] [2] [1 2 3 4]
	// [2] [2] [5 6]
	// [3 4] [3] [7 8 9 10 11 12]
}
