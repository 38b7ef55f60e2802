package movement_test

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op/movement"
)

// Example turns a matrix.
func Example() {
	y, err := optest.Run(movement.Operators, "Transpose", optest.Attributes("perm", []int64{1, 0}),
		optest.Floats([]int{2, 3}, 1, 2, 3, 4, 5, 6))
	fmt.Println(y.Shape, y.F, err)
	// Output: [3 2] [1 4 2 5 3 6] <nil>
}
