package dataset

import (
	"fmt"
	"image/color"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// grey is a grey image of 2 x 2 pixels.
func grey(t testing.TB, v uint8) []byte { return pngOf(t, 2, 2, color.Gray{Y: v}) }

// samplesOf writes the first number of every sample of the first input, and its label.
func samplesOf(d *Data) string {
	var list []string
	for _, p := range d.Parts() {
		for i := range p.own() {
			first := 0.0
			if x := p.Inputs[0]; x.Floats != nil {
				first = float64(x.Floats[i*x.Size()])
			} else {
				first = float64(x.Ints[i*x.Size()])
			}
			_, label := p.Label.row(i)
			list = append(list, fmt.Sprintf("%.3g:%v", first, label))
		}
	}
	return strings.Join(list, " ")
}

// Images that a table names, as Hugging Face's imagefolder and Kaggle's competitions have them: labels are numbers or
// names, names of files with or without folder and suffix, and images of the table's part come first.
func TestImagesThatATableNames(t *testing.T) {
	white, black := grey(t, 255), grey(t, 0)
	kaggle := storeAll(t, map[string][]byte{
		"train.csv":       []byte("image_id,label\na,dog\nb,cat\n"),
		"test.csv":        []byte("image_id,label\na,dog\nb,cat\n"),
		"test/a.png":      black,
		"test/b.png":      white,
		"train/a.png":     white,
		"train/b.png":     black,
		"train_x.csv":     []byte("file,label,seen\ntrain/a.png,1,3\ntest/a.png,0,4\n"),
		"numbers.csv":     []byte("id,label\n0001,1\n0002,0\n"),
		"0001.png":        white,
		"0002.png":        black,
		"labels.jsonl":    []byte(`{"image": "train/a.png", "label": 1}` + "\n" + `{"image": "test/a.png", "label": 0}`),
		"missing.csv":     []byte("file,label\ntrain/a.png,1\ntrain/c.png,0\n"),
		"outside.csv":     []byte("file,label\ntrain/a.png,1\n../a.png,0\n"),
		"sets.csv":        []byte("file,label\ntrain/a.png,1 2\ntest/a.png,\n"),
		"nothing/x.csv":   []byte("file,label\nc.png,1\nd.png,0\n"),
		"hf/metadata.csv": []byte("file_name,label\nx.png,1\ny.png,0\n"),
		"hf/x.png":        white,
		"hf/y.png":        black,
	})
	o := Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 1, 2, 2}}}}
	for name, want := range map[string]string{
		"train.csv":    "1:[1] 0:[0]",
		"test.csv":     "0:[1] 1:[0]",
		"train_x.csv":  "1:[1] 0:[0]",
		"numbers.csv":  "1:[1] 0:[0]",
		"labels.jsonl": "1:[1] 0:[0]",
		"sets.csv":     "1:[1 2] 0:[-1 -1]",
		"hf":           "1:[1] 0:[0]",
	} {
		path := filepath.Join(kaggle, name)
		d := mustOpen(t, path, o)
		mustWell(t, d)
		if got := samplesOf(d); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		if !HoldsImages(path, o) {
			t.Errorf("%s has images", name)
		}
	}
	some := o
	some.Sample = 1
	if d := mustOpen(t, filepath.Join(kaggle, "train_x.csv"), some); samplesOf(d) != "1:[1]" {
		t.Errorf("one of two: %s", samplesOf(d))
	}
	for name, want := range map[string][]string{
		"missing.csv":   {`line 3, "file"`, `there is no image "train/c.png"`},
		"outside.csv":   {"line 3", "outside of the folder"},
		"nothing/x.csv": {"line 2", `"c.png" is not a finite number`},
	} {
		_, err := Open(filepath.Join(kaggle, name), o)
		wantRefusal(t, err, want...)
	}
}

