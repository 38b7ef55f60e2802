package dataset

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/jsonlines"
	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/gating/dataset/webdataset"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/untrusted"
)

// openRecords makes samples of the columns of a file of records: those of numbers as arrays of other files are; lists
// that differ in length are padded, and cut again where the graph's axis is symbolic; images go through the
// preprocessing; text through the tokenizer.
func (l *loader) openRecords(columns []record.Column) (*Data, error) {
	columns, err := l.nameFiles(columns)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(columns, func(c record.Column) bool { return c.Kind() == record.Image }) {
		if _, err := l.imageField(); l.probe && err == nil {
			return nil, errImages
		}
		for i, c := range columns {
			columns[i] = record.Thin(c, l.Sample)
		}
	}
	if columns, err = l.takeGroupColumn(columns); err != nil {
		return nil, err
	}
	arrays, notes, err := l.textArrays(columns)
	if err != nil {
		return nil, err
	}
	arrays = append(arrays, l.recordArrays(columns, arrays != nil)...)
	p, err := l.pick(arrays)
	if err != nil {
		return nil, err
	}
	l.readSets(&p)
	arrays = slices.Concat(p.inputs, p.labels)
	p.notes = append(notes, p.notes...)
	d, err := l.read(p)
	if err != nil {
		return nil, err
	}
	return l.cutRecords(d, p, arrays)
}

// cutRecords takes the padding off columns whose rows differ in length.
func (l *loader) cutRecords(d *Data, p picked, arrays []named) (*Data, error) {
	c := cutter{data: d, picked: p, byName: map[string]plan{}}
	for _, a := range arrays {
		if lengths := rowLengths(a); lengths != nil {
			if err := c.add(named{a.name + "." + lengthsKey, lengths}, l.store); err != nil {
				return nil, err
			}
		}
	}
	if len(c.byName) == 0 {
		return d, nil
	}
	if err := c.plan(); err != nil {
		return nil, err
	}
	return d.cut(c.cuts)
}

// rowLengths returns the lengths of rows that were padded, nil if all are equally long.
func rowLengths(a named) classArray {
	if r, ok := a.array.(interface{ rowLengths() []int64 }); ok {
		return r.rowLengths()
	}
	return nil
}

// recordArrays makes an array of every column; of text that is read already it makes none.
func (l *loader) recordArrays(columns []record.Column, read bool) (arrays []named) {
	for _, c := range columns {
		switch c.Kind() {
		case record.Text:
			if l.isLabel(c.Name()) {
				arrays = append(arrays, named{c.Name(), l.namesOf(c)})
			} else if !read {
				arrays = append(arrays, named{c.Name(), otherArray{c}})
			}
		case record.Number:
			arrays = append(arrays, named{c.Name(), &numberArray{column: c}})
		case record.Image:
			arrays = append(arrays, named{c.Name(), &encodedArray{column: c, loader: l}})
		default:
			arrays = append(arrays, named{c.Name(), otherArray{c}})
		}
	}
	return arrays
}

// openTar reads an archive of samples.
func (l *loader) openTar(path string) (*Data, error) {
	f, info, err := untrusted.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	a, err := webdataset.Read(f, info.Size(), l.take)
	if err != nil {
		return nil, recordError(err)
	}
	columns, err := unpackArrays(a.Columns)
	if err != nil {
		return nil, err
	}
	unread := "fields of the samples that are not read: " + strings.Join(a.Unread, ", ")
	d, err := l.openRecords(columns)
	switch {
	case len(a.Unread) == 0 || errors.Is(err, errImages) || errors.Is(err, errNoImages):
	case err != nil:
		err = fail(advice.Hint(err), "%w; %s", err, unread)
	default:
		d.addNotes(unread)
	}
	return d, err
}

// openJSONLines reads a file with an object a line.
func (l *loader) openJSONLines(path string) (*Data, error) {
	f, err := stream(path)()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	columns, err := jsonlines.Read(f, l.take)
	if err != nil {
		return nil, recordError(err)
	}
	return l.openRecords(columns)
}

// otherArray is a column that cannot be fed.
type otherArray struct{ record.Column }

func (a otherArray) header() (onnx.DataType, []int, error) {
	hint := "convert it to numbers"
	if a.Kind() == record.Text {
		hint = "text needs --tokenizer tokenizer.json; labels must be class indices"
	}
	return 0, nil, fail(hint, "%q holds %s", a.Name(), a.Kind())
}

