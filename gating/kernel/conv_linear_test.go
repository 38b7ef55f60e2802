package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// What holds for every convolution, whatever its definition: it is linear in x and in the weights, its backward kernels
// are its adjoints, and nothing outside the results is written.

// linearConvs are shapes that take every way through the code: one row a group, one group, many, one tap, strides,
// batches of small planes, planes larger than a piece, odd channels around the tiles.
func linearConvs() []*Conv {
	list := append([]*Conv{}, oddConvs...)
	for _, n := range []int{1, 3, 7, 8, 13, 14, 15, 16, 17, 31, 33} {
		list = append(list, square(2, n, n+1, 1, 9, 3, 1), square(1, n, 5, 1, 12, 1, 1), square(17, n, n, 1, 4, 3, 1),
			square(3, n, n, n, 10, 3, 1), square(2, 2*n, n, n, 7, 3, 2))
	}
	return append(list, square(1, 3, 4, 1, 200, 3, 1), square(1, 2, 3, 1, 150, 5, 3), square(40, 3, 9, 1, 6, 3, 2),
		square(2, 40, 80, 1, 16, 3, 2), square(33, 20, 10, 1, 8, 3, 1), square(16, 400, 5, 1, 3, 3, 1))
}

// TestConvAdjoints checks <dy, conv(x)> against both backward kernels. With no bias, the three numbers are one.
func TestConvAdjoints(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	eachSet(t, func(t *testing.T) {
		r := newRand(21)
		for i, c := range linearConvs() {
			if testing.Short() && i%2 == 1 {
				continue
			}
			name := fmt.Sprintf("%+v", *c)
			nx, nw, ny := c.counts()
			x, weight, dy := randoms(r, nx), randoms(r, nw), randoms(r, ny)
			y, dx, dweight := newGuarded(r, ny), newGuarded(r, nx), newGuarded(r, nw)
			c.Forward(w, y.slice(), x, weight, nil)
			c.BackwardInput(w, dx.slice(), dy, weight)
			c.BackwardWeight(w, dweight.slice(), dy, x)
			checkAdjoint(t, name+" in x", dy, y.slice(), dx.slice(), x)
			checkAdjoint(t, name+" in the weights", dy, y.slice(), dweight.slice(), weight)
			for _, g := range []*guarded{y, dx, dweight} {
				g.check(t, name)
			}
		}
	})
}

// TestConvIsLinear convolves a combination and combines convolutions.
func TestConvIsLinear(t *testing.T) {
	r := newRand(22)
	for range 40 {
		c := randomConv(r)
		nx, nw, ny := c.counts()
		x1, x2, weight := randoms(r, nx), randoms(r, nx), randoms(r, nw)
		mixed := make([]float32, nx)
		Mix(nil, mixed, []float32{2, -0.5}, [][]float32{x1, x2})
		y1, y2, y := make([]float32, ny), make([]float32, ny), make([]float32, ny)
		c.Forward(nil, y1, x1, weight, nil)
		c.Forward(nil, y2, x2, weight, nil)
		c.Forward(nil, y, mixed, weight, nil)
		want := make([]float64, ny)
		for i := range want {
			want[i] = 2*float64(y1[i]) - 0.5*float64(y2[i])
		}
		near(t, fmt.Sprintf("%+v", *c), y, want, 5e-6)
	}
}

// TestConvOfOnePoint checks that a kernel of one element is a product of matrices.
func TestConvOfOnePoint(t *testing.T) {
	r := newRand(23)
	for _, n := range []int{1, 5, 16, 40} {
		c := square(3, n, n+2, 1, 7, 1, 1)
		nx, nw, ny := c.counts()
		x, weight, y := randoms(r, nx), randoms(r, nw), make([]float32, ny)
		c.Forward(nil, y, x, weight, nil)
		for b := range 3 {
			want := make([]float32, (n+2)*49)
			Gemm(nil, NewMatrix(want, n+2, 49, 49), NewMatrix(weight, n+2, n, n), NewMatrix(x[b*n*49:], n, 49, 49),
				1, 0)
			near(t, fmt.Sprint(n, " channels"), y[b*(n+2)*49:][:len(want)], doubles(want), 1e-6)
		}
	}
}

// TestConvBias compares with and without a bias.
func TestConvBias(t *testing.T) {
	r := newRand(24)
	for _, c := range linearConvs() {
		nx, nw, ny := c.counts()
		x, weight, bias := randoms(r, nx), randoms(r, nw), randoms(r, c.OutChannels)
		with, without, want := make([]float32, ny), make([]float32, ny), make([]float64, ny)
		c.Forward(nil, with, x, weight, bias)
		c.Forward(nil, without, x, weight, nil)
		size := max(volume(c.OutDims()), 1)
		for i, v := range without {
			want[i] = float64(v) + float64(bias[i/size%c.OutChannels])
		}
		near(t, fmt.Sprintf("%+v", *c), with, want, 5e-6)
	}
}

// TestConvBackwardBiasSums counts: a gradient of ones gives the number of outputs of a channel.
func TestConvBackwardBiasSums(t *testing.T) {
	for _, c := range linearConvs() {
		_, _, ny := c.counts()
		db := slices.Repeat([]float32{nan32}, c.OutChannels)
		c.BackwardBias(nil, db, slices.Repeat([]float32{1}, ny))
		for _, v := range db {
			if want := float32(c.Batch * volume(c.OutDims())); v != want {
				t.Fatalf("%+v: %g, want %g", *c, v, want)
			}
		}
	}
}

