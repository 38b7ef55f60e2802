package webdataset

import (
	"io"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/onnx"
)

// mostFile bounds a file that is read whole.
const mostFile = 1 << 30

// Files is a column of images or of arrays in NumPy's formats, which can be opened in any order.
type Files struct {
	name    string
	kind    record.Kind
	file    io.ReaderAt
	entries []entry
}

func newFiles(f io.ReaderAt, field string, samples []*sample) (*Files, error) {
	c := &Files{name: columnName(field), kind: record.Image, file: f}
	if slices.Contains(arraySuffixes, suffix(field)) {
		c.kind = record.Array
	}
	for _, s := range samples {
		e, ok := s.fields[field]
		for _, other := range imageSuffixes { // a sample may be a .png where another is a .jpg
			if !ok && c.kind == record.Image && !strings.Contains(field, ".") {
				e, ok = s.fields[other]
			}
		}
		if !ok {
			_, err := s.lookup(field)
			return nil, err
		}
		c.entries = append(c.entries, e)
	}
	return c, nil
}

// Name returns the column's name.
func (c *Files) Name() string { return c.name }

// Thin keeps so many files, evenly spread.
func (c *Files) Thin(most int) record.Column {
	kept := *c
	kept.entries = nil
	for i := range most {
		kept.entries = append(kept.entries, c.entries[i*len(c.entries)/most])
	}
	return &kept
}

// Kind returns record.Image or record.Array.
func (c *Files) Kind() record.Kind { return c.kind }

// Type returns Undefined.
func (c *Files) Type() onnx.DataType { return onnx.Undefined }

// Lists returns 0.
func (c *Files) Lists() int { return 0 }

// Rows returns the number of samples.
func (c *Files) Rows() int { return len(c.entries) }

// Len returns the number of samples.
func (c *Files) Len() int { return len(c.entries) }

// Place says where a file is, for messages.
func (c *Files) Place(i int) string { return c.entries[i].name }

// OpenImage opens a file.
func (c *Files) OpenImage(i int) io.ReadSeeker {
	return io.NewSectionReader(c.file, c.entries[i].at, c.entries[i].size)
}

// Each reads all files.
func (c *Files) Each(visit func(record.Value) error) error {
	for i := range c.entries {
		if c.entries[i].size > mostFile {
			return fail("divide the sample", "%s has %d bytes: want at most %d", c.Place(i), c.entries[i].size,
				mostFile)
		}
		content, err := io.ReadAll(c.OpenImage(i))
		if err != nil {
			return fail(again, "%s: %w", c.Place(i), err)
		}
		if err := visit(record.Value{Bytes: content}); err != nil {
			return err
		}
	}
	return nil
}
