package onnx

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// external makes a tensor refer to a data file; offset and length are left out
// if empty.
func external(t *onnxpb.TensorProto, location, offset, length string) *onnxpb.TensorProto {
	t.RawData = nil
	t.DataLocation = onnxpb.TensorProto_EXTERNAL.Enum()
	for _, kv := range [][2]string{{"location", location}, {"offset", offset}, {"length", length}} {
		if kv[1] != "" {
			t.ExternalData = append(t.ExternalData, &onnxpb.StringStringEntryProto{Key: proto.String(kv[0]),
				Value: proto.String(kv[1])})
		}
	}
	return t
}

// externalModel writes a model whose w is at offset 8 of a data file and
// returns the path of the model.
func externalModel(t testing.TB, dir, location string) string {
	t.Helper()
	p := smallModel()
	external(p.Graph.Initializer[0], location, "8", "24")
	data := append(make([]byte, 8), appendValues(nil, Float32, []float64{1, 2, 3, 4, 5, 6})...)
	writeFiles(t, dir, map[string][]byte{"model.onnx": encoded(t, p), "weights.bin": data})
	return filepath.Join(dir, "model.onnx")
}

func writeFiles(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// opened opens a model and closes it after the test.
func opened(t testing.TB, path string) *Model {
	t.Helper()
	m := must(Open(path))(t)
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func TestExternalData(t *testing.T) {
	for _, location := range []string{"weights.bin", "./weights.bin", "sub/../weights.bin"} {
		m := opened(t, externalModel(t, t.TempDir(), location))
		if got := doubles(t, m, "w"); !slices.Equal(got, []float64{1, 2, 3, 4, 5, 6}) {
			t.Errorf("%s: got %v", location, got)
		}
		if v := Check(m); len(v) > 0 {
			t.Errorf("%s: %v", location, v)
		}
	}
}

// Nothing is opened before a tensor in it is read, and a missing file harms
// only the tensors in it.
func TestExternalDataIsLazy(t *testing.T) {
	dir := t.TempDir()
	path := externalModel(t, dir, "weights.bin")
	if err := os.Remove(filepath.Join(dir, "weights.bin")); err != nil {
		t.Fatal(err)
	}
	m := opened(t, path)
	if got := doubles(t, m, "b"); len(got) != 3 {
		t.Errorf("got %v", got)
	}
	_, err := m.Tensor(initializer(t, m, "w")).Raw()
	wantInvalid(t, err, "cannot be read")
	if violations := Check(m); len(violations) != 1 || violations[0].Tensor != "w" {
		t.Errorf("got %v", violations)
	}
}

// badLocations are references to external data that may not be followed, and what must be said of each.
var badLocations = []struct{ location, offset, length, part string }{
	{"../secret.bin", "", "", "outside"},
	{"/secret.bin", "", "", "outside"},
	{"sub/../../secret.bin", "", "", "outside"},
	{"..", "", "", "outside"},
	{"link", "", "", "cannot be read"},
	{"relative", "", "", "cannot be read"},
	{"folder/secret.bin", "", "", "cannot be read"},
	{"loop", "", "", "cannot be read"},
	{"sub", "", "", "not a regular file"},
	{".", "", "", "not a regular file"},
	{"absent.bin", "", "", "cannot be read"},
	{"weights.bin\x00", "", "", "cannot be read"},
	{"", "", "", "no location"},
	{"weights.bin", "77", "", "beyond the end"},
	{"weights.bin", "101", "", "beyond the end"},
	{"weights.bin", "9223372036854775807", "24", "beyond the end"},
	{"weights.bin", "9223372036854775808", "", "want a number"},
	{"weights.bin", "-1", "", "want a number"},
	{"weights.bin", "0x10", "", "want a number"},
	{"weights.bin", "", "-1", "want a number"},
	{"weights.bin", "", "23", "has length 23"},
	{"weights.bin", "", "25", "has length 25"},
	{"weights.bin", "0", "18446744073709551615", "want a number"},
}

// Every way out of the model's folder, and every range that is not in the
// file, is refused.
func TestExternalDataRefused(t *testing.T) {
	root := t.TempDir()
	secret := filepath.Join(root, "secret.bin")
	writeFiles(t, root, map[string][]byte{"secret.bin": make([]byte, 100), "model/weights.bin": make([]byte, 100),
		"model/sub/x": nil})
	dir := filepath.Join(root, "model")
	for link, target := range map[string]string{"link": secret, "relative": "../secret.bin", "folder": root,
		"loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range badLocations {
		p := smallModel()
		external(p.Graph.Initializer[0], test.location, test.offset, test.length)
		writeFiles(t, dir, map[string][]byte{"model.onnx": encoded(t, p)})
		m := opened(t, filepath.Join(dir, "model.onnx"))
		_, err := m.Tensor(initializer(t, m, "w")).Raw()
		wantInvalid(t, err, test.part)
		if violations := Check(m); len(violations) != 1 || violations[0].Tensor != "w" {
			t.Errorf("%+v: got %v", test, violations)
		}
	}
}

// Shapes that overflow are refused before the file is looked at.
func TestExternalDataOfGiantShape(t *testing.T) {
	p := smallModel()
	external(p.Graph.Initializer[0], "weights.bin", "", "")
	p.Graph.Initializer[0].Dims = []int64{1 << 60}
	m := must(Parse(encoded(t, p), t.TempDir()))(t)
	_, err := m.Tensor(initializer(t, m, "w")).Raw()
	wantInvalid(t, err, "")
}

func TestExternalDataNextToPayload(t *testing.T) {
	p := smallModel()
	external(p.Graph.Initializer[0], "weights.bin", "", "").RawData = make([]byte, 24)
	m := must(Parse(encoded(t, p), t.TempDir()))(t)
	_, err := m.Tensor(initializer(t, m, "w")).Raw()
	wantInvalid(t, err, "external and in field 9")
}

func TestExternalStrings(t *testing.T) {
	p := smallModel()
	external(p.Graph.Initializer[0], "weights.bin", "", "").DataType = proto.Int32(int32(String))
	m := must(Parse(encoded(t, p), t.TempDir()))(t)
	_, err := m.Tensor(initializer(t, m, "w")).Strings()
	wantInvalid(t, err, "strings cannot be external")
}

// Download caches link model and data into one store of blobs; that is the one
// link out of the folder which is followed, and only from a model that is such
// a link itself.
func TestContentStore(t *testing.T) {
	root := t.TempDir()
	store, snapshot := filepath.Join(root, "blobs"), filepath.Join(root, "snapshots", "1")
	path := externalModel(t, store, "weights.bin")
	for old, blob := range map[string]string{"model.onnx": "aaaa", "weights.bin": "bbbb"} {
		if err := os.Rename(filepath.Join(store, old), filepath.Join(store, blob)); err != nil {
			t.Fatal(err)
		}
	}
	writeFiles(t, root, map[string][]byte{"outside": make([]byte, 100),
		"snapshots/1/plain.onnx": must(os.ReadFile(filepath.Join(store, "aaaa")))(t)})
	for link, target := range map[string]string{"model.onnx": "../../blobs/aaaa", "weights.bin": "../../blobs/bbbb"} {
		if err := os.Symlink(target, filepath.Join(snapshot, link)); err != nil {
			t.Fatal(err)
		}
	}
	m := opened(t, filepath.Join(snapshot, filepath.Base(path)))
	if got := doubles(t, m, "w"); !slices.Equal(got, []float64{1, 2, 3, 4, 5, 6}) {
		t.Errorf("got %v", got)
	}
	plain := opened(t, filepath.Join(snapshot, "plain.onnx"))
	if _, err := plain.Tensor(initializer(t, plain, "w")).Raw(); err == nil {
		t.Error("a model that is no link follows a link to the store")
	}
	if err := os.Remove(filepath.Join(snapshot, "weights.bin")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../outside", filepath.Join(snapshot, "weights.bin")); err != nil {
		t.Fatal(err)
	}
	m = opened(t, filepath.Join(snapshot, "model.onnx"))
	if _, err := m.Tensor(initializer(t, m, "w")).Raw(); err == nil {
		t.Error("a link beside the store is followed")
	}
}

func TestPipeIsNotOpened(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no pipes in folders")
	}
	dir := t.TempDir()
	if err := makePipe(filepath.Join(dir, "weights.bin")); err != nil {
		t.Fatal(err)
	}
	p := smallModel()
	external(p.Graph.Initializer[0], "weights.bin", "", "")
	m := must(Parse(encoded(t, p), dir))(t)
	_, err := m.Tensor(initializer(t, m, "w")).Raw()
	wantInvalid(t, err, "not a regular file")
	if _, err := Open(filepath.Join(dir, "weights.bin")); err == nil || !strings.Contains(err.Error(),
		"not a regular file") {
		t.Errorf("a pipe as model: %v", err)
	}
}

func TestReadsAfterClose(t *testing.T) {
	m := must(Open(externalModel(t, t.TempDir(), "weights.bin")))(t)
	w, b := m.Tensor(initializer(t, m, "w")), m.Tensor(initializer(t, m, "b"))
	must(w.Raw())(t)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	for _, x := range []Tensor{w, b} {
		if _, err := x.Floats(nil); err == nil {
			t.Errorf("%s is read after Close", x.Name())
		}
	}
	if _, err := m.WriteTo(&strings.Builder{}); err == nil {
		t.Error("the model is written after Close")
	}
}
