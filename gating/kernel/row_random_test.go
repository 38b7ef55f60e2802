package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomAxes draws some of the axes of a shape.
func randomAxes(r *rand.Rand, shape []int) []int {
	var axes []int
	for a := range shape {
		if r.IntN(2) == 0 {
			axes = append(axes, a)
		}
	}
	return axes
}

func identityFinish(_ int, acc float64) float32 { return float32(acc) }

// TestFoldRandomShapes compares every fold of random shapes, empty axes among them, with its definition.
func TestFoldRandomShapes(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(91)
		for range 600 {
			shape := randomShape(r)
			axes := randomAxes(r, shape)
			x, p := randoms(r, volume(shape)), NewReduction(shape, axes)
			for f := FoldSum; f <= FoldMin; f++ {
				y := newGuarded(r, p.Outputs())
				p.Fold(nil, y.slice(), x, f, identityFinish)
				name := fmt.Sprint("fold ", f, " of ", shape, " over ", axes)
				y.check(t, name)
				alike(t, name, y.slice(), naiveFold(f, shape, axes, x), 2e-6, 2e-6)
			}
		}
	})
}

// TestFoldTails folds lines of every length, contiguous ones and columns.
func TestFoldTails(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(92)
		for n := 1; n <= 100; n++ {
			for _, c := range []struct{ shape, axes []int }{{[]int{2, n}, []int{1}}, {[]int{n, 3}, []int{0}},
				{[]int{3, n}, []int{0}}} {
				x, p := randoms(r, volume(c.shape)), NewReduction(c.shape, c.axes)
				for _, f := range []Fold{FoldSum, FoldSquares, FoldAbs, FoldMax, FoldMin} {
					y := make([]float32, p.Outputs())
					p.Fold(nil, y, x, f, identityFinish)
					alike(t, fmt.Sprint("fold ", f, " of ", c.shape), y, naiveFold(f, c.shape, c.axes, x), 2e-6, 2e-6)
				}
			}
		}
	})
}

// TestFoldOfSpecials checks NaN and infinities: NaN wins everywhere, Inf-Inf and 0·Inf are NaN.
func TestFoldOfSpecials(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(93)
		for range 300 {
			shape := []int{1 + r.IntN(4), 1 + r.IntN(50), 1 + r.IntN(3)}
			axes := randomAxes(r, shape)
			x, p := randoms(r, volume(shape)), NewReduction(shape, axes)
			for i := range x {
				if r.IntN(20) == 0 {
					x[i] = []float32{nan32, inf32, -inf32, 0, minus0}[r.IntN(5)]
				}
			}
			for f := FoldSum; f <= FoldMin; f++ {
				y := make([]float32, p.Outputs())
				p.Fold(nil, y, x, f, identityFinish)
				alike(t, fmt.Sprint("fold ", f, " of ", shape, axes), y, naiveFold(f, shape, axes, x), 1e-5, 1e-5)
			}
		}
	})
}

// TestBackwardSumIsTheAdjointOfAddingUp checks <dy, sum(x)> against <BackwardSum(dy), x>.
func TestBackwardSumIsTheAdjointOfAddingUp(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(94)
		for range 300 {
			shape := randomShape(r)
			axes := randomAxes(r, shape)
			p := NewReduction(shape, axes)
			x, dy := randoms(r, volume(shape)), randoms(r, p.Outputs())
			y, dx := make([]float32, p.Outputs()), newGuarded(r, len(x))
			p.Fold(nil, y, x, FoldSum, func(_ int, acc float64) float32 { return float32(-2 * acc) })
			p.BackwardSum(nil, dx.slice(), dy, -2)
			dx.check(t, "BackwardSum")
			checkAdjoint(t, fmt.Sprint(shape, " over ", axes), dy, y, dx.slice(), x)
		}
	})
}

// TestEachRunVisitsTheInputOnce checks which output every element belongs to.
func TestEachRunVisitsTheInputOnce(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	r := newRand(95)
	for range 300 {
		shape := randomShape(r)
		axes := randomAxes(r, shape)
		p := NewReduction(shape, axes)
		got := slices.Repeat([]int{-1}, volume(shape))
		p.EachRun(w, func(x, y, n int, row bool) {
			for i := range n {
				if row {
					got[x+i] = y + i
				} else {
					got[x+i] = y
				}
			}
		})
		eachIndex(shape, axes, func(i, o int) {
			if got[i] != o {
				t.Fatalf("%v over %v: element %d belongs to output %d, want %d", shape, axes, i, got[i], o)
			}
		})
		if n := p.Count() * p.Outputs(); n != volume(shape) {
			t.Fatalf("%v over %v: %d elements in %d outputs each", shape, axes, p.Count(), p.Outputs())
		}
	}
}

