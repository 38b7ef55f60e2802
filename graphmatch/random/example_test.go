package random_test

import (
	"fmt"

	"github.com/softmerge/softmerge/graphmatch/random"
)

// One seed gives each part of a computation a stream of its own.
func Example() {
	const seed = 1
	order, noise := random.New(seed, 0), random.New(seed, 1)
	fmt.Println(order.Perm(6))
	fmt.Printf("%.4f %.4f\n", noise.Normal(), noise.Normal())
	// Output:
	// [5 1 4 2 0 3]
	// 2.7450 1.7055
}
