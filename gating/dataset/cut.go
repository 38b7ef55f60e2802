package dataset

import (
	"encoding/binary"
	"slices"
)

// cut returns the samples without their padding, those of one shape together.
func (d *Data) cut(cuts []cut, b *budget) (*Data, error) {
	groups := cutGroups(d.Len(), cuts)
	if len(groups) == 1 && !d.shortened(groups[0], cuts) {
		return d, nil
	}
	if err := checkShapes(len(groups)); err != nil {
		return nil, err
	}
	// While samples are copied there are two of each; the padded ones go then.
	for _, c := range d.columns() {
		if err := b.take(len(c.Floats)+len(c.Ints), c.width()); err != nil {
			return nil, err
		}
		defer b.giveBack(len(c.Floats)+len(c.Ints), c.width())
	}
	parts := make([]*Data, len(groups))
	for i, rows := range groups {
		parts[i] = d.cutRows(rows, cuts)
	}
	out, err := sorted(parts)
	if err == nil {
		out.Warnings, out.Notes = d.Warnings, d.Notes
	}
	return out, err
}

// cutGroups returns the rows that are cut to the same lengths, in the order in which these first appear.
func cutGroups(n int, cuts []cut) [][]int {
	var groups [][]int
	index := map[string]int{}
	var key []byte
	for row := range n {
		key = key[:0]
		for _, c := range cuts {
			key = binary.AppendVarint(key, c.lengths[row])
		}
		i, ok := index[string(key)]
		if !ok {
			i = len(groups)
			index[string(key)] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], row)
	}
	return groups
}

// shortened says whether any cut takes something off these rows.
func (d *Data) shortened(rows []int, cuts []cut) bool {
	columns := d.columns()
	return slices.ContainsFunc(cuts,
		func(c cut) bool { return c.lengths[rows[0]] < int64(columns[c.column].Shape[c.axis]) })
}

// cutRows returns rows that are cut to the same lengths.
func (d *Data) cutRows(rows []int, cuts []cut) *Data {
	out := d.selectOwn(rows)
	for _, c := range cuts {
		out.column(c.column).shorten(c.axis, int(c.lengths[rows[0]]))
	}
	for _, row := range rows {
		out.origins = append(out.origins, origin{row: row})
	}
	return out
}

// shorten keeps the first n positions along an axis of every sample.
func (c *Column) shorten(axis, n int) {
	inner := product(c.Shape[axis+1:])
	from, to := c.Shape[axis]*inner, n*inner
	c.Shape = slices.Clone(c.Shape)
	c.Shape[axis] = n
	c.Floats, c.Ints = shortened(c.Floats, from, to), shortened(c.Ints, from, to)
}

// shortened keeps the first to values of every from.
func shortened[T any](values []T, from, to int) []T {
	if values == nil {
		return nil
	}
	out := make([]T, 0, len(values)/from*to)
	for at := 0; at < len(values); at += from {
		out = append(out, values[at:at+to]...)
	}
	return out
}

// width is the size of one value in memory.
func (c *Column) width() int {
	if c.Floats != nil {
		return 4
	}
	return 8
}
