package dataset

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
)

// Overlap counts the samples of b whose inputs are, bit for bit, those of a sample of a, and names the first pair: rows
// of a and of b, numbered through all parts, {-1, -1} if there is none. Labels are not looked at. Samples are compared
// in full, so that no collision of hashes counts.
func Overlap(a, b *Data) (count int, first [2]int) {
	return newRowIndex(a).matches(b, func(_, _ int) bool { return true })
}

// Duplicates counts the samples whose inputs an earlier sample has, bit for bit, and names the first pair: the earlier
// row and the later one, {-1, -1} if there is none.
func (d *Data) Duplicates() (count int, first [2]int) {
	return newRowIndex(d).matches(d, func(at, row int) bool { return at < row })
}

// CheckOverlap fails with ErrData if samples that models are to be judged on are among those to learn on: such a
// judgement would praise what was only learned by heart. It says how many they are and where the first one stands in
// both files.
func CheckOverlap(learn, held *Data) error {
	count, first := Overlap(learn, held)
	if count == 0 {
		return nil
	}
	from, to := learn.originOf(first[0]), held.originOf(first[1])
	what := fmt.Sprintf("%d of %d held-out samples are", count, held.Len())
	if count == held.Len() {
		what = fmt.Sprintf("all %d held-out samples are", count)
	}
	return fail("hold out samples that nothing learns on: drop them from one of the two, or leave the held-out data "+
		"away and let a share be split off", "%s in the data to learn on as well: the first is row %d of %s and "+
		"row %d of %s", what, to.row, to.path, from.row, from.path)
}

// originOf returns where a row, numbered through all parts, was read from.
func (d *Data) originOf(row int) origin {
	part, local := d.Locate([]int{row})
	at := d.Parts()[part].origin(local[0])
	if at.path == "" {
		at.path = "the data"
	}
	return at
}

// rowIndex finds rows by their inputs.
type rowIndex struct {
	seed maphash.Seed
	data []*Data // by part
	rows []hashedRow
}

// hashedRow is a row, numbered through all parts, and the hash of its inputs.
type hashedRow struct {
	hash uint64
	row  int
}

func newRowIndex(d *Data) *rowIndex {
	x := &rowIndex{seed: maphash.MakeSeed(), data: d.Parts(), rows: make([]hashedRow, 0, d.Len())}
	for _, p := range x.data {
		for local := range p.own() {
			x.rows = append(x.rows, hashedRow{x.hash(p, local), len(x.rows)})
		}
	}
	slices.SortFunc(x.rows, func(a, b hashedRow) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.row, b.row))
	})
	return x
}

// matches counts the rows of d that equal a row of the index, as far as the pair counts, and returns the first pair.
func (x *rowIndex) matches(d *Data, counts func(at, row int) bool) (count int, first [2]int) {
	first = [2]int{-1, -1}
	row := 0
	for _, p := range d.Parts() {
		for local := range p.own() {
			if at := x.find(p, local); at >= 0 && counts(at, row) {
				if count == 0 {
					first = [2]int{at, row}
				}
				count++
			}
			row++
		}
	}
	return count, first
}

// find returns the first row that is equal to row local of p, -1 if there is none.
func (x *rowIndex) find(p *Data, local int) int {
	hash := x.hash(p, local)
	from, _ := slices.BinarySearchFunc(x.rows, hash, func(r hashedRow, h uint64) int { return cmp.Compare(r.hash, h) })
	for _, r := range x.rows[from:] {
		if r.hash != hash {
			break
		}
		part, at := 0, r.row
		for at >= x.data[part].own() {
			at -= x.data[part].own()
			part++
		}
		if equalRows(x.data[part], at, p, local) {
			return r.row
		}
	}
	return -1
}

// hash mixes the values of all inputs of one row.
func (x *rowIndex) hash(p *Data, row int) uint64 {
	var h maphash.Hash
	h.SetSeed(x.seed)
	var word [8]byte
	for i := range p.Inputs {
		floats, ints := p.Inputs[i].row(row)
		for _, v := range floats {
			binary.LittleEndian.PutUint32(word[:], math.Float32bits(v))
			h.Write(word[:4])
		}
		for _, v := range ints {
			binary.LittleEndian.PutUint64(word[:], uint64(v))
			h.Write(word[:])
		}
	}
	return h.Sum64()
}

// equalRows compares the inputs of two rows by their bits.
func equalRows(a *Data, i int, b *Data, j int) bool {
	return slices.EqualFunc(a.Inputs, b.Inputs, func(p, q Column) bool {
		if !slices.Equal(p.Shape, q.Shape) || (p.Floats == nil) != (q.Floats == nil) {
			return false
		}
		floats, ints := p.row(i)
		others, otherInts := q.row(j)
		return slices.Equal(ints, otherInts) && slices.EqualFunc(floats, others, func(v, w float32) bool {
			return math.Float32bits(v) == math.Float32bits(w)
		})
	})
}

// row returns the values of one sample; one of the two is nil.
func (c *Column) row(i int) ([]float32, []int64) {
	n := c.Size()
	if c.Floats != nil {
		return c.Floats[i*n : (i+1)*n], nil
	}
	return nil, c.Ints[i*n : (i+1)*n]
}