func (a otherArray) floats(*spill.Store) ([]float32, error) { _, _, err := a.header(); return nil, err }
func (a otherArray) ints(*spill.Store) ([]int64, error)     { _, _, err := a.header(); return nil, err }

// numberArray is a column of numbers, or of lists that are padded with zeros to the longest along their first axis.
type numberArray struct {
	column  record.Column
	known   bool
	rows    int
	shape   []int   // of the longest row
	lengths []int64 // of every row, where lists differ
	set     bool    // lists are sets of classes, filled up with noClass
	err     error
}

// scan finds the longest list by reading the column once.
func (a *numberArray) scan() error {
	if a.known {
		return a.err
	}
	a.known = true
	if a.column.Lists() == 0 {
		a.rows = a.column.Rows()
		return nil
	}
	ragged := false
	a.err = a.column.Each(func(v record.Value) error {
		switch {
		case len(v.Shape) == 1 && v.Shape[0] == 0: // an empty list, of whatever
			ragged = ragged || a.rows > 0 || a.column.Lists() > 0
		case len(a.shape) == 0:
			a.shape = slices.Clone(v.Shape)
		case !slices.Equal(v.Shape[1:], a.shape[1:]):
			return fail("make the lists within a list equally long in every row",
				"%q, row %d: a list of shape %v where others have %v", a.column.Name(), a.rows, v.Shape, a.shape)
		case v.Shape[0] != a.shape[0]:
			ragged = true
			a.shape[0] = max(a.shape[0], v.Shape[0])
		}
		a.lengths = append(a.lengths, int64(v.Shape[0]))
		a.rows++
		return nil
	})
	a.err = recordError(a.err)
	if !ragged {
		a.lengths = nil
	}
	if a.err == nil && a.shape == nil {
		a.shape = []int{0}
	}
	return a.err
}

func (a *numberArray) rowLengths() []int64 {
	if a.set {
		return nil
	}
	return a.lengths
}

func (a *numberArray) header() (onnx.DataType, []int, error) {
	if err := a.scan(); err != nil {
		return 0, nil, err
	}
	if _, err := countElements(append([]int{a.rows}, a.shape...)); err != nil {
		return 0, nil, err
	}
	return a.column.Type(), append([]int{a.rows}, a.shape...), nil
}

func (a *numberArray) floats(b *spill.Store) ([]float32, error) {
	return fillRows(a, b, func(dst []float32, v record.Value) *badValue {
		for i, x := range v.Floats {
			dst[i] = float32(x)
		}
		for i, x := range v.Ints {
			dst[i] = float32(x)
		}
		return nil
	})
}

func (a *numberArray) ints(b *spill.Store) ([]int64, error) {
	return fillRows(a, b, func(dst []int64, v record.Value) *badValue {
		for i, x := range v.Floats {
			whole, ok := wholeNumber(x)
			if !ok {
				return &badValue{index: i, what: fmt.Sprintf("%v is not an integer of 64 bits", x)}
			}
			dst[i] = whole
		}
		copy(dst, v.Ints)
		for i := len(v.Ints); a.set && i < len(dst); i++ {
			dst[i] = noClass
		}
		return nil
	})
}

// fillRows reads all rows. Memory grows with what is read.
func fillRows[T spill.Number](a *numberArray, b *spill.Store, fill func([]T, record.Value) *badValue) ([]T, error) {
	if err := a.scan(); err != nil {
		return nil, err
	}
	per := product(a.shape)
	out, err := spill.Begin[T](b, a.rows*per, 0)
	if err != nil {
		return nil, storeError(err)
	}
	err = a.column.Each(func(v record.Value) error {
		at := len(out)
		if len(v.Ints)+len(v.Floats) > per || at == a.rows*per {
			return fail("write the file again", "%q changed while it was read", a.column.Name())
		}
		out = extend(out, per, a.rows*per)
		clear(out[at:])
		if bad := fill(out[at:], v); bad != nil {
			bad.index += at
			return bad
		}
		return nil
	})
	if bad := (*badValue)(nil); err != nil && !errors.As(err, &bad) {
		err = recordError(err)
	}
	if err == nil {
		spill.Finish(b, out)
	}
	return out, err
}

// recordError makes an error of kind ErrData of one of a package below, and keeps its hint.
func recordError(err error) error {
	if err == nil || errors.Is(err, ErrData) {
		return err
	}
	hint := advice.Hint(err)
	if hint == "" {
		hint = "check that the file is complete and can be read"
	}
	return fail(hint, "%w", err)
}
