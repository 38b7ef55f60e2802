package linear_test

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op/linear"
)

// Example multiplies two matrices.
func Example() {
	y, err := optest.Run(linear.Operators, "MatMul", nil,
		optest.Floats([]int{2, 2}, 1, 2, 3, 4), optest.Floats([]int{2, 1}, 5, 6))
	fmt.Println(y.Shape, y.F, err)
	// Output: [2 1] [17 39] <nil>
}
