// Package webdataset reads tar archives of samples as WebDataset has them: files of one name up to the first dot are
// one sample, what follows the dot is a field. Images (.jpg, .png and others) are decoded later, .cls is a class, .txt
// is text, the keys of .json are fields of their own.
package webdataset

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// ErrArchive is the kind of every error of this package. Each has a hint.
var ErrArchive = errors.New("bad WebDataset archive")

func fail(hint, text string, args ...any) error {
	return advice.Errorf(ErrArchive, hint, text, args...)
}

const (
	again = "write the archive again"
	// mostFiles bounds the entries of an archive.
	mostFiles = 1 << 24
	// mostText bounds a field that is read whole.
	mostText = 16 << 20
)

// imageSuffixes are fields that hold images.
var imageSuffixes = []string{"jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"}

// entry is a file in the archive.
type entry struct {
	name     string
	at, size int64
}

// sample is the files of one name, by field.
type sample struct {
	key    string
	fields map[string]entry
}

// Read lists the samples of an archive of so many bytes, and reads all but its images. take is told how many bytes are
// kept in memory, and may refuse.
func Read(f io.ReaderAt, size int64, take func(bytes int) error) ([]record.Column, error) {
	samples, err := list(f, size, take)
	if err != nil {
		return nil, err
	}
	if len(samples) == 0 {
		return nil, fail("a sample is files of one name: 000000.jpg and 000000.cls", "the archive holds no samples")
	}
	var columns []record.Column
	t := table{values: map[string]*record.Values{}, fromJSON: map[string]bool{}}
	for _, field := range samples[0].order() {
		switch kind := suffix(field); {
		case slices.Contains(imageSuffixes, kind):
			images, err := newImages(f, field, samples)
			if err != nil {
				return nil, err
			}
			columns = append(columns, images)
		case kind == "cls" || kind == "txt" || kind == "json":
			if err := t.read(f, field, samples, take); err != nil {
				return nil, err
			}
		}
	}
	for _, key := range t.keys {
		columns = append(columns, t.values[key])
	}
	if len(columns) == 0 {
		return nil, fail("fields are .jpg, .png, .webp, .cls, .txt and .json", "no field of sample %q is read: %s",
			samples[0].key, strings.Join(samples[0].order(), ", "))
	}
	return columns, nil
}

// list reads the directory of the archive.
func list(f io.ReaderAt, size int64, take func(int) error) ([]*sample, error) {
	section := io.NewSectionReader(f, 0, size)
	in := tar.NewReader(section)
	var samples []*sample
	for n := 0; ; n++ {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return samples, nil
		}
		if err != nil {
			return nil, fail(again+"; compressed ones must be unpacked first", "this is no whole tar archive: %w", err)
		}
		if n == mostFiles {
			return nil, fail("divide the archive", "it holds more than %d files", mostFiles)
		}
		key, field, ok := strings.Cut(path.Base(h.Name), ".")
		if h.Typeflag != tar.TypeReg || !ok || key == "" {
			continue
		}
		at, err := section.Seek(0, io.SeekCurrent)
		if err != nil || h.Size > size-at {
			return nil, fail(again, "%q is longer than the archive", h.Name)
		}
		key = path.Join(path.Dir(h.Name), key)
		if len(samples) == 0 || samples[len(samples)-1].key != key {
			samples = append(samples, &sample{key: key, fields: map[string]entry{}})
		}
		s := samples[len(samples)-1]
		field = strings.ToLower(field)
		if _, twice := s.fields[field]; twice {
			return nil, fail(again, "the sample %q has two fields %q", key, field)
		}
		s.fields[field] = entry{h.Name, at, h.Size}
		if err := take(len(h.Name)*2 + 200); err != nil {
			return nil, err
		}
	}
}

// order lists the fields of a sample as they follow one another in the archive.
func (s *sample) order() []string {
	var fields []string
	for field := range s.fields {
		fields = append(fields, field)
	}
	slices.SortFunc(fields, func(a, b string) int { return int(s.fields[a].at - s.fields[b].at) })
	return fields
}

// suffix is the kind of a field: seg.png is an image.
func suffix(field string) string { return field[strings.LastIndexByte(field, '.')+1:] }

// columnName is what a field is called: what stands before its kind, else what it usually is.
func columnName(field string) string {
	kind := suffix(field)
	if name := strings.TrimSuffix(strings.TrimSuffix(field, kind), "."); name != "" {
		return name
	}
	switch {
	case kind == "cls":
		return "label"
	case kind == "txt":
		return "text"
	}
	return "image"
}

