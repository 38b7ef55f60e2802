package kernel

import (
	"slices"
	"testing"
)

// everyKernel runs one kernel or a family of them on sizes that several goroutines share, all results one after
// another.
var everyKernel = map[string]func(w *Workers) []float32{
	"gemm": func(w *Workers) []float32 {
		r, c := newRand(201), make([]float32, 130*170)
		a, b := NewMatrix(randoms(r, 130*500), 130, 500, 500), NewMatrix(randoms(r, 170*500), 170, 500, 500)
		Gemm(w, NewMatrix(c, 130, 170, 170), a, b.T(), 0.5, 0)
		dot := make([]float32, 130*2)
		Gemm(w, NewMatrix(dot, 130, 2, 2), a, NewMatrix(b.Data, 2, 500, 500).T(), 1, 0)
		return slices.Concat(c, dot)
	},
	"batches": func(w *Workers) []float32 {
		r, c := newRand(202), make([]float32, 40*12*9)
		a, b := NewMatrix(randoms(r, 40*12*33), 12, 33, 33), NewMatrix(randoms(r, 33*9), 33, 9, 9)
		BatchGemm(w, Batch{NewMatrix(c, 12, 9, 9), 12 * 9}, Batch{a, 12 * 33}, Batch{b, 0}, 40, 1, 0)
		return c
	},
	"conv":           func(w *Workers) []float32 { return allPasses(w, square(3, 20, 30, 1, 14, 3, 1)) },
	"strided conv":   func(w *Workers) []float32 { return allPasses(w, square(3, 9, 17, 1, 15, 3, 2)) },
	"small conv":     func(w *Workers) []float32 { return allPasses(w, square(37, 20, 30, 1, 4, 3, 1)) },
	"grouped conv":   func(w *Workers) []float32 { return allPasses(w, square(3, 12, 18, 3, 11, 3, 1)) },
	"depthwise conv": func(w *Workers) []float32 { return allPasses(w, square(3, 40, 40, 40, 13, 5, 1)) },
	"vectors": func(w *Workers) []float32 {
		c := drawVectors(newRand(203), 70003, 3)
		mixed, out := make([]float32, len(c.dw)), make([]float64, 3)
		Mix(w, mixed, c.coefs, c.ws)
		Dots(w, out, c.dw, c.ws)
		Axpy(w, c.dw, c.ws[0], 0.3)
		return slices.Concat(mixed, floats(out), c.dw)
	},
	"softmax": func(w *Workers) []float32 {
		x := normals(204, 40*130*33)
		y, logs, dx := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
		Softmax(w, y, x, 40*33, 130, 1)
		LogSoftmax(w, logs, x, 40, 130, 33)
		SoftmaxBackward(w, dx, x, y, 40*33, 130, 1)
		LogSoftmaxBackward(w, x, dx, logs, 40, 130, 33)
		return slices.Concat(y, logs, dx, x)
	},
	"norm": func(w *Workers) []float32 {
		var all []float32
		for _, n := range []Norm{{Rows: 300, Size: 130, Params: 130, Inner: 1},
			{Rows: 12, Size: 3000, Params: 6, Inner: 1500}} {
			x, dy, scale := normals(205, n.Rows*n.Size), normals(206, n.Rows*n.Size), normals(207, n.Params)
			y, dx := make([]float32, len(x)), make([]float32, len(x))
			ds, db, mean, inv := make([]float32, n.Params), make([]float32, n.Params), make([]float64, n.Rows),
				make([]float64, n.Rows)
			n.Forward(w, y, mean, inv, x, scale, scale)
			n.BackwardInput(w, dx, dy, x, scale, mean, inv)
			n.BackwardScale(w, ds, dy, x, mean, inv)
			n.BackwardBias(w, db, dy)
			all = append(all, slices.Concat(y, dx, ds, db, floats(mean), floats(inv))...)
		}
		return all
	},
	"channels": func(w *Workers) []float32 {
		x, scale := normals(208, 20*30*400), normals(209, 30)
		y, dots := make([]float32, len(x)), make([]float64, 30)
		ScaleShift(w, y, x, scale, scale, 20, 30, 400)
		ChannelDots(w, dots, x, y, 20, 30, 400)
		return append(y, floats(dots)...)
	},
	"folds": func(w *Workers) []float32 {
		x := normals(210, 300*700)
		var all []float32
		for _, axes := range [][]int{{0}, {1}, {0, 1}} {
			for _, f := range []Fold{FoldSum, FoldAbs, FoldSquares, FoldMax, FoldMin} {
				p := NewReduction([]int{300, 700}, axes)
				y := make([]float32, p.Outputs())
				p.Fold(w, y, x, f, identityFinish)
				all = append(all, y...)
			}
		}
		return all
	},
	"broadcast sums": func(w *Workers) []float32 {
		x, y := normals(211, 200*7*100), make([]float32, 7)
		SumTo(w, y, x, []int{1, 7, 1}, []int{200, 7, 100})
		return y
	},
	"global pool": func(w *Workers) []float32 {
		x, y := normals(212, 60*5000), make([]float32, 60)
		GlobalAveragePool(w, y, x, 60, 5000)
		return y
	},
	"RNN": func(w *Workers) []float32 { return allGradients(w, &rnnReference{cell: "RNN"}) },
	"GRU": func(w *Workers) []float32 { return allGradients(w, &rnnReference{cell: "GRU", clip: 2}) },
	"GRU reset last": func(w *Workers) []float32 {
		return allGradients(w, &rnnReference{cell: "GRU", resetLast: true})
	},
	"LSTM": func(w *Workers) []float32 { return allGradients(w, &rnnReference{cell: "LSTM"}) },
}