// TestConvPassesNaNOn puts one NaN into x: exactly the outputs that read it are NaN, and no padding or panel's end is.
func TestConvPassesNaNOn(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(25)
		for range 60 {
			c := randomConv(r)
			nx, nw, ny := c.counts()
			if nx == 0 {
				continue
			}
			x, weight, y := randoms(r, nx), randoms(r, nw), make([]float32, ny)
			at := r.IntN(nx)
			x[at] = []float32{nan32, inf32}[r.IntN(2)]
			c.Forward(nil, y, x, weight, nil)
			reads := make([]bool, ny)
			c.eachProduct(func(xi, _, yi int) { reads[yi] = reads[yi] || xi == at })
			for i, v := range y {
				if finite := !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0); finite == reads[i] {
					t.Fatalf("%+v: output %d is %g with element %d not finite", *c, i, v, at)
				}
			}
		}
	})
}

// TestOutDims counts the places at which the kernel fits.
func TestOutDims(t *testing.T) {
	r := newRand(26)
	for range 500 {
		c := randomConv(r)
		for i, got := range c.OutDims() {
			want, end := 0, c.In[i]+c.PadBegin[i]+c.PadEnd[i]
			for at := 0; at+c.Dilation[i]*(c.Kernel[i]-1) < end; at += c.Stride[i] {
				want++
			}
			if got != want {
				t.Fatalf("%+v: axis %d has %d outputs, want %d", *c, i, got, want)
			}
		}
	}
	given := Conv{Out: []int{3, 4}}
	if got := given.OutDims(); !slices.Equal(got, []int{3, 4}) {
		t.Errorf("a given shape became %v", got)
	}
}

// TestForwardInts compares with the definition, whose sums are exact too.
func TestForwardInts(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	r := newRand(27)
	ints := func(n int) []int64 {
		list := make([]int64, n)
		for i := range list {
			list[i] = int64(r.IntN(511) - 255)
		}
		return list
	}
	for range 100 {
		c := randomConv(r)
		nx, nw, ny := c.counts()
		x, weight, y, want := ints(nx), ints(nw), ints(ny), make([]int64, ny)
		c.ForwardInts(w, y, x, weight)
		c.eachProduct(func(xi, wi, yi int) { want[yi] += x[xi] * weight[wi] })
		if !slices.Equal(y, want) {
			t.Fatalf("%+v differs from the definition", *c)
		}
	}
}

// TestConvSharesNothingBetweenGroups compares a grouped convolution with one convolution a group.
func TestConvSharesNothingBetweenGroups(t *testing.T) {
	r := newRand(28)
	for _, groups := range []int{2, 3, 5} {
		for _, per := range [][2]int{{1, 1}, {1, 2}, {3, 1}, {4, 7}} {
			c := square(2, groups*per[0], groups*per[1], groups, 8, 3, 1)
			one := square(1, per[0], per[1], 1, 8, 3, 1)
			nx, nw, ny := c.counts()
			x, weight, y := randoms(r, nx), randoms(r, nw), make([]float32, ny)
			c.Forward(nil, y, x, weight, nil)
			sx, sw, sy := one.counts()
			for i := range 2 * groups {
				want := make([]float32, sy)
				one.Forward(nil, want, x[i*sx:], weight[i%groups*sw:], nil)
				near(t, fmt.Sprint(groups, " groups of ", per), y[i*sy:][:sy], doubles(want), 2e-6)
			}
		}
	}
}

// TestBatchDoesNotChangeAnImage convolves images together and one by one. The order of sums may follow from the batch.
func TestBatchDoesNotChangeAnImage(t *testing.T) {
	r := newRand(29)
	for _, c := range []*Conv{square(20, 6, 8, 1, 4, 3, 1), square(9, 5, 5, 5, 6, 3, 1),
		square(5, 3, 20, 1, 11, 5, 2)} {
		nx, nw, ny := c.counts()
		x, weight, y := randoms(r, nx), randoms(r, nw), make([]float32, ny)
		c.Forward(nil, y, x, weight, nil)
		one := *c
		one.Batch = 1
		for i := range c.Batch {
			want := make([]float32, ny/c.Batch)
			one.Forward(nil, want, x[i*nx/c.Batch:], weight, nil)
			near(t, fmt.Sprintf("image %d of %+v", i, *c), y[i*len(want):][:len(want)], doubles(want), 2e-6)
		}
	}
}

// TestConvRefusesShortSlices checks every operand of every pass.
func TestConvRefusesShortSlices(t *testing.T) {
	c := square(2, 3, 4, 1, 6, 3, 1)
	nx, nw, ny := c.counts()
	x, weight, y, bias := make([]float32, nx), make([]float32, nw), make([]float32, ny), make([]float32, 4)
	short := func(s []float32) []float32 { return s[: len(s)-1 : len(s)-1] }
	for name, call := range map[string]func(){
		"y":       func() { c.Forward(nil, short(y), x, weight, nil) },
		"x":       func() { c.Forward(nil, y, short(x), weight, nil) },
		"weight":  func() { c.Forward(nil, y, x, short(weight), nil) },
		"bias":    func() { c.Forward(nil, y, x, weight, short(bias)) },
		"dx":      func() { c.BackwardInput(nil, short(x), y, weight) },
		"dy":      func() { c.BackwardInput(nil, x, short(y), weight) },
		"dweight": func() { c.BackwardWeight(nil, short(weight), y, x) },
		"dbias":   func() { c.BackwardBias(nil, short(bias), y) },
	} {
		mustPanic(t, "short "+name, call)
	}
}

// randomBox draws a range of outputs on each axis.
func randomBox(r *rand.Rand, axes *[3]axis) (b box) {
	for d := range b {
		b[d].lo = r.IntN(axes[d].out)
		b[d].hi = b[d].lo + 1 + r.IntN(axes[d].out-b[d].lo)
	}
	return b
}
