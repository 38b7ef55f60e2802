package record_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/onnx"
)

// column holds values as JSON has them.
func column(t *testing.T, rows ...any) *record.Values {
	t.Helper()
	c := &record.Values{Key: "x"}
	for _, row := range rows {
		if _, err := c.AddJSON(row); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func show(t *testing.T, c record.Column) string {
	t.Helper()
	text := ""
	if err := c.Each(func(v record.Value) error {
		text += fmt.Sprint(v.Ints, v.Floats)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return text
}

// Files are one column; where one of them has floats all values are floats.
func TestChain(t *testing.T) {
	whole := &record.Values{Key: "x"}
	for i := range int64(3) {
		if err := whole.AddInt(i); err != nil {
			t.Fatal(err)
		}
	}
	flags := column(t, true, false)
	c := record.Chain(whole, flags)
	if got := show(t, c); c.Rows() != 5 || c.Type() != onnx.Int64 || got != "[0] [][1] [][2] [][1] [][0] []" {
		t.Errorf("%d rows of %s: %s", c.Rows(), c.Type(), got)
	}
}

// Thinned columns keep the rows that the reader of folders keeps: i*n/most.
func TestThin(t *testing.T) {
	c := &record.Values{Key: "x"}
	for i := range int64(10) {
		if err := c.AddInt(i); err != nil {
			t.Fatal(err)
		}
	}
	thin := record.Thin(c, 4)
	if got := show(t, thin); thin.Rows() != 4 || got != "[0] [][2] [][5] [][7] []" {
		t.Errorf("%d rows: %s", thin.Rows(), got)
	}
	if record.Thin(c, 0) != record.Column(c) || record.Thin(c, 10) != record.Column(c) {
		t.Error("all rows are kept anew")
	}
}

// What is no number, or one that no float64 holds, is refused; and so are lists too deep to be an array.
func TestHostileValues(t *testing.T) {
	deep := any(json.Number("1"))
	for range 9 {
		deep = []any{deep}
	}
	for says, values := range map[string][]any{
		"holds the number 1e999":   {json.Number("1e999")},
		"nested more than 8 times": {deep},
		"of 2 and of 1 elements":   {[]any{[]any{json.Number("1"), json.Number("2")}, []any{json.Number("3")}}},
		"mixes numbers and lists":  {[]any{json.Number("1"), []any{json.Number("2")}}},
		"what are not numbers":     {[]any{"x"}},
		"no value (null)":          {nil},
		"before a list of numbers": {[]any{json.Number("1")}, json.Number("1")},
	} {
		c, failed := &record.Values{Key: "x"}, error(nil)
		for _, v := range values {
			if _, err := c.AddJSON(v); err != nil {
				failed = err
			}
		}
		if failed == nil || !strings.Contains(failed.Error(), says) {
			t.Errorf("want %q: %v", says, failed)
		}
	}
}

// FuzzValues adds values of a JSON list to a column: rows that are taken are all of the column's kind, type and depth,
// and as many numbers as their shape says.
func FuzzValues(f *testing.F) {
	f.Add(`[1, 2.5, true]`)
	f.Add(`[[1, 2], [], [3.5]]`)
	f.Add(`["a", "b", {"x": 1}]`)
	f.Add(`[[[]], [[1]], [[1, 2]]]`)
	f.Add(`[18446744073709551615, -9223372036854775808, 1e308]`)
	f.Fuzz(func(t *testing.T, text string) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var list []any
		if d.Decode(&list) != nil {
			return
		}
		c, taken := &record.Values{Key: "x"}, 0
		for _, v := range list {
			if size, err := c.AddJSON(v); err == nil {
				taken++
				if size < 0 && c.Kind() != record.Other {
					t.Errorf("%v takes %d bytes", v, size)
				}
			}
		}
		rows := 0
		if err := c.Each(func(v record.Value) error {
			rows++
			n := 1
			for _, k := range v.Shape {
				n *= k
			}
			if c.Kind() == record.Number && max(len(v.Ints), len(v.Floats)) != n {
				t.Errorf("%d and %d numbers of shape %v", len(v.Ints), len(v.Floats), v.Shape)
			}
			for _, x := range v.Floats {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					t.Errorf("%v", x)
				}
			}
			return nil
		}); err != nil || rows != taken || c.Rows() != taken {
			t.Errorf("%d rows of %d, %v", rows, taken, err)
		}
	})
}
