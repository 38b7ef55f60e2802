package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// passes runs all four passes on random data, results one after another; with check, against the definition.
func (c *Conv) passes(t *testing.T, w *Workers, seed uint64, check bool) []float32 {
	t.Helper()
	nx, nw, ny := c.counts()
	r := rand.New(rand.NewPCG(seed, 2))
	x, wt, dy, bias := randoms(r, nx), randoms(r, nw), randoms(r, ny), randoms(r, c.OutChannels)
	dirty := func(n int) []float32 {
		s := make([]float32, n)
		for i := range s {
			s[i] = float32(math.NaN())
		}
		return s
	}
	y, dx, dw, db := dirty(ny), dirty(nx), dirty(nw), dirty(c.OutChannels)
	c.Forward(w, y, x, wt, bias)
	c.BackwardInput(w, dx, dy, wt)
	c.BackwardWeight(w, dw, dy, x)
	c.BackwardBias(w, db, dy)
	all := append(append(append(append([]float32{}, y...), dx...), dw...), db...)
	if !check {
		return all
	}
	want, scale := make([]float64, len(all)), make([]float64, len(all))
	add := func(i int, v float64) { want[i] += v; scale[i] += math.Abs(v) }
	c.eachProduct(func(xi, wi, yi int) {
		add(yi, float64(x[xi])*float64(wt[wi]))
		add(ny+xi, float64(dy[yi])*float64(wt[wi]))
		add(ny+nx+wi, float64(dy[yi])*float64(x[xi]))
	})
	for i := range ny {
		o := i / max(volume(c.OutDims()), 1) % c.OutChannels
		add(i, float64(bias[o]))
		add(ny+nx+nw+o, float64(dy[i]))
	}
	name := fmt.Sprintf("%+v", *c)
	compare(t, name+" y", y, want, scale)
	compare(t, name+" dx", dx, want[ny:], scale[ny:])
	compare(t, name+" dweight", dw, want[ny+nx:], scale[ny+nx:])
	compare(t, name+" dbias", db, want[ny+nx+nw:], scale[ny+nx+nw:])
	return all
}

func TestConvAgainstDefinition(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	eachSet(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 3))
		for i := range 150 {
			randomConv(r).passes(t, w, uint64(i), true)
		}
	})
}

// Shapes that random ones rarely meet: several images at a time with a rest, more than one block of the sum, more
// than one part of an image, one pixel, no taps for some offsets, nothing at all.
var oddConvs = []*Conv{
	square(13, 6, 6, 6, 9, 3, 1),
	square(13, 6, 6, 6, 11, 5, 2),
	square(9, 2, 2, 1, 40, 3, 2),
	square(3, 70, 45, 1, 9, 3, 1),
	square(2, 33, 17, 1, 12, 3, 2),
	square(5, 40, 64, 1, 1, 1, 1),
	square(5, 40, 30, 1, 1, 3, 1),
	square(2, 8, 5, 1, 6, 1, 3),
	square(1, 3, 20, 1, 70, 7, 2),
	square(1, 1100, 3, 1, 23, 1, 1),
	square(0, 3, 2, 1, 5, 3, 1),
	{Batch: 2, InChannels: 4, OutChannels: 6, Groups: 2, In: []int{2, 2}, Kernel: []int{5, 3}, Stride: []int{1, 1},
		Dilation: []int{1, 1}, PadBegin: []int{1, 0}, PadEnd: []int{0, 0}},
	{Batch: 2, InChannels: 2, OutChannels: 3, Groups: 1, In: []int{0, 4}, Kernel: []int{1, 1}, Stride: []int{1, 1},
		Dilation: []int{1, 1}, PadBegin: []int{1, 0}, PadEnd: []int{1, 0}},
	{Batch: 2, InChannels: 2, OutChannels: 3, Groups: 1, In: []int{5}, Kernel: []int{3}, Stride: []int{2},
		Dilation: []int{1}, PadBegin: []int{0}, PadEnd: []int{0}, Out: []int{4}},
	{Batch: 2, InChannels: 2, OutChannels: 3, Groups: 1, In: []int{9}, Kernel: []int{3}, Stride: []int{2},
		Dilation: []int{1}, PadBegin: []int{0}, PadEnd: []int{0}, Out: []int{2}},
	{Batch: 1, InChannels: 3, OutChannels: 4, Groups: 1, In: []int{9000}, Kernel: []int{9}, Stride: []int{1},
		Dilation: []int{4}, PadBegin: []int{16}, PadEnd: []int{16}},
}

