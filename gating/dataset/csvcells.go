package dataset

import (
	"iter"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset/spill"
)

// cells are the rows of a table, in blocks of which each may be on disk. The last number of a row is the line that it
// begins on, counted from 1.
type cells struct {
	store  *spill.Store
	width  int
	blocks [][]float64
}

// Blocks grow from so many rows on, as far as so many cells.
const leastBlock, mostBlock = 64, 1 << 20

// add returns room for one more row.
func (c *cells) add() ([]float64, error) {
	last := len(c.blocks) - 1
	if last < 0 || len(c.blocks[last]) == cap(c.blocks[last]) {
		size := leastBlock * c.width
		if last >= 0 {
			size = min(2*len(c.blocks[last]), max(mostBlock/c.width, 1)*c.width)
		}
		block, err := spill.Array[float64](c.store, size)
		if err != nil {
			return nil, storeError(err)
		}
		c.blocks, last = append(c.blocks, block[:0:size]), last+1
	}
	at := len(c.blocks[last])
	c.blocks[last] = c.blocks[last][:at+c.width]
	return c.blocks[last][at:], nil
}

// each yields the rows.
func (c *cells) each() iter.Seq[[]float64] {
	return func(yield func([]float64) bool) {
		for _, block := range c.blocks {
			for row := range slices.Chunk(block, c.width) {
				if !yield(row) {
					return
				}
			}
		}
	}
}

func (c *cells) free() {
	for _, block := range c.blocks {
		spill.Free(c.store, block)
	}
}
