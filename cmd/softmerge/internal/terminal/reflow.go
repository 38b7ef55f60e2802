package terminal

import (
	"strings"

	"github.com/rivo/uniseg"
)

// Reflow breaks the lines of a help text anew for a narrow terminal. Lines that follow one another with one indentation
// are a paragraph; a line that is indented and has two columns, a term and what it means, is one with the lines below
// that begin where its second column does. A text whose lines fit stays as it is.
func Reflow(text string, width int) string {
	lines := strings.Split(text, "\n")
	var out []string
	for i := 0; i < len(lines); {
		p := paragraphOf(lines[i:])
		if widest(lines[i:i+p.lines]) > width {
			out = append(out, p.broken(width)...)
		} else {
			out = append(out, lines[i:i+p.lines]...)
		}
		i += p.lines
	}
	return strings.Join(out, "\n")
}

// paragraph is a number of lines of a help text that belong together.
type paragraph struct {
	lines  int
	indent int    // of the first line
	term   string // what stands before two or more spaces in it, with these spaces; may be empty
	text   string // the rest
}

// paragraphOf reads the paragraph that some lines begin with.
func paragraphOf(lines []string) paragraph {
	rest := strings.TrimLeft(lines[0], " ")
	p := paragraph{lines: 1, indent: len(lines[0]) - len(rest), text: rest}
	if p.indent > 0 {
		if at := strings.Index(rest, columnGap); at > 0 {
			p.text = strings.TrimLeft(rest[at:], " ")
			p.term = rest[:len(rest)-len(p.text)]
		}
	}
	if p.text == "" {
		return p
	}
	for _, next := range lines[1:] {
		text := strings.TrimLeft(next, " ")
		if text == "" || len(next)-len(text) != p.indent+len(p.term) || p.indent > 0 && p.term == "" ||
			p.indent == 0 && strings.Contains(text, columnGap) {
			break
		}
		p.text += " " + text
		p.lines++
	}
	return p
}

// broken breaks a paragraph into lines of a width; where a term takes too much of it, the text begins below.
func (p paragraph) broken(width int) []string {
	at := p.indent + len(p.term)
	first := strings.Repeat(" ", p.indent) + p.term
	var out []string
	if p.term != "" && width-at < minWrapped {
		out = append(out, strings.TrimRight(first, " "))
		at = p.indent + 2*len(columnGap)
		first = strings.Repeat(" ", at)
	}
	for _, line := range wrapped(p.text, width-at) {
		out = append(out, first+line)
		first = strings.Repeat(" ", at)
	}
	return out
}

// widest is the width of the widest line.
func widest(lines []string) int {
	w := 0
	for _, line := range lines {
		w = max(w, uniseg.StringWidth(line))
	}
	return w
}
