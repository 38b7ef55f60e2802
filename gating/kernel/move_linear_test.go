package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// Copies are linear maps whose every row has one element: they are compared bit for bit, and their backward kernels by
// the adjoint identity.

// TestPermuteUndoesItself permutes and permutes back, with a guard around the result, for every set and many tails.
func TestPermuteUndoesItself(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	eachSet(t, func(t *testing.T) {
		r := newRand(111)
		for _, n := range manyTails {
			for _, shape := range [][]int{{n, 33}, {2, n, 17}, {n, 2, 9, 3}, {3, 40, n}} {
				perm := r.Perm(len(shape))
				turned, inverse := make([]int, len(perm)), make([]int, len(perm))
				for i, p := range perm {
					turned[i], inverse[p] = shape[p], i
				}
				src := withSpecials(r, randoms(r, volume(shape)))
				dst, back := newGuarded(r, len(src)), newGuarded(r, len(src))
				Permute(w, dst.slice(), src, shape, perm)
				Permute(w, back.slice(), dst.slice(), turned, inverse)
				name := fmt.Sprint(shape, " by ", perm)
				dst.check(t, name)
				back.check(t, name)
				if !equalBits(dst.slice(), naivePermute(src, shape, perm)) || !equalBits(back.slice(), src) {
					t.Fatalf("%s differs", name)
				}
			}
		}
	})
}

// TestPermuteTypes moves elements of every size.
func TestPermuteTypes(t *testing.T) {
	shape, perm := []int{5, 37, 3}, []int{2, 0, 1}
	testPermuteType(t, shape, perm, func(i int) uint8 { return uint8(i) })
	testPermuteType(t, shape, perm, func(i int) bool { return i%3 == 0 })
	testPermuteType(t, shape, perm, func(i int) float64 { return float64(i) })
	testPermuteType(t, shape, perm, func(i int) string { return fmt.Sprint(i) })
}

func testPermuteType[T comparable](t *testing.T, shape, perm []int, make1 func(i int) T) {
	t.Helper()
	src := make([]T, volume(shape))
	for i := range src {
		src[i] = make1(i)
	}
	dst := make([]T, len(src))
	if Permute(nil, dst, src, shape, perm); !slices.Equal(dst, naivePermute(src, shape, perm)) {
		t.Errorf("elements of type %T differ", src[0])
	}
}

func TestPermuteRefusesShortSlices(t *testing.T) {
	long, short := make([]float32, 12), make([]float32, 11)
	mustPanic(t, "a short target", func() { Permute(nil, short, long, []int{3, 4}, []int{1, 0}) })
	mustPanic(t, "a short source", func() { Permute(nil, long, short, []int{3, 4}, []int{1, 0}) })
}

// TestRemapAdjoint checks <dy, Copy(x)> against <CopyBackward(dy), x>, with 0 to fill in, and bits for all threads.
func TestRemapAdjoint(t *testing.T) {
	for seed := range uint64(300) {
		r := newRand(1000 + seed)
		shape := randomShape(r)
		maps := randomMaps(r, shape)
		m, n := NewRemap(shape, maps), outputSize(shape, maps)
		x, dy := randoms(r, volume(shape)), randoms(r, n)
		y, dx := newGuarded(r, n), newGuarded(r, len(x))
		Copy(nil, y.slice(), x, m, 0)
		CopyBackward(nil, dx.slice(), dy, m)
		name := fmt.Sprint(shape, " through ", maps)
		y.check(t, name)
		dx.check(t, name)
		checkAdjoint(t, name, dy, y.slice(), dx.slice(), x)
	}
}

// TestRemapThreads shares large copies and gradients out.
func TestRemapThreads(t *testing.T) {
	shape := []int{30, 40, 50}
	twice, every := make([]int, 80), make([]int, 17)
	for i := range twice {
		twice[i] = i / 2
	}
	for i := range every {
		every[i] = 3*i - 1
	}
	for _, maps := range [][][]int{{nil, twice, nil}, {nil, nil, every}, {every[:10], nil, every},
		{nil, twice, every}} {
		m, n := NewRemap(shape, maps), outputSize(shape, maps)
		x, dy := normals(1, volume(shape)), normals(2, n)
		onWorkers(t, fmt.Sprint("copy through ", maps), func(w *Workers) []float32 {
			y := make([]float32, n)
			Copy(w, y, x, m, 3)
			return y
		})
		onWorkers(t, fmt.Sprint("gradient through ", maps), func(w *Workers) []float32 {
			dx := make([]float32, len(x))
			CopyBackward(w, dx, dy, m)
			return dx
		})
	}
}

// TestCopyBlocksRandomly joins and splits tensors of random widths along an axis and compares element by element.
func TestCopyBlocksRandomly(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	r := newRand(112)
	for range 200 {
		count, parts := r.IntN(5)*(1+99*r.IntN(2)), make([][]float32, 1+r.IntN(4))
		widths, step := make([]int, len(parts)), 0
		for i := range parts {
			widths[i] = r.IntN(20) * (1 + 9*r.IntN(2))
			parts[i] = randoms(r, count*widths[i])
			step += widths[i]
		}
		joined := newGuarded(r, count*step)
		for i, at := 0, 0; i < len(parts); i++ {
			CopyBlocks(w, joined.slice()[min(at, joined.n):], step, parts[i], widths[i], count, widths[i])
			at += widths[i]
		}
		joined.check(t, "join")
		for b := range count {
			row := joined.slice()[b*step:][:step]
			for i, part := range parts {
				if !equalBits(row[:widths[i]], part[b*widths[i]:][:widths[i]]) {
					t.Fatalf("block %d of part %d of widths %v differs", b, i, widths)
				}
				row = row[widths[i]:]
			}
		}
	}
}

