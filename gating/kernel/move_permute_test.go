package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestPermuteAgainstDefinition(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	eachSet(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 5))
		for range fewer(100) {
			axes := r.IntN(6)
			shape := make([]int, axes)
			for i := range shape {
				shape[i] = []int{1, 2, 3, 9, 40, 70, 0}[min(r.IntN(60)/max(axes, 1), 6-min(axes, 1))]
				if axes > 3 {
					shape[i] = 1 + r.IntN(11)
				}
			}
			perm := r.Perm(axes)
			src, ints := randoms(r, volume(shape)), make([]int64, volume(shape))
			for i := range ints {
				ints[i] = int64(i)
			}
			dst, out := make([]float32, len(src)), make([]int64, len(src))
			Permute(w, dst, src, shape, perm)
			Permute(w, out, ints, shape, perm)
			if !slices.Equal(dst, naivePermute(src, shape, perm)) {
				t.Fatalf("float32 %v by %v differs", shape, perm)
			}
			if !slices.Equal(out, naivePermute(ints, shape, perm)) {
				t.Fatalf("int64 %v by %v differs", shape, perm)
			}
		}
	})
}

func BenchmarkPermute(b *testing.B) {
	w := NewWorkers(0)
	defer w.Close()
	cases := []struct {
		name        string
		shape, perm []int
	}{
		{"matrix", []int{1024, 1024}, []int{1, 0}},
		{"heads", []int{32, 64, 4, 64}, []int{0, 2, 1, 3}},
		{"taps", []int{1, 262144, 9}, []int{0, 2, 1}},
		{"untaps", []int{512, 9, 512}, []int{0, 2, 1}},
		{"channels-last", []int{32, 64, 1024}, []int{0, 2, 1}},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			src, dst := make([]float32, volume(c.shape)), make([]float32, volume(c.shape))
			b.SetBytes(int64(8 * len(src)))
			for b.Loop() {
				Permute(w, dst, src, c.shape, c.perm)
			}
		})
	}
}
