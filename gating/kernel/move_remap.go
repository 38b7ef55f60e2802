package kernel

// Remap is a copy that treats each axis by itself: element (i0, i1, ...) of the output is element
// (maps[0][i0], maps[1][i1], ...) of the input, or a fill value where any map says -1. Slices, padding, tiling,
// broadcasting and nearest-neighbour resizing are all of this kind.
type Remap struct {
	outer    []axisMap // every axis but the last, runs of untouched axes folded into one
	last     axisMap   // the last axis that is not copied whole
	run      int       // elements of the untouched axes behind last
	pieces   []piece   // last as stretches of consecutive indices
	element  bool      // last is better walked index by index
	distinct bool      // no element of the input is read twice
}

// axisMap is one axis: its length in the input and output, and where each output index reads; a nil map is the
// identity.
type axisMap struct {
	in, out int
	from    []int
	readers []int // the output indices that read input index i are readers[first[i]:first[i+1]]
	first   []int
}

// piece is a stretch of the last axis: n indices of the output from dst on read n of the input from src on, or the
// fill value.
type piece struct{ dst, src, n int }

// NewRemap plans a copy of a tensor of the given shape. maps has one list for each axis, whose length is the
// output's; nil copies the axis as it is. Indices must be -1 or inside the axis.
func NewRemap(shape []int, maps [][]int) *Remap {
	m := &Remap{run: 1, distinct: true}
	var axes []axisMap
	for i, n := range shape {
		a := axisMap{in: n, out: n, from: maps[i]}
		if a.from != nil {
			a.out = len(a.from)
			a.checkRange()
		}
		if last := len(axes) - 1; a.from == nil && last >= 0 && axes[last].from == nil {
			axes[last].in *= n
			axes[last].out *= n
			continue
		}
		axes = append(axes, a)
	}
	if n := len(axes); n > 0 && axes[n-1].from == nil {
		m.run, axes = axes[n-1].in, axes[:n-1]
	}
	m.last = axisMap{in: 1, out: 1}
	if n := len(axes); n > 0 {
		m.last, m.outer = axes[n-1], axes[:n-1]
	}
	m.cut()
	for i := range m.outer {
		m.distinct = m.outer[i].invert() && m.distinct
	}
	m.distinct = m.last.invert() && m.distinct
	return m
}

func (a *axisMap) checkRange() {
	for _, i := range a.from {
		if i < -1 || i >= a.in {
			panic("kernel: an index of a Remap is out of range")
		}
	}
}

// cut finds the stretches of the last axis.
func (m *Remap) cut() {
	if m.last.from == nil {
		m.pieces = []piece{{0, 0, m.last.out}}
		return
	}
	for i, s := range m.last.from {
		if k := len(m.pieces) - 1; k >= 0 {
			p := &m.pieces[k]
			if s >= 0 && p.src >= 0 && s == p.src+p.n || s < 0 && p.src < 0 {
				p.n++
				continue
			}
		}
		m.pieces = append(m.pieces, piece{i, s, 1})
	}
	m.element = m.run == 1 && 4*len(m.pieces) > len(m.last.from)
}

// invert lists the readers of each input index and says whether none has two.
func (a *axisMap) invert() bool {
	if a.from == nil {
		return true
	}
	a.first = make([]int, a.in+1)
	distinct := true
	for _, i := range a.from {
		if i >= 0 {
			a.first[i+1]++
			distinct = distinct && a.first[i+1] == 1
		}
	}
	for i := range a.in {
		a.first[i+1] += a.first[i]
	}
	next := append([]int{}, a.first...)
	a.readers = make([]int, a.first[a.in])
	for o, i := range a.from {
		if i >= 0 {
			a.readers[next[i]] = o
			next[i]++
		}
	}
	return distinct
}

// Copy writes the output of the remapping m of src to dst, fill where it reads nothing. dst and src must not overlap.
func Copy[T any](w *Workers, dst, src []T, m *Remap, fill T) {
	rows := 1
	for _, a := range m.outer {
		rows *= a.out
	}
	n := m.last.out * m.run
	if n == 0 {
		return
	}
	w.For(rows, max(1, copyGrain/n), func(lo, hi int) {
		before := -1
		for r := lo; r < hi; r++ {
			row := dst[r*n : (r+1)*n]
			at := m.source(r)
			switch {
			case at < 0:
				setRun(row, fill)
			case at == before:
				copy(row, dst[(r-1)*n:])
			default:
				copyRow(row, src[at:at+m.last.in*m.run], m, fill)
			}
			before = at
		}
	})
}

