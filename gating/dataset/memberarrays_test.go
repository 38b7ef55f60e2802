package dataset

import (
	"archive/tar"
	"bytes"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// tarOf is an archive of files: name, content, name, content, ...
func tarOf(t testing.TB, files ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		content, ok := files[i+1].([]byte)
		if !ok {
			content = []byte(files[i+1].(string))
		}
		if err := w.WriteHeader(&tar.Header{Name: files[i].(string), Size: int64(len(content)), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		w.Write(content)
	}
	w.Close()
	return b.Bytes()
}

func row(a, b float32) []byte { return npyOf("<f4", "(2,)", []float32{a, b}) }

// Arrays of archives are inputs and labels, of one array a file or of several, and their lengths may differ.
func TestArraysOfArchives(t *testing.T) {
	scalar := func(v int64) []byte { return npyOf("<i8", "()", []int64{v}) }
	both := func(a, b float32, y int64) []byte {
		return npzOf(t, entry{"x", row(a, b)}, entry{"label", scalar(y)})
	}
	two := Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 2}}}}
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"one input, a class":  {tarOf(t, "0.npy", row(1, 2), "0.cls", "3", "1.npy", row(4, 5), "1.cls", "6"), "1:[3] 4:[6]"},
		"named, a label":      {tarOf(t, "0.x.npy", row(1, 2), "0.y.npy", scalar(3)), "1:[3]"},
		"both in one file":    {tarOf(t, "0.npz", both(1, 2, 3), "1.npz", both(4, 5, 6)), "1:[3] 4:[6]"},
		"big endian, integer": {tarOf(t, "0.npy", npyOf(">i2", "(2,)", []byte{0, 7, 0, 1}), "0.cls", "1"), "7:[1]"},
		"beside a pickle":     {tarOf(t, "0.npy", row(1, 2), "0.pth", "PK", "0.cls", "3"), "1:[3]"},
		"a name for a class": {tarOf(t, "0.npy", row(1, 2), "0.cls", "dog", "1.npy", row(4, 5), "1.cls", "cat"),
			"1:[1] 4:[0]"},
	} {
		d := mustOpen(t, store(t, "x.tar", c.content), two)
		mustWell(t, d)
		if got := samplesOf(d); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	ragged := mustOpen(t, store(t, "x.tar", tarOf(t, "0.npy", row(1, 2), "0.cls", "3", "1.npy",
		npyOf("<f4", "(1,)", []float32{9}), "1.cls", "1")),
		Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, -1}}}})
	if len(ragged.Parts()) != 2 {
		t.Errorf("%d shapes, want 2", len(ragged.Parts()))
	}
}

// A member that is broken or another's kind is named.
func TestArraysOfArchivesRefused(t *testing.T) {
	two := Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, 2}}}}
	for says, content := range map[string][]byte{
		"1.npy: float32[3] where the first sample has float32": nil,
		"0.npy: this is not a NumPy array":                     tarOf(t, "0.npy", "no array", "0.cls", "1"),
		"1.npy: the array is truncated":                        tarOf(t, "0.npy", row(1, 2), "1.npy", row(1, 2)[:70]),
		"1.npy: the array holds Python objects":                tarOf(t, "0.npy", row(1, 2), "1.npy", npyOf("|O", "(2,)", []byte{1})),
		"1.npy: int64[2] where the first sample has float32": tarOf(t, "0.npy", row(1, 2), "1.npy",
			npyOf("<i8", "(2,)", []int64{1, 2})),
		"1.npz: there is no array \"x\"": tarOf(t, "0.npz", npzOf(t, entry{"x", row(1, 2)}), "1.npz",
			npzOf(t, entry{"z", row(1, 2)})),
		"fields of the samples that are not read: .pth (a pickle": tarOf(t, "0.pth", "PK", "0.cls", "1"),
		"fields of the samples that are not read: .mp4":           tarOf(t, "0.mp4", "x", "0.cls", "1"),
	} {
		if content == nil {
			content = tarOf(t, "0.npy", row(1, 2), "1.npy", npyOf("<f4", "(1, 2)", []float32{1, 2}))
			says = "1.npy: float32[1 2] where the first sample has float32"
		}
		_, err := Open(store(t, "x.tar", content), two)
		wantRefusal(t, err, says)
	}
}
