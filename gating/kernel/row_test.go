package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestReduction(t *testing.T) {
	for _, c := range []struct{ shape, axes []int }{
		{[]int{7, 5}, []int{0}}, {[]int{7, 5}, []int{1}}, {[]int{3, 4, 5}, []int{0, 2}},
		{[]int{3, 4, 5, 2}, []int{1, 3}},
		{[]int{40000}, []int{0}}, {[]int{3, 70000}, []int{1}}, {[]int{70000, 3}, []int{0}},
		{[]int{300, 700}, []int{0}}, {[]int{4, 3, 30000}, []int{0, 2}},
		{[]int{2, 1, 3}, []int{1}}, {[]int{}, nil}, {[]int{5}, nil}, {[]int{2000, 40, 3}, []int{0, 2}},
	} {
		x := normals(1, volume(c.shape))
		for f := FoldSum; f <= FoldMin; f++ {
			if f == FoldProduct && len(x) > 1000 {
				continue
			}
			r := NewReduction(c.shape, c.axes)
			name := fmt.Sprint("fold ", f, " of ", c.shape, " over ", c.axes)
			got := onWorkers(t, name, func(w *Workers) []float32 {
				y := make([]float32, r.Outputs())
				r.Fold(w, y, x, f, func(_ int, acc float64) float32 { return float32(acc) })
				return y
			})
			near(t, name, got, naiveFold(f, c.shape, c.axes, x), 1e-6)
		}
	}
}

func TestStretch(t *testing.T) {
	for _, axes := range [][]int{{0}, {1}, {2}, {0, 2}, {0, 1, 2}, nil} {
		r := NewReduction([]int{3, 4, 5}, axes)
		y := normals(5, r.Outputs())
		got := onWorkers(t, "stretch", func(w *Workers) []float32 {
			x := make([]float32, 60)
			r.BackwardSum(w, x, y, 2)
			return x
		})
		// Folding what was stretched gives every element as often as it was repeated.
		back := make([]float32, r.Outputs())
		r.Fold(nil, back, got, FoldSum, func(_ int, acc float64) float32 { return float32(acc / float64(2*r.Count())) })
		near(t, "stretch", back, naiveFold(FoldSum, []int{r.Outputs()}, nil, y), 1e-6)
	}
}

func TestReductionOfNothing(t *testing.T) {
	for _, c := range []struct{ shape, axes []int }{{[]int{3, 0}, []int{1}}, {[]int{0, 3}, []int{0}},
		{[]int{0, 3, 2}, []int{0, 2}}, {[]int{2, 3, 0}, []int{0, 2}}, {[]int{0, 3, 0, 2}, []int{0, 2, 3}}} {
		r := NewReduction(c.shape, c.axes)
		for f, want := range map[Fold]float64{FoldSum: 0, FoldProduct: 1, FoldMax: math.Inf(-1), FoldMin: math.Inf(1)} {
			y := make([]float32, 3)
			r.Fold(nil, y, nil, f, func(_ int, acc float64) float32 { return float32(acc) })
			if float64(y[0]) != want || float64(y[2]) != want {
				t.Errorf("fold %d of nothing, %v over %v, is %v, want %g", f, c.shape, c.axes, y, want)
			}
		}
	}
}

func TestChannelKernels(t *testing.T) {
	for _, s := range [][3]int{{3, 5, 1}, {2, 4, 40}, {700, 33, 1}, {5, 3, 7}, {2, 3, 30000}} {
		batch, channels, inner := s[0], s[1], s[2]
		x, y, scale, shift := normals(1, batch*channels*inner), normals(2, batch*channels*inner),
			normals(3, channels), normals(4, channels)
		got := onWorkers(t, fmt.Sprint("scale and shift ", s), func(w *Workers) []float32 {
			out := make([]float32, len(x))
			ScaleShift(w, out, x, scale, shift, batch, channels, inner)
			return out
		})
		want, dots, sums := make([]float64, len(x)), make([]float64, channels), make([]float64, channels)
		for i, v := range x {
			c := i / inner % channels
			want[i] = float64(v)*float64(scale[c]) + float64(shift[c])
			dots[c] += float64(v) * float64(y[i])
			sums[c] += float64(v)
		}
		near(t, "scale and shift", got, want, 1e-6)
		for _, other := range [][]float32{y, nil} {
			got := onWorkers(t, fmt.Sprint("channel sums ", s), func(w *Workers) []float32 {
				out, narrow := make([]float64, channels), make([]float32, channels)
				ChannelDots(w, out, x, other, batch, channels, inner)
				for i, v := range out {
					narrow[i] = float32(v)
				}
				return narrow
			})
			if other == nil {
				dots = sums
			}
			near(t, "channel sums", got, dots, 1e-5)
		}
	}
}

