package record_test

import (
	"fmt"
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
