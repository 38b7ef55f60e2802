package kernel

import "math"

// Fold says how a [Reduction] joins elements. All are computed in double precision.
type Fold int

// The folds. NaN wins over everything in FoldMax and FoldMin.
const (
	FoldSum     Fold = iota // sum of x
	FoldAbs                 // sum of |x|
	FoldSquares             // sum of x²
	FoldProduct             // product of x
	FoldMax                 // greatest x, -Inf of nothing
	FoldMin                 // least x, +Inf of nothing
)

// Reduction is the geometry of folding a dense tensor over some of its axes.
// Neighbouring axes that are both kept or both folded count as one, so that the
// innermost loop runs over contiguous elements: folded ones into one number (a
// run), or kept ones into as many numbers (a row).
type Reduction struct {
	kept, folded []foldAxis // outermost first
	byRow        bool       // the innermost axis is kept
	inner        int        // its length
	outputs      int
	inputs       int
}

// foldAxis is one axis of a dense tensor.
type foldAxis struct{ size, stride int }

// pieceElements is how many elements of one output are folded before a new partial result begins, where one
// output has so many that several goroutines must share them. It follows from no number of threads.
const pieceElements = 1 << 15

// rowBlock is how many accumulators a row is folded into at a time: they fit in the first-level cache.
const rowBlock = 512

// NewReduction returns the geometry of folding a tensor of the shape over the given axes, counted from 0.
func NewReduction(shape, axes []int) *Reduction {
	r := &Reduction{inner: 1, outputs: 1, inputs: volume(shape)}
	fold := make([]bool, len(shape))
	for _, a := range axes {
		fold[a] = true
	}
	stride, last := 1, -1 // last: 0 after a kept axis, 1 after a folded one
	for a := len(shape) - 1; a >= 0; a-- {
		size := shape[a]
		if !fold[a] {
			r.outputs *= size
		}
		if size == 1 {
			continue
		}
		list, kind := &r.kept, 0
		if fold[a] {
			list, kind = &r.folded, 1
		}
		if kind == last {
			(*list)[0].size *= size
		} else {
			*list = append([]foldAxis{{size, stride}}, *list...)
		}
		if last < 0 {
			r.byRow = kind == 0
		}
		stride, last = stride*size, kind
	}
	if last < 0 {
		r.byRow = true
	}
	r.cutInner()
	return r
}

// cutInner takes the innermost axis out of the lists.
func (r *Reduction) cutInner() {
	list := &r.folded
	if r.byRow {
		list = &r.kept
	}
	if n := len(*list); n > 0 {
		r.inner = (*list)[n-1].size
		*list = (*list)[:n-1]
	}
}

// Outputs returns the number of elements that remain.
func (r *Reduction) Outputs() int { return r.outputs }

// Count returns the number of elements that are folded into each output.
func (r *Reduction) Count() int {
	n := count(r.folded)
	if !r.byRow {
		n *= r.inner
	}
	return n
}

// Fold folds x, a tensor of the shape, into y, which has the axes that are left. finish makes the number of output at
// from the folded one; it is called once an output, from several goroutines.
func (r *Reduction) Fold(w *Workers, y, x []float32, f Fold, finish func(at int, acc float64) float32) {
	requireLen("x", len(x), r.inputs)
	requireLen("y", len(y), r.outputs)
	switch {
	case r.outputs == 0:
	case r.byRow:
		r.foldRows(w, y, x, f, finish)
	default:
		r.foldRuns(w, y, x, f, finish)
	}
}

// foldRuns folds contiguous runs, each into one number. The runs of an output are cut into pieces.
func (r *Reduction) foldRuns(w *Workers, y, x []float32, f Fold, finish func(int, float64) float32) {
	runs := count(r.folded)
	perRun := max(1, (r.inner+pieceElements-1)/pieceElements)
	pieces := 1
	if r.outputs < 16 {
		pieces = max(1, min(runs*perRun, 256))
	}
	part := make([]float64, r.outputs*pieces)
	grain := max(1, pieceElements/max(1, runs*r.inner/pieces))
	w.For(len(part), grain, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			base, piece := offset(p/pieces, r.kept), p%pieces
			acc := f.identity()
			for i := piece * runs * perRun / pieces; i < (piece+1)*runs*perRun/pieces; i++ {
				from := base + offset(i/perRun, r.folded)
				acc = f.run(acc, x[from+i%perRun*r.inner/perRun:from+(i%perRun+1)*r.inner/perRun])
			}
			part[p] = acc
		}
	})
	for o := range y[:r.outputs] {
		acc := f.identity()
		for _, v := range part[o*pieces : (o+1)*pieces] {
			acc = f.join(acc, v)
		}
		y[o] = finish(o, acc)
	}
}