// lookup finds a field of a sample; every sample needs those of the first.
func (s *sample) lookup(field string) (entry, error) {
	e, ok := s.fields[field]
	if !ok {
		return e, fail("give every sample the same fields", "the sample %q has no .%s", s.key, field)
	}
	return e, nil
}

// table gathers what is kept in memory.
type table struct {
	values   map[string]*record.Values
	keys     []string
	fromJSON map[string]bool // keys of .json files
}

// column returns the column of a name, made if need be.
func (t *table) column(name string) *record.Values {
	if t.values[name] == nil {
		t.values[name] = &record.Values{Key: name}
		t.keys = append(t.keys, name)
	}
	return t.values[name]
}

// read reads a field of all samples.
func (t *table) read(f io.ReaderAt, field string, samples []*sample, take func(int) error) error {
	for row, s := range samples {
		e, err := s.lookup(field)
		if err != nil {
			return err
		}
		if e.size > mostText {
			return fail("save it as numbers", "%s has %d bytes: want at most %d", e.name, e.size, mostText)
		}
		if err := take(int(e.size)); err != nil {
			return err
		}
		content := make([]byte, e.size)
		if _, err := f.ReadAt(content, e.at); err != nil {
			return fail(again, "%s: %w", e.name, err)
		}
		if err := t.add(field, row, content); err != nil {
			return fail("give every sample fields of one kind", "%s: %w", e.name, err)
		}
	}
	return nil
}

// add takes one field of one sample.
func (t *table) add(field string, row int, content []byte) error {
	switch suffix(field) {
	case "txt":
		return t.column(columnName(field)).AddText(string(content))
	case "cls":
		class, err := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64)
		if err != nil {
			return fmt.Errorf("%.40q is no class", content)
		}
		return t.column(columnName(field)).AddInt(class)
	}
	var x any
	d := json.NewDecoder(bytes.NewReader(content))
	d.UseNumber()
	if err := d.Decode(&x); err != nil {
		return err
	}
	object, ok := x.(map[string]any)
	if !ok {
		_, err := t.column("json").AddJSON(x)
		return err
	}
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		c := t.column(key)
		t.fromJSON[key] = true
		if c.Rows() != row {
			return fmt.Errorf("the key %q is not in every sample", key)
		}
		if _, err := c.AddJSON(object[key]); err != nil {
			return err
		}
	}
	return t.complete(field, object, row)
}

// complete makes sure that no key of earlier samples is missing.
func (t *table) complete(field string, object map[string]any, row int) error {
	for _, key := range t.keys {
		if _, has := object[key]; !has && row > 0 && t.values[key].Rows() == row && t.fromJSON[key] {
			return fmt.Errorf("the key %q is missing in .%s", key, field)
		}
	}
	return nil
}

// Images is a column of images, which can be opened in any order.
type Images struct {
	name    string
	file    io.ReaderAt
	entries []entry
}

func newImages(f io.ReaderAt, field string, samples []*sample) (*Images, error) {
	c := &Images{name: columnName(field), file: f}
	for _, s := range samples {
		e, ok := s.fields[field]
		for _, other := range imageSuffixes { // a sample may be a .png where another is a .jpg
			if !ok && !strings.Contains(field, ".") {
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
func (c *Images) Name() string { return c.name }

// Thin keeps so many images, evenly spread.
func (c *Images) Thin(most int) record.Column {
	kept := *c
	kept.entries = nil
	for i := range most {
		kept.entries = append(kept.entries, c.entries[i*len(c.entries)/most])
	}
	return &kept
}

// Kind returns record.Image.
func (c *Images) Kind() record.Kind { return record.Image }

// Type returns Undefined.
func (c *Images) Type() onnx.DataType { return onnx.Undefined }

// Lists returns 0.
func (c *Images) Lists() int { return 0 }

// Rows returns the number of samples.
func (c *Images) Rows() int { return len(c.entries) }

// Len returns the number of samples.
func (c *Images) Len() int { return len(c.entries) }

// Place says where an image is, for messages.
func (c *Images) Place(i int) string { return c.entries[i].name }

// OpenImage opens an image.
func (c *Images) OpenImage(i int) io.ReadSeeker {
	return io.NewSectionReader(c.file, c.entries[i].at, c.entries[i].size)
}

// Each reads all images.
func (c *Images) Each(visit func(record.Value) error) error {
	for i := range c.entries {
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
