package dataset

import (
	"iter"
	"math/bits"
	"math/rand/v2"
)

// Batches yields the row numbers of one epoch in an order drawn from seed and epoch, size rows at a time; the last
// batch has what is left. Every row comes exactly once. The slices yielded stay valid and must not be changed.
func (d *Data) Batches(size int, seed uint64, epoch int) iter.Seq[[]int] {
	rows := d.rows()
	// Stream 0 of a seed belongs to Split: an epoch must not repeat its draws.
	shuffle(rows, rand.NewPCG(seed, uint64(epoch)+1))
	return windows(rows, size)
}

// InOrder yields all row numbers in the order of the file, size rows at a time; the last batch has what is left.
func (d *Data) InOrder(size int) iter.Seq[[]int] {
	return windows(d.rows(), size)
}

func (d *Data) rows() []int {
	rows := make([]int, d.Len())
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// windows yields consecutive parts of rows. A size below 1 counts as 1.
func windows(rows []int, size int) iter.Seq[[]int] {
	size = max(1, size)
	return func(yield func([]int) bool) {
		for from := 0; from < len(rows); from += size {
			to := min(from+size, len(rows))
			if !yield(rows[from:to:to]) {
				return
			}
		}
	}
}

// shuffle is the Fisher-Yates shuffle. It is written out because only the raw stream of PCG, not the methods of
// rand.Rand, is promised to stay the same in later versions of Go, and a merge must be reproducible.
func shuffle(rows []int, random *rand.PCG) {
	for i := len(rows) - 1; i > 0; i-- {
		// The high word of the product is below i+1; its bias, under 2^-40 for any data that fits in memory, is harmless.
		j, _ := bits.Mul64(random.Uint64(), uint64(i)+1)
		rows[i], rows[j] = rows[j], rows[i]
	}
}
