package onnx

import (
	"cmp"
	"io"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// patch replaces data[start:end] of the file by size bytes that write gives.
// An insertion has start == end.
type patch struct {
	start, end int
	element    int32 // the innermost element around it
	size       int64
	write      func(io.Writer) error
}

// literal is a patch with bytes at hand.
func literal(element int32, start, end int, b []byte) patch {
	return patch{start: start, end: end, element: element, size: int64(len(b)),
		write: func(w io.Writer) error { _, err := w.Write(b); return err }}
}

// patched is the file with patches applied.
type patched struct {
	src     *source
	patches []patch // in order, not overlapping
	size    int64
}

// assemble adds the patches of the length prefixes that the given ones make
// necessary, and orders all.
func (s *source) assemble(list []patch) *patched {
	grown := map[int32]int64{}
	var touched []int32
	size := int64(len(s.file.data))
	for _, p := range list {
		if d := p.size - int64(p.end-p.start); d != 0 {
			grown[p.element] += d
			touched = append(touched, p.element)
		}
	}
	for _, i := range s.withAncestors(touched) {
		d, el := grown[i], s.elements[i]
		if i == 0 || d == 0 {
			continue
		}
		length := protowire.AppendVarint(nil, uint64(int64(el.end-el.body)+d))
		list = append(list, literal(el.parent, el.length, el.body, length))
		grown[el.parent] += d + int64(len(length)-(el.body-el.length))
	}
	slices.SortStableFunc(list, func(a, b patch) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end), -cmp.Compare(a.element, b.element))
	})
	return &patched{src: s, patches: list, size: size + grown[0]}
}

// WriteTo writes the patched file.
func (p *patched) WriteTo(w io.Writer) (int64, error) {
	data, err := p.src.bytes()
	if err != nil {
		return 0, err
	}
	c := &counter{w: w}
	pos := 0
	for _, patch := range p.patches {
		if err := c.copy(data[pos:patch.start]); err != nil {
			return c.n, err
		}
		if err := patch.write(c); err != nil {
			return c.n, err
		}
		pos = patch.end
	}
	return c.n, c.copy(data[pos:])
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// copyChunk bounds one write of mapped pages, so that writing a large file
// never needs all of it in memory at once.
const copyChunk = 1 << 20

func (c *counter) copy(b []byte) error {
	for len(b) > 0 {
		n := min(len(b), copyChunk)
		if _, err := c.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
