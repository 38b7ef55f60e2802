package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func (g *Window) testMax(t *testing.T, w *Workers, x, dy []float32) {
	t.Helper()
	in, out := volume(g.In), volume(g.Out)
	y, arg, dx := make([]float32, g.Planes*out), make([]int32, g.Planes*out), make([]float32, g.Planes*in)
	g.MaxPool(w, y, arg, x)
	g.MaxPoolBackward(w, dx, dy, arg)
	want := make([]float32, len(dx))
	for i := range y {
		best, at := float32(math.Inf(-1)), int32(-1)
		g.each(i%out, func(e int) {
			if v := x[i/out*in+e]; at < 0 || v > best || v != v && best == best {
				best, at = v, int32(e)
			}
		})
		if math.Float32bits(y[i]) != math.Float32bits(best) || arg[i] != at {
			t.Fatalf("%+v: output %d is %v at %d, want %v at %d", *g, i, y[i], arg[i], best, at)
		}
		if at >= 0 {
			want[i/out*in+int(at)] += dy[i]
		}
	}
	if !equalBits(dx, want) {
		t.Fatalf("%+v: wrong gradient", *g)
	}
}

func (g *Window) testAverage(t *testing.T, w *Workers, x, dy []float32) {
	t.Helper()
	in, out := volume(g.In), volume(g.Out)
	y, dx := make([]float32, g.Planes*out), make([]float32, g.Planes*in)
	g.AveragePool(w, y, x)
	g.AveragePoolBackward(w, dx, dy)
	wantY, scaleY := make([]float64, len(y)), make([]float64, len(y))
	wantX, scaleX := make([]float64, len(dx)), make([]float64, len(dx))
	for i := range y {
		count := float64(g.each(i%out, func(int) {}))
		g.each(i%out, func(e int) {
			v, d := float64(x[i/out*in+e])/count, float64(dy[i])/count
			wantY[i], scaleY[i] = wantY[i]+v, scaleY[i]+math.Abs(v)
			wantX[i/out*in+e], scaleX[i/out*in+e] = wantX[i/out*in+e]+d, scaleX[i/out*in+e]+math.Abs(d)
		})
	}
	compare(t, fmt.Sprintf("%+v y", *g), y, wantY, scaleY)
	compare(t, fmt.Sprintf("%+v dx", *g), dx, wantX, scaleX)
}

func TestPoolsAgainstDefinition(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	eachSet(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(29, 3))
		for range 150 {
			g := randomWindow(r)
			x, dy := randoms(r, g.Planes*volume(g.In)), randoms(r, g.Planes*volume(g.Out))
			g.testAverage(t, w, x, dy)
			g.testMax(t, w, x, dy)
			for i := range x { // ties, and values that compare oddly
				x[i] = []float32{1, 0, -1, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)),
					float32(math.Inf(-1))}[r.IntN(7)]
			}
			g.testMax(t, w, x, dy)
		}
	})
}

func TestGlobalAveragePool(t *testing.T) {
	w := NewWorkers(2)
	defer w.Close()
	eachSet(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(31, 3))
		for _, s := range [][2]int{{1, 1}, {3, 7}, {20, 64}, {5, 5000}, {0, 4}} {
			planes, size := s[0], s[1]
			x, dy := randoms(r, planes*size), randoms(r, planes)
			y, dx := make([]float32, planes), make([]float32, planes*size)
			GlobalAveragePool(w, y, x, planes, size)
			GlobalAveragePoolBackward(w, dx, dy, planes, size)
			want, scale := make([]float64, planes), make([]float64, planes)
			for i, v := range x {
				want[i/size] += float64(v) / float64(size)
				scale[i/size] += math.Abs(float64(v)) / float64(size)
			}
			compare(t, "mean", y, want, scale)
			for i, v := range dx {
				if v != dy[i/size]/float32(size) {
					t.Fatalf("gradient of %v: %v at %d", s, v, i)
				}
			}
		}
	})
}

func BenchmarkMaxPool(b *testing.B) {
	w := NewWorkers(0)
	defer w.Close()
	for _, g := range []*Window{
		{Planes: 64 * 32, In: []int{28, 28}, Out: []int{14, 14}, Kernel: []int{2, 2}, Stride: []int{2, 2},
			Dilation: []int{1, 1}, PadBegin: []int{0, 0}},
		{Planes: 64, In: []int{112, 112}, Out: []int{56, 56}, Kernel: []int{3, 3}, Stride: []int{2, 2},
			Dilation: []int{1, 1}, PadBegin: []int{1, 1}},
	} {
		b.Run(fmt.Sprint(g.Kernel), func(b *testing.B) {
			n := g.Planes * volume(g.Out)
			x, y, arg := randoms(rand.New(rand.NewPCG(1, 1)), g.Planes*volume(g.In)), make([]float32, n),
				make([]int32, n)
			for b.Loop() {
				g.MaxPool(w, y, arg, x)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/output")
		})
	}
}
