package parquet_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset/parquet"
	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

const folder = "../../../fixtures/formats"

// expected is what formats.mjs says that it wrote.
var expected struct {
	Pixels [][]uint8
	Labels []int64
	Texts  []string
	IDs    [][]int64
	Boxes  [][][]float64
	Kinds  [][]int64
	Grid   [][][]float64
}

func TestMain(m *testing.M) {
	text, err := os.ReadFile(filepath.Join(folder, "expected.json"))
	if err == nil {
		var raw map[string]json.RawMessage
		err = json.Unmarshal(text, &raw)
		for key, to := range map[string]any{"labels": &expected.Labels, "texts": &expected.Texts, "ids": &expected.IDs,
			"boxes": &expected.Boxes, "kinds": &expected.Kinds, "grid": &expected.Grid} {
			err = errors.Join(err, json.Unmarshal(raw[key], to))
		}
		var pixels [][]int
		err = errors.Join(err, json.Unmarshal(raw["pixels"], &pixels))
		for _, row := range pixels {
			expected.Pixels = append(expected.Pixels, nil)
			for _, v := range row {
				expected.Pixels[len(expected.Pixels)-1] = append(expected.Pixels[len(expected.Pixels)-1], uint8(v))
			}
		}
	}
	if err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func open(t testing.TB, name string) *parquet.File {
	t.Helper()
	f, err := parquet.Open(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func column(t testing.TB, f *parquet.File, name string) record.Column {
	t.Helper()
	for _, c := range f.Columns {
		if c.Name() == name {
			return c
		}
	}
	t.Fatalf("no column %q", name)
	return nil
}

// texts are the values of a column as text: shape and numbers.
func texts(t testing.TB, c record.Column) (list []string) {
	t.Helper()
	err := c.Each(func(v record.Value) error {
		if c.Kind() == record.Text {
			list = append(list, string(v.Bytes))
		} else if v.Floats == nil {
			list = append(list, fmt.Sprint(v.Shape, slices.Concat(v.Ints)))
		} else {
			list = append(list, fmt.Sprint(v.Shape, slices.Concat(v.Floats)))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", c.Name(), err)
	}
	return list
}

// Columns of every form come out as their writers put them in, across row groups and pages.
func TestColumns(t *testing.T) {
	var scalars, ids, boxes, kinds, grid []string
	for _, v := range expected.Labels {
		scalars = append(scalars, fmt.Sprint([]int{}, []int64{v}))
	}
	for _, row := range expected.IDs {
		ids = append(ids, fmt.Sprint([]int{len(row)}, row))
	}
	for i, row := range expected.Boxes {
		flat := fmt.Sprint([]int{0}, []float64{})
		if len(row) > 0 {
			flat = fmt.Sprint([]int{len(row), 4}, slices.Concat(row...))
		}
		boxes = append(boxes, flat)
		kinds = append(kinds, fmt.Sprint([]int{len(row)}, slices.Concat(expected.Kinds[i])))
	}
	for _, row := range expected.Grid {
		grid = append(grid, fmt.Sprint([]int{2, 2}, slices.Concat(row...)))
	}
	for _, c := range []struct {
		file, column string
		kind         record.Kind
		typ          onnx.DataType
		lists        int
		want         []string
	}{
		{"text.parquet", "sentence", record.Text, 0, 0, expected.Texts},
		{"text.parquet", "label", record.Number, onnx.Int64, 0, scalars},
		{"text.parquet", "input_ids", record.Number, onnx.Int64, 1, ids},
		{"text.parquet", "objects.bbox", record.Number, onnx.Float32, 2, boxes},
		{"text.parquet", "objects.category", record.Number, onnx.Int64, 1, kinds},
		{"numbers.parquet", "x", record.Number, onnx.Float64, 2, grid},
		{"table.parquet", "label", record.Number, onnx.Int64, 0, scalars},
		{"table.parquet", "name", record.Text, 0, 0, expected.Texts},
	} {
		t.Run(c.file+" "+c.column, func(t *testing.T) {
			got := column(t, open(t, c.file), c.column)
			if got.Kind() != c.kind || got.Lists() != c.lists || c.typ != 0 && got.Type() != c.typ ||
				got.Rows() != len(c.want) {
				t.Errorf("%s of %s in %d lists, %d rows", got.Kind(), got.Type(), got.Lists(), got.Rows())
			}
			for range 2 { // reading again gives the same
				if list := texts(t, got); !slices.Equal(list, c.want) {
					t.Errorf("got\n%q, want\n%q", list, c.want)
				}
			}
		})
	}
}

// Images are the bytes that were written; the path beside them is no column, and classes have names.
func TestImages(t *testing.T) {
	at := 0
	for _, name := range []string{"train-00000-of-00002.parquet", "train-00001-of-00002.parquet"} {
		f := open(t, name)
		if len(f.Columns) != 2 || fmt.Sprint(f.Classes) != "map[label:[cat dog owl]]" {
			t.Errorf("%d columns, classes %v", len(f.Columns), f.Classes)
		}
		c := column(t, f, "image")
		if c.Kind() != record.Image {
			t.Fatalf("%s", c.Kind())
		}
		if err := c.Each(func(v record.Value) error {
			img, err := png.Decode(bytes.NewReader(v.Bytes))
			if err != nil {
				return err
			}
			for i, want := range expected.Pixels[at] {
				if r, _, _, _ := img.At(i%8, i/8).RGBA(); uint8(r>>8) != want {
					return fmt.Errorf("row %d, pixel %d: %d, want %d", at, i, r>>8, want)
				}
			}
			at++
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	if at != 10 {
		t.Errorf("%d images", at)
	}
}

// An error of the visitor comes back as it is.
func TestVisitorsError(t *testing.T) {
	stop := errors.New("stop")
	if err := column(t, open(t, "table.parquet"), "a").Each(func(record.Value) error { return stop }); err != stop {
		t.Errorf("got %v", err)
	}
}

// A file that is cut, or damaged at any byte, gives an error or values, never a panic, and takes no memory that it does
// not have.
func TestDamaged(t *testing.T) {
	for _, name := range []string{"text.parquet", "train-00001-of-00002.parquet", "numbers.parquet", "table.parquet"} {
		whole, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		step := 23
		if testing.Short() {
			step = 151
		}
		for at := 0; at < len(whole); at += step {
			damaged := slices.Clone(whole)
			damaged[at] ^= 0xff
			read(t, damaged)
			read(t, whole[:at])
		}
	}
}

// read reads everything that can be read of a file.
func read(t testing.TB, content []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.parquet")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.Open(path)
	if err != nil {
		refused(t, err)
		return
	}
	defer f.Close()
	for _, c := range f.Columns {
		n := 0
		err := c.Each(func(record.Value) error {
			if n++; n > 1<<16 {
				return errors.Join(parquet.ErrParquet, advice.With(errors.New("enough"), "hint"))
			}
			return nil
		})
		if err != nil {
			refused(t, err)
		}
	}
}

func refused(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, parquet.ErrParquet) {
		t.Errorf("%v: not of kind ErrParquet", err)
	}
}

func FuzzParquet(f *testing.F) {
	for _, name := range []string{"text.parquet", "train-00001-of-00002.parquet", "numbers.parquet", "table.parquet"} {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) { read(t, content) })
}
