package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// convCase is a convolution with random data and, once asked for, what the definition gives.
type convCase struct {
	*Conv
	x, weight, bias, dy []float32
	want, scale         []float64
}

func newConvCase(c *Conv, seed uint64) *convCase {
	nx, nw, ny := c.counts()
	r := rand.New(rand.NewPCG(seed, 2))
	return &convCase{Conv: c, x: randoms(r, nx), weight: randoms(r, nw), dy: randoms(r, ny),
		bias: randoms(r, c.OutChannels)}
}

// run computes all four passes, results one after another.
func (c *convCase) run(w *Workers) []float32 {
	nx, nw, ny := c.counts()
	all := slices.Repeat([]float32{nan32}, ny+nx+nw+c.OutChannels)
	parts := cut(all, []int{ny, nx, nw, c.OutChannels})
	c.Forward(w, parts[0], c.x, c.weight, c.bias)
	c.BackwardInput(w, parts[1], c.dy, c.weight)
	c.BackwardWeight(w, parts[2], c.dy, c.x)
	c.BackwardBias(w, parts[3], c.dy)
	return all
}

// define computes what all four passes are to give, and the sums of absolute terms.
func (c *convCase) define() {
	nx, nw, ny := c.counts()
	n := ny + nx + nw + c.OutChannels
	c.want, c.scale = make([]float64, n), make([]float64, n)
	add := func(i int, v float64) { c.want[i] += v; c.scale[i] += math.Abs(v) }
	c.eachProduct(func(xi, wi, yi int) {
		add(yi, float64(c.x[xi])*float64(c.weight[wi]))
		add(ny+xi, float64(c.dy[yi])*float64(c.weight[wi]))
		add(ny+nx+wi, float64(c.dy[yi])*float64(c.x[xi]))
	})
	for i := range ny {
		o := i / max(volume(c.OutDims()), 1) % c.OutChannels
		add(i, float64(c.bias[o]))
		add(ny+nx+nw+o, float64(c.dy[i]))
	}
}

// check compares all four passes with the definition.
func (c *convCase) check(t *testing.T, w *Workers) {
	t.Helper()
	if c.want == nil {
		c.define()
	}
	nx, nw, ny := c.counts()
	got, at := c.run(w), 0
	for i, n := range []int{ny, nx, nw, c.OutChannels} {
		name := fmt.Sprintf("%+v: %s", *c.Conv, []string{"y", "dx", "dweight", "dbias"}[i])
		compare(t, name, got[at:at+n], c.want[at:], c.scale[at:])
		at += n
	}
}

// convCases gives every convolution random data.
func convCases(convs []*Conv) []*convCase {
	list := make([]*convCase, len(convs))
	for i, c := range convs {
		list[i] = newConvCase(c, uint64(i))
	}
	return list
}

// randomConvs draws n convolutions.
func randomConvs(seed uint64, n int) []*Conv {
	r, list := rand.New(rand.NewPCG(seed, 3)), make([]*Conv, n)
	for i := range list {
		list[i] = randomConv(r)
	}
	return list
}

func TestConvAgainstDefinition(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	cases := convCases(randomConvs(11, fewer(150)))
	eachSet(t, func(t *testing.T) {
		for _, c := range cases {
			c.check(t, w)
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
	cases := convCases(oddConvs)
	eachSet(t, func(t *testing.T) {
		for _, c := range cases {
			c.check(t, w)
		}
	})
}

// TestConvBitsDoNotDependOnThreadsOrRegisters runs many shapes by several goroutines and with both register lengths.
func TestConvBitsDoNotDependOnThreadsOrRegisters(t *testing.T) {
	for _, c := range convCases(slices.Concat(oddConvs, randomConvs(17, fewer(60)))) {
		name := fmt.Sprintf("%+v", *c.Conv)
		onWorkers(t, name, c.run)
		onSets(t, name, func() []float32 { return c.run(nil) })
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
