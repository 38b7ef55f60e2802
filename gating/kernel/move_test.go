package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestRemapIsItsDefinition(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 3))
		shape := randomShape(r)
		maps := randomMaps(r, shape)
		src := normals(r.Uint64(), volume(shape))
		n := outputSize(shape, maps)
		dst, dy := make([]float32, n), normals(r.Uint64(), n)
		dx, want := make([]float32, len(src)), make([]float64, len(src))
		for i := range dx {
			dx[i] = float32(math.NaN())
		}
		m := NewRemap(shape, maps)
		Copy(w, dst, src, m, -7)
		CopyBackward(w, dx, dy, m)
		for o, got := range dst {
			if at := sourceOf(o, shape, maps); at < 0 && got != -7 || at >= 0 && got != src[at] {
				t.Fatalf("shape %v, maps %v: element %d is %g", shape, maps, o, got)
			} else if at >= 0 {
				want[at] += float64(dy[o])
			}
		}
		for i, v := range dx {
			if v != float32(want[i]) {
				t.Fatalf("shape %v, maps %v: gradient of element %d is %g, want %g", shape, maps, i, v, want[i])
			}
		}
	}
}

func TestRemapRefusesIndicesOutOfRange(t *testing.T) {
	for _, bad := range []int{-2, 3} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("index %d of an axis of 3 was taken", bad)
				}
			}()
			NewRemap([]int{3}, [][]int{{0, bad}})
		}()
	}
}

func TestCopyBlocksJoinsAndSplits(t *testing.T) {
	a, b := []int64{1, 2, 3, 4}, []int64{8, 9}
	joined := make([]int64, 6)
	CopyBlocks(nil, joined, 3, a, 2, 2, 2)
	CopyBlocks(nil, joined[2:], 3, b, 1, 2, 1)
	if want := []int64{1, 2, 8, 3, 4, 9}; !slices.Equal(joined, want) {
		t.Fatalf("joined %v, want %v", joined, want)
	}
	clear(a)
	CopyBlocks(nil, a, 2, joined, 3, 2, 2)
	if want := []int64{1, 2, 3, 4}; !slices.Equal(a, want) {
		t.Errorf("split %v, want %v", a, want)
	}
}

// Runs gathered and scattered back with addition count how often each was read; the last of several scattered ones
// stays.
func TestRuns(t *testing.T) {
	for _, n := range []int{1, 3, 40} {
		for _, threads := range []int{1, 3} {
			w := NewWorkers(threads)
			src := make([]float32, 5*n)
			for i := range src {
				src[i] = float32(i)
			}
			at := []int{4 * n, 0, 4 * n, 2 * n}
			got, sum, last := make([]float32, len(at)*n), make([]float32, len(src)), make([]float32, len(src))
			GatherRuns(w, got, src, at, n)
			ScatterAddRuns(w, sum, got, at, n)
			ScatterRuns(last, got, at, n)
			w.Close()
			for i, v := range src {
				times := []float32{1, 0, 1, 0, 2}[i/n]
				if sum[i] != times*v || last[i] != min(times, 1)*v {
					t.Fatalf("runs of %d: element %d is %g and %g, want %g and %g", n, i, sum[i], last[i], times*v,
						min(times, 1)*v)
				}
			}
		}
	}
}

func TestResampleIsAMatrixProduct(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 4))
		w := NewWorkers(1 + r.IntN(3))
		outer, in, out, inner := 1+r.IntN(3), 1+r.IntN(6), r.IntN(7), 1+r.IntN(3)*r.IntN(20)
		taps := randomTaps(r, in, out)
		x, dy := normals(r.Uint64(), outer*in*inner), normals(r.Uint64(), outer*out*inner)
		y, dx := make([]float32, len(dy)), make([]float32, len(x))
		Resample(w, y, x, taps, outer, inner)
		Resample(w, dx, dy, taps.Transpose(), outer, inner)
		w.Close()
		want := make([]float64, len(y))
		for b := range outer {
			for o := range out {
				for k := taps.First[o]; k < taps.First[o+1]; k++ {
					for i := range inner {
						want[(b*out+o)*inner+i] += float64(taps.Weight[k]) * float64(x[(b*in+taps.Index[k])*inner+i])
					}
				}
			}
		}
		var left, right float64
		for i, v := range y {
			if math.Abs(float64(v)-want[i]) > 1e-5 {
				t.Fatalf("[%d %d->%d %d]: element %d is %g, want %g", outer, in, out, inner, i, v, want[i])
			}
			left += float64(v) * float64(dy[i])
		}
		for i, v := range dx {
			right += float64(v) * float64(x[i])
		}
		if math.Abs(left-right) > 1e-4*(1+math.Abs(left)) {
			t.Fatalf("[%d %d->%d %d]: <Ax, dy> is %g, <x, A'dy> is %g", outer, in, out, inner, left, right)
		}
	}
}

func BenchmarkRemap(b *testing.B) {
	shape := []int{32, 64, 56, 56}
	pad, double, every := make([]int, 58), make([]int, 112), make([]int, 28)
	for o := range pad {
		pad[o] = o - 1
	}
	pad[57] = -1
	for o := range double {
		double[o] = o / 2
	}
	for o := range every {
		every[o] = 2 * o
	}
	for _, c := range []struct {
		name string
		maps [][]int
	}{
		{"pad", [][]int{nil, nil, pad, pad}},
		{"nearest", [][]int{nil, nil, double, double}},
		{"slice", [][]int{nil, nil, every, every}},
	} {
		benchmarkRemap(b, c.name, shape, c.maps)
	}
}

func benchmarkRemap(b *testing.B, name string, shape []int, maps [][]int) {
	m, w := NewRemap(shape, maps), NewWorkers(2)
	defer w.Close()
	x, y := make([]float32, volume(shape)), make([]float32, outputSize(shape, maps))
	b.Run(name, func(b *testing.B) {
		b.SetBytes(int64(4 * len(y)))
		for b.Loop() {
			Copy(w, y, x, m, 0)
		}
	})
	b.Run(name+" backward", func(b *testing.B) {
		b.SetBytes(int64(4 * len(y)))
		for b.Loop() {
			CopyBackward(w, x, y, m)
		}
	})
}

func BenchmarkResample(b *testing.B) {
	t := &Taps{In: 56, First: []int{0}}
	for o := range 112 {
		lo := max(0, (o-1)/2)
		t.Index, t.Weight = append(t.Index, lo, min(lo+1, 55)), append(t.Weight, 0.25, 0.75)
		t.First = append(t.First, len(t.Index))
	}
	w := NewWorkers(2)
	defer w.Close()
	for _, inner := range []int{1, 112} {
		x, y := make([]float32, 32*64*56*inner), make([]float32, 32*64*112*inner)
		b.Run(fmt.Sprintf("inner %d", inner), func(b *testing.B) {
			b.SetBytes(int64(4 * len(y)))
			for b.Loop() {
				Resample(w, y, x, t, 32*64, inner)
			}
		})
	}
}

func BenchmarkScatterAddRuns(b *testing.B) {
	const rows, n, tokens = 30000, 384, 4096
	r := rand.New(rand.NewPCG(1, 1))
	at := make([]int, tokens)
	for i := range at {
		at[i] = r.IntN(rows) * n
	}
	dst, src := make([]float32, rows*n), make([]float32, tokens*n)
	w := NewWorkers(2)
	defer w.Close()
	for b.Loop() {
		ScatterAddRuns(w, dst, src, at, n)
	}
}
