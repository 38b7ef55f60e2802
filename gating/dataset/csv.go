package dataset

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/untrusted"
)

// openCSV reads a table of numbers whose first row names the columns.
func (l *loader) openCSV(path string, comma rune) (*Data, error) {
	f, _, err := untrusted.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return l.readCSV(f, comma)
}

func (l *loader) readCSV(r io.Reader, comma rune) (*Data, error) {
	t, err := readTable(r, comma, l.Options, l.store)
	if err != nil {
		return nil, err
	}
	defer t.cells.free()
	p, err := t.pick(l.Options)
	if err == nil {
		err = l.findGroup(t.each(), "")
	}
	if err != nil {
		return nil, err
	}
	return l.read(p)
}

// table is a CSV file in memory.
type table struct {
	names   []string
	cells   cells
	rows    int
	whole   []bool   // which columns hold integers only
	groupAt int      // the column that names groups, which may hold text; -1 for none
	groups  []string // its cells, as they are written
}

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

func readTable(r io.Reader, comma rune, o Options, b *spill.Store) (*table, error) {
	in := csv.NewReader(skipByteOrderMark(r))
	in.Comma, in.TrimLeadingSpace, in.ReuseRecord = comma, true, true
	head, err := in.Read()
	if err != nil {
		return nil, badCSV(err)
	}
	t := &table{names: slices.Clone(head), whole: slices.Repeat([]bool{true}, len(head)),
		cells: cells{store: b, width: len(head) + 1}}
	if err := t.checkNames(); err != nil {
		return nil, err
	}
	t.groupAt = -1
	if !o.groupIsLabel() {
		t.groupAt = slices.Index(t.names, o.Group)
	}
	if t.groupAt < 0 && o.Group != "" && o.Group != GroupByFile && !slices.Contains(t.names, o.Group) {
		return nil, noGroup(o.Group, t.names)
	}
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, badCSV(err)
		}
		if t.groupAt >= 0 {
			if err := storeError(b.Take(int64(len(record[t.groupAt])))); err != nil {
				return nil, err
			}
		}
		if err := t.add(record, in); err != nil {
			return nil, err
		}
	}
}

func skipByteOrderMark(r io.Reader) io.Reader {
	in := bufio.NewReader(r)
	if mark, err := in.Peek(3); err == nil && string(mark) == "\ufeff" {
		in.Discard(3)
	}
	return in
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
		if t.names[i] == "" {
			return fail("an index that pandas wrote? use df.to_csv(path, index=False)",
				"line 1: column %d has no name", i+1)
		}
		if seen[t.names[i]] {
			return fail("give every column a name of its own", "line 1: two columns are named %q", t.names[i])
		}
		seen[t.names[i]] = true
	}
	if len(t.names) == 1 && strings.ContainsAny(t.names[0], ";\t") {
		return fail("separate cells by commas, or by tabs in a .tsv file", "line 1: there is only one column, %q",
			t.names[0])
	}
	return nil
}

func isNoNumber(s string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return err != nil
}

// add appends one row. in says where its cells stand.
func (t *table) add(record []string, in *csv.Reader) error {
	row, err := t.cells.add()
	if err != nil {
		return err
	}
	for i, text := range record {
		text = strings.TrimSpace(text)
		if i == t.groupAt {
			t.groups = append(t.groups, strings.Clone(text))
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || !onnx.Finite(v) {
			line, column := in.FieldPos(i)
			return fail("cells must be finite numbers: encode text as numbers, and drop or fill rows with gaps",
				"line %d, column %d (%q): %.40q is not a finite number", line, column, t.names[i], text)
		}
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			t.whole[i] = false
		}
		row[i] = v
	}
	line, _ := in.FieldPos(0)
	row[len(record)] = float64(line)
	t.rows++
	return nil
}

// columns are some columns of a table as an array of shape [rows, columns].
type columns struct {
	*table
	which []int
}

// texts reads the column that names groups.
func (c columns) texts(b *spill.Store, visit func(string) error) error {
	if c.which[0] != c.groupAt {
		return arrayGroups(numbersOnly{c}, nil)(b, visit)
	}
	for _, text := range c.groups {
		if err := visit(text); err != nil {
			return err
		}
	}
	return nil
}

func (c columns) header() (onnx.DataType, []int, error) {
	typ := onnx.Int64
	for _, i := range c.which {
		if !c.whole[i] {
			typ = onnx.Float64
		}
	}
	return typ, []int{c.rows, len(c.which)}, nil
}

func (c columns) floats(b *spill.Store) ([]float32, error) {
	out, err := spill.Array[float32](b, c.rows*len(c.which))
	if err != nil {
		return nil, storeError(err)
	}
	out = out[:0]
	for row := range c.cells.each() {
		for _, i := range c.which {
			out = append(out, float32(row[i]))
		}
	}
	return out, nil
}

func (c columns) ints(b *spill.Store) ([]int64, error) {
	out, err := spill.Array[int64](b, c.rows*len(c.which))
	if err != nil {
		return nil, storeError(err)
	}
	// Cells were read as float64, which holds integers up to here exactly.
	const exact = 1 << 53
	out = out[:0]
	for row := range c.cells.each() {
		for _, i := range c.which {
			v, ok := wholeNumber(row[i])
			if !ok || v > exact || v < -exact {
				return nil, fail("the graph's input wants integers up to 2^53",
					"line %.0f, column %q: %v is not such an integer", row[len(row)-1], c.names[i], fmt.Sprint(row[i]))
			}
			out = append(out, v)
		}
	}
	return out, nil
}
