package dataset

import (
	"encoding/binary"
	"io"
	"math"
	"strconv"
	"strings"
)

// npyHeader is what the head of a .npy file says (NumPy's NEP 1: format versions 1.0, 2.0 and 3.0).
//
// The parser is our own because github.com/sbinet/npyio v0.9.0 trusts the header: it panics when the final newline is
// missing or the keys come in another order, allocates what the shape asks for before it sees a byte, and takes a
// negative length for none.
type npyHeader struct {
	descr       string // the type as NumPy writes it
	element     element
	shape       []int
	count       int // elements in all
	columnMajor bool
	length      int64 // bytes of the header, that is where the values begin
	refusal     error // why values of this type cannot be read, if so
}

const (
	npyMagic = "\x93NUMPY"
	// NumPy itself refuses headers over 10,000 bytes unless told to trust the file.
	longestNPYHeader = 1 << 16
	highestNPYRank   = 64
)

// readNPYHeader reads up to the first value.
func readNPYHeader(r io.Reader) (npyHeader, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:8]); err != nil {
		return npyHeader{}, cutShort(err)
	}
	if string(head[:6]) != npyMagic {
		return npyHeader{}, fail("write it with numpy.save or numpy.savez",
			"this is not a NumPy array: it does not begin with \\x93NUMPY")
	}
	wide := 2
	if head[6] >= 2 {
		wide = 4
	}
	if head[6] < 1 || head[6] > 3 {
		return npyHeader{}, fail("write it with numpy.save", "unknown version %d of the .npy format: want 1, 2 or 3",
			head[6])
	}
	if _, err := io.ReadFull(r, head[8:8+wide]); err != nil {
		return npyHeader{}, cutShort(err)
	}
	length := binary.LittleEndian.Uint32(head[8:])
	if length > longestNPYHeader {
		return npyHeader{}, fail("write it with numpy.save", "the .npy header declares %d bytes: want at most %d",
			length, longestNPYHeader)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return npyHeader{}, cutShort(err)
	}
	h, err := parseNPYHeader(string(text))
	h.length = int64(8+wide) + int64(length)
	return h, err
}

// parseNPYHeader reads the dictionary {'descr': TYPE, 'fortran_order': BOOL, 'shape': (N, ...), }, keys in any order.
func parseNPYHeader(text string) (h npyHeader, err error) {
	s := literal{rest: text}
	seen := map[string]bool{}
	s.expect("{")
	for !s.accept("}") && !s.failed {
		key := s.quoted()
		s.expect(":")
		switch {
		case seen[key]:
			s.failed = true
		case key == "descr" && s.accept("["):
			// A list of fields: nothing after it needs to be understood.
			return h, refuseType("a structured type (records)", "save every field as an array of its own")
		case key == "descr":
			h.descr = s.quoted()
			h.element, h.refusal = parseDescr(h.descr)
		case key == "fortran_order":
			h.columnMajor = s.boolean()
		case key == "shape":
			h.shape = s.tuple()
		default:
			s.failed = true
		}
		seen[key] = true
		if !s.accept(",") && !s.peek("}") {
			s.failed = true
		}
	}
	if s.failed || len(seen) != 3 || strings.TrimSpace(s.rest) != "" {
		return h, fail("write it with numpy.save", "the .npy header is malformed: %.120q", strings.TrimSpace(text))
	}
	h.count, err = countElements(h.shape)
	return h, err
}

// countElements multiplies a shape out; the result times eight bytes fits in an int64.
func countElements(shape []int) (int, error) {
	if len(shape) > highestNPYRank {
		return 0, fail("reshape it to one batch axis and the axes of a sample",
			"the array has %d axes: want at most %d", len(shape), highestNPYRank)
	}
	count, bound := 1, math.MaxInt/16
	for _, n := range shape {
		if n > 0 && count > bound/n {
			return 0, fail("write the file again", "the shape %v has more elements than any file", shape)
		}
		count *= n
	}
	return count, nil
}

// parseDescr reads a type such as '<f4'. The error says why values of the type cannot be read.
func parseDescr(descr string) (element, error) {
	order, code := byte('|'), descr
	if code != "" && strings.IndexByte("<>|=", code[0]) >= 0 {
		order, code = code[0], code[1:]
	}
	e, ok := map[string]elementCode{
		"f2": f2, "f4": f4, "f8": f8, "i1": i1, "i2": i2, "i4": i4, "i8": i8,
		"u1": u1, "u2": u2, "u4": u4, "u8": u8, "b1": b1, "?": b1,
	}[code]
	if ok {
		return element{code: e, big: order == '>'}, nil
	}
	if code == "" {
		return element{}, refuseType("an empty type", "save it as float32 or int64")
	}
	switch code[0] {
	case 'O':
		return element{}, refuseType("Python objects (a pickle)",
			"save numbers: x.astype('float32'); rows of different length need padding")
	case 'S', 'U', 'a':
		return element{}, refuseType("text", "encode it as numbers, such as class indices")
	case 'c':
		return element{}, refuseType("complex numbers", "save the real and the imaginary part as two arrays")
	case 'M', 'm':
		return element{}, refuseType("dates or durations", "save them as numbers: x.astype('int64')")
	}
	return element{}, refuseType("of type "+strconv.Quote(descr), "convert it: x.astype('float32')")
}

func refuseType(what, hint string) error {
	return fail(hint, "the array holds %s: want float16, float32, float64, an integer type or bool", what)
}

// literal reads the few forms of Python literals that a .npy header uses. After a mistake failed is true and every
// method returns zero values.
type literal struct {
	rest   string
	failed bool
}

func (s *literal) peek(token string) bool {
	s.rest = strings.TrimLeft(s.rest, " \t\r\n")
	return strings.HasPrefix(s.rest, token)
}

func (s *literal) accept(token string) bool {
	if !s.peek(token) {
		return false
	}
	s.rest = s.rest[len(token):]
	return true
}

func (s *literal) expect(token string) {
	if !s.accept(token) {
		s.failed = true
	}
}

// quoted reads 'text' or "text" without escapes.
func (s *literal) quoted() string {
	for _, quote := range []string{"'", `"`} {
		if s.accept(quote) {
			text, rest, ok := strings.Cut(s.rest, quote)
			s.rest = rest
			s.failed = s.failed || !ok
			return text
		}
	}
	s.failed = true
	return ""
}

func (s *literal) boolean() bool {
	if s.accept("True") {
		return true
	}
	s.expect("False")
	return false
}

// tuple reads (), (3,) or (3, 4); Python 2 wrote 3L.
func (s *literal) tuple() []int {
	s.expect("(")
	out := []int{}
	for !s.accept(")") && !s.failed {
		s.peek("")
		end := strings.IndexFunc(s.rest, func(r rune) bool { return r < '0' || r > '9' })
		n, err := strconv.Atoi(s.rest[:max(end, 0)])
		if err != nil || end < 0 {
			s.failed = true
			break
		}
		s.rest = s.rest[end:]
		s.accept("L")
		out = append(out, n)
		if !s.accept(",") && !s.peek(")") {
			s.failed = true
		}
	}
	return out
}