// TestGatherAndScatterAddAreAdjoint checks <dy, gather(x)> against <scatter-add(dy), x> and gather by its definition.
func TestGatherAndScatterAddAreAdjoint(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	r := newRand(113)
	for range 200 {
		n, rows, count := 1+r.IntN(3)*r.IntN(40), 1+r.IntN(20), r.IntN(50)*(1+20*r.IntN(2))
		at := make([]int, count)
		for i := range at {
			at[i] = r.IntN(rows) * n
		}
		x, dy := randoms(r, rows*n), randoms(r, count*n)
		y, dx := newGuarded(r, count*n), make([]float32, len(x))
		GatherRuns(w, y.slice(), x, at, n)
		y.check(t, "gather")
		for i, from := range at {
			if !equalBits(y.slice()[i*n:][:n], x[from:][:n]) {
				t.Fatalf("run %d of %d differs", i, n)
			}
		}
		ScatterAddRuns(w, dx, dy, at, n)
		checkAdjoint(t, fmt.Sprint(count, " runs of ", n), dy, y.slice(), dx, x)
		one := make([]float32, len(x))
		if ScatterAddRuns(nil, one, dy, at, n); !equalBits(one, dx) {
			t.Fatalf("%d runs of %d: threads change the sums", count, n)
		}
	}
}

// TestScatterRunsKeepsTheLast writes runs over each other in order.
func TestScatterRunsKeepsTheLast(t *testing.T) {
	r := newRand(114)
	for range 100 {
		n, rows, count := 1+r.IntN(5), 1+r.IntN(6), r.IntN(12)
		at, src := make([]int, count), withSpecials(r, randoms(r, count*n))
		dst, want := newGuarded(r, rows*n), slices.Repeat([]float32{nan32}, rows*n)
		for i := range at {
			at[i] = r.IntN(rows) * n
			copy(want[at[i]:], src[i*n:][:n])
		}
		ScatterRuns(dst.slice(), src, at, n)
		dst.check(t, "scatter")
		if !equalBits(dst.slice(), want) {
			t.Fatalf("runs of %d to %v give %v, want %v", n, at, dst.slice(), want)
		}
	}
}

// TestCopiesOfOtherTypes moves integers.
func TestCopiesOfOtherTypes(t *testing.T) {
	src, dst := []int64{1, 2, 3, 4, 5, 6}, make([]int64, 4)
	GatherRuns(nil, dst, src, []int{4, 0}, 2)
	if want := []int64{5, 6, 1, 2}; !slices.Equal(dst, want) {
		t.Errorf("gathered %v, want %v", dst, want)
	}
	ScatterRuns(src, dst, []int{2, 4}, 2)
	if want := []int64{1, 2, 5, 6, 1, 2}; !slices.Equal(src, want) {
		t.Errorf("scattered %v, want %v", src, want)
	}
	padded := make([]int64, 8)
	Copy(nil, padded, src, NewRemap([]int{6}, [][]int{{-1, 0, 1, 2, 3, 4, 5, -1}}), 9)
	if want := []int64{9, 1, 2, 5, 6, 1, 2, 9}; !slices.Equal(padded, want) {
		t.Errorf("padded %v, want %v", padded, want)
	}
}

// TestTapsTransposeIsTheMatrix compares the transposed matrix entry by entry, and that transposing twice gives it back.
func TestTapsTransposeIsTheMatrix(t *testing.T) {
	dense := func(m *Taps) map[[2]int]float64 {
		entries := map[[2]int]float64{}
		for o := range m.Out() {
			for k := m.First[o]; k < m.First[o+1]; k++ {
				entries[[2]int{o, m.Index[k]}] += float64(m.Weight[k])
			}
		}
		return entries
	}
	r := newRand(115)
	for range 100 {
		m := randomTaps(r, 1+r.IntN(6), r.IntN(7))
		turned := m.Transpose()
		if turned.In != m.Out() || turned.Out() != m.In {
			t.Fatalf("the transpose of %d×%d is %d×%d", m.Out(), m.In, turned.Out(), turned.In)
		}
		want := dense(m)
		for at, v := range dense(turned) {
			if math.Abs(want[[2]int{at[1], at[0]}]-v) > 1e-12 {
				t.Fatalf("entry %v is %g, want %g", at, v, want[[2]int{at[1], at[0]}])
			}
		}
		for at, v := range dense(turned.Transpose()) {
			if math.Abs(want[at]-v) > 1e-12 {
				t.Fatalf("transposed twice, entry %v is %g, want %g", at, v, want[at])
			}
		}
	}
}

// TestResampleThreadsAndGuards runs shapes that several goroutines share, and rows of one element and of many.
func TestResampleThreadsAndGuards(t *testing.T) {
	r := newRand(116)
	for _, s := range [][3]int{{300, 40, 1}, {7, 30, 100}, {2, 5, 3000}, {0, 3, 2}, {2, 3, 0}} {
		outer, in, inner := s[0], s[1], s[2]
		taps := randomTaps(r, in, 2*in)
		x := randoms(r, outer*in*inner)
		want := onWorkers(t, fmt.Sprint("resample ", s), func(w *Workers) []float32 {
			y := make([]float32, outer*2*in*inner)
			Resample(w, y, x, taps, outer, inner)
			return y
		})
		y := newGuarded(r, len(want))
		Resample(nil, y.slice(), x, taps, outer, inner)
		y.check(t, fmt.Sprint("resample ", s))
		if !equalBits(y.slice(), want) {
			t.Fatalf("%v: the place in memory changes the result", s)
		}
	}
}
