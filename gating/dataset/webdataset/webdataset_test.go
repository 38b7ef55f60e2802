package webdataset_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/gating/dataset/record/recordtest"
	"github.com/softmerge/softmerge/gating/dataset/webdataset"
	"github.com/softmerge/softmerge/onnx/advice"
)

// archive is a tar archive of files: name, content, name, content, ...
func archive(files ...string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Size: int64(len(files[i+1])), Mode: 0o600}); err != nil {
			panic(err)
		}
		w.Write([]byte(files[i+1]))
	}
	w.Close()
	return b.Bytes()
}

func read(content []byte) ([]record.Column, error) {
	a, err := webdataset.Read(bytes.NewReader(content), int64(len(content)), func(int) error { return nil })
	if err != nil {
		return nil, err
	}
	return a.Columns, nil
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		files []string
		want  string
	}{
		{[]string{"a/0.jpg", "J0", "a/0.cls", "3\n", "a/1.png", "P1", "a/1.cls", "4"},
			"image images undefined 0: [][][]J0 [][][]P1; label numbers int64 0: [][3][] [][4][]"},
		{[]string{"0.txt", "hi", "0.json", `{"labels": [0, 1], "w": 0.5}`, "1.txt", "ho", "1.json",
			`{"labels": [1, 1], "w": 1}`},
			"text text undefined 0: [][][]hi [][][]ho; labels numbers int64 1: [2][0 1][] [2][1 1][]; w numbers float64 0: [][][0.5] [][][1]"},
		{[]string{"0.cls", "cat", "0.x.npy", "A", "0.npz", "B", "1.cls", "7", "1.x.npy", "C", "1.npz", "D"},
			"x arrays undefined 0: [][][]A [][][]C; npz arrays undefined 0: [][][]B [][][]D; label text undefined 0: [][][]cat [][][]7"},
		{[]string{"0.transcript", "hi", "0.cls2", "4"}, "text text undefined 0: [][][]hi; cls2 numbers int64 0: [][4][]"},
		{[]string{"0.rgb.png", "A", "0.seg.png", "B"}, "rgb images undefined 0: [][][]A; seg images undefined 0: [][][]B"},
		{[]string{"README", "x", "0.txt", "hi", "0.unknown", "?"}, "text text undefined 0: [][][]hi"},
	} {
		columns, err := read(archive(c.files...))
		if got := recordtest.Show(columns); err != nil || got != c.want {
			t.Errorf("%q: got\n%s, %v, want\n%s", c.files, got, err, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		content []byte
		says    string
	}{
		{archive(), "no samples"},
		{[]byte("no archive, but text that is longer than nothing" + strings.Repeat(" ", 600)), "tar archive"},
		{archive("0.jpg", "a", "0.cls", "1", "1.jpg", "b"), `"1" has no .cls`},
		{archive("0.cls", "3", "1.cls", "cat"), "no class"},
		{archive("0.cls", ""), "no class"},
		{archive("0.pth", "PK", "0.mp4", "x"), ".pth (a pickle, which may run any code: save arrays as .npy), .mp4"},
		{archive("0.npy", "a", "1.npz", "b"), `"1" has no .npy`},
		{archive("0.jpg", "a", "0.jpg", "b"), "two fields"},
		{archive("0.bin", "a"), "no field"},
		{archive("0.cls", "7", "1.cls", "99999999999999999999"), "no class"},
		{archive("0.json", strings.Repeat("[", 20)+strings.Repeat("]", 20)), "nested"},
		{archive("0.json", `{"x": NaN}`), "invalid character"},
		{archive("../../0.pkl", "x"), "a pickle"},
		{archive("0.json", `{"a": 1, "b": 1}`, "1.json", `{"a": 1}`), `"b" is missing`},
		{archive("0.json", `{"a": 1}`, "1.json", `{"a": 1, "b": 1}`), `"b" is not in every`},
		{archive("0.txt", strings.Repeat("long", 400))[:1000], "longer than the archive"},
	} {
		_, err := read(c.content)
		if !errors.Is(err, webdataset.ErrArchive) || advice.Hint(err) == "" || !strings.Contains(err.Error(), c.says) {
			t.Errorf("want %q: %v", c.says, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(archive("0.jpg", "a", "0.json", `{"x": [1, 2]}`, "1.jpg", "b", "1.json", `{"x": [3, 4]}`))
	f.Add(archive("0.txt", "a", "0.cls", "1"))
	f.Add(archive("0.npy", "\x93NUMPY", "0.npz", "PK", "0.cls", "cat", "1.npy", "", "1.npz", "", "1.cls", "2"))
	f.Fuzz(func(t *testing.T, content []byte) {
		columns, err := read(content)
		if err != nil && !errors.Is(err, webdataset.ErrArchive) {
			t.Error(err)
		}
		recordtest.Show(columns)
	})
}
