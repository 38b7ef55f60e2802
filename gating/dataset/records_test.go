package dataset

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

const formats = "../../fixtures/formats"

// written is what formats.mjs wrote.
type written struct {
	Pixels [][]int64
	Labels []int64
	Texts  []string
	IDs    [][]int64
	Grid   [][][]float32
}

func readWritten(t *testing.T) (w written) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(formats, "expected.json"))
	if err == nil {
		err = json.Unmarshal(text, &w)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// linked copies fixtures into a folder, under other names.
func linked(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, from := range files {
		content, err := os.ReadFile(filepath.Join(formats, from))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const first, second = "train-00000-of-00002.parquet", "train-00001-of-00002.parquet"

// A folder as datasets.push_to_hub writes it: shards in order, images decoded, labels with the names of their classes.
func TestParquetImages(t *testing.T) {
	w := readWritten(t)
	dir := linked(t, map[string]string{"data/" + first: first, "data/" + second: second, "README.md": "expected.json"})
	for _, typ := range []onnx.DataType{onnx.Float32, onnx.Uint8} {
		d := mustOpen(t, dir, Options{Inputs: []Field{{Name: "pixel_values", Type: typ, Shape: []int{-1, 1, 8, 8}}}})
		mustWell(t, d)
		if d.Len() != 10 || !slices.Equal(d.Label.Ints, w.Labels) || fmt.Sprint(d.Inputs[0].Shape) != "[1 8 8]" {
			t.Fatalf("%d samples %v, labels %v", d.Len(), d.Inputs[0].Shape, d.Label.Ints)
		}
		for i, want := range slices.Concat(w.Pixels...) {
			if got := d.Inputs[0].at(i); typ == onnx.Uint8 && got != float64(want) ||
				typ == onnx.Float32 && float32(got) != float32(want)/255 {
				t.Fatalf("value %d is %v, want %d", i, got, want)
			}
		}
		if notes := strings.Join(d.Notes, "\n"); !strings.Contains(notes, `classes of label: "cat", "dog", "owl"`) ||
			!strings.Contains(notes, `the part "train" is taken: 2 files`) {
			t.Errorf("notes %q", notes)
		}
	}
}

// Parts of a data set are never mixed unless the user says which he wants.
func TestParquetParts(t *testing.T) {
	dir := linked(t, map[string]string{"train/0.parquet": first, "test-00000-of-00001.parquet": second})
	o := Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 1, 8, 8}}}}
	_, err := Open(dir, o)
	wantRefusal(t, err, "test (1 files), train (1 files)", dir+"#train")
	if d := mustOpen(t, dir+"#test", o); d.Len() != 4 {
		t.Errorf("%d samples", d.Len())
	}
	_, err = Open(dir+"#validation", o)
	wantRefusal(t, err, `no part "validation"`, "train, test")
	_, err = Open(linked(t, map[string]string{"a/0.parquet": first, "b/0.parquet": second}), o)
	wantRefusal(t, err, "2 folders", "different data sets")
	_, err = Open(linked(t, map[string]string{"0.parquet": first, "1.parquet": "text.parquet"}), o)
	wantRefusal(t, err, "1.parquet", "columns")
}

// Lists of other lengths are cut where the graph's axis is symbolic, labels for each position with them; they are
// refused where it is not.
func TestParquetLists(t *testing.T) {
	w := readWritten(t)
	path := filepath.Join(formats, "text.parquet")
	symbolic := Field{Name: "input_ids", Type: onnx.Int64, Shape: []int{-1, -1}}
	for _, label := range []string{"label", "tags"} {
		d := mustOpen(t, path, Options{Inputs: []Field{symbolic}, Label: label})
		seen := 0
		for _, p := range d.Parts() {
			for row := range p.own() {
				at := p.origin(row).row
				_, ids := p.Inputs[0].row(row)
				if !slices.Equal(ids, w.IDs[at]) {
					t.Errorf("row %d is %v, want %v", at, ids, w.IDs[at])
				}
				_, labels := p.Label.row(row)
				want := []int64{w.Labels[at]}
				if label == "tags" {
					want = nil
					for _, v := range w.IDs[at] {
						want = append(want, v%7)
					}
				}
				if !slices.Equal(labels, want) {
					t.Errorf("label %d is %v, want %v", at, labels, want)
				}
				seen++
			}
		}
		if seen != 10 || len(d.Parts()) != 4 {
			t.Errorf("%d samples of %d shapes", seen, len(d.Parts()))
		}
	}
	_, err := Open(path, Options{Inputs: []Field{{Name: "input_ids", Type: onnx.Int64, Shape: []int{-1, 4}}},
		Label: "label"})
	wantRefusal(t, err, "input_ids", "symbolic")
	_, err = Open(path, Options{Inputs: []Field{symbolic}, Label: "sentence"})
	wantRefusal(t, err, `label "sentence": row 4: there is no label`)
}

// Tables of numbers of any width, and lists that are all equally long.
func TestParquetNumbers(t *testing.T) {
	w := readWritten(t)
	path := filepath.Join(formats, "numbers.parquet")
	d := mustOpen(t, path, Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 2, 2}}}})
	mustWell(t, d)
	for i, row := range w.Grid {
		if got, _ := d.Inputs[0].row(i); !slices.Equal(got, slices.Concat(row...)) {
			t.Errorf("row %d: %v", i, got)
		}
	}
	if d.Label.Name != "y" || d.Label.Floats[3] != 0.75 ||
		!strings.Contains(strings.Join(d.Notes, ""), `"flag", "id"`) {
		t.Errorf("label %v, notes %q", d.Label, d.Notes)
	}
	_, err := Open(path, Options{Inputs: []Field{{Name: "x", Type: onnx.Int64, Shape: []int{-1, 2, 2}}}, Label: "y"})
	wantRefusal(t, err, "row 0, element [0 1]", "0.25 is not an integer")
	_, err = Open(path, Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 2, 2}}}, Label: "y",
		MaxBytes: 100, MaxDisk: -1})
	wantRefusal(t, err, "allowed for data")
	_, err = Open(store(t, "x.parquet", []byte("PAR1 no file PAR1")), Options{})
	wantRefusal(t, err, "x.parquet", "footer")
}
