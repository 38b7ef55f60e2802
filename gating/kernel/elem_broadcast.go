package kernel

// elementGrain is how many elements of a cheap loop are worth a goroutine of their own.
const elementGrain = 1 << 14

// Broadcast is the walk over an output and its inputs, all dense, where the inputs are broadcast as NumPy and ONNX
// do: shapes aligned at their last axes, an axis of length 1 repeated. Axes that all operands walk alike are merged.
// What is left is a nest of rows: along a row every input either advances by one element or stays where it is.
type Broadcast struct {
	size    int     // elements of the output
	row     int     // length of the innermost merged axis
	step    []int   // by input: 1 where it advances along the row, 0 where it stays
	dims    []int   // the outer merged axes, outermost last
	strides [][]int // by input and outer axis, in elements
}

// NewBroadcast plans the walk for an output of shape out and inputs whose shapes broadcast to it.
func NewBroadcast(out []int, inputs ...[]int) *Broadcast {
	b := &Broadcast{size: volume(out), row: 1, step: make([]int, len(inputs)), strides: make([][]int, len(inputs))}
	own := make([]int, len(inputs))
	for i := range own {
		own[i] = 1
	}
	at := make([]int, len(inputs))
	first := true
	for k := 1; k <= len(out); k++ {
		d := out[len(out)-k]
		for i, in := range inputs {
			at[i] = 0
			if k <= len(in) && in[len(in)-k] != 1 {
				at[i] = own[i]
				own[i] *= in[len(in)-k]
			}
		}
		switch {
		case d == 1:
		case first:
			b.row, first = d, false
			copy(b.step, at)
		default:
			b.addAxis(d, at)
		}
	}
	return b
}

// addAxis merges an axis into the one inside it where every input goes on evenly, and adds it to the nest otherwise.
func (b *Broadcast) addAxis(d int, at []int) {
	n := len(b.dims)
	even := true
	for i := range at {
		if n == 0 {
			even = even && at[i] == b.step[i]*b.row
		} else {
			even = even && at[i] == b.strides[i][n-1]*b.dims[n-1]
		}
	}
	switch {
	case even && n == 0:
		b.row *= d
	case even:
		b.dims[n-1] *= d
	default:
		b.dims = append(b.dims, d)
		for i := range at {
			b.strides[i] = append(b.strides[i], at[i])
		}
	}
}

// Steps returns how far each input advances along a row: 1 or 0.
func (b *Broadcast) Steps() []int { return b.step }

// Rows calls body for runs of n output elements that begin at out, each input's run beginning at in[i].
// The runs cover the output once; body may run in several goroutines and must not keep in.
func (b *Broadcast) Rows(w *Workers, body func(out, n int, in []int)) {
	b.blocks(w, func(out, rows, n int, in []int) {
		for r := range rows {
			if r > 0 {
				for i := range in {
					in[i] += b.strides[i][0]
				}
			}
			body(out+r*n, n, in)
		}
	})
}

// blocks calls body for blocks of rows runs, one after another in the output, those of input i b.strides[i][0]
// elements apart. body may change in.
func (b *Broadcast) blocks(w *Workers, body func(out, rows, n int, in []int)) {
	if b.size == 0 {
		return
	}
	if len(b.dims) == 0 {
		w.For(b.row, elementGrain, func(lo, hi int) {
			in := make([]int, len(b.step))
			for i, s := range b.step {
				in[i] = lo * s
			}
			body(lo, 1, hi-lo, in)
		})
		return
	}
	w.For(b.size/b.row, (elementGrain+b.row-1)/b.row, func(lo, hi int) {
		in := make([]int, len(b.step))
		for r := lo; r < hi; {
			rows := min(hi-r, b.dims[0]-r%b.dims[0])
			b.locate(r, in)
			body(r*b.row, rows, b.row, in)
			r += rows
		}
	})
}

// locate writes where row r begins in each input.
func (b *Broadcast) locate(r int, in []int) {
	clear(in)
	for d, n := range b.dims {
		index := r % n
		r /= n
		for i := range in {
			in[i] += index * b.strides[i][d]
		}
	}
}

