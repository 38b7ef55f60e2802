package kernel

import "math/rand/v2"

// The definitions of copies, and layouts drawn for them.

func naivePermute[T any](src []T, shape, perm []int) []T {
	dst := make([]T, len(src))
	for o := range dst {
		rest, at := o, 0
		for i := len(perm) - 1; i >= 0; i-- {
			stride := volume(shape[perm[i]+1:])
			at += rest % shape[perm[i]] * stride
			rest /= shape[perm[i]]
		}
		dst[o] = src[at]
	}
	return dst
}

// randomMaps draws for each axis the identity, a stretch, a reversal, repetitions or any indices with gaps.
func randomMaps(r *rand.Rand, shape []int) [][]int {
	maps := make([][]int, len(shape))
	for k, n := range shape {
		if r.IntN(3) == 0 {
			continue
		}
		list := make([]int, r.IntN(12))
		kind, from := r.IntN(4), r.IntN(n+1)
		for o := range list {
			switch kind {
			case 0:
				list[o] = from + o - 2
			case 1:
				list[o] = n - 1 - o
			case 2:
				list[o] = o / 2
			default:
				list[o] = r.IntN(n+1) - 1
			}
			if list[o] < 0 || list[o] >= n {
				list[o] = -1
			}
		}
		maps[k] = list
	}
	return maps
}

// sourceOf returns which input element output element o is by the definition of a Remap, or -1, and the output's size.
func sourceOf(o int, shape []int, maps [][]int) int {
	at, stride := 0, 1
	for k := len(shape) - 1; k >= 0; k-- {
		n := shape[k]
		if maps[k] != nil {
			n = len(maps[k])
		}
		i := o % n
		o /= n
		if maps[k] != nil {
			i = maps[k][i]
		}
		if i < 0 {
			return -1
		}
		at += i * stride
		stride *= shape[k]
	}
	return at
}

// outputSize is the number of elements that a Remap of these maps writes.
func outputSize(shape []int, maps [][]int) int {
	n := 1
	for k, d := range shape {
		if maps[k] != nil {
			d = len(maps[k])
		}
		n *= d
	}
	return n
}

// randomTaps draws a sparse matrix with up to four entries a row.
func randomTaps(r *rand.Rand, in, out int) *Taps {
	t := &Taps{In: in, First: []int{0}}
	for range out {
		for range r.IntN(5) {
			t.Index, t.Weight = append(t.Index, r.IntN(in)), append(t.Weight, float32(r.NormFloat64()))
		}
		t.First = append(t.First, len(t.Index))
	}
	return t
}
