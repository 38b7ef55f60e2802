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

// minWrapped is the least width that the last column is wrapped to.
const minWrapped = 24

// Table prints aligned columns; the first row is the heading, and all rows have as
// many cells. Columns of numbers, given by their headings, are aligned right. On a
// terminal the last column is wrapped at the terminal's width.
func (v *Voice) Table(rows [][]string, numbers ...string) error {
	rows = withoutEmptyEnd(rows)
	for _, r := range rows {
		for c := range r {
			r[c] = Printable(r[c])
		}
	}
	widths := measure(rows)
	last := len(widths) - 1
	indent := 0
	for _, w := range widths[:last] {
		indent += w + len(columnGap)
	}
	right := make([]bool, len(widths))
	for c, heading := range rows[0] {
		right[c] = slices.Contains(numbers, heading)
	}
	w := bufio.NewWriter(v.Out)
	for _, r := range rows {
		var line strings.Builder
		for c, cell := range r[:last] {
			line.WriteString(padded(cell, widths[c], right[c]) + columnGap)
		}
		for i, text := range wrapped(padded(r[last], widths[last], right[last]), v.Width()-indent) {
			if i > 0 {
				line.Reset()
				line.WriteString(strings.Repeat(" ", indent))
			}
			fmt.Fprintln(w, strings.TrimRight(line.String()+text, " "))
		}
	}
	return w.Flush()
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

// measure returns the width of every column.
func measure(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for c, cell := range r {
			widths[c] = max(widths[c], uniseg.StringWidth(cell))
		}
	}
	return widths
}

// padded fills a cell up to a width.
func padded(s string, width int, right bool) string {
	fill := strings.Repeat(" ", max(0, width-uniseg.StringWidth(s)))
	if right {
		return fill + s
	}
	return s + fill
}

// wrapped breaks text between words into lines of a width; a width that is too
// small, as when nothing is known of a terminal, breaks nothing.
func wrapped(text string, width int) []string {
	if width < minWrapped || uniseg.StringWidth(strings.TrimRight(text, " ")) <= width {
		return []string{text}
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && uniseg.StringWidth(line)+1+uniseg.StringWidth(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
