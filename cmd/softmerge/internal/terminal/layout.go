package terminal

import (
	"slices"
	"strings"

	"github.com/rivo/uniseg"
)

// The least widths of a table's columns on a narrow terminal.
const (
	minWrapped   = 24 // of the last, which is wrapped
	minShortened = 12 // of one whose names lose their middle; one of numbers keeps all its digits
)

// layout says how wide columns are, and on which line of a row each stands.
type layout struct {
	widths []int
	lines  [][]int // columns of each line of a row
	right  []bool  // columns that are aligned right
}

// newLayout fits a table to a terminal's width; 0 is any width.
func newLayout(rows [][]string, right []bool, width int) *layout {
	l := &layout{widths: measure(rows), right: right}
	least := l.least(rows[0])
	l.lines = [][]int{{}}
	used := 0
	for c := range l.widths {
		line := len(l.lines) - 1
		need := least[c]
		if len(l.lines[line]) > 0 {
			need += len(columnGap)
		}
		if width > 0 && len(l.lines[line]) > 0 && used+need > width {
			l.lines = append(l.lines, []int{})
			line++
			used, need = l.indent(line), least[c]
		}
		l.lines[line] = append(l.lines[line], c)
		used += need
	}
	if width > 0 {
		for i := range l.lines {
			l.shrink(i, least, width)
		}
	}
	return l
}

// least is how narrow each column may become.
func (l *layout) least(headings []string) []int {
	least := slices.Clone(l.widths)
	for c, heading := range headings {
		switch {
		case c == len(headings)-1 && !l.right[c]:
			least[c] = min(least[c], minWrapped)
		case !l.right[c]:
			least[c] = min(least[c], max(minShortened, uniseg.StringWidth(heading)))
		}
	}
	return least
}

// shrink takes from the widest columns of a line until it fits the width, or none can give more. The last column of a
// table gives first: wrapped text loses nothing.
func (l *layout) shrink(line int, least []int, width int) {
	columns := l.lines[line]
	over := l.indent(line) - width + len(columnGap)*(len(columns)-1)
	for _, c := range columns {
		over += l.widths[c]
	}
	if last := len(l.widths) - 1; over > 0 && slices.Contains(columns, last) {
		give := min(over, l.widths[last]-least[last])
		l.widths[last] -= give
		over -= give
	}
	for ; over > 0; over-- {
		widest := -1
		for _, c := range columns {
			if l.widths[c] > least[c] && (widest < 0 || l.widths[c] > l.widths[widest]) {
				widest = c
			}
		}
		if widest < 0 {
			break
		}
		l.widths[widest]--
	}
	if len(columns) == 1 && over > 0 { // a column that is alone takes what there is
		l.widths[columns[0]] = max(1, l.widths[columns[0]]-over)
	}
}

// indent is where a line of a row begins: those below the first are set off.
func (l *layout) indent(line int) int {
	if line == 0 {
		return 0
	}
	return len(columnGap)
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

// shortened cuts the middle out of a name that is too wide: what differs stands at its ends.
func shortened(s string, width int) string {
	const gap = "..."
	if uniseg.StringWidth(s) <= width {
		return s
	}
	room := max(0, width-len(gap))
	head := firstColumns(s, (room+1)/2)
	return firstColumns(head+gap+lastColumns(s, room/2), width)
}

// firstColumns is the beginning of a text that is no wider than a width.
func firstColumns(s string, width int) string {
	end := 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if width -= g.Width(); width < 0 {
			break
		}
		_, end = g.Positions()
	}
	return s[:end]
}

// lastColumns is the end of a text that is no wider than a width.
func lastColumns(s string, width int) string {
	over := uniseg.StringWidth(s) - width
	for g := uniseg.NewGraphemes(s); over > 0 && g.Next(); {
		over -= g.Width()
		_, end := g.Positions()
		if over <= 0 {
			return s[end:]
		}
	}
	return s
}

// wrapped breaks text into lines of a width, between words where it can.
func wrapped(text string, width int) []string {
	if width < 1 || uniseg.StringWidth(strings.TrimRight(text, " ")) <= width {
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
		for uniseg.StringWidth(line) > width {
			head := firstColumns(line, width)
			if head == "" { // a character wider than the line
				break
			}
			lines, line = append(lines, head), line[len(head):]
		}
	}
	return append(lines, line)
}
