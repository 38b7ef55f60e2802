package dataset

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/onnx"
)

// longestHead is how many bytes of a table tell how its cells are separated.
const longestHead = 1 << 16

// separators are what may stand between cells.
const separators = ",;\t|"

// readText skips the mark of UTF-8, refuses other encodings, and tells by the first line what separates cells: what is
// usual for the name of the file, if it is there.
func readText(r io.Reader, usual rune) (io.Reader, rune, error) {
	in := bufio.NewReaderSize(r, longestHead)
	head, _ := in.Peek(longestHead) // at the end of a short file there is an error as well
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		if bytes.HasPrefix(head, []byte(mark)) {
			return nil, 0, fail("save it as UTF-8: df.to_csv(path, index=False, encoding='utf-8')",
				"the file is UTF-16")
		}
	}
	if bytes.HasPrefix(head, []byte("\ufeff")) {
		head = head[3:]
		if _, err := in.Discard(3); err != nil {
			return nil, 0, unreadable(err)
		}
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	if bytes.IndexByte(line, 0) >= 0 || !utf8.Valid(line) && len(line) < longestHead-utf8.UTFMax {
		return nil, 0, fail("save it as UTF-8", "line 1: the names of the columns are not UTF-8")
	}
	return in, separatorOf(string(line), usual), nil
}

// separatorOf is the separator of a first line.
func separatorOf(line string, usual rune) rune {
	counts, quoted := map[rune]int{}, false
	for _, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case !quoted && strings.ContainsRune(separators, c):
			counts[c]++
		}
	}
	best := usual
	for _, c := range separators {
		if counts[usual] == 0 && counts[c] > counts[best] {
			best = c
		}
	}
	return best
}

// records are the columns of a table one by one, with the text.
func (t *table) records() (list []record.Column) {
	for i := range t.names {
		switch {
		case t.index && i == 0:
		case t.text[i] != nil:
			list = append(list, textColumn{t.text[i], t})
		default:
			list = append(list, numberColumn{t, i})
		}
	}
	return list
}

// isNumbered says whether columns bear the name of an input: then its samples are numbers, whatever text there is.
func (t *table) isNumbered(inputs []Field) bool {
	return slices.ContainsFunc(inputs, func(f Field) bool {
		group, err := t.group(f.Name, inputs)
		return err != nil || len(group) > 0 && t.text[group[0]] == nil
	})
}

// textColumn is a column of text, which knows its lines.
type textColumn struct {
	*record.Values
	table *table
}

// Place is where a row begins, for messages.
func (c textColumn) Place(row int) string { return c.table.place(row) }

// place is where a row begins.
func (t *table) place(row int) string {
	at := 0
	for cells := range t.cells.each() {
		if at == row {
			return fmt.Sprintf("line %.0f", cells[len(cells)-1])
		}
		at++
	}
	return fmt.Sprintf("row %d", row)
}

// numberColumn is a column of numbers.
type numberColumn struct {
	table *table
	at    int
}

// Name returns the column's name.
func (c numberColumn) Name() string { return c.table.names[c.at] }

// Kind returns record.Number.
func (c numberColumn) Kind() record.Kind { return record.Number }

// Type returns Int64 where all are whole numbers, else Float64.
func (c numberColumn) Type() onnx.DataType {
	if c.table.whole[c.at] {
		return onnx.Int64
	}
	return onnx.Float64
}

// Lists returns 0.
func (c numberColumn) Lists() int { return 0 }

// Rows returns the number of rows.
func (c numberColumn) Rows() int { return c.table.rows }

// Place is where a row begins, for messages.
func (c numberColumn) Place(row int) string { return c.table.place(row) }

// Each visits the rows.
func (c numberColumn) Each(visit func(record.Value) error) error {
	if err := c.table.wrong[c.at]; err != nil {
		return err
	}
	whole := c.table.whole[c.at]
	ints, floats := make([]int64, 1), make([]float64, 1)
	for row := range c.table.cells.each() {
		var v record.Value
		if whole {
			ints[0] = int64(row[c.at])
			v.Ints = ints
		} else {
			floats[0] = row[c.at]
			v.Floats = floats
		}
		if err := visit(v); err != nil {
			return err
		}
	}
	return nil
}
