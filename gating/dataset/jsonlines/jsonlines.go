// Package jsonlines reads files with one JSON object a line, or a list of objects: each key is a column of numbers,
// lists of numbers or text.
package jsonlines

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/onnx/advice"
)

// ErrLines is the kind of every error of this package. Each has a hint.
var ErrLines = errors.New("bad JSON lines")

func fail(hint, text string, args ...any) error { return advice.Errorf(ErrLines, hint, text, args...) }

const (
	// longestLine bounds a line, which is decoded as a whole.
	longestLine = 64 << 20
	// mostKeys bounds the columns.
	mostKeys = 10_000
)

// Read reads all lines. take is told how many bytes they take in memory, and may refuse. A key that a line does not
// have is an error where another line has it.
func Read(r io.Reader, take func(bytes int) error) ([]record.Column, error) {
	t := table{columns: map[string]*record.Values{}, take: take}
	in := bufio.NewReader(r)
	if mark, err := in.Peek(3); err == nil && string(mark) == "\ufeff" {
		in.Discard(3)
	}
	read := t.readLines
	if beginsList(in) {
		read = t.readList
	}
	if err := read(in); err != nil {
		return nil, err
	}
	if t.rows == 0 {
		return nil, fail("write one JSON object a line", "there are no lines")
	}
	var out []record.Column
	for _, key := range t.keys {
		out = append(out, t.columns[key])
	}
	return out, nil
}

// beginsList says whether the first that is not space is the bracket of a list.
func beginsList(in *bufio.Reader) bool {
	for {
		next, err := in.Peek(1)
		if err != nil || !bytes.ContainsAny(next, " \t\r\n") {
			return err == nil && next[0] == '['
		}
		in.Discard(1)
	}
}

// readLines reads an object a line.
func (t *table) readLines(r *bufio.Reader) error {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), longestLine)
	for line := 1; in.Scan(); line++ {
		text := bytes.TrimSpace(in.Bytes())
		if len(text) == 0 {
			continue
		}
		if err := t.add(line, text); err != nil {
			return err
		}
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		return fail("write one object a line", "a line has more than %d bytes", longestLine)
	}
	if in.Err() != nil {
		return fail("check that the file is complete", "%w", in.Err())
	}
	return nil
}

// readList reads a list of objects, which is one document. Its objects are numbered from 1, as lines are.
func (t *table) readList(r *bufio.Reader) error {
	limited := &io.LimitedReader{R: r}
	d := json.NewDecoder(limited)
	limited.N = longestLine
	if _, err := d.Token(); err != nil {
		return fail("write a list of objects", "%w", err)
	}
	for n := 1; d.More(); n++ {
		limited.N = longestLine
		var text json.RawMessage
		if err := d.Decode(&text); err != nil {
			return fail("write a list of objects, or one object a line", "object %d: %w", n, err)
		}
		if err := t.add(n, text); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return fail("write the file again", "the list does not end: %w", err)
	}
	return nil
}

type table struct {
	columns map[string]*record.Values
	keys    []string // in the order in which the first line has them
	rows    int
	take    func(int) error
}

// add takes a line, numbered from 1.
func (t *table) add(line int, text []byte) error {
	keys, values, err := object(text)
	if err != nil {
		return fail("write one JSON object a line: {\"text\": \"...\", \"label\": 0}", "line %d: %w", line, err)
	}
	if t.rows == 0 {
		if len(keys) > mostKeys {
			return fail("give fewer keys", "line %d has %d keys: want at most %d", line, len(keys), mostKeys)
		}
		t.keys = keys
		for _, key := range keys {
			t.columns[key] = &record.Values{Key: key}
		}
	}
	for _, key := range keys {
		if t.columns[key] == nil {
			return fail("give every line the same keys", "line %d has the key %q, which line 1 has not", line, key)
		}
	}
	for _, key := range t.keys {
		value, ok := values[key]
		if !ok {
			return fail("give every line the same keys", "line %d has no key %q", line, key)
		}
		size, err := t.columns[key].AddJSON(value)
		if err != nil {
			return fail("give every line values of one kind", "line %d: %w", line, err)
		}
		if err := t.take(size); err != nil {
			return err
		}
	}
	t.rows++
	return nil
}

// object decodes an object and returns its keys in their order.
func object(text []byte) (keys []string, values map[string]any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&values); err != nil {
		return nil, nil, err
	}
	if values == nil || d.More() {
		return nil, nil, errors.New("this is not one object")
	}
	d = json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return nil, nil, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		name, ok := key.(string)
		if !ok || slices.Contains(keys, name) {
			return nil, nil, errors.New("a key is there twice")
		}
		keys = append(keys, name)
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return nil, nil, err
		}
	}
	return keys, values, nil
}