// TestChannelSizes compares ScaleShift and ChannelDots with their definitions for every width around the blocks.
func TestChannelSizes(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(96)
		for _, inner := range append(manyTails, 127, 200, 5000) {
			batch, channels := 1+r.IntN(3), 1+r.IntN(4)
			if inner == 1 {
				channels = 70
			}
			n := batch * channels * inner
			x, z, scale, shift := randoms(r, n), randoms(r, n), randoms(r, channels), randoms(r, channels)
			y, want := newGuarded(r, n), make([]float64, n)
			dots, sums := make([]float64, channels), make([]float64, channels)
			for i, v := range x {
				c := i / inner % channels
				want[i] = float64(v)*float64(scale[c]) + float64(shift[c])
				dots[c] += float64(v) * float64(z[i])
				sums[c] += float64(v)
			}
			ScaleShift(nil, y.slice(), x, scale, shift, batch, channels, inner)
			name := fmt.Sprint(batch, "×", channels, "×", inner)
			y.check(t, name)
			near(t, name, y.slice(), want, 1e-6)
			got, over := make([]float64, channels), slices.Clone(x)
			ChannelDots(nil, got, x, z, batch, channels, inner)
			near(t, name+" dots", floats(got), dots, 1e-5)
			ChannelDots(nil, got, x, nil, batch, channels, inner)
			near(t, name+" sums", floats(got), sums, 1e-5)
			if ScaleShift(nil, over, over, scale, shift, batch, channels, inner); !equalBits(over, y.slice()) {
				t.Fatalf("%s: other bits in place", name)
			}
		}
	})
}

func floats(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// TestScaleShiftAndChannelDotsAreAdjoint checks <dy, scale·x> against <scale, ChannelDots(dy, x)>.
func TestScaleShiftAndChannelDotsAreAdjoint(t *testing.T) {
	r := newRand(97)
	for _, s := range [][3]int{{2, 3, 1}, {4, 5, 17}, {2, 3, 400}, {300, 40, 1}} {
		n := s[0] * s[1] * s[2]
		x, dy, scale := randoms(r, n), randoms(r, n), randoms(r, s[1])
		y, dscale := make([]float32, n), make([]float64, s[1])
		ScaleShift(nil, y, x, scale, make([]float32, s[1]), s[0], s[1], s[2])
		ChannelDots(nil, dscale, dy, x, s[0], s[1], s[2])
		checkAdjoint(t, fmt.Sprint(s), dy, y, floats(dscale), scale)
	}
}

// norms are geometries of normalisations: layer norm, group norm, instance norm, root mean square, rows of one element,
// rows around the vectors, and nothing.
func norms() []Norm {
	list := []Norm{{Rows: 0, Size: 5, Params: 5, Inner: 1}, {Rows: 3, Size: 1, Params: 1, Inner: 1},
		{Rows: 6, Size: 12, Params: 4, Inner: 6}, {Rows: 4, Size: 15, Params: 2, Inner: 15},
		{Rows: 4, Size: 10, Params: 20, Inner: 1}}
	for _, n := range []int{2, 7, 8, 16, 31, 32, 33, 64, 70} {
		list = append(list, Norm{Rows: 3, Size: n, Params: n, Inner: 1},
			Norm{Rows: 3, Size: n, Params: n, Inner: 1, Root: true},
			Norm{Rows: 4, Size: 3 * n, Params: 6, Inner: n})
	}
	return list
}

// TestNormGeometries compares every pass of every geometry with its definition.
func TestNormGeometries(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(98)
		for _, n := range norms() {
			n.Epsilon = 1e-3
			total := n.Rows * n.Size
			x, dy, scale, bias := randoms(r, total), randoms(r, total), randoms(r, n.Params), randoms(r, n.Params)
			y, dx := newGuarded(r, total), newGuarded(r, total)
			ds, db := newGuarded(r, n.Params), newGuarded(r, n.Params)
			mean, inv := make([]float64, n.Rows), make([]float64, n.Rows)
			n.Forward(nil, y.slice(), mean, inv, x, scale, bias)
			n.BackwardInput(nil, dx.slice(), dy, x, scale, mean, inv)
			n.BackwardScale(nil, ds.slice(), dy, x, mean, inv)
			n.BackwardBias(nil, db.slice(), dy)
			want := cut(naiveNorm(n, x, dy, scale, bias), []int{total, total, n.Params, n.Params})
			for i, got := range []*guarded{y, dx, ds, db} {
				name := fmt.Sprintf("result %d of %+v", i, n)
				got.check(t, name)
				near(t, name, got.slice(), want[i], 2e-5)
			}
		}
	})
}

