package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The inner loops of every set, each by itself and against its one-line definition. Kernels rely on what these promise:
// which lengths they take, what they add to, and that they write nothing else.

func TestSetsAreChosenByName(t *testing.T) {
	all := available()
	for _, s := range all {
		if got := choose(s.name); got.name != s.name {
			t.Errorf("%q chooses %s", s.name, got.name)
		}
	}
	for _, name := range []string{"", "sse", "AVX2"} {
		if got := choose(name); got.name != all[0].name {
			t.Errorf("%q chooses %s, want the fastest, %s", name, got.name, all[0].name)
		}
	}
	if last := all[len(all)-1]; last != generic {
		t.Errorf("the last resort is %s, want generic", last.name)
	}
}

func TestTiles(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(1)
		for h := 1; h <= simd.tall; h++ {
			for _, w := range []int{simd.narrow, simd.wide} {
				for _, k := range []int{1, 2, 3, 7, 64} {
					for mode := tileStore; mode <= tileBias; mode++ {
						testTile(t, r, h, w, k, mode)
					}
				}
			}
		}
	})
}

// testTile multiplies a packed panel by rows of B in any order and compares with the sums.
func testTile(t *testing.T, r *rand.Rand, h, w, k int, mode tileMode) {
	t.Helper()
	step, ldc := simd.stride*(1+r.IntN(2)), w+r.IntN(5)
	a, bias := randoms(r, k*step), randoms(r, h)
	b := randoms(r, (k+3)*w)
	rows := make([]int, k)
	for p := range rows {
		rows[p] = r.IntN(len(b) - w + 1)
	}
	c := newGuarded(r, (h-1)*ldc+w)
	before := randoms(r, c.n)
	copy(c.slice(), before)
	simd.tile(c.slice(), ldc, a, step, b, rows, bias, h, w, mode)
	c.check(t, "tile")
	for i, got := range c.slice() {
		row, col := i/ldc, i%ldc
		if col >= w {
			if got != before[i] {
				t.Fatalf("tile %d×%d wrote between its rows", h, w)
			}
			continue
		}
		var sum, size float64
		for p, at := range rows {
			v := float64(a[p*step+row]) * float64(b[at+col])
			sum, size = sum+v, size+math.Abs(v)
		}
		switch mode {
		case tileAdd:
			sum, size = sum+float64(before[i]), size+math.Abs(float64(before[i]))
		case tileBias:
			sum, size = sum+float64(bias[row]), size+math.Abs(float64(bias[row]))
		}
		if math.Abs(float64(got)-sum) > 1e-6*size {
			t.Fatalf("tile %d×%d of %d, mode %d: element %d is %g, want %g", h, w, k, mode, i, got, sum)
		}
	}
}

func TestGatherCopiesVectors(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(2)
		for range 50 {
			n, count := 1+r.IntN(6), 1+r.IntN(4)
			src := randoms(r, 200+simd.lanes)
			rows, moves := make([]int, n), make([][2]int, count)
			for i := range rows {
				rows[i] = r.IntN(100)
			}
			for i := range moves {
				moves[i] = [2]int{r.IntN(100), i * simd.lanes}
			}
			stride := count*simd.lanes + r.IntN(4)
			dst := newGuarded(r, (n-1)*stride+count*simd.lanes)
			simd.gather(dst.slice(), stride, src, rows, moves)
			dst.check(t, "gather")
			for i, row := range rows {
				for _, m := range moves {
					if !equalBits(dst.slice()[i*stride+m[1]:][:simd.lanes], src[row+m[0]:][:simd.lanes]) {
						t.Fatalf("row %d, move %v differs", i, m)
					}
				}
			}
		}
	})
}

// TestTranspose asks for every number of rows and columns, with and without room behind the columns.
func TestTranspose(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(3)
		for h := 1; h <= 16; h++ {
			for _, n := range []int{1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 40} {
				for _, room := range []int{0, h, 16, 20} {
					testTranspose(t, r, h, n, room)
				}
			}
		}
	})
}

func testTranspose(t *testing.T, r *rand.Rand, h, n, room int) {
	t.Helper()
	src := randoms(r, 16*n+64)
	var rows [16]int
	for i := range rows {
		rows[i] = r.IntN(len(src) - n + 1)
	}
	stride := max(h, room)
	dst := newGuarded(r, (n-1)*stride+max(h, room))
	transpose(dst.slice(), stride, room, src, &rows, h, n)
	dst.check(t, "transpose")
	for p := range n {
		for i := range h {
			if got, want := dst.slice()[p*stride+i], src[rows[i]+p]; got != want {
				t.Fatalf("%d rows of %d, room %d: element %d of row %d is %g, want %g", h, n, room, p, i, got, want)
			}
		}
	}
}

// TestSegments copies segments of every length with steps one, two and more, on either side.
func TestSegments(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(4)
		for _, step := range []int{1, 2, 3, 5} {
			var list []segment
			to, from := 0, 0
			for n := 1; n <= 40; n++ {
				list = append(list, segment{to: to, from: from, n: n})
				to, from = to+n*step+r.IntN(3), from+n+r.IntN(3)
			}
			src, dst := randoms(r, from), newGuarded(r, to)
			scatterSegments(dst.slice(), src, list, step)
			dst.check(t, "scatter")
			back := newGuarded(r, from)
			gatherSteps(back.slice(), dst.slice(), list, step)
			back.check(t, "gather")
			written := 0
			for _, s := range list {
				for i := range s.n {
					if dst.slice()[s.to+i*step] != src[s.from+i] || back.slice()[s.from+i] != src[s.from+i] {
						t.Fatalf("step %d, segment %v: element %d differs", step, s, i)
					}
					written++
				}
			}
			if rest := countNaN(dst.slice()); rest != to-written {
				t.Fatalf("step %d: %d elements between segments are left, want %d", step, rest, to-written)
			}
		}
	})
}