func TestNorm(t *testing.T) {
	for _, n := range []Norm{
		{Rows: 700, Size: 65, Params: 65, Inner: 1}, {Rows: 3, Size: 2000, Params: 2000, Inner: 1},
		{Rows: 12, Size: 9000, Params: 3, Inner: 9000},
		{Rows: 4, Size: 12000, Params: 12, Inner: 2000}, {Rows: 700, Size: 65, Params: 65, Inner: 1, Root: true},
		{Rows: 300, Size: 600, Params: 600, Inner: 1},
		{Rows: 30, Size: 20, Params: 60, Inner: 1}, {Rows: 6, Size: 70, Params: 14, Inner: 10},
		{Rows: 2, Size: 1, Params: 2, Inner: 1},
	} {
		n.Epsilon = 1e-5
		x, dy, scale, bias := normals(1, n.Rows*n.Size), normals(2, n.Rows*n.Size), normals(3, n.Params),
			normals(4, n.Params)
		for i := range x {
			x[i] += 3 // a mean that must not spoil the variance
		}
		got := onWorkers(t, fmt.Sprintf("norm %+v", n), func(w *Workers) []float32 {
			y, dx := make([]float32, len(x)), make([]float32, len(x))
			mean, inv := make([]float64, n.Rows), make([]float64, n.Rows)
			ds, db := make([]float32, n.Params), make([]float32, n.Params)
			n.Forward(w, y, mean, inv, x, scale, bias)
			n.BackwardInput(w, dx, dy, x, scale, mean, inv)
			n.BackwardScale(w, ds, dy, x, mean, inv)
			n.BackwardBias(w, db, dy)
			return slices.Concat(y, dx, ds, db)
		})
		want := naiveNorm(n, x, dy, scale, bias)
		ends := []int{0, len(x), 2 * len(x), 2*len(x) + n.Params, 2*len(x) + 2*n.Params}
		for part, name := range []string{"y", "dx", "dscale", "dbias"} {
			near(t, fmt.Sprintf("%s of %+v", name, n), got[ends[part]:ends[part+1]], want[ends[part]:ends[part+1]],
				5e-6)
		}
	}
}

// BenchmarkRows measures the kernels of a transformer's and a CNN's normalisations; bytes are those of x.
func BenchmarkRows(b *testing.B) {
	w := NewWorkers(0)
	defer w.Close()
	run := func(name string, elements int, f func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(elements * 4))
			for b.Loop() {
				f()
			}
		})
	}
	const n = 4096 * 768
	x, dy, y := normals(1, n), normals(2, n), make([]float32, n)
	scale, bias := normals(3, 768), normals(4, 768)
	mean, inv, sums := make([]float64, 4096), make([]float64, 4096), make([]float64, 768)
	ln := Norm{Rows: 4096, Size: 768, Params: 768, Inner: 1, Epsilon: 1e-5}
	run("layernorm", n, func() { ln.Forward(w, y, mean, inv, x, scale, bias) })
	run("layernorm-dx", n, func() { ln.BackwardInput(w, y, dy, x, scale, mean, inv) })
	run("layernorm-dscale", n, func() { ln.BackwardScale(w, make([]float32, 768), dy, x, mean, inv) })
	run("layernorm-dbias", n, func() { ln.BackwardBias(w, make([]float32, 768), dy) })
	run("softmax", n, func() { Softmax(w, y, x, n/128, 128, 1) })
	run("softmax-dx", n, func() { SoftmaxBackward(w, y, dy, x, n/128, 128, 1) })
	run("softmax-axis1", n, func() { Softmax(w, y, x, 64, 64, 768) })
	run("logsoftmax", n, func() { LogSoftmax(w, y, x, n/768, 768, 1) })
	run("batchnorm", n, func() { ScaleShift(w, y, x, scale, bias, 64, 64, 768) })
	run("batchnorm-2d", n, func() { ScaleShift(w, y, x, scale, bias, 4096, 768, 1) })
	run("channel-sums", n, func() { ChannelDots(w, sums, x, nil, 64, 64, 768) })
	run("channel-dots", n, func() { ChannelDots(w, sums, x, dy, 64, 64, 768) })
	for _, c := range []struct {
		name        string
		shape, axes []int
	}{{"sum-last", []int{4096, 768}, []int{1}}, {"sum-first", []int{4096, 768}, []int{0}},
		{"sum-all", []int{4096, 768}, []int{0, 1}}, {"sum-nhw", []int{64, 64, 768}, []int{0, 2}}} {
		r := NewReduction(c.shape, c.axes)
		run(c.name, n, func() { r.Fold(w, y, x, FoldSum, func(_ int, acc float64) float32 { return float32(acc) }) })
	}
}