// allPasses runs the four passes of a convolution.
func allPasses(w *Workers, c *Conv) []float32 {
	nx, nw, ny := c.counts()
	x, weight, bias, dy := normals(221, nx), normals(222, nw), normals(223, c.OutChannels), normals(224, ny)
	y, dx, dw, db := make([]float32, ny), make([]float32, nx), make([]float32, nw), make([]float32, c.OutChannels)
	c.Forward(w, y, x, weight, bias)
	c.BackwardInput(w, dx, dy, weight)
	c.BackwardWeight(w, dw, dy, x)
	c.BackwardBias(w, db, dy)
	return slices.Concat(y, dx, dw, db)
}

// allGradients runs a recurrent layer forward and back.
func allGradients(w *Workers, c *rnnReference) []float32 {
	c.steps, c.batch, c.input, c.hidden = 5, 40, 33, 35
	cells := map[string]Cell{}
	list, err := Activations([]string{"Sigmoid", "Tanh", "Tanh"}, nil, nil)
	if err != nil {
		panic(err)
	}
	cells["RNN"], cells["GRU"] = &RNN{F: list[1]}, &GRU{F: list[0], G: list[1], ResetLast: c.resetLast}
	cells["LSTM"] = &LSTM{F: list[0], G: list[1], H: list[2]}
	out, grads := c.through(cells[c.cell], w, c.draw(231), scaledNormals(232, (c.steps+2)*c.batch*c.hidden, 1))
	return slices.Concat(out, grads)
}

// TestWorkersChangeNoBit runs every kernel by any number of goroutines, with every set of inner loops.
func TestWorkersChangeNoBit(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		for name, run := range everyKernel {
			onWorkers(t, name, run)
		}
	})
}

// TestRegistersChangeNoBit runs every kernel with AVX2 and AVX-512.
func TestRegistersChangeNoBit(t *testing.T) {
	for name, run := range everyKernel {
		onSets(t, name, func() []float32 { return run(nil) })
	}
}

// TestGenericIsNear compares plain Go with the fastest set: the same numbers but for rounding.
func TestGenericIsNear(t *testing.T) {
	before := simd
	defer useSet(before)
	for name, run := range everyKernel {
		useSet(before)
		want := run(nil)
		useSet(generic)
		near(t, name, run(nil), doubles(want), 2e-5)
	}
}

// TestRunsRepeat runs every kernel twice: no result depends on what scratch memory held.
func TestRunsRepeat(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	for name, run := range everyKernel {
		if first := run(w); !equalBits(first, run(w)) {
			t.Errorf("%s: a second run gives other bits", name)
		}
	}
}
