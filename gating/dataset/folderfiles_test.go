package dataset

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// twoColumns is the input of the tables here.
var twoColumns = []Field{{Name: "in", Type: onnx.Float32, Shape: []int{-1, 2}}}

// TestFolderOfFiles: a folder of files of one kind is one data set, in the order of their names, whatever they are.
func TestFolderOfFiles(t *testing.T) {
	npz := func(first float32, y int64) []byte {
		return npzOf(t, entry{"in", npyOf("<f4", "(1, 2)", []float32{first, first + 1})},
			entry{"label", npyOf("<i8", "(1,)", []int64{y})})
	}
	line := func(first, y int) []byte {
		return fmt.Appendf(nil, "{\"in\": [%d, %d], \"label\": %d}\n", first, first+1, y)
	}
	table := func(first, y int) []byte { return fmt.Appendf(nil, "a,b,label\n%d,%d,%d\n", first, first+1, y) }
	archive := func(first float32, y string) []byte {
		return tarOf(t, "s.in.npy", npyOf("<f4", "(2,)", []float32{first, first + 1}), "s.cls", []byte(y))
	}
	for kind, files := range map[string]map[string][]byte{
		"npz":                       {"part-1.npz": npz(3, 1), "part-0.npz": npz(1, 0)},
		"jsonl":                     {"b.jsonl": line(3, 1), "a.JSONL": line(1, 0)},
		"csv":                       {"2.csv": table(3, 1), "1.csv": table(1, 0), "notes.txt": nil},
		"tar":                       {"shard-001.tar": archive(3, "1"), "shard-000.tar": archive(1, "0")},
		"one file":                  {"all.csv": []byte("a,b,label\n1,2,0\n3,4,1\n")},
		"a part":                    {"train/1.csv": table(3, 1), "train/0.csv": table(1, 0), "test/0.csv": table(7, 0)},
		"a part, told by the names": {"train-0.csv": table(1, 0), "train-1.csv": table(3, 1), "val-0.csv": table(7, 0)},
	} {
		path := storeAll(t, files)
		if strings.HasPrefix(kind, "a part") {
			path += "#train"
		}
		d := mustOpen(t, path, Options{Inputs: twoColumns})
		mustWell(t, d)
		if !slices.Equal(d.Inputs[0].Floats, []float32{1, 2, 3, 4}) || !slices.Equal(d.Label.Ints, []int64{0, 1}) {
			t.Errorf("%s: %v, labels %v", kind, d.Inputs[0].Floats, d.Label.Ints)
		}
		if len(d.Notes) > 2 {
			t.Errorf("%s: notes %q", kind, d.Notes)
		}
	}
}

// TestFolderOfImagesInArchives: images in archives of a folder go through the preprocessing, which is found before.
func TestFolderOfImagesInArchives(t *testing.T) {
	one := tarOf(t, "a.png", grey(t, 255), "a.cls", []byte("3"))
	path := storeAll(t, map[string][]byte{"0.tar": one, "1.tar": one})
	o := Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 1, 2, 2}}}}
	if !HoldsImages(path, o) {
		t.Error("it seems to hold no images")
	}
	if d := mustOpen(t, path, o); d.Len() != 2 || !slices.Equal(d.Label.Ints, []int64{3, 3}) {
		t.Errorf("%d samples, labels %v", d.Len(), d.Label)
	}
}

// TestFolderOfFilesRefused: files that are not one data set are not joined.
func TestFolderOfFilesRefused(t *testing.T) {
	table := []byte("a,b,label\n1,2,0\n")
	for name, c := range map[string]struct {
		files map[string][]byte
		says  []string
	}{
		"several kinds": {map[string][]byte{"a.csv": table, "b.jsonl": []byte("{}")},
			[]string{"files of several kinds: .csv, .jsonl", "--data before each"}},
		"parts": {map[string][]byte{"train.csv": table, "test.csv": table}, []string{"#train, ", "#test"}},
		"columns in another order": {map[string][]byte{"a.csv": table, "b.csv": []byte("b,a,label\n1,2,0\n")},
			[]string{`b.csv is "b", but of`, `a.csv it is "a"`, "the same columns in the same order"}},
		"arrays of their own": {map[string][]byte{"x.npy": nil, "y.npy": nil}, []string{"x.npy", "numpy.savez('data.npz'"}},
		"a file that is none": {map[string][]byte{"a.npz": nil, "b.npz": nil}, []string{"a.npz: "}},
	} {
		_, err := Open(storeAll(t, c.files), Options{Inputs: twoColumns})
		t.Run(name, func(t *testing.T) { wantRefusal(t, err, c.says...) })
	}
}

// TestTablesInOtherOrders: what only the order of columns tells has to have one order in all files, also where they
// are named one by one and where they judge.
func TestTablesInOtherOrders(t *testing.T) {
	dir := storeAll(t, map[string][]byte{"a.csv": []byte("a,b,label\n1,2,0\n"), "b.csv": []byte("b,a,label\n1,2,0\n"),
		"c.csv": []byte("label,in1,in0\n0,1,2\n"), "d.csv": []byte("label,in0,in1\n0,1,2\n")})
	path := func(name string) string { return filepath.Join(dir, name) }
	o := Options{Inputs: twoColumns}
	_, err := OpenAll([]string{path("a.csv"), path("b.csv")}, o)
	wantRefusal(t, err, "the same columns in the same order")
	wantRefusal(t, CheckClasses(mustOpen(t, path("a.csv"), o), mustOpen(t, path("b.csv"), o)), `"a"`, `"b"`)
	if _, err := OpenAll([]string{path("c.csv"), path("d.csv")}, o); err != nil {
		t.Error(err) // names tell
	}
}
