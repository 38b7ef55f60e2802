package parquet

import (
	"encoding/binary"
	"errors"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/onnx"
)

// column is a leaf of the schema.
type column struct {
	file    *File
	parquet *parquet.File
	leaf    *parquet.Column
	index   int // among the leaves
	name    string
	kind    record.Kind
	typ     onnx.DataType
	lists   int
}

func (c *column) Name() string        { return c.name }
func (c *column) Kind() record.Kind   { return c.kind }
func (c *column) Type() onnx.DataType { return c.typ }
func (c *column) Lists() int          { return c.lists }

func (c *column) Rows() int { return int(min(max(c.parquet.NumRows(), 0), math.MaxInt32)) }

// Each reads the column page by page.
func (c *column) Each(visit func(record.Value) error) (err error) {
	var fromVisit error
	defer func() {
		if fromVisit == nil {
			err = recovered(recover(), err)
		}
	}()
	a := assembler{column: c, visit: func(v record.Value) error {
		fromVisit = visit(v)
		return fromVisit
	}}
	for _, group := range c.parquet.RowGroups() {
		chunk, ok := group.ColumnChunks()[c.index].(*parquet.FileColumnChunk)
		if !ok {
			return fail(again, "column %q cannot be read", c.name)
		}
		if err := c.checkPages(chunk); err != nil {
			return err
		}
		if err := a.chunk(chunk); err != nil {
			return err
		}
	}
	if err := a.end(); err != nil {
		return err
	}
	if a.row != c.Rows() {
		return fail(again, "column %q has %d rows, but the file says %d", c.name, a.row, c.Rows())
	}
	return nil
}

// assembler makes rows of the values of a leaf, by their repetition and definition levels (Dremel, VLDB 2010).
type assembler struct {
	column *column
	visit  func(record.Value) error
	row    int // rows that are complete
	open   bool
	empty  bool // the row is an empty list
	value  record.Value
	counts []int // by list level: elements so far of the list that is open
	want   []int // by list level: elements of the first list of the row, -1 before it ended
}

// chunk reads one column of one row group.
func (a *assembler) chunk(chunk *parquet.FileColumnChunk) error {
	pages := chunk.Pages()
	defer pages.Close()
	buf := make([]parquet.Value, 256)
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fail(again, "column %q: %w", a.column.name, err)
		}
		if err := a.page(page, buf); err != nil {
			return err
		}
	}
}

func (a *assembler) page(page parquet.Page, buf []parquet.Value) error {
	defer parquet.Release(page)
	values := page.Values()
	for {
		n, err := values.ReadValues(buf)
		for _, v := range buf[:n] {
			if err := a.add(v); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fail(again, "column %q: %w", a.column.name, err)
		}
		if n == 0 {
			return fail(again, "column %q: a page ends too early", a.column.name)
		}
	}
}

// add takes the next value, which begins a row if it repeats nothing.
func (a *assembler) add(v parquet.Value) error {
	level := v.RepetitionLevel()
	if level > a.column.lists || level > 0 && !a.open || level > 0 && a.empty {
		return fail(again, "%s: the file is damaged: its repetition levels are wrong", a.column.place(a.row))
	}
	if level == 0 {
		if err := a.end(); err != nil {
			return err
		}
		a.begin()
	} else if err := a.repeat(level); err != nil {
		return err
	}
	if v.IsNull() {
		if a.column.lists == 0 || level > 0 {
			return fail("fill or drop rows without a value", "%s has no value", a.column.place(a.row))
		}
		a.empty = true
		return nil
	}
	return a.append(v)
}

func (a *assembler) begin() {
	a.open, a.empty = true, false
	a.value.Ints, a.value.Floats, a.value.Bytes = a.value.Ints[:0], a.value.Floats[:0], nil
	a.counts, a.want = a.counts[:0], a.want[:0]
	for range a.column.lists {
		a.counts, a.want = append(a.counts, 1), append(a.want, -1)
	}
}

// repeat begins another element of the list at a level, counted from 1; the lists within it end.
func (a *assembler) repeat(level int) error {
	if err := a.endLists(level); err != nil {
		return err
	}
	a.counts[level-1]++
	return nil
}

// endLists ends the lists deeper than a level, which must be as long as the first of the row.
func (a *assembler) endLists(level int) error {
	for i := level; i < len(a.counts); i++ {
		if a.want[i] >= 0 && a.want[i] != a.counts[i] {
			return fail("make the lists within a list equally long",
				"%s holds lists of %d and of %d elements", a.column.place(a.row), a.want[i], a.counts[i])
		}
		a.want[i], a.counts[i] = a.counts[i], 1
	}
	return nil
}

// end hands the row over that is open.
func (a *assembler) end() error {
	if !a.open {
		return nil
	}
	a.open = false
	a.value.Shape = a.value.Shape[:0]
	if a.empty {
		a.value.Shape = append(a.value.Shape, 0)
	} else if a.column.lists > 0 {
		if err := a.endLists(1); err != nil {
			return err
		}
		a.value.Shape = append(append(a.value.Shape, a.counts[0]), a.want[1:]...)
	}
	a.row++
	return a.visit(a.value)
}

// append converts one value.
func (a *assembler) append(v parquet.Value) error {
	switch v.Kind() {
	case parquet.Boolean:
		bit := int64(0)
		if v.Boolean() {
			bit = 1
		}
		a.value.Ints = append(a.value.Ints, bit)
	case parquet.Int32:
		a.value.Ints = append(a.value.Ints, int64(v.Int32()))
	case parquet.Int64:
		a.value.Ints = append(a.value.Ints, v.Int64())
	case parquet.Float:
		a.value.Floats = append(a.value.Floats, float64(v.Float()))
	case parquet.Double:
		a.value.Floats = append(a.value.Floats, v.Double())
	case parquet.ByteArray:
		a.value.Bytes = v.ByteArray()
	case parquet.FixedLenByteArray:
		if len(v.ByteArray()) != 2 {
			return fail(again, "%s is no float16", a.column.place(a.row))
		}
		a.value.Floats = append(a.value.Floats, half(binary.LittleEndian.Uint16(v.ByteArray())))
	default:
		return fail("convert the column to numbers", "%s is of type %s", a.column.place(a.row), v.Kind())
	}
	return nil
}

// half converts IEEE 754 binary16.
func half(h uint16) float64 {
	exponent, mantissa := int(h>>10&0x1f), float64(h&0x3ff)
	v := math.Ldexp(mantissa, -24)
	switch {
	case exponent == 0x1f && mantissa == 0:
		v = math.Inf(1)
	case exponent == 0x1f:
		v = math.NaN()
	case exponent > 0:
		v = math.Ldexp(mantissa+1024, exponent-25)
	}
	if h>>15 != 0 {
		v = -v
	}
	return v
}