func TestConvOddShapes(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	eachSet(t, func(t *testing.T) {
		for i, c := range oddConvs {
			c.passes(t, w, uint64(i), true)
		}
	})
}

// The bits of a result must not depend on how many goroutines made it, nor on the length of registers.
func TestConvBitsDoNotDependOnThreadsOrRegisters(t *testing.T) {
	before := simd
	defer func() { simd = before }()
	r := rand.New(rand.NewPCG(17, 3))
	convs := append([]*Conv{}, oddConvs...)
	for range 60 {
		convs = append(convs, randomConv(r))
	}
	two, five := NewWorkers(2), NewWorkers(5)
	defer two.Close()
	defer five.Close()
	for i, c := range convs {
		var fused []float32
		for _, set := range available() {
			simd = set
			want := c.passes(t, nil, uint64(i), false)
			if !slices.Equal(want, c.passes(t, two, uint64(i), false)) ||
				!slices.Equal(want, c.passes(t, five, uint64(i), false)) {
				t.Fatalf("%s: %+v depends on the number of threads", set.name, *c)
			}
			if set == generic {
				continue
			}
			if fused != nil && !slices.Equal(fused, want) {
				t.Fatalf("%+v depends on the register length", *c)
			}
			fused = want
		}
	}
}

var benchConvs = []struct {
	name string
	conv *Conv
}{
	{"resnet.stem", square(32, 3, 64, 1, 32, 3, 1)},
	{"resnet.1", square(32, 64, 64, 1, 32, 3, 1)},
	{"resnet.2down", square(32, 64, 128, 1, 32, 3, 2)},
	{"resnet.2short", square(32, 64, 128, 1, 32, 1, 2)},
	{"resnet.2", square(32, 128, 128, 1, 16, 3, 1)},
	{"resnet.3down", square(32, 128, 256, 1, 16, 3, 2)},
	{"resnet.3", square(32, 256, 256, 1, 8, 3, 1)},
	{"resnet.4down", square(32, 256, 512, 1, 8, 3, 2)},
	{"resnet.4", square(32, 512, 512, 1, 4, 3, 1)},
	{"lenet.1", square(64, 1, 32, 1, 28, 3, 1)},
	{"lenet.2", square(64, 32, 64, 1, 14, 3, 1)},
	{"mobile.stem", square(16, 3, 32, 1, 96, 3, 2)},
	{"mobile.dw48", square(16, 32, 32, 32, 48, 3, 1)},
	{"mobile.dw48s2", square(16, 96, 96, 96, 48, 3, 2)},
	{"mobile.dw24", square(16, 144, 144, 144, 24, 3, 1)},
	{"mobile.dw12", square(16, 192, 192, 192, 12, 3, 1)},
	{"mobile.dw6", square(16, 576, 576, 576, 6, 3, 1)},
	{"mobile.dw3", square(16, 960, 960, 960, 3, 3, 1)},
	{"mobile.pw24", square(16, 144, 24, 1, 24, 1, 1)},
	{"mobile.pw6", square(16, 96, 576, 1, 6, 1, 1)},
	{"mobile.pw3", square(16, 960, 320, 1, 3, 1, 1)},
	{"vit.patch", &Conv{Batch: 32, InChannels: 3, OutChannels: 192, Groups: 1, In: []int{32, 32},
		Kernel: []int{4, 4}, Stride: []int{4, 4},
		Dilation: []int{1, 1}, PadBegin: []int{0, 0}, PadEnd: []int{0, 0}}},
}

func BenchmarkConv(b *testing.B) {
	w := NewWorkers(0)
	defer w.Close()
	for _, c := range benchConvs {
		nx, nw, ny := c.conv.counts()
		r := rand.New(rand.NewPCG(1, 1))
		x, wt, y, bias := randoms(r, nx), randoms(r, nw), randoms(r, ny), randoms(r, c.conv.OutChannels)
		dx, dw := randoms(r, nx), randoms(r, nw)
		passes := []struct {
			name string
			run  func()
		}{
			{"forward", func() { c.conv.Forward(w, y, x, wt, bias) }},
			{"input", func() { c.conv.BackwardInput(w, dx, y, wt) }},
			{"weight", func() { c.conv.BackwardWeight(w, dw, y, x) }},
		}
		for _, p := range passes {
			b.Run(c.name+"/"+p.name, func(b *testing.B) {
				for b.Loop() {
					p.run()
				}
				flops := 2 * float64(nw) * float64(c.conv.Batch*volume(c.conv.OutDims()))
				b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