// source returns where the input row of output row r begins, -1 if there is none.
func (m *Remap) source(r int) int {
	at, stride := 0, m.last.in*m.run
	for k := len(m.outer) - 1; k >= 0; k-- {
		a := &m.outer[k]
		i := r % a.out
		r /= a.out
		if a.from != nil {
			if i = a.from[i]; i < 0 {
				return -1
			}
		}
		at += i * stride
		stride *= a.in
	}
	return at
}

func copyRow[T any](dst, src []T, m *Remap, fill T) {
	if m.element {
		for o, i := range m.last.from {
			if i >= 0 {
				dst[o] = src[i]
			} else {
				dst[o] = fill
			}
		}
		return
	}
	for _, p := range m.pieces {
		to := dst[p.dst*m.run : (p.dst+p.n)*m.run]
		if p.src < 0 {
			setRun(to, fill)
		} else {
			copy(to, src[p.src*m.run:])
		}
	}
}

func setRun[T any](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}

// CopyBackward writes to dx the sum of the elements of dy that read each element of the input. Sums are in double
// precision and in the order of the output.
func CopyBackward(w *Workers, dx, dy []float32, m *Remap) {
	rows, n := 1, m.last.in*m.run
	for _, a := range m.outer {
		rows *= a.in
	}
	if n == 0 {
		return
	}
	w.For(rows, max(1, copyGrain/n), func(lo, hi int) {
		var sums []float64
		if !m.distinct {
			sums = make([]float64, n)
		}
		index := make([]int, len(m.outer))
		for r := lo; r < hi; r++ {
			m.unravel(r, index)
			row := dx[r*n : (r+1)*n]
			if m.distinct {
				clear(row)
				m.readers(0, index, 0, func(o int) { m.backwardCopy(row, dy[o:]) })
				continue
			}
			clear(sums)
			m.readers(0, index, 0, func(o int) { m.backwardAdd(sums, dy[o:]) })
			for i, s := range sums {
				row[i] = float32(s)
			}
		}
	})
}

// unravel writes the outer indices of input row r.
func (m *Remap) unravel(r int, index []int) {
	for k := len(m.outer) - 1; k >= 0; k-- {
		index[k] = r % m.outer[k].in
		r /= m.outer[k].in
	}
}

// readers calls visit with the beginning of every output row that reads the input row of the given outer indices.
func (m *Remap) readers(k int, index []int, row int, visit func(at int)) {
	if k == len(m.outer) {
		visit(row * m.last.out * m.run)
		return
	}
	a := &m.outer[k]
	if a.from == nil {
		m.readers(k+1, index, row*a.out+index[k], visit)
		return
	}
	for _, o := range a.readers[a.first[index[k]]:a.first[index[k]+1]] {
		m.readers(k+1, index, row*a.out+o, visit)
	}
}

// backwardCopy undoes copyRow where no element is read twice.
func (m *Remap) backwardCopy(dx, dy []float32) {
	if m.element {
		for o, i := range m.last.from {
			if i >= 0 {
				dx[i] = dy[o]
			}
		}
		return
	}
	for _, p := range m.pieces {
		if p.src >= 0 {
			copy(dx[p.src*m.run:(p.src+p.n)*m.run], dy[p.dst*m.run:])
		}
	}
}

// backwardAdd adds a row of the output to the sums of the input row that it reads.
func (m *Remap) backwardAdd(sums []float64, dy []float32) {
	if m.element {
		for o, i := range m.last.from {
			if i >= 0 {
				sums[i] += float64(dy[o])
			}
		}
		return
	}
	for _, p := range m.pieces {
		if p.src < 0 {
			continue
		}
		to := sums[p.src*m.run : (p.src+p.n)*m.run]
		for i, v := range dy[p.dst*m.run : (p.dst+p.n)*m.run] {
			to[i] += float64(v)
		}
	}
}