// TestNormGradient compares the gradient of x with central differences of the definition's y.
func TestNormGradient(t *testing.T) {
	r := newRand(99)
	for _, n := range norms() {
		if n.Size == 1 || n.Rows == 0 {
			continue
		}
		n.Epsilon = 1e-2
		total := n.Rows * n.Size
		x, dy, scale, bias := randoms(r, total), randoms(r, total), randoms(r, n.Params), randoms(r, n.Params)
		y, dx, mean, inv := make([]float32, total), make([]float32, total), make([]float64, n.Rows),
			make([]float64, n.Rows)
		n.Forward(nil, y, mean, inv, x, scale, bias)
		n.BackwardInput(nil, dx, dy, x, scale, mean, inv)
		want := slopesOf(func(v []float64) []float64 { return normalised(n, v, scale, bias) }, doubles(x), dy, 1e-5)
		near(t, fmt.Sprintf("%+v", n), dx, want, 3e-5)
	}
}

// normalised is y by the definition, in double precision throughout.
func normalised(n Norm, x []float64, scale, bias []float32) []float64 {
	y := make([]float64, len(x))
	for r := range n.Rows {
		row := x[r*n.Size : (r+1)*n.Size]
		var mean, variance float64
		for _, v := range row {
			mean += v / float64(n.Size)
		}
		if n.Root {
			mean = 0
		}
		for _, v := range row {
			variance += (v - mean) * (v - mean) / float64(n.Size)
		}
		for i, v := range row {
			p := (r*n.Size + i) / n.Inner % n.Params
			y[r*n.Size+i] = (v-mean)/math.Sqrt(variance+n.Epsilon)*float64(scale[p]) + float64(bias[p])
		}
	}
	return y
}

// TestNormWithoutParameters compares no scale and bias with ones and zeros, and a result over x with one beside it.
func TestNormWithoutParameters(t *testing.T) {
	r := newRand(100)
	for _, n := range norms() {
		n.Epsilon = 1e-3
		total := n.Rows * n.Size
		x, dy, mean, inv := randoms(r, total), randoms(r, total), make([]float64, n.Rows), make([]float64, n.Rows)
		ones, zeros := slices.Repeat([]float32{1}, n.Params), make([]float32, n.Params)
		want, got := make([]float32, total), make([]float32, total)
		n.Forward(nil, want, mean, inv, x, ones, zeros)
		n.Forward(nil, got, mean, inv, x, nil, nil)
		if !slices.Equal(got, want) {
			t.Fatalf("%+v: no parameters are not ones and zeros", n)
		}
		n.BackwardInput(nil, want, dy, x, ones, mean, inv)
		n.BackwardInput(nil, got, dy, x, nil, mean, inv)
		if !slices.Equal(got, want) {
			t.Fatalf("%+v: the gradient without a scale is not that of ones", n)
		}
		over := slices.Clone(x)
		n.Forward(nil, want, mean, inv, x, ones, zeros)
		if n.Forward(nil, over, mean, inv, over, ones, zeros); !equalBits(over, want) {
			t.Fatalf("%+v: other bits in place", n)
		}
	}
}

// TestNormKeepsFarMeans checks that a mean a million times the deviation does not spoil the variance.
func TestNormKeepsFarMeans(t *testing.T) {
	n := Norm{Rows: 1, Size: 100, Params: 100, Inner: 1}
	x, y, mean, inv := make([]float32, 100), make([]float32, 100), make([]float64, 1), make([]float64, 1)
	for i := range x {
		x[i] = 1e6 + float32(i%2)
	}
	n.Forward(nil, y, mean, inv, x, nil, nil)
	if math.Abs(inv[0]-2) > 1e-9 || math.Abs(mean[0]-1e6-0.5) > 1e-9 {
		t.Errorf("mean %v and 1/deviation %v, want 1000000.5 and 2", mean[0], inv[0])
	}
}

// TestNormOfNothing checks rows without elements: their statistics are zeros and the gradients of the parameters too.
func TestNormOfNothing(t *testing.T) {
	n := Norm{Rows: 3, Size: 0, Params: 4, Inner: 1}
	mean, inv := []float64{1, 2, 3}, []float64{4, 5, 6}
	n.Forward(nil, nil, mean, inv, nil, nil, nil)
	n.BackwardInput(nil, nil, nil, nil, nil, mean, inv)
	ds, db := []float32{1, 2, 3, 4}, []float32{5, 6, 7, 8}
	n.BackwardScale(nil, ds, nil, nil, mean, inv)
	n.BackwardBias(nil, db, nil)
	if slices.Max(mean) != 0 || slices.Max(inv) != 0 || slices.Max(ds) != 0 || slices.Max(db) != 0 {
		t.Errorf("statistics %v and %v, gradients %v and %v, want zeros", mean, inv, ds, db)
	}
}
