package kernel_test

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/kernel"
)

// A product of two small matrices by two goroutines.
func ExampleGemm() {
	w := kernel.NewWorkers(2)
	defer w.Close()
	a := []float32{1, 2, 3, 4, 5, 6} // 2×3
	b := []float32{1, 0, 0, 1, 1, 1} // 3×2
	c := []float32{-1, -1, -1, -1}   // 2×2, not read because beta is 0
	kernel.Gemm(w, kernel.NewMatrix(c, 2, 2, 2), kernel.NewMatrix(a, 2, 3, 3), kernel.NewMatrix(b, 3, 2, 2), 1, 0)
	fmt.Println(c)
	// Output: [4 5 10 11]
}

// A one-dimensional convolution with padding, and the transposed convolution of the same geometry.
func ExampleConv() {
	c := kernel.Conv{Batch: 1, InChannels: 1, OutChannels: 1, Groups: 1, In: []int{5}, Kernel: []int{3},
		Stride:   []int{2},
		Dilation: []int{1}, PadBegin: []int{1}, PadEnd: []int{1}}
	weight, x, y := []float32{1, 2, 3}, []float32{1, 2, 3, 4, 5}, make([]float32, 3)
	c.Forward(nil, y, x, weight, nil)
	fmt.Println(c.OutDims(), y)
	c.BackwardInput(nil, x, y, weight)
	fmt.Println(x)
	// Output:
	// [3] [8 20 14]
	// [16 44 40 74 28]
}

// Three parents' weights mixed, and the gradient with respect to the coefficients.
func ExampleMix() {
	parents := [][]float32{{1, 0}, {0, 1}, {2, 2}}
	mixed, gradient := make([]float32, 2), make([]float64, 3)
	kernel.Mix(nil, mixed, []float32{0.5, 0.25, 0.25}, parents)
	kernel.Dots(nil, gradient, []float32{1, -1}, parents)
	fmt.Println(mixed, gradient)
	// Output: [1 0.75] [1 -1 0]
}

// The largest element of each pair, with the index that sends gradients back.
func ExampleWindow_MaxPool() {
	g := kernel.Window{Planes: 1, In: []int{4}, Out: []int{2}, Kernel: []int{2}, Stride: []int{2}, Dilation: []int{1},
		PadBegin: []int{0}, PadEnd: []int{0}}
	y, arg, dx := make([]float32, 2), make([]int32, 2), make([]float32, 4)
	g.MaxPool(nil, y, arg, []float32{1, 3, 5, 4})
	g.MaxPoolBackward(nil, dx, []float32{10, 20}, arg)
	fmt.Println(y, arg, dx)
	// Output: [3 5] [1 2] [0 10 20 0]
}
