package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset/imaging"
	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
)

// idxOf is a file in the format of MNIST.
func idxOf(code byte, shape []uint32, values any) []byte {
	out := []byte{0, 0, code, byte(len(shape))}
	for _, n := range shape {
		out = binary.BigEndian.AppendUint32(out, n)
	}
	out, err := binary.Append(out, binary.BigEndian, values)
	if err != nil {
		panic(err)
	}
	return out
}

func gzipped(data []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	w.Write(data)
	w.Close()
	return buf.Bytes()
}

// storeAll writes several files to one fresh folder.
func storeAll(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestIDXPairs(t *testing.T) {
	images := idxOf(8, []uint32{2, 2, 2}, []uint8{0, 51, 102, 153, 204, 255, 0, 255})
	labels := idxOf(8, []uint32{2}, []uint8{7, 1})
	for _, c := range [][2]string{
		{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
		{"t10k-images.idx3-ubyte.gz", "t10k-labels.idx1-ubyte.gz"},
		{"train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz"},
		{"images.idx", "labels.idx"},
	} {
		files := map[string][]byte{c[0]: images, c[1]: labels}
		for name := range files {
			if filepath.Ext(name) == ".gz" {
				files[name] = gzipped(files[name])
			}
		}
		path := filepath.Join(storeAll(t, files), c[0])
		d := mustOpen(t, path, Options{Inputs: []Field{{Name: "in", Type: onnx.Float32, Shape: []int{-1, 1, 2, 2}}}})
		want := []float32{0, .2, .4, .6, .8, 1, 0, 1}
		if x := d.Inputs[0]; !slices.Equal(x.Floats, want) || !slices.Equal(x.Shape, []int{1, 2, 2}) || x.Name != "in" {
			t.Errorf("%s: got %+v, want %v", c[0], x, want)
		}
		if d.Label == nil || !slices.Equal(d.Label.Ints, []int64{7, 1}) {
			t.Errorf("%s: label %+v", c[0], d.Label)
		}
		d = mustOpen(t, path, Options{Inputs: []Field{{Name: "in", Type: onnx.Uint8, Shape: []int{-1, 2, 2}}}})
		if got := d.Inputs[0].Ints; !slices.Equal(got, []int64{0, 51, 102, 153, 204, 255, 0, 255}) {
			t.Errorf("%s as bytes: %v", c[0], got)
		}
	}
}

func TestIDXTypes(t *testing.T) {
	for code, c := range map[byte]struct {
		typ    onnx.DataType
		values any
	}{
		0x09: {onnx.Int8, []int8{-1, 2}}, 0x0b: {onnx.Int16, []int16{-1, 2}}, 0x0c: {onnx.Int32, []int32{-1, 2}},
		0x0d: {onnx.Float32, []float32{-1, 2}}, 0x0e: {onnx.Float64, []float64{-1, 2}},
	} {
		d := mustOpen(t, store(t, "x.idx", idxOf(code, []uint32{1, 2}, c.values)), Options{})
		x := d.Inputs[0]
		if x.Type != c.typ || x.at(0) != -1 || x.at(1) != 2 || d.Label != nil {
			t.Errorf("%s: got %+v", c.typ, d)
		}
	}
}

func TestIDXRefused(t *testing.T) {
	good := idxOf(8, []uint32{2, 2}, []uint8{1, 2, 3, 4})
	for name, c := range map[string]struct {
		file string
		data []byte
		says string
	}{
		"empty":                 {"x.idx", nil, "truncated"},
		"not IDX":               {"x.idx", []byte("hello"), "not an IDX file"},
		"unknown type":          {"x.idx", idxOf(7, []uint32{1}, []uint8{1}), "not an IDX file"},
		"compressed but not":    {"x.idx", gzipped(good), "must end in .gz"},
		"not compressed":        {"x.idx.gz", good, "not a whole .gz"},
		"half a head":           {"x.idx", good[:6], "truncated"},
		"one value short":       {"x.idx", good[:len(good)-1], "truncated"},
		"one value more":        {"x.idx", append(slices.Clone(good), 1), "more bytes"},
		"half of it compressed": {"x.idx.gz", gzipped(good)[:20], "truncated"},
		"promises much":         {"x.idx", idxOf(8, []uint32{1 << 31, 1 << 20}, []uint8{1}), "truncated"},
		"promises all": {"x.idx", idxOf(8, []uint32{1 << 31, 1 << 31, 1 << 31}, []uint8{1}),
			"more elements than any file"},
		"255 axes":         {"x.idx", idxOf(8, make([]uint32, 255), []uint8{1}), "255 axes"},
		"a scalar":         {"x.idx", idxOf(8, nil, []uint8{1}), "scalar"},
		"gz promises much": {"x.idx.gz", gzipped(idxOf(8, []uint32{1 << 20}, []uint8{1})), "truncated"},
		"gz is short":      {"x.idx.gz", gzipped(idxOf(8, []uint32{100}, []uint8{1})), "truncated"},
		"no samples":       {"x.idx", idxOf(8, []uint32{0, 2}, []uint8{}), "empty"},
		"NaN":              {"x.idx", idxOf(13, []uint32{1}, uint32(0x7fc00000)), "row 0"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(store(t, c.file, c.data), Options{})
			wantRefusal(t, err, c.file, c.says)
		})
	}
	_, err := Open(store(t, "x.idx", idxOf(8, []uint32{1000}, make([]uint8, 1000))), Options{MaxBytes: 7999, MaxDisk: -1})
	wantRefusal(t, err, "7999 bytes allowed")
}

func FuzzIDX(f *testing.F) {
	f.Add(idxOf(8, []uint32{2, 2}, []uint8{1, 2, 3, 4}), false)
	f.Add(gzipped(idxOf(0x0e, []uint32{2}, []float64{1, 2})), true)
	f.Fuzz(func(t *testing.T, data []byte, compressed bool) {
		err := readIDX(bytes.NewReader(data), int64(len(data)), compressed, func(p payload, shape []int) error {
			if p.count > 1<<20 {
				return nil
			}
			values, err := p.readFloats(spill.New(1<<20, 0))
			if err == nil && len(values) != product(shape) {
				t.Fatalf("%d values for shape %v", len(values), shape)
			}
			return err
		})
		if err != nil {
			wantRefusal(t, err)
		}
	})
}

// TestIDXPicturesArePreprocessed gives pictures to networks that saw them normalised, resized and as rows of pixels.
func TestIDXPicturesArePreprocessed(t *testing.T) {
	path := filepath.Join(storeAll(t, map[string][]byte{
		"t-images-idx3-ubyte": idxOf(8, []uint32{3, 2, 2}, []uint8{0, 51, 102, 153, 204, 255, 0, 255, 1, 2, 3, 4}),
		"t-labels-idx1-ubyte": idxOf(8, []uint32{3}, []uint8{7, 1, 5}),
	}), "t-images-idx3-ubyte")
	o := Options{Inputs: []Field{{Name: "in", Type: onnx.Float32, Shape: []int{-1, 1, 2, 2}}}}
	if !HoldsImages(path, o) {
		t.Error("it holds no images")
	}
	o.Preprocess = imaging.Preprocess{Mean: []float64{0.2}, Std: []float64{0.5}}
	d := mustOpen(t, path, o)
	for i, v := range []float64{0, .2, .4, .6} {
		if got := float64(d.Inputs[0].Floats[i]); math.Abs(got-(v-0.2)/0.5) > 1e-6 {
			t.Errorf("pixel %d is %v", i, got)
		}
	}
	o.Sample = 2
	if d := mustOpen(t, path, o); d.Len() != 2 || !slices.Equal(d.Label.Ints, []int64{7, 1}) {
		t.Errorf("a sample has labels %v", d.Label.Ints)
	}
	o = Options{Inputs: []Field{{Name: "in", Type: onnx.Float32, Shape: []int{-1, 1, 4, 4}}}}
	if d := mustOpen(t, path, o); d.Inputs[0].Size() != 16 {
		t.Errorf("a picture has %d pixels", d.Inputs[0].Size())
	}
	o.Inputs[0].Shape = []int{-1, 4}
	if HoldsImages(path, o) {
		t.Error("a perceptron takes images")
	}
	if d := mustOpen(t, path, o); d.Inputs[0].Floats[1] != 0.2 || d.Label.Ints[2] != 5 {
		t.Errorf("rows of pixels are %v", d.Inputs[0].Floats)
	}
}
