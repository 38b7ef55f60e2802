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

// A bias a channel, added to two images of two channels and two pixels, and the gradient of the bias.
func ExampleCombine() {
	images, bias := []float32{1, 2, 3, 4, 5, 6, 7, 8}, []float32{10, 20}
	shape, channels := []int{2, 2, 2}, []int{2, 1}
	y, dbias := make([]float32, 8), make([]float32, 2)
	kernel.Combine(nil, y, images, bias, kernel.NewBroadcast(shape, shape, channels), kernel.Add)
	kernel.SumTo(nil, dbias, []float32{1, 1, 1, 1, 1, 1, 1, 1}, channels, shape)
	fmt.Println(y, dbias)
	// Output: [11 12 23 24 15 16 27 28] [4 4]
}

// The batch of two products that share their right side.
func ExampleBatchGemm() {
	a := kernel.Batch{Matrix: kernel.NewMatrix([]float32{1, 2, 3, 4}, 1, 2, 2), Step: 2} // two rows
	b := kernel.Batch{Matrix: kernel.NewMatrix([]float32{1, 0, 0, 2}, 2, 2, 2)}          // one matrix, repeated
	y := make([]float32, 4)
	c := kernel.Batch{Matrix: kernel.NewMatrix(y, 1, 2, 2), Step: 2}
	kernel.BatchGemm(nil, c, a, b, 2, 1, 0)
	fmt.Println(y)
	// Output: [1 4 3 8]
}

// The mean of every column of a matrix of three rows.
func ExampleReduction_Fold() {
	r := kernel.NewReduction([]int{3, 2}, []int{0})
	mean, n := make([]float32, r.Outputs()), float64(r.Count())
	r.Fold(nil, mean, []float32{1, 10, 2, 20, 3, 30}, kernel.FoldSum,
		func(_ int, sum float64) float32 { return float32(sum / n) })
	fmt.Println(mean)
	// Output: [2 20]
}

// A row normalised to mean 0 and variance 1, then scaled.
func ExampleNorm() {
	n := kernel.Norm{Rows: 1, Size: 4, Params: 4, Inner: 1}
	y, mean, inv := make([]float32, 4), make([]float64, 1), make([]float64, 1)
	n.Forward(nil, y, mean, inv, []float32{1, 3, 1, 3}, []float32{1, 1, 10, 10}, nil)
	fmt.Println(y, mean, inv)
	// Output: [-1 1 -10 10] [2] [1]
}

// A row padded with one element on either side and taken backwards: two copies in one.
func ExampleCopy() {
	m := kernel.NewRemap([]int{3}, [][]int{{-1, 2, 1, 0, -1}})
	y, dx := make([]float32, 5), make([]float32, 3)
	kernel.Copy(nil, y, []float32{1, 2, 3}, m, 9)
	kernel.CopyBackward(nil, dx, []float32{1, 2, 3, 4, 5}, m)
	fmt.Println(y, dx)
	// Output: [9 3 2 1 9] [4 3 2]
}

// A matrix transposed.
func ExamplePermute() {
	y := make([]float32, 6)
	kernel.Permute(nil, y, []float32{1, 2, 3, 4, 5, 6}, []int{2, 3}, []int{1, 0})
	fmt.Println(y)
	// Output: [1 4 2 5 3 6]
}

// The states of a recurrent layer whose only unit adds up its inputs.
func ExampleRecurrent() {
	f, err := kernel.Activations([]string{"Affine"}, []float32{1}, []float32{0})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := kernel.Recurrent{Steps: 3, Batch: 1, Input: 1, Hidden: 1, Cell: &kernel.RNN{F: f[0]}}
	p := &kernel.Parameters{Weight: []float32{1}, Recurrent: []float32{1}}
	r.Forward(nil, []float32{1, 2, 3}, nil, nil, p)
	fmt.Println(r.H)
	// Output: [0 1 3 6]
}

// Work shared by three goroutines: every range once, in any order.
func ExampleWorkers_For() {
	w := kernel.NewWorkers(3)
	defer w.Close()
	squares := make([]int, 6)
	w.For(len(squares), 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			squares[i] = i * i
		}
	})
	fmt.Println(squares)
	// Output: [0 1 4 9 16 25]
}
