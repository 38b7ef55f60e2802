package kernel

// Permute writes src, a dense tensor of the given shape, to dst with its axes in the order perm, as ONNX Transpose
// does: axis i of dst is axis perm[i] of src. dst and src must not overlap.
func Permute[T any](w *Workers, dst, src []T, shape, perm []int) {
	dims, strides := foldAxes(shape, perm)
	total := volume(dims)
	requireLen("source", len(src), total)
	requireLen("target", len(dst), total)
	if total == 0 {
		return
	}
	// The target's last axis is read in place, or with a stride; then the axis that is dense in the source makes
	// tiles with it.
	last := len(dims) - 1
	if strides[last] == 1 {
		permuteRows(w, dst, src, dims, strides)
		return
	}
	dense := 0
	for i, s := range strides {
		if s == 1 {
			dense = i
		}
	}
	permuteTiles(w, dst, src, dims, strides, dense)
}

// foldAxes returns the target's shape and, for each of its axes, the stride in the source, with axes of one element
// left out and axes that stay neighbours joined. At least one axis remains.
func foldAxes(shape, perm []int) (dims, strides []int) {
	stride := make([]int, len(shape))
	next := 1
	for i := len(shape) - 1; i >= 0; i-- {
		stride[i] = next
		next *= shape[i]
	}
	for _, p := range perm {
		n, s, at := shape[p], stride[p], len(dims)-1
		if n == 1 {
			continue
		}
		if at >= 0 && strides[at] == n*s {
			dims[at], strides[at] = dims[at]*n, s
			continue
		}
		dims, strides = append(dims, n), append(strides, s)
	}
	if len(dims) == 0 {
		return []int{volume(shape)}, []int{1}
	}
	return dims, strides
}

// permuteRows copies whole rows.
func permuteRows[T any](w *Workers, dst, src []T, dims, strides []int) {
	n := dims[len(dims)-1]
	rows := volume(dims) / max(n, 1)
	outer := dims[:len(dims)-1]
	w.For(rows, 1+8192/n, func(lo, hi int) {
		at := newOdometer(outer, strides, lo)
		for r := lo; r < hi; r++ {
			copy(dst[r*n:(r+1)*n], src[at.offset:])
			at.next()
		}
	})
}

// tile is the side of the squares in which two axes are exchanged: a few cache lines.
const tile = 32

// permuteTiles exchanges the last axis and the axis that is dense in the source, tile by tile.
func permuteTiles[T any](w *Workers, dst, src []T, dims, strides []int, dense int) {
	last := len(dims) - 1
	targets := make([]int, len(dims))
	size := 1
	for i := last; i >= 0; i-- {
		targets[i] = size
		size *= dims[i]
	}
	var outer, from, to []int
	for i := range dims {
		if i != dense && i != last {
			outer, from, to = append(outer, dims[i]), append(from, strides[i]), append(to, targets[i])
		}
	}
	rows, cols := dims[dense], dims[last]
	bands := (rows + tile - 1) / tile
	planes := volume(outer)
	w.For(planes*bands, 1+8192/(min(rows, tile)*cols), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			x, y := newOdometer(outer, from, t/bands), newOdometer(outer, to, t/bands)
			r := t % bands * tile
			transposeBand(dst[y.offset+r*targets[dense]:], src[x.offset+r:], min(tile, rows-r), cols, targets[dense],
				strides[last])
		}
	})
}

// transposeBand writes cols source rows of n elements, ld apart, as n target rows of cols elements, stride apart.
func transposeBand[T any](dst, src []T, n, cols, stride, ld int) {
	if d, ok := any(dst).([]float32); ok {
		transposeFloats(d, any(src).([]float32), n, cols, stride, ld)
		return
	}
	for j0 := 0; j0 < cols; j0 += tile {
		j1 := min(j0+tile, cols)
		for i := range n {
			row := dst[i*stride+j0 : i*stride+j1]
			for j := range row {
				row[j] = src[(j0+j)*ld+i]
			}
		}
	}
}

// transposeFloats is transposeBand by blocks of sixteen source rows in registers.
func transposeFloats(dst, src []float32, n, cols, stride, ld int) {
	for j := 0; j < cols; j += 16 {
		var rows [16]int
		for l := range rows {
			rows[l] = min(j+l, cols-1) * ld
		}
		transpose(dst[j:], stride, 0, src, &rows, min(16, cols-j), n)
	}
}

// odometer walks over the elements of a strided box in row-major order.
type odometer struct {
	dims, strides, at []int
	offset            int
}

func newOdometer(dims, strides []int, start int) odometer {
	o := odometer{dims: dims, strides: strides, at: make([]int, len(dims))}
	for i := len(dims) - 1; i >= 0; i-- {
		o.at[i] = start % dims[i]
		start /= dims[i]
		o.offset += o.at[i] * strides[i]
	}
	return o
}

func (o *odometer) next() {
	for i := len(o.dims) - 1; i >= 0; i-- {
		o.at[i]++
		o.offset += o.strides[i]
		if o.at[i] < o.dims[i] {
			return
		}
		o.offset -= o.at[i] * o.strides[i]
		o.at[i] = 0
	}
}
