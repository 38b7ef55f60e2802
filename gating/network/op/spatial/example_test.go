package spatial_test

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op/spatial"
)

// Example takes the largest of every two neighbours.
func Example() {
	y, err := optest.Run(spatial.Operators, "MaxPool",
		optest.Attributes("kernel_shape", []int64{2}, "strides", []int64{2}),
		optest.Floats([]int{1, 1, 6}, 1, 5, 2, 3, 9, 4))
	fmt.Println(y.Shape, y.F, err)
	// Output: [1 1 3] [5 3 9] <nil>
}
