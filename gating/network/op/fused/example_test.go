package fused_test

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op/fused"
)

// Example is a matrix product with what lies below zero cut off.
func Example() {
	y, err := optest.Run(fused.Operators, "com.microsoft.FusedGemm", optest.Attributes("activation", "Relu"),
		optest.Floats([]int{2, 2}, 1, 2, 3, 4), optest.Floats([]int{2, 1}, 3, -2))
	fmt.Println(y.Shape, y.F, err)
	// Output: [2 1] [0 1] <nil>
}
