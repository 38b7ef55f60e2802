package element_test

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op/element"
)

// Example adds a row to every row of a matrix: operands are broadcast. What does not fit is an error that names the
// node.
func Example() {
	a := optest.Floats([]int{2, 3}, 1, 2, 3, 4, 5, 6)
	y, err := optest.Run(element.Operators, "Add", nil, a, optest.Floats([]int{3}, 10, 20, 30))
	fmt.Println(y.Shape, y.F, err)
	_, err = optest.Run(element.Operators, "Add", nil, a, optest.Floats([]int{2}, 10, 20))
	fmt.Println(err)
	// Output:
	// [2 3] [11 22 33 14 25 36] <nil>
	// node "n" (Add): inputs have shapes [[2 3] [2]], which do not broadcast to each other
}
