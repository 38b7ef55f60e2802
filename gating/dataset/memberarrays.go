package dataset

import (
	"archive/zip"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/onnx"
)

// memberColumn is an array of every sample of an archive: a file .npy, or an array by its key in a file .npz.
type memberColumn struct {
	files record.Column
	name  string
	key   string // of a .npz file, empty for .npy
	typ   onnx.DataType
	axes  int
}

// unpackArrays makes columns of numbers of those of arrays: one of a column of .npy files, and one for each key of the
// first of a column of .npz files.
func unpackArrays(columns []record.Column) ([]record.Column, error) {
	var out []record.Column
	for _, c := range columns {
		if c.Kind() != record.Array {
			out = append(out, c)
			continue
		}
		first, err := firstBytes(c)
		if err != nil {
			return nil, recordError(err)
		}
		keys := []string{""}
		if bytes.HasPrefix(first, []byte("PK")) {
			if keys, err = memberKeys(first); err != nil {
				return nil, fmt.Errorf("%s: %w", placeOf(c, 0), err)
			}
		}
		for _, key := range keys {
			member := &memberColumn{files: c, name: c.Name(), key: key}
			if key != "" {
				member.name = key
			}
			h, _, err := member.open(first)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", placeOf(c, 0), err)
			}
			member.typ, member.axes = elementTypes[h.element.code], len(h.shape)
			out = append(out, member)
		}
	}
	return out, nil
}

// firstBytes are those of the first row.
func firstBytes(c record.Column) (content []byte, err error) {
	err = c.Each(func(v record.Value) error {
		content = bytes.Clone(v.Bytes)
		return io.EOF
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return content, err
}

// memberKeys lists the arrays of a .npz file.
func memberKeys(content []byte) (keys []string, err error) {
	arrays, err := npzArrays(bytes.NewReader(content), int64(len(content)))
	for _, a := range arrays {
		keys = append(keys, a.name)
	}
	return keys, err
}

// open reads the header of the array in a sample's file, and returns what follows it.
func (c *memberColumn) open(content []byte) (npyHeader, io.Reader, error) {
	size := int64(len(content))
	var r io.Reader = bytes.NewReader(content)
	if c.key != "" {
		archive, err := zip.NewReader(bytes.NewReader(content), size)
		if err != nil {
			return npyHeader{}, nil, fail("write the archive again", "this is no whole .npz file: %v", err)
		}
		left := uint64(size)
		found := false
		for _, f := range archive.File {
			if err := checkEntry(f, &left); err != nil {
				return npyHeader{}, nil, err
			}
			if strings.TrimSuffix(f.Name, ".npy") != c.key || found {
				continue
			}
			member, err := f.Open()
			if err != nil {
				return npyHeader{}, nil, unreadable(err)
			}
			r, size, found = member, int64(f.UncompressedSize64), true
		}
		if !found {
			return npyHeader{}, nil, fail("give every sample the same arrays", "there is no array %q", c.key)
		}
	}
	h, err := readNPYHeader(r)
	switch {
	case err != nil:
		return h, nil, err
	case h.refusal != nil:
		return h, nil, h.refusal
	case h.columnMajor && len(h.shape) > 1:
		return h, nil, fail("save it with numpy.ascontiguousarray(x)", "the array is in Fortran's order")
	}
	return h, r, checkLength(h, size)
}

// Name returns what comes before .npy, or the array's key.
func (c *memberColumn) Name() string { return c.name }

// Kind returns record.Number.
func (c *memberColumn) Kind() record.Kind { return record.Number }

// Type is that of the first sample's array.
func (c *memberColumn) Type() onnx.DataType { return c.typ }

// Lists is how many axes an array has.
func (c *memberColumn) Lists() int { return c.axes }

// Rows returns the number of samples.
func (c *memberColumn) Rows() int { return c.files.Rows() }

// Thin keeps so many samples, evenly spread.
func (c *memberColumn) Thin(most int) record.Column {
	kept := *c
	kept.files = record.Thin(c.files, most)
	return &kept
}

// Each decodes the arrays.
func (c *memberColumn) Each(visit func(record.Value) error) error {
	row := -1
	return c.files.Each(func(v record.Value) error {
		row++
		value, err := c.decode(v.Bytes)
		if err != nil {
			return fmt.Errorf("%s: %w", placeOf(c.files, row), err)
		}
		return visit(value)
	})
}

// decode reads the array of one sample.
func (c *memberColumn) decode(content []byte) (v record.Value, err error) {
	h, r, err := c.open(content)
	if err != nil {
		return v, err
	}
	if typ := elementTypes[h.element.code]; typ != c.typ || len(h.shape) != c.axes {
		return v, fail("give every sample arrays of one type and as many axes",
			"%s%v where the first sample has %s with %d axes", typ, h.shape, c.typ, c.axes)
	}
	v.Shape = h.shape
	want := h.count * h.element.size()
	if want > mostMember {
		return v, fail("divide the samples", "the array has %d bytes: want at most %d", want, mostMember)
	}
	content, err = io.ReadAll(io.LimitReader(r, int64(want)))
	if err != nil || len(content) < want {
		return v, cutShort(cmp.Or(err, io.ErrUnexpectedEOF))
	}
	if !c.typ.IsFloat() {
		v.Ints = make([]int64, h.count)
		if bad := h.element.ints(v.Ints, content); bad != nil {
			return v, fail("save smaller numbers", "%s", bad.what)
		}
		return v, nil
	}
	floats := make([]float32, h.count)
	if bad := h.element.floats(floats, content); bad != nil {
		return v, fail("save smaller numbers", "%s", bad.what)
	}
	v.Floats = make([]float64, h.count)
	for i, x := range floats {
		v.Floats[i] = float64(x)
	}
	return v, nil
}

// mostMember bounds the array of one sample, in bytes.
const mostMember = 1 << 30