// foldRows folds rows element by element. The rows of an output are cut into pieces.
func (r *Reduction) foldRows(w *Workers, y, x []float32, f Fold, finish func(int, float64) float32) {
	rows, blocks := count(r.folded), (r.inner+rowBlock-1)/rowBlock
	tasks := r.outputs / r.inner * blocks
	pieces := 1
	if tasks < 16 {
		pieces = max(1, min(rows*min(r.inner, rowBlock)/pieceElements, 64))
	}
	width := min(r.inner, rowBlock)
	s := getScratch()
	defer s.release()
	part := resize(&s.partial, tasks*pieces*width)
	grain := max(1, pieceElements/max(1, rows*width/pieces))
	w.For(tasks*pieces, grain, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			task, piece := p/pieces, p%pieces
			from := task % blocks * rowBlock
			acc := part[p*width:][:min(rowBlock, r.inner-from)]
			setAll(acc, f.identity())
			base := offset(task/blocks, r.kept) + from
			for i := piece * rows / pieces; i < (piece+1)*rows/pieces; i++ {
				at := base + offset(i, r.folded)
				f.row(acc, x[at:at+len(acc)])
			}
		}
	})
	w.For(tasks, max(1, pieceElements/width), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			r.finishRows(f, t, part[t*pieces*width:(t+1)*pieces*width], y, finish)
		}
	})
}

// finishRows joins the pieces of one block of a row and writes its outputs.
func (r *Reduction) finishRows(f Fold, task int, part []float64, y []float32, finish func(int, float64) float32) {
	blocks, width := (r.inner+rowBlock-1)/rowBlock, min(r.inner, rowBlock)
	from := task % blocks * rowBlock
	first := task/blocks*r.inner + from
	for j := range min(rowBlock, r.inner-from) {
		acc := part[j]
		for p := width; p < len(part); p += width {
			acc = f.join(acc, part[p+j])
		}
		y[first+j] = finish(first+j, acc)
	}
}

// EachRun calls body for contiguous stretches of the input, each input element once: n elements from x on belong
// to output y alone, or, when row is set, to the n outputs from y on. Calls come from several goroutines.
func (r *Reduction) EachRun(w *Workers, body func(x, y, n int, row bool)) {
	if r.inputs == 0 {
		return
	}
	folds := count(r.folded)
	outer := r.outputs
	if r.byRow {
		outer /= r.inner
	}
	w.For(outer*folds, max(1, pieceElements/r.inner), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			o := i / folds
			at := offset(o, r.kept) + offset(i%folds, r.folded)
			if r.byRow {
				body(at, o*r.inner, r.inner, true)
			} else {
				body(at, o, r.inner, false)
			}
		}
	})
}

// BackwardSum writes factor times dy, repeated along the folded axes, to dx: the gradient of factor times a sum.
func (r *Reduction) BackwardSum(w *Workers, dx, dy []float32, factor float32) {
	r.EachRun(w, func(at, o, n int, row bool) {
		if row {
			loops[loopMulOne](dx[at:at+n], dy[o:o+n], dy[o:o+n], factor, 0)
			return
		}
		v, run := factor*dy[o], dx[at:at+n]
		for i := range run {
			run[i] = v
		}
	})
}

// count returns the number of index tuples over the axes.
func count(axes []foldAxis) int {
	n := 1
	for _, a := range axes {
		n *= a.size
	}
	return n
}

// offset returns where the i-th index tuple over the axes lies, in row-major order.
func offset(i int, axes []foldAxis) int {
	at := 0
	for a := len(axes) - 1; a > 0; a-- {
		at += i % axes[a].size * axes[a].stride
		i /= axes[a].size
	}
	if len(axes) > 0 {
		at += i * axes[0].stride
	}
	return at
}

func setAll(list []float64, v float64) {
	for i := range list {
		list[i] = v
	}
}

// identity is the fold of nothing.
func (f Fold) identity() float64 {
	switch f {
	case FoldProduct:
		return 1
	case FoldMax:
		return math.Inf(-1)
	case FoldMin:
		return math.Inf(1)
	}
	return 0
}

// join folds two partial results.
func (f Fold) join(a, b float64) float64 {
	switch f {
	case FoldProduct:
		return a * b
	case FoldMax:
		return max(a, b)
	case FoldMin:
		return min(a, b)
	}
	return a + b
}

// run folds a contiguous run into acc.
func (f Fold) run(acc float64, x []float32) float64 {
	switch f {
	case FoldSum:
		return acc + sumRun(x)
	case FoldSquares:
		return acc + dotRun(x, x)
	case FoldAbs:
		for _, v := range x {
			acc += math.Abs(float64(v))
		}
	case FoldProduct:
		for _, v := range x {
			acc *= float64(v)
		}
	case FoldMax:
		return max(acc, float64(maxRun(x)))
	case FoldMin:
		for _, v := range x {
			acc = min(acc, float64(v))
		}
	}
	return acc
}

// row folds every element of a row into the accumulator of its column.
func (f Fold) row(acc []float64, x []float32) {
	switch f {
	case FoldSum:
		addRow(acc, x)
	case FoldSquares:
		for j, v := range x {
			acc[j] += float64(v) * float64(v)
		}
	default:
		for j, v := range x {
			acc[j] = f.element(acc[j], float64(v))
		}
	}
}

// element folds one element into acc.
func (f Fold) element(acc, v float64) float64 {
	if f == FoldAbs {
		return acc + math.Abs(v)
	}
	return f.join(acc, v)
}

// maxRun returns the greatest element, NaN if there is one, -Inf of nothing.
func maxRun(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		m = max(m, v)
	}
	return m
}
