package recurrent_test

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op/recurrent"
)

// Example remembers: a hidden state that adds up what it sees, squashed by tanh.
func Example() {
	one := optest.Floats([]int{1, 1, 1}, 1)
	y, err := optest.Run(recurrent.Operators, "RNN", optest.Attributes("hidden_size", int64(1)),
		optest.Floats([]int{3, 1, 1}, 1, 0, 0), one, one)
	fmt.Printf("%v %.4f %v\n", y.Shape, y.F, err)
	// Output: [3 1 1 1] [0.7616 0.6420 0.5663] <nil>
}
