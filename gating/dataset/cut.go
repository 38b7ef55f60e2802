package dataset

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset/spill"
)

// cut returns the samples without their padding, those of one shape together.
func (d *Data) cut(cuts []cut) (*Data, error) {
	groups := cutGroups(d.Len(), cuts)
	if len(groups) == 1 && !d.shortened(groups[0], cuts) {
		return d, nil
	}
	if err := checkShapes(len(groups)); err != nil {
		return nil, err
	}
	parts := make([]*Data, len(groups))
	for i, rows := range groups {
		part, err := d.cutRows(rows, cuts)
		if err != nil {
			return nil, err
		}
		parts[i] = part
	}
	d.free() // the padded samples
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
func (d *Data) cutRows(rows []int, cuts []cut) (*Data, error) {
	var failed error
	at := -1
	out := d.each(func(c Column) Column {
		at++
		axis, length := -1, 0
		for _, of := range cuts {
			if of.column == at {
				axis, length = of.axis, int(of.lengths[rows[0]])
			}
		}
		out, err := c.cut(rows, axis, length, d.store)
		failed = cmp.Or(failed, err)
		return out
	})
	for _, row := range rows {
		out.origins = append(out.origins, origin{row: row})
	}
	out.groups = d.groups.rows(rows)
	return out, failed
}

// cut returns the given rows with the first n positions along an axis of every sample, with all if the axis is -1.
func (c *Column) cut(rows []int, axis, n int, s *spill.Store) (out Column, err error) {
	out = Column{Name: c.Name, Type: c.Type, Shape: slices.Clone(c.Shape), Sets: c.Sets}
	from, to := c.Size(), c.Size()
	if axis >= 0 {
		out.Shape[axis] = n
		inner := product(c.Shape[axis+1:])
		from, to = c.Shape[axis]*inner, n*inner
	}
	if c.Floats != nil {
		out.Floats, err = cutValues(c.Floats, rows, c.Size(), from, to, s)
	} else {
		out.Ints, err = cutValues(c.Ints, rows, c.Size(), from, to, s)
	}
	return out, storeError(err)
}

// cutValues keeps, of rows of a size, the first to values of every from.
func cutValues[T spill.Number](values []T, rows []int, size, from, to int, s *spill.Store) ([]T, error) {
	out, err := spill.Array[T](s, len(rows)*(size/from*to))
	if err != nil {
		return nil, err
	}
	rest := out
	for _, row := range rows {
		for at := row * size; at < (row+1)*size; at += from {
			rest = rest[copy(rest, values[at:at+to]):]
		}
	}
	return out, nil
}
