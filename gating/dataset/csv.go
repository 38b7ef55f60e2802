package dataset

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/onnx/advice"
)

// openCSV reads a table whose first row names the columns. open gives it from its beginning; it is read twice where a
// column turns out to hold text after numbers.
func (l *loader) openCSV(open func() (io.ReadCloser, error), comma rune) (*Data, error) {
	t, err := l.readTable(open, comma)
	if err != nil {
		return nil, err
	}
	defer t.cells.free()
	d, err := l.openTable(t)
	if err == nil {
		d.placed = t.placed
		d.addNotes(t.notes()...)
	}
	return d, err
}

// openTable makes samples of a table: of its numbers, or of its sentences or pictures where the graph takes such.
func (l *loader) openTable(t *table) (*Data, error) {
	if t.hasText() && !t.isNumbered(l.Inputs) {
		records := t.records()
		if of := l.withoutGroup(records); l.takesText(of) || l.takesFiles(of) {
			return l.openRecords(records)
		}
	}
	p, err := t.pick(l)
	if err == nil {
		err = l.findGroup(t.each(), "")
	}
	if err != nil {
		return nil, err
	}
	d, err := l.read(p)
	if hint := t.surplus(p); err != nil && hint != "" {
		return nil, advice.With(err, hint)
	}
	return d, err
}

// table is a CSV file in memory.
type table struct {
	names  []string
	cells  cells
	rows   int
	whole  []bool           // which columns hold integers only
	seen   []bool           // which columns have had a number
	text   []*record.Values // the cells of columns that hold text; nil for those of numbers
	wrong  []error          // the first cell of a column that is no number
	first  []string         // the cells of the first row, as they are written
	placed []string         // columns that feed the only input in the order of the file, for no name tells one
	index  bool             // the first column has no name: it numbers the rows
	points int              // cells with a decimal comma
	comma  rune             // that cells are separated by, and the one that was to be expected
	usual  rune
}

// readTable reads a file, and again where columns are to be read as text from the first row on.
func (l *loader) readTable(open func() (io.ReadCloser, error), comma rune) (*table, error) {
	forced := map[string]error{}
	if l.wantsGroups() && !l.groupIsLabel() {
		forced[l.Group] = nil
	}
	for {
		r, err := open()
		if err != nil {
			return nil, err
		}
		t, mixed, err := l.readRows(r, comma, forced)
		r.Close()
		if err != nil {
			return nil, err
		}
		if name := l.numbersFiles(t); name != "" {
			mixed[name] = nil
		}
		if len(mixed) == 0 {
			return t, nil
		}
		t.cells.free()
		maps.Copy(forced, mixed)
	}
}

// readRows reads a table; forced are columns of text, with their first cell that is no number. mixed are those that
// hold text after numbers.
func (l *loader) readRows(r io.Reader, comma rune, forced map[string]error) (t *table, mixed map[string]error,
	err error) {
	text, separator, err := readText(r, comma)
	if err != nil {
		return nil, nil, err
	}
	in := csv.NewReader(text)
	in.Comma, in.TrimLeadingSpace, in.ReuseRecord, in.LazyQuotes = separator, separator != '\t', true, separator == '\t'
	head, err := in.Read()
	if err != nil {
		return nil, nil, badCSV(err)
	}
	if t, err = l.newTable(head, forced); err != nil {
		return nil, nil, err
	}
	t.comma, t.usual = separator, comma
	for !l.probe || t.rows == 0 {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return t, nil, badCSV(err)
		}
		if t.rows == 0 {
			t.first = slices.Clone(row)
		}
		if err := t.add(row, in, l.take); err != nil {
			return t, nil, err
		}
	}
	return t, t.mixed(), nil
}

// newTable is a table without rows.
func (l *loader) newTable(head []string, forced map[string]error) (*table, error) {
	n := len(head)
	t := &table{names: slices.Clone(head), whole: slices.Repeat([]bool{true}, n), seen: make([]bool, n),
		text: make([]*record.Values, n), wrong: make([]error, n), cells: cells{store: l.store, width: n + 1}}
	if err := t.checkNames(); err != nil {
		return nil, err
	}
	if l.wantsGroups() && !slices.Contains(t.names, l.Group) {
		return nil, noGroup(l.Group, t.names)
	}
	for i, name := range t.names {
		if wrong, ok := forced[name]; ok {
			t.text[i], t.wrong[i] = &record.Values{Key: name}, wrong
		}
	}
	return t, nil
}

// mixed are the columns that hold text after numbers, with the first cell that is none.
func (t *table) mixed() map[string]error {
	list := map[string]error{}
	for i, name := range t.names {
		if t.text[i] == nil && t.wrong[i] != nil && !errors.Is(t.wrong[i], errGap) {
			list[name] = t.wrong[i]
		}
	}
	return list
}

// badCSV explains an error of package encoding/csv, which counts lines and columns from 1.
func badCSV(err error) error {
	if errors.Is(err, io.EOF) {
		return fail("the first row names the columns, every other row is a sample", "the file is empty")
	}
	if at := (*csv.ParseError)(nil); errors.As(err, &at) {
		return fail("every row needs the same cells as the first, which names the columns",
			"line %d, column %d: %v", at.Line, max(at.Column, 1), at.Err)
	}
	return unreadable(err)
}

func (t *table) checkNames() error {
	if !slices.ContainsFunc(t.names, isNoNumber) {
		return fail("add a first row with the names of the columns, such as x0,x1,label",
			"line 1: there are only numbers where the names of the columns belong")
	}
	seen := map[string]bool{}
	for i, name := range t.names {
		t.names[i] = strings.TrimSpace(name)
		if i == 0 && len(t.names) > 1 && (t.names[i] == "" || t.names[i] == "Unnamed: 0") {
			t.index = true
			continue
		}
		if t.names[i] == "" {
			return fail("give every column a name in the first row", "line 1: column %d has no name", i+1)
		}
		if seen[t.names[i]] {
			return fail("give every column a name of its own", "line 1: two columns are named %q", t.names[i])
		}
		seen[t.names[i]] = true
	}
	return nil
}

// notes say how the file was read, where that is not how such files usually are.
func (t *table) notes() (list []string) {
	if t.comma != t.usual {
		list = append(list, fmt.Sprintf("cells are separated by %q", t.comma))
	}
	if t.points > 0 {
		list = append(list, "commas within numbers are read as decimal points")
	}
	if t.index {
		list = append(list,
			"the first column, which has no name, is left out: it numbers the rows, as pandas writes it")
	}
	return list
}

// hasText says whether any column holds text.
func (t *table) hasText() bool {
	return slices.ContainsFunc(t.text, func(v *record.Values) bool { return v != nil })
}
