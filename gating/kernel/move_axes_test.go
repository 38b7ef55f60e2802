package kernel

import (
	"slices"
	"testing"
)

// TestFoldAxesKeepsTheWalk walks over the folded axes and finds every source element where the permutation has it.
func TestFoldAxesKeepsTheWalk(t *testing.T) {
	r := newRand(141)
	for range 500 {
		shape := randomShape(r)
		perm := r.Perm(len(shape))
		n := volume(shape)
		index := make([]int, n)
		for i := range index {
			index[i] = i
		}
		want := naivePermute(index, shape, perm)
		dims, strides := foldAxes(shape, perm)
		if volume(dims) != n {
			t.Fatalf("%v by %v folds to %v", shape, perm, dims)
		}
		if n == 0 {
			continue
		}
		at := newOdometer(dims, strides, 0)
		for i, w := range want {
			if at.offset != w {
				t.Fatalf("%v by %v: element %d is read at %d, want %d", shape, perm, i, at.offset, w)
			}
			if from := newOdometer(dims, strides, i); from.offset != at.offset || !slices.Equal(from.at, at.at) {
				t.Fatalf("%v by %v: starting at %d is not walking there", shape, perm, i)
			}
			at.next()
		}
		if at.offset != 0 {
			t.Fatalf("%v by %v: the walk does not end where it began", shape, perm)
		}
	}
}

// TestFoldAxesJoins names the axes that belong together.
func TestFoldAxesJoins(t *testing.T) {
	for _, c := range []struct{ shape, perm, dims, strides []int }{
		{[]int{2, 3, 4}, []int{0, 1, 2}, []int{24}, []int{1}},
		{[]int{2, 3, 4}, []int{1, 2, 0}, []int{12, 2}, []int{1, 12}},
		{[]int{2, 3, 4}, []int{2, 0, 1}, []int{4, 6}, []int{1, 4}},
		{[]int{2, 1, 4}, []int{0, 2, 1}, []int{8}, []int{1}},
		{[]int{2, 3, 4}, []int{0, 2, 1}, []int{2, 4, 3}, []int{12, 1, 4}},
		{nil, nil, []int{1}, []int{1}},
	} {
		if dims, strides := foldAxes(c.shape, c.perm); !slices.Equal(dims, c.dims) ||
			!slices.Equal(strides, c.strides) {
			t.Errorf("%v by %v folds to %v by %v, want %v by %v", c.shape, c.perm, dims, strides, c.dims, c.strides)
		}
	}
}

// FuzzRemap compares copies through maps of any bytes with their definition.
func FuzzRemap(f *testing.F) {
	f.Add(uint8(3), []byte{0, 1, 2}, uint8(4), []byte{3, 3, 0, 255})
	f.Add(uint8(1), []byte{}, uint8(0), []byte{255})
	f.Add(uint8(7), []byte{6, 5, 4, 3, 2, 1, 0}, uint8(9), []byte{})
	f.Fuzz(func(t *testing.T, rows uint8, first []byte, cols uint8, second []byte) {
		shape := []int{int(rows % 16), int(cols % 16)}
		maps := make([][]int, 2)
		for k, list := range [][]byte{first, second} {
			maps[k] = []int{}
			for _, v := range list[:min(len(list), 40)] {
				maps[k] = append(maps[k], int(v)%(shape[k]+1)-1)
			}
		}
		m, n := NewRemap(shape, maps), outputSize(shape, maps)
		x, dy := normals(1, volume(shape)), normals(2, n)
		y, dx := make([]float32, n), make([]float32, len(x))
		Copy(nil, y, x, m, 0)
		CopyBackward(nil, dx, dy, m)
		for o, v := range y {
			if at := sourceOf(o, shape, maps); at < 0 && v != 0 || at >= 0 && v != x[at] {
				t.Fatalf("%v through %v: element %d is %g", shape, maps, o, v)
			}
		}
		checkAdjoint(t, "remap", dy, y, dx, x)
	})
}
