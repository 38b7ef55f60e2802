package dataset

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset/spill"
)

// MaxShapes is how many different shapes of samples a data set may have. A network is prepared for each of them.
const MaxShapes = 1000

// Parts returns the samples by shape: each part holds those of one shape, and its Inputs and Label are all it has. The
// rows of part i follow those of part i-1. Data whose samples all have one shape is its own only part.
func (d *Data) Parts() []*Data {
	if len(d.others) == 0 {
		return []*Data{d}
	}
	first := *d
	first.others = nil
	return append([]*Data{&first}, d.others...)
}

// Locate returns the part that rows belong to, as an index into Parts, and their numbers in it. The rows must be of one
// part, as those of every batch are.
func (d *Data) Locate(rows []int) (part int, local []int) {
	if len(d.others) == 0 || len(rows) == 0 {
		return 0, rows
	}
	starts := d.starts()
	part = partOf(starts, rows[0])
	local = make([]int, len(rows))
	for i, row := range rows {
		local[i] = row - starts[part]
	}
	return part, local
}

// starts returns the first row of every part.
func (d *Data) starts() []int {
	starts, next := []int{0}, d.own()
	for _, p := range d.others {
		starts = append(starts, next)
		next += p.own()
	}
	return starts
}

// partOf returns the part that a row is in.
func partOf(starts []int, row int) int {
	at, found := slices.BinarySearch(starts, row)
	if !found {
		at--
	}
	return at
}

// united makes one data set of parts that differ in shape, those without samples left out.
func united(parts []*Data) *Data {
	kept := slices.DeleteFunc(slices.Clone(parts), func(p *Data) bool { return p.own() == 0 })
	if len(kept) == 0 {
		kept = parts[:1]
	}
	d := *kept[0]
	d.others = kept[1:]
	return &d
}

// sorted unites parts, those with most samples first: what looks only at the head of the data sees common shapes.
func sorted(parts []*Data) (*Data, error) {
	if err := checkShapes(len(parts)); err != nil {
		return nil, err
	}
	slices.SortStableFunc(parts, func(a, b *Data) int { return cmp.Compare(b.own(), a.own()) })
	return united(parts), nil
}

// checkShapes refuses data of so many shapes that preparing a network for each would take forever.
func checkShapes(n int) error {
	if n > MaxShapes {
		return fail("pad samples to fewer lengths, such as multiples of 16",
			"the samples have %d different shapes: want at most %d", n, MaxShapes)
	}
	return nil
}

// Select returns the given rows as data of their own, in the order given among those of one shape. Rows may repeat; a
// row outside [0, Len()) panics, as indexing does.
func (d *Data) Select(rows []int) *Data {
	out, err := d.selected(rows)
	if err != nil {
		// There is no room on disk. Memory may have some: it is for few rows that callers need no error.
		out, _ = d.unstored().selected(rows)
	}
	return out
}

// unstored is d without a store, so that copies are in memory.
func (d *Data) unstored() *Data {
	parts := d.Parts()
	for i, p := range parts {
		part := *p
		part.store = nil
		parts[i] = &part
	}
	return united(parts)
}

// selected is Select that fails with ErrData where there is no room for a copy.
func (d *Data) selected(rows []int) (*Data, error) {
	parts := d.Parts()
	if len(parts) == 1 {
		return d.selectOwn(rows)
	}
	local, starts := make([][]int, len(parts)), d.starts()
	for _, row := range rows {
		part := partOf(starts, row)
		local[part] = append(local[part], row-starts[part])
	}
	for i, p := range parts {
		own, err := p.selectOwn(local[i])
		if err != nil {
			return nil, err
		}
		parts[i] = own
	}
	return united(parts), nil
}

// selectOwn is Select for samples of one shape.
func (d *Data) selectOwn(rows []int) (*Data, error) {
	var failed error
	out := d.each(func(c Column) Column {
		out, err := c.empty(len(rows), d.store)
		if failed = cmp.Or(failed, err); failed == nil {
			c.Gather(rows, out.Floats, out.Ints)
		}
		return out
	})
	if failed != nil {
		return nil, failed
	}
	if d.origins != nil {
		for _, row := range rows {
			out.origins = append(out.origins, d.origins[row])
		}
	}
	out.groups = d.groups.rows(rows)
	return out, nil
}

// empty is a column of as many samples of the same shape, all zeros.
func (c *Column) empty(samples int, s *spill.Store) (out Column, err error) {
	out = Column{Name: c.Name, Type: c.Type, Shape: c.Shape, Sets: c.Sets}
	if c.Floats != nil {
		out.Floats, err = spill.Copy[float32](s, samples*c.Size())
	} else {
		out.Ints, err = spill.Copy[int64](s, samples*c.Size())
	}
	return out, storeError(err)
}

// Head returns the first n samples, or all when there are fewer. It shares memory with d.
func (d *Data) Head(n int) *Data {
	n = max(0, min(n, d.Len()))
	parts := d.Parts()
	for i, p := range parts {
		own := min(n, p.own())
		parts[i] = p.headOwn(own)
		n -= own
	}
	return united(parts)
}

// headOwn is Head for samples of one shape, which has n of them.
func (d *Data) headOwn(n int) *Data {
	out := d.each(func(c Column) Column {
		if c.Floats != nil {
			c.Floats = c.Floats[: n*c.Size() : n*c.Size()]
		} else {
			c.Ints = c.Ints[: n*c.Size() : n*c.Size()]
		}
		return c
	})
	if d.origins != nil {
		out.origins = d.origins[:n:n]
	}
	if d.groups != nil {
		out.groups = &groups{d.groups.of[:n:n], d.groups.names}
	}
	return out
}

// each applies change to every column of the first shape, the labels included.
func (d *Data) each(change func(Column) Column) *Data {
	out := &Data{Inputs: make([]Column, len(d.Inputs)), path: d.path, folders: d.folders, placed: d.placed,
		store: d.store}
	for i, c := range d.Inputs {
		out.Inputs[i] = change(c)
	}
	if d.Label != nil {
		label := change(*d.Label)
		out.Label = &label
	}
	for _, c := range d.More {
		out.More = append(out.More, change(c))
	}
	return out
}

// WithFloats returns the data with the values of an input of floats changed, for the samples of each shape; all else is
// shared. change returns as many values as it is given, and does not write to them.
func (d *Data) WithFloats(input int, change func(Column) []float32) *Data {
	parts := d.Parts()
	for i, p := range parts {
		out := *p
		out.Inputs = slices.Clone(p.Inputs)
		out.Inputs[input].Floats = change(p.Inputs[input])
		parts[i] = &out
	}
	return united(parts)
}

// column returns a column of the first shape by its place in columns.
func (d *Data) column(at int) *Column {
	n := len(d.Inputs)
	switch {
	case at < n:
		return &d.Inputs[at]
	case at == n:
		return d.Label
	}
	return &d.More[at-n-1]
}

// columns returns the columns of the first shape, the labels last.
func (d *Data) columns() []Column {
	if d.Label == nil {
		return d.Inputs
	}
	return append(append(d.Inputs[:len(d.Inputs):len(d.Inputs)], *d.Label), d.More...)
}

// shapeKey is equal for data of equal shapes.
func (d *Data) shapeKey() string {
	key := ""
	for _, c := range d.columns() {
		key += fmt.Sprint(c.Shape)
	}
	return key
}

// origin returns where a row of the first shape was read from.
func (d *Data) origin(row int) origin {
	if row < len(d.origins) {
		return d.origins[row]
	}
	return origin{d.path, row}
}
