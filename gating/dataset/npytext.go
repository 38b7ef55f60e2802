package dataset

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/spill"
)

// widestText bounds how many characters of text an array may have for each sample.
const widestText = 4096

// texts reads an array of one text a sample, as NumPy has text of fixed width: types U (UTF-32) and S (bytes), filled
// up with zeros. Arrays of numbers are read as whole numbers. Text of Python objects is a pickle, which nobody should
// open.
func (a npyArray) texts(b *spill.Store, visit func(string) error) error {
	r, err := a.open()
	if err != nil {
		return unreadable(err)
	}
	defer r.Close()
	h, err := readNPYHeader(r)
	if err != nil {
		return err
	}
	t, ok := parseText(h.descr)
	switch {
	case strings.HasSuffix(h.descr, "O"):
		return fail("save text of fixed width: numpy.array(list, dtype=str)",
			"the array holds Python objects (a pickle): want text or whole numbers")
	case !ok:
		return arrayGroups(numbersOnly{a}, nil)(b, visit)
	case len(h.shape) == 0 || h.count != h.shape[0]:
		return fail("give one text for each sample", "its shape is %v: want one text a sample", h.shape)
	case int64(h.count) > (a.size-h.length)/int64(t.size()) || a.size != h.length+int64(h.count)*int64(t.size()):
		return fail("write or download the file again",
			"the array is truncated or too long: shape %v of %d bytes each does not need the %d bytes there are",
			h.shape, t.size(), a.size-h.length)
	}
	in, row := bufio.NewReader(r), make([]byte, t.size())
	for range h.count {
		if _, err := io.ReadFull(in, row); err != nil {
			return cutShort(err)
		}
		if err := visit(t.text(row)); err != nil {
			return err
		}
	}
	return payload{Reader: in}.atEnd()
}

// holdsText says whether an array has text of fixed width.
func (a npyArray) holdsText() bool {
	r, err := a.open()
	if err != nil {
		return false
	}
	defer r.Close()
	h, err := readNPYHeader(r)
	_, text := parseText(h.descr)
	return err == nil && text
}

// nameTexts makes classes of labels that are arrays of text.
func (l *loader) nameTexts(p *picked) {
	for i, label := range p.labels {
		a, ok := label.array.(npyArray)
		if !ok || !a.holdsText() {
			continue
		}
		p.labels[i].array = &nameArray{
			loader: l,
			place:  func(row int) string { return fmt.Sprintf("row %d", row) },
			each: func(visit func(int, string) error) error {
				row := -1
				return a.texts(l.store, func(text string) error {
					row++
					return visit(row, text)
				})
			},
		}
	}
}

// numbersOnly is an array without its texts.
type numbersOnly struct{ array }

// fixedText is how text of fixed width is stored.
type fixedText struct {
	chars int
	wide  bool // four bytes a character
	big   bool // most significant byte first
}

// parseText reads a type such as '<U12' or '|S5'; false for others.
func parseText(descr string) (t fixedText, ok bool) {
	if descr == "" {
		return t, false
	}
	t.big = descr[0] == '>'
	code := strings.TrimLeft(descr, "<>|=")
	if code == "" || strings.IndexByte("USa", code[0]) < 0 {
		return t, false
	}
	t.wide = code[0] == 'U'
	chars, err := strconv.ParseUint(code[1:], 10, 16)
	t.chars = int(chars)
	return t, err == nil && chars > 0 && chars <= widestText
}

// size is how many bytes a text takes.
func (t fixedText) size() int {
	if t.wide {
		return 4 * t.chars
	}
	return t.chars
}

// text decodes one text; what is no character becomes U+FFFD.
func (t fixedText) text(row []byte) string {
	if !t.wide {
		return strings.TrimRight(string(row), "\x00")
	}
	var order binary.ByteOrder = binary.LittleEndian
	if t.big {
		order = binary.BigEndian
	}
	var out strings.Builder
	for i := range t.chars {
		out.WriteRune(rune(order.Uint32(row[4*i:])))
	}
	return strings.TrimRight(out.String(), "\x00")
}
