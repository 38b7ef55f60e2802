package webdataset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/record"
)

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
	switch kind := suffix(field); {
	case slices.Contains(textSuffixes, kind):
		return t.column(columnName(field)).AddText(string(content))
	case slices.Contains(classSuffixes, kind):
		return t.addClass(columnName(field), strings.TrimSpace(string(content)))
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

// addClass takes a number, or the name of a class where the first is one.
func (t *table) addClass(name, text string) error {
	c := t.column(name)
	class, err := strconv.ParseInt(text, 10, 64)
	switch {
	case c.Rows() > 0 && c.Kind() == record.Text || err != nil && c.Rows() == 0 && text != "":
		return c.AddText(text)
	case err != nil:
		return fmt.Errorf("%.40q is no class", text)
	}
	return c.AddInt(class)
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