// A table above the working directory names images there, too.
func TestImagesOfATableAbove(t *testing.T) {
	root := storeAll(t, map[string][]byte{"x.csv": []byte("id,label\na,1\n"), "images/a.png": grey(t, 255), "work/x": nil})
	t.Chdir(filepath.Join(root, "work"))
	o := Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 1, 2, 2}}}}
	if d := mustOpen(t, filepath.Join("..", "x.csv"), o); samplesOf(d) != "1:[1]" {
		t.Error(samplesOf(d))
	}
}

// Folders of parts are chosen by name, never mixed, and are no classes.
func TestFoldersOfParts(t *testing.T) {
	white, black := grey(t, 255), grey(t, 0)
	root := storeAll(t, map[string][]byte{"train/cat/a.png": white, "train/dog/a.png": black,
		"test/cat/b.png": black, "test/dog/b.png": white, "images/train.txt": nil})
	o := Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 1, 2, 2}}}}
	_, err := Open(root, o)
	wantRefusal(t, err, "the folder") // images/ is no part
	root = storeAll(t, map[string][]byte{"train/cat/a.png": white, "train/dog/a.png": black,
		"test/cat/b.png": black, "test/dog/b.png": white})
	_, err = Open(root, o)
	wantRefusal(t, err, "several parts of data", root+"#train, "+root+"#test")
	if got := samplesOf(mustOpen(t, root+"#test", o)); got != "0:[0] 1:[1]" {
		t.Errorf("test: %s", got)
	}
	mnist := storeAll(t, map[string][]byte{
		"train-images-idx3-ubyte.gz": gzipped(idxOf(8, []uint32{1, 2, 2}, []uint8{255, 1, 2, 3})),
		"train-labels-idx1-ubyte.gz": gzipped(idxOf(8, []uint32{1}, []uint8{7})),
		"t10k-images-idx3-ubyte":     idxOf(8, []uint32{1, 2, 2}, []uint8{0, 1, 2, 3}),
		"t10k-labels-idx1-ubyte":     idxOf(8, []uint32{1}, []uint8{3})})
	_, err = Open(mnist, o)
	wantRefusal(t, err, "several parts of data")
	for part, want := range map[string]string{"train": "1:[7]", "test": "0:[3]"} {
		if got := samplesOf(mustOpen(t, mnist+"#"+part, o)); got != want {
			t.Errorf("%s: got %s, want %s", part, got, want)
		}
	}
	table := storeAll(t, map[string][]byte{"images/a.png": white, "train.csv": []byte("id,label\na,1\n")})
	_, err = Open(table, o)
	wantRefusal(t, err, "beside it 1 tables", filepath.Join(table, "train.csv"))
}

// What is not read is called by its name, with how to convert it, and never opened.
func TestOtherKinds(t *testing.T) {
	for name, want := range map[string][]string{
		"data.pkl":      {"pickle", "any code", "numpy.savez"},
		"data_batch_1":  {"pickle", "numpy.savez"},
		"x.h5":          {"HDF5", "h5py"},
		"x.mat":         {"MATLAB", "loadmat"},
		"x.tfrecord":    {"TFRecord", "TFRecordDataset"},
		"x.arrow":       {"Arrow", "to_parquet"},
		"x.bin":         {"without shape or type", "memmap"},
		"x.zip":         {"archive", "unpack"},
		"x.npz.gz":      {"archive", "unpack"},
		"x.tar.gz":      {"archive", "unpack"},
		"x.xlsx":        {"spreadsheet", "to_csv"},
		"x.sqlite":      {"database", "read_sql"},
		"x.unheard":     {"unknown kind of data \".unheard\"", "numpy.savez"},
		"broken.csv.gz": {"no gzip file"},
	} {
		dir := storeAll(t, map[string][]byte{name: []byte("\x80\x04K\x01.")})
		if name == "x.unheard" {
			dir = storeAll(t, map[string][]byte{name: []byte("text")})
		}
		_, err := Open(filepath.Join(dir, name), Options{})
		wantRefusal(t, err, want...)
		if name != "x.unheard" && name != "broken.csv.gz" {
			_, err = Open(dir, Options{})
			wantRefusal(t, err, want...)
		}
	}
}
