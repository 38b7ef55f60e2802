package reduction_test

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op/reduction"
)

// Example sums along the last axis.
func Example() {
	y, err := optest.Run(reduction.Operators, "ReduceSum", nil,
		optest.Floats([]int{2, 3}, 1, 2, 3, 4, 5, 6), optest.IntTensor(-1))
	fmt.Println(y.Shape, y.F, err)
	// Output: [2 1] [6 15] <nil>
}
