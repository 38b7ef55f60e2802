package dataset

import (
	"iter"

	"github.com/softmerge/softmerge/graphmatch/random"
)

// Batches yields batches of row numbers without end, for learning: pass after pass over the samples, each in an
// order drawn from seed. Rows of a batch are of one shape; sizes holds how many are in a batch of each part, or
// one number for all, and the shapes come in an order drawn as well. What is left over at the end of a pass
// begins that part's next one, so that every batch is full and every row is yielded equally often, give or take
// once. The slices yielded stay valid and must not be changed.
func (d *Data) Batches(seed uint64, sizes ...int) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		left := make([][]int, len(d.others)+1)
		for pass := uint64(0); d.Len() > 0; pass++ {
			// Stream 0 of a seed belongs to Split: a pass must not repeat its draws.
			for _, rows := range d.pass(random.New(seed, pass+1), left, sizes) {
				if !yield(rows) {
					return
				}
			}
		}
	}
}

// pass returns the batches of one pass, and leaves the rows that fill none in left, part by part. Where there
// are several parts, whose turn it is is drawn; the batches of each stay in their order.
func (d *Data) pass(order *random.Generator, left [][]int, sizes []int) [][]int {
	batches := make([][][]int, len(left))
	var turns []int
	before := 0
	for i, p := range d.Parts() {
		rows := p.rows(before)
		before += len(rows)
		shuffle(rows, order)
		rows, left[i] = append(left[i], rows...), nil
		for batch := range windows(rows, sizeOf(sizes, i)) {
			if len(batch) < sizeOf(sizes, i) {
				left[i] = batch
				break
			}
			batches[i] = append(batches[i], batch)
			turns = append(turns, i)
		}
	}
	if len(left) > 1 {
		shuffle(turns, order)
	}
	list := make([][]int, len(turns))
	for k, i := range turns {
		list[k], batches[i] = batches[i][0], batches[i][1:]
	}
	return list
}

// InOrder yields all row numbers in order, for judging: batches of one shape, with sizes as for Batches. The last batch
// of each part has what is left.
func (d *Data) InOrder(sizes ...int) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		before := 0
		for i, p := range d.Parts() {
			rows := p.rows(before)
			before += len(rows)
			for batch := range windows(rows, sizeOf(sizes, i)) {
				if !yield(batch) {
					return
				}
			}
		}
	}
}

// sizeOf returns the size of the batches of a part, at least 1; the last size is that of all further parts.
func sizeOf(sizes []int, part int) int {
	if len(sizes) == 0 {
		return 1
	}
	return max(1, sizes[min(part, len(sizes)-1)])
}

// rows numbers the rows of the first shape, from first on.
func (d *Data) rows(first int) []int {
	rows := make([]int, d.own())
	for i := range rows {
		rows[i] = first + i
	}
	return rows
}

// windows yields consecutive parts of rows.
func windows(rows []int, size int) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		for from := 0; from < len(rows); from += size {
			to := min(from+size, len(rows))
			if !yield(rows[from:to:to]) {
				return
			}
		}
	}
}

// shuffle puts a list into an order that is drawn.
func shuffle[T any](list []T, order *random.Generator) {
	order.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}
