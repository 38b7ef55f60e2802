package dataset

import (
	"encoding/csv"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/onnx"
)

// gaps are what tables have in the place of a value that is not known, in lower case.
var gaps = map[string]bool{"": true, "nan": true, "na": true, "n/a": true, "null": true, "none": true, "<na>": true,
	"?": true, "#n/a": true, "nat": true}

// errGap is part of the error for a cell without a value.
var errGap = errors.New("there is no value")

// add appends one row. in says where its cells stand.
func (t *table) add(row []string, in *csv.Reader, take func(int) error) error {
	cells, err := t.cells.add()
	if err != nil {
		return err
	}
	for i, text := range row {
		text = strings.TrimSpace(text)
		if t.text[i] == nil && !(t.index && i == 0) {
			cells[i] = t.number(i, text, in)
		}
		if t.text[i] == nil {
			continue
		}
		if !utf8.ValidString(text) {
			line, _ := in.FieldPos(i)
			return fail("save the file as UTF-8; it may be Latin-1", "line %d (%q): %.40q is not UTF-8", line,
				t.names[i], text)
		}
		if err := take(len(text) + 64); err != nil {
			return err
		}
		if err := t.text[i].AddText(strings.Clone(text)); err != nil {
			return err
		}
	}
	line, _ := in.FieldPos(0)
	cells[len(row)] = float64(line)
	t.rows++
	return nil
}

// number reads a cell of a column that has had no text. What is no number makes the column one of text where there was
// no number before.
func (t *table) number(i int, text string, in *csv.Reader) float64 {
	v, ok := t.parse(i, text)
	if ok {
		return v
	}
	gap := gaps[strings.ToLower(text)]
	before := t.wrong[i]
	if before == nil || errors.Is(before, errGap) && !gap {
		line, column := in.FieldPos(i)
		t.wrong[i] = fail("cells must be finite numbers: encode text as numbers, and drop or fill rows with gaps",
			"line %d, column %d (%q): %.40q is not a finite number", line, column, t.names[i], text)
		if gap {
			t.wrong[i] = fail("drop or fill rows with gaps",
				"line %d, column %d (%q): %q where a number belongs: %w", line, column, t.names[i], text, errGap)
		}
	}
	if _, err := strconv.ParseFloat(text, 64); !gap && err != nil && !t.seen[i] {
		t.text[i] = &record.Values{Key: t.names[i]}
		for range t.rows {
			if t.text[i].AddText("") != nil { // a column takes text after text
				break
			}
		}
	}
	return 0
}

// parse reads a finite number, or true and false as 1 and 0.
func (t *table) parse(i int, text string) (float64, bool) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil && t.comma == ';' && strings.Count(text, ",") == 1 && !strings.Contains(text, ".") {
		if v, err = strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64); err == nil {
			t.points++
		}
	}
	if err != nil {
		switch strings.ToLower(text) {
		case "true":
			v, err = 1, nil
		case "false":
			err = nil
		}
	} else if _, err := strconv.ParseInt(text, 10, 64); err != nil {
		t.whole[i] = false
	}
	ok := err == nil && onnx.Finite(v)
	t.seen[i] = t.seen[i] || ok
	return v, ok
}

func isNoNumber(s string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return err != nil
}