// Pair is an element-wise function of two operands in the forms that rows of a [Broadcast] need. Results may
// overwrite an operand of the same length.
type Pair[T, U any] struct {
	Both  func(dst []U, a, b []T)   // dst[i] = f(a[i], b[i])
	Right func(dst []U, a []T, b T) // dst[i] = f(a[i], b)
	Left  func(dst []U, a T, b []T) // dst[i] = f(a, b[i])

	// lines computes several rows at once: of two vectors, of a vector and a number on its right, and on its left.
	// The vector comes first. nil where there are no such loops.
	lines [3]func(rows, n int, dst []U, a, b []T, da, db int)
}

// PairOf returns the forms of a function of two numbers. It is called once an element: right for
// functions that cost more than the call.
func PairOf[T, U any](f func(a, b T) U) *Pair[T, U] {
	return &Pair[T, U]{
		Both: func(dst []U, a, b []T) {
			for i, v := range a[:len(dst)] {
				dst[i] = f(v, b[i])
			}
		},
		Right: func(dst []U, a []T, b T) {
			for i, v := range a[:len(dst)] {
				dst[i] = f(v, b)
			}
		},
		Left: func(dst []U, a T, b []T) {
			for i, v := range b[:len(dst)] {
				dst[i] = f(a, v)
			}
		},
	}
}

// Combine computes dst = f(a, b) with a and b broadcast to dst as the plan of these two inputs says. dst may be an
// operand of its own size.
func Combine[T, U any](w *Workers, dst []U, a, b []T, plan *Broadcast, f *Pair[T, U]) {
	if f.lines[0] != nil && len(plan.dims) > 0 && plan.step[0]+plan.step[1] > 0 {
		combineLines(w, dst, a, b, plan, f)
		return
	}
	switch {
	case plan.row > 1 && plan.step[0] == 0 && plan.step[1] == 0:
		plan.Rows(w, func(o, n int, in []int) {
			f.Both(dst[o:o+1], a[in[0]:], b[in[1]:])
			repeat(dst[o : o+n])
		})
	case plan.step[0] == 0 && plan.row > 1:
		plan.Rows(w, func(o, n int, in []int) { f.Left(dst[o:o+n], a[in[0]], b[in[1]:in[1]+n]) })
	case plan.step[1] == 0 && plan.row > 1:
		plan.Rows(w, func(o, n int, in []int) { f.Right(dst[o:o+n], a[in[0]:in[0]+n], b[in[1]]) })
	default:
		plan.Rows(w, func(o, n int, in []int) { f.Both(dst[o:o+n], a[in[0]:in[0]+n], b[in[1]:in[1]+n]) })
	}
}

// combineLines is Combine for functions with loops over several rows, for plans of several rows.
func combineLines[T, U any](w *Workers, dst []U, a, b []T, plan *Broadcast, f *Pair[T, U]) {
	form, first, second := 0, 0, 1
	switch {
	case plan.step[1] == 0:
		form = 1
	case plan.step[0] == 0:
		form, first, second = 2, 1, 0
		a, b = b, a
	}
	da, db := plan.strides[first][0], plan.strides[second][0]
	plan.blocks(w, func(o, rows, n int, in []int) {
		f.lines[form](rows, n, dst[o:], a[in[first]:], b[in[second]:], da, db)
	})
}

// repeat writes the first element to all others.
func repeat[T any](run []T) {
	v := run[0]
	for i := range run {
		run[i] = v
	}
}

// SumTo writes to dst, of shape to, the sums of those elements of src, of shape from, that read the same element when
// to is broadcast to from: the gradient of broadcasting. Sums are formed in double precision.
func SumTo(w *Workers, dst, src []float32, to, from []int) {
	switch volume(from) {
	case 0:
		clear(dst)
		return
	case volume(to):
		w.For(len(dst), elementGrain, func(lo, hi int) { copy(dst[lo:hi], src[lo:hi]) })
		return
	}
	var axes []int
	for a := range from {
		if k := a - len(from) + len(to); k < 0 || to[k] == 1 {
			axes = append(axes, a)
		}
	}
	NewReduction(from, axes).Fold(w, dst, src, FoldSum, func(_ int, sum float64) float32 { return float32(sum) })
}