// gatherSteps undoes scatterSegments through the loops that padded sources are filled with.
func gatherSteps(dst, src []float32, list []segment, step int) {
	reversed := slices.Clone(list)
	for i, s := range reversed {
		reversed[i].to, reversed[i].from = s.from, s.to
	}
	p := &padded{segments: reversed, axes: &[3]axis{point, point, {step: step}}}
	p.fill(dst, src)
}

func countNaN(x []float32) (n int) {
	for _, v := range x {
		if v != v {
			n++
		}
	}
	return n
}

func TestFindSegmentsCutsWhereTheStepEnds(t *testing.T) {
	got := findSegments([]int{4, 6, 8, 9, 11, 20}, 2, nil)
	if want := []segment{{4, 0, 3}, {9, 3, 2}, {20, 5, 1}}; !slices.Equal(got, want) {
		t.Errorf("segments are %v, want %v", got, want)
	}
	if got := findSegments(nil, 1, nil); len(got) != 0 {
		t.Errorf("segments of nothing are %v", got)
	}
}

// TestTaps compares the sum of shifted copies with its definition.
func TestTaps(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(5)
		for _, n := range []int{block, 2 * block, 5 * block} {
			for count := 1; count <= 12; count++ {
				src, weights := randoms(r, n+100), randoms(r, count)
				offsets := make([]int, count)
				for i := range offsets {
					offsets[i] = r.IntN(100)
				}
				bias := float32(r.NormFloat64())
				dst := newGuarded(r, n)
				simd.taps(n, dst.slice(), src, offsets, weights, bias)
				dst.check(t, "taps")
				want, scale := make([]float64, n), make([]float64, n)
				for i := range want {
					want[i], scale[i] = float64(bias), math.Abs(float64(bias))
					for k, c := range weights {
						v := float64(c) * float64(src[i+offsets[k]])
						want[i], scale[i] = want[i]+v, scale[i]+math.Abs(v)
					}
				}
				compare(t, "taps", dst.slice(), want, scale)
			}
		}
	})
}

// TestMaxTaps compares with a search, with many ties and NaN: the first of the greatest wins, and the first NaN over
// all.
func TestMaxTaps(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(6)
		values := []float32{1, 1, 0, minus0, -2, nan32, inf32, -inf32, 3}
		for count := 1; count <= 10; count++ {
			const n = 2 * block
			src := make([]float32, n+50)
			for i := range src {
				src[i] = values[r.IntN(len(values))]
			}
			offsets := make([]int, count)
			for i := range offsets {
				offsets[i] = r.IntN(50)
			}
			best, tap := make([]float32, n), make([]int32, n)
			simd.maxTaps(n, best, tap, src, offsets)
			for i := range n {
				top, at := src[i+offsets[0]], 0
				for k, o := range offsets {
					if v := src[i+o]; v > top || v != v && top == top {
						top, at = v, k
					}
				}
				if math.Float32bits(best[i]) != math.Float32bits(top) && top == top || int(tap[i]) != at {
					t.Fatalf("%d taps: output %d is %g by tap %d, want %g by %d", count, i, best[i], tap[i], top, at)
				}
			}
		}
	})
}

// TestStreams compares the loops over long vectors with their definitions, and that sums are added to what lanes hold.
func TestStreams(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(7)
		for _, n := range []int{block, 3 * block, 64 * block} {
			x, y := randoms(r, n), randoms(r, n)
			name := fmt.Sprint(n, " elements")
			dst := newGuarded(r, n)
			copy(dst.slice(), y)
			simd.axpy(dst.slice(), x, -1.25)
			dst.check(t, name)
			for i, v := range dst.slice() {
				if want := float64(y[i]) - 1.25*float64(x[i]); math.Abs(float64(v)-want) > 1e-6*(1+math.Abs(want)) {
					t.Fatalf("axpy of %s: element %d is %g, want %g", name, i, v, want)
				}
			}
			var dots, sums [16]float32
			dots[3], sums[3] = 100, 200
			simd.dot(&dots, x, y)
			simd.sum(&sums, x)
			want, size := innerProduct(x, y)
			if got := sumLanes(&dots) - 100; math.Abs(got-want) > 1e-5*size {
				t.Errorf("dot of %s is %g, want %g", name, got, want)
			}
			want, size = innerProduct(x, slices.Repeat([]float32{1}, n))
			if got := sumLanes(&sums) - 200; math.Abs(got-want) > 1e-5*size {
				t.Errorf("sum of %s is %g, want %g", name, got, want)
			}
		}
	})
}

func TestMixLoopWritesItsRangeOnly(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		r := newRand(8)
		dst := newGuarded(r, 4*block)
		ws := [][]float32{randoms(r, 4*block), randoms(r, 4*block)}
		simd.mix(block, 3*block, dst.slice(), []float32{0.5, -2}, ws)
		dst.check(t, "mix")
		for i, v := range dst.slice() {
			want := 0.5*float64(ws[0][i]) - 2*float64(ws[1][i])
			if inside := i >= block && i < 3*block; inside != (v == v) || inside && math.Abs(float64(v)-want) > 1e-5 {
				t.Fatalf("element %d is %g, want %g inside the range", i, v, want)
			}
		}
	})
}
