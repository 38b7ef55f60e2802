package terminal

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/rivo/uniseg"
)

// columnGap is what stands between columns.
const columnGap = "  "

// Table prints aligned columns; the first row is the heading, and all rows have as many cells. Columns of numbers,
// given by their headings, are aligned right. On a terminal no line is wider than it is: the last column is wrapped,
// long names lose their middle, and what still finds no room stands on lines of its own below each row. Elsewhere every
// cell is printed in full.
func (v *Voice) Table(rows [][]string, numbers ...string) error {
	rows = withoutEmptyEnd(rows)
	for _, r := range rows {
		for c := range r {
			r[c] = Printable(r[c])
		}
	}
	right := make([]bool, len(rows[0]))
	for c, heading := range rows[0] {
		right[c] = slices.Contains(numbers, heading)
	}
	l := newLayout(rows, right, v.Width())
	w := bufio.NewWriter(v.Out)
	for _, r := range rows {
		for i := range l.lines {
			if len(l.lines) > 1 && empty(r, l.lines[i]) {
				continue
			}
			l.print(w, r, i)
		}
	}
	return w.Flush()
}

// print prints the cells of a row that stand on one of its lines.
func (l *layout) print(w *bufio.Writer, row []string, line int) {
	var text strings.Builder
	text.WriteString(strings.Repeat(" ", l.indent(line)))
	columns := l.lines[line]
	for i, c := range columns {
		if i > 0 {
			text.WriteString(columnGap)
		}
		if c < len(row)-1 {
			text.WriteString(padded(shortened(row[c], l.widths[c]), l.widths[c], l.right[c]))
			continue
		}
		at := strings.Repeat(" ", uniseg.StringWidth(text.String()))
		for j, part := range wrapped(padded(row[c], l.widths[c], l.right[c]), l.widths[c]) {
			if j > 0 {
				text.WriteString("\n" + at)
			}
			text.WriteString(strings.TrimRight(part, " "))
		}
	}
	fmt.Fprintln(w, strings.TrimRight(text.String(), " "))
}

// empty says whether a row has nothing in some columns.
func empty(row []string, columns []int) bool {
	return !slices.ContainsFunc(columns, func(c int) bool { return row[c] != "" })
}

// withoutEmptyEnd leaves out the last columns that are empty but for their headings.
func withoutEmptyEnd(rows [][]string) [][]string {
	last := len(rows[0]) - 1
	for _, r := range rows[1:] {
		if r[last] != "" {
			return rows
		}
	}
	if len(rows) == 1 || last == 0 {
		return rows
	}
	out := make([][]string, len(rows))
	for i, r := range rows {
		out[i] = r[:last]
	}
	return withoutEmptyEnd(out)
}

// padded fills a cell up to a width.
func padded(s string, width int, right bool) string {
	fill := strings.Repeat(" ", max(0, width-uniseg.StringWidth(s)))
	if right {
		return fill + s
	}
	return s + fill
}
