package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// poolLine is a geometry of one axis.
func poolLine(planes, in, out, kernel, stride, begin, end int) *Window {
	return &Window{Planes: planes, In: []int{in}, Out: []int{out}, Kernel: []int{kernel}, Stride: []int{stride},
		Dilation: []int{1}, PadBegin: []int{begin}, PadEnd: []int{end}}
}

// poolShapes are geometries that random ones rarely meet: no planes, windows of one element, windows past the end,
// planes of many lengths around the vectors, padding as wide as a window allows.
func poolShapes() []*Window {
	list := []*Window{
		poolLine(0, 4, 2, 2, 2, 0, 0), poolLine(3, 5, 7, 3, 1, 2, 2), poolLine(2, 5, 3, 2, 2, 0, 0),
		{Planes: 2, In: []int{6, 5}, Out: []int{1, 1}, Kernel: []int{6, 5}, Stride: []int{1, 1},
			Dilation: []int{1, 1}, PadBegin: []int{0, 0}, PadEnd: []int{0, 0}},
	}
	list[2].CountIncludePad = true
	for n := 1; n <= 70; n++ {
		g := &Window{Planes: 1 + n%5, In: []int{3, n}, Kernel: []int{2, 1 + n%3}, Stride: []int{1, 1 + n%2},
			Dilation: []int{1, 1}, PadBegin: []int{1, n % 3 / 2}, PadEnd: []int{0, 0}, CountIncludePad: n%2 == 0}
		out := (n+g.PadBegin[1]-g.Kernel[1])/g.Stride[1] + 1
		g.Out = []int{3, max(out, 0)}
		if n+g.PadBegin[1] < g.Kernel[1] {
			g.Out[1] = 0
		}
		list = append(list, g)
	}
	return list
}

// TestPoolShapes compares both pools and their backward kernels with their definitions.
func TestPoolShapes(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	eachSet(t, func(t *testing.T) {
		r := newRand(121)
		for _, g := range poolShapes() {
			x, dy := randoms(r, g.Planes*volume(g.In)), randoms(r, g.Planes*volume(g.Out))
			g.testAverage(t, w, x, dy)
			g.testMax(t, w, x, dy)
			g.testMax(t, w, withSpecials(r, x), dy)
		}
	})
}

// TestAveragePoolAdjoint checks <dy, pool(x)> against <backward(dy), x>, and that of the global pool.
func TestAveragePoolAdjoint(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(122)
		for range 150 {
			g := randomWindow(r)
			in, out := g.Planes*volume(g.In), g.Planes*volume(g.Out)
			x, dy, y, dx := randoms(r, in), randoms(r, out), newGuarded(r, out), newGuarded(r, in)
			g.AveragePool(nil, y.slice(), x)
			g.AveragePoolBackward(nil, dx.slice(), dy)
			name := fmt.Sprintf("%+v", *g)
			y.check(t, name)
			dx.check(t, name)
			checkAdjoint(t, name, dy, y.slice(), dx.slice(), x)
		}
		for _, size := range append(span(1, 70), 5000) {
			x, dy, y, dx := randoms(r, 3*size), randoms(r, 3), newGuarded(r, 3), newGuarded(r, 3*size)
			GlobalAveragePool(nil, y.slice(), x, 3, size)
			GlobalAveragePoolBackward(nil, dx.slice(), dy, 3, size)
			y.check(t, "global pool")
			dx.check(t, "global pool")
			checkAdjoint(t, fmt.Sprint("global pool of ", size), dy, y.slice(), dx.slice(), x)
		}
	})
}

// TestMaxPoolIsLinearWhereItChooses checks that along the chosen elements the pool is a gather, whose adjoint is the
// backward kernel, and that the choice is one of a window.
func TestMaxPoolIsLinearWhereItChooses(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(123)
		for range 100 {
			g := randomWindow(r)
			in, out := volume(g.In), volume(g.Out)
			x, dy, dx := randoms(r, g.Planes*in), randoms(r, g.Planes*out), newGuarded(r, g.Planes*in)
			y, arg := make([]float32, g.Planes*out), make([]int32, g.Planes*out)
			g.MaxPool(nil, y, arg, x)
			g.MaxPoolBackward(nil, dx.slice(), dy, arg)
			dx.check(t, "max pool")
			for i, at := range arg {
				if at < 0 { // a window of nothing but padding counts for nothing
					y[i], dy[i] = 0, 0
				}
			}
			checkAdjoint(t, fmt.Sprintf("%+v", *g), dy, y, dx.slice(), x)
		}
	})
}

// TestPoolThreads shares many planes out.
func TestPoolThreads(t *testing.T) {
	for _, g := range []*Window{
		{Planes: 200, In: []int{17, 19}, Out: []int{9, 10}, Kernel: []int{3, 3}, Stride: []int{2, 2},
			Dilation: []int{1, 1}, PadBegin: []int{1, 1}, PadEnd: []int{1, 1}},
		poolLine(7, 9000, 8998, 3, 1, 0, 0),
	} {
		in, out := g.Planes*volume(g.In), g.Planes*volume(g.Out)
		x, dy := normals(1, in), normals(2, out)
		onWorkers(t, fmt.Sprintf("%+v", *g), func(w *Workers) []float32 {
			y, dx, top, dtop := make([]float32, out), make([]float32, in), make([]float32, out), make([]float32, in)
			arg := make([]int32, out)
			g.AveragePool(w, y, x)
			g.AveragePoolBackward(w, dx, dy)
			g.MaxPool(w, top, arg, x)
			g.MaxPoolBackward(w, dtop, dy, arg)
			return slices.Concat(y, dx, top, dtop)
		})
	}
}

// TestAveragePoolOfSpecials checks that padding is left out, not multiplied by zero, and NaN reaches its windows only.
func TestAveragePoolOfSpecials(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		g := poolLine(1, 6, 6, 3, 1, 1, 1)
		y := make([]float32, 6)
		g.AveragePool(nil, y, []float32{inf32, 1, 2, 3, nan32, 4})
		if !math.IsInf(float64(y[0]), 1) || !math.IsInf(float64(y[1]), 1) || y[2] != 2 || countNaN(y[3:]) != 3 {
			t.Errorf("averages are %v, want [Inf Inf 2 NaN NaN NaN]", y)
		}
	})
}

// TestPoolsRefuseShortSlices checks every operand.
func TestPoolsRefuseShortSlices(t *testing.T) {
	g := poolLine(2, 4, 2, 2, 2, 0, 0)
	x, y, arg := make([]float32, 8), make([]float32, 4), make([]int32, 4)
	for name, call := range map[string]func(){
		"x":        func() { g.MaxPool(nil, y, arg, x[:7]) },
		"y":        func() { g.MaxPool(nil, y[:3], arg, x) },
		"indices":  func() { g.MaxPool(nil, y, arg[:3], x) },
		"dx":       func() { g.AveragePoolBackward(nil, x[:7], y) },
		"dy":       func() { g.MaxPoolBackward(nil, x, y[:3], arg) },
		"global x": func() { GlobalAveragePool(nil, y, x[:7], 4, 2) },
		"global y": func() { GlobalAveragePoolBackward(nil, x, y[:3], 4, 2) },
	} {
		mustPanic(t, "a short "+name, call)
	}
}
