package onnx

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// tree lists the files below dir with their content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name := must(filepath.Rel(dir, path))(t)
		if d.IsDir() {
			files[name+"/"] = ""
			return nil
		}
		files[name] = string(must(os.ReadFile(path))(t))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func sameTree(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: there is a %s", what, name)
		}
	}
	for name, content := range want {
		if g, ok := got[name]; !ok || g != content {
			t.Errorf("%s: %s is not as it was", what, name)
		}
	}
}

func TestWriteFilePlain(t *testing.T) {
	dir := t.TempDir()
	m := parsed(t, smallModel())
	out := filepath.Join(dir, "out.onnx")
	verified := ""
	err := WriteFile(out, m, WriteOptions{Verify: func(tmp string) error {
		verified = string(must(os.ReadFile(tmp))(t))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := string(encoded(t, smallModel()))
	sameTree(t, "written", tree(t, dir), map[string]string{"out.onnx": want})
	if verified != want {
		t.Error("Verify saw another file")
	}
}

// badTargets are files that must not be written, and why.
var badTargets = []struct {
	name      string
	overwrite bool
	part      string
}{
	{"there.onnx", false, "exists"},
	{"model.onnx", true, "one of the inputs"},
	{"link.onnx", true, "one of the inputs"},
	{"hard.onnx", true, "one of the inputs"},
	{"weights.bin", true, "one of the inputs"},
	{"other.onnx", true, "one of the inputs"},
	{"folder", true, "not a regular file"},
	{"nowhere.onnx", true, "leads nowhere"},
	{"absent/out.onnx", false, "no such file"},
}

func TestWriteFileRefusals(t *testing.T) {
	dir := t.TempDir()
	path := externalModel(t, dir, "weights.bin")
	writeFiles(t, dir, map[string][]byte{"other.onnx": []byte("x"), "there.onnx": []byte("y"), "folder/z": nil})
	for link, target := range map[string]string{"link.onnx": "model.onnx", "nowhere.onnx": "absent"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(path, filepath.Join(dir, "hard.onnx")); err != nil {
		t.Fatal(err)
	}
	m := opened(t, path)
	before := tree(t, filepath.Join(dir, "folder"))
	for _, test := range badTargets {
		err := WriteFile(filepath.Join(dir, test.name), m, WriteOptions{Overwrite: test.overwrite,
			Inputs: []string{filepath.Join(dir, "other.onnx")}})
		if err == nil || !strings.Contains(err.Error(), test.part) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.part)
		}
	}
	sameTree(t, "refused", tree(t, filepath.Join(dir, "folder")), before)
	if err := WriteFile(filepath.Join(dir, "new.onnx"), m,
		WriteOptions{Inputs: []string{filepath.Join(dir, "gone")}}); err == nil {
		t.Error("an input that is not there is not noticed")
	}
}

// Whatever fails, and whenever: nothing is left, and what was there stays.
func TestWriteFileFailures(t *testing.T) {
	broken := errors.New("broken")
	bad := func() ([]float64, error) { return nil, broken }
	tests := []struct {
		name string
		edit func(m *Model) Edit
		o    WriteOptions
	}{
		{"source fails", func(m *Model) Edit { return SetValues(initializer(t, m, "b"), bad) },
			WriteOptions{Overwrite: true}},
		{"source of external data fails", func(m *Model) Edit { return SetValues(initializer(t, m, "w"), bad) },
			WriteOptions{Overwrite: true}},
		{"verify fails", func(m *Model) Edit { return SetMetadata("a", "b") }, WriteOptions{Overwrite: true,
			Verify: func(string) error { return broken }}},
		{"verify of external data fails", func(m *Model) Edit {
			return SetValues(initializer(t, m, "w"),
				fixed(1, 2, 3, 4, 5, 6))
		}, WriteOptions{Overwrite: true, Verify: func(string) error { return broken }}},
	}
	for _, test := range tests {
		dir, to := t.TempDir(), t.TempDir()
		m := opened(t, externalModel(t, dir, "weights.bin"))
		writeFiles(t, to, map[string][]byte{"out.onnx": []byte("old model"), "out.onnx.data": []byte("old data")})
		before := tree(t, to)
		v := must(m.With(test.edit(m)))(t)
		if err := WriteFile(filepath.Join(to, "out.onnx"), v, test.o); !errors.Is(err, broken) {
			t.Errorf("%s: got %v", test.name, err)
		}
		sameTree(t, test.name, tree(t, to), before)
	}
}

// When the model cannot be moved to its place the data file, moved before it,
// is taken back and the one it replaced restored.
func TestWriteFileUndoesTheDataFile(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	m := opened(t, externalModel(t, dir, "weights.bin"))
	v := must(m.With(SetValues(initializer(t, m, "w"), fixed(1, 2, 3, 4, 5, 6))))(t)
	writeFiles(t, to, map[string][]byte{"out.onnx.data": []byte("old data")})
	err := WriteFile(filepath.Join(to, "out.onnx"), v, WriteOptions{Overwrite: true, Verify: func(string) error {
		return os.MkdirAll(filepath.Join(to, "out.onnx", "in the way"), 0o700)
	}})
	if err == nil {
		t.Fatal("a folder was written over")
	}
	sameTree(t, "undone", tree(t, to), map[string]string{"out.onnx.data": "old data", "out.onnx/": "",
		"out.onnx/in the way/": ""})
}

// External data that no edit changes goes along under its own name, and the
// model's bytes stay the same.
func TestWriteFileKeepsDataFiles(t *testing.T) {
	dir := t.TempDir()
	m := opened(t, externalModel(t, dir, "weights.bin"))
	before := tree(t, dir)
	if err := WriteFile(filepath.Join(dir, "out.onnx"), m, WriteOptions{Verify: readable(t)}); err != nil {
		t.Fatal(err)
	}
	before["out.onnx"] = before["model.onnx"]
	sameTree(t, "written", tree(t, dir), before)
}

// Written elsewhere, the data that the model reads goes into one file named after the output.
func TestWriteFileGathersData(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	m := opened(t, externalModel(t, dir, "weights.bin"))
	out := filepath.Join(to, "out.onnx")
	if err := WriteFile(out, m, WriteOptions{Verify: readable(t)}); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, to); len(got) != 2 || got["out.onnx.data"] == "" {
		t.Errorf("got %d files", len(got))
	}
	if got := doubles(t, opened(t, out), "w"); !slices.Equal(got, []float64{1, 2, 3, 4, 5, 6}) {
		t.Errorf("got %v", got)
	}
}

// A data file of another model stays, and the written model finds its own data elsewhere.
func TestWriteFileWhereTheDataFileIsTaken(t *testing.T) {
	to := t.TempDir()
	m := opened(t, externalModel(t, t.TempDir(), "weights.bin"))
	writeFiles(t, to, map[string][]byte{"weights.bin": []byte("something else")})
	out := filepath.Join(to, "out.onnx")
	if err := WriteFile(out, m, WriteOptions{Verify: readable(t)}); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, to); len(got) != 3 || got["weights.bin"] != "something else" {
		t.Errorf("got %d files", len(got))
	}
	if got := doubles(t, opened(t, out), "w"); !slices.Equal(got, []float64{1, 2, 3, 4, 5, 6}) {
		t.Errorf("got %v", got)
	}
}

// readable is a Verify that reads all initializers of the file.
func readable(t *testing.T) func(string) error {
	return func(tmp string) error {
		m, err := Open(tmp)
		if err != nil {
			return err
		}
		defer m.Close()
		for _, init := range m.Proto().GetGraph().GetInitializer() {
			if _, err := readAny(m.Tensor(init)); err != nil {
				return err
			}
		}
		return Validate(m)
	}
}

// An upload chooses no file names: whatever its locations are, nothing is written but the
// output and its data, of which only the bytes that the model reads: here 24 of a sparse
// file of a gigabyte.
func TestWriteFileTakesNoNameFromTheModel(t *testing.T) {
	for _, location := range []string{".git/hooks/post-checkout", "sitecustomize.py", "a/b/w.bin",
		"out.onnx.data.tmp"} {
		dir, to := t.TempDir(), t.TempDir()
		p := smallModel()
		external(p.Graph.Initializer[0], location, "", "24")
		writeFiles(t, dir, map[string][]byte{"model.onnx": encoded(t, p), location: make([]byte, 24)})
		if err := os.Truncate(filepath.Join(dir, location), 1<<30); err != nil {
			t.Fatal(err)
		}
		m := opened(t, filepath.Join(dir, "model.onnx"))
		if err := WriteFile(filepath.Join(to, "out.onnx"), m, WriteOptions{Verify: readable(t)}); err != nil {
			t.Fatal(err)
		}
		got := tree(t, to)
		if len(got) != 2 || len(got["out.onnx.data"]) > 4096 {
			t.Errorf("%s: %d files, %d bytes of data", location, len(got), len(got["out.onnx.data"]))
		}
	}
}

// If writing fails, the data file goes again.
func TestWriteFileLeavesNoDataBehind(t *testing.T) {
	to := t.TempDir()
	m := opened(t, externalModel(t, t.TempDir(), "weights.bin"))
	err := WriteFile(filepath.Join(to, "out.onnx"), m, WriteOptions{Verify: func(string) error {
		return os.Mkdir(filepath.Join(to, "out.onnx"), 0o700)
	}})
	if err == nil {
		t.Fatal("a folder was written over")
	}
	sameTree(t, "failed", tree(t, to), map[string]string{"out.onnx/": ""})
}

// threeTwins writes a model whose weights w, w2 and w3 share the bytes of a data file. The reference of w has
// entries that are not about the place.
func threeTwins(t *testing.T, dir string) (path string) {
	t.Helper()
	p := smallModel()
	for _, name := range []string{"w2", "w3"} {
		twin := proto.CloneOf(p.Graph.Initializer[0])
		twin.Name = proto.String(name)
		p.Graph.Initializer = append(p.Graph.Initializer, twin)
	}
	for _, i := range []int{0, 3, 4} {
		external(p.Graph.Initializer[i], "weights.bin", "", "")
	}
	extra := &onnxpb.StringStringEntryProto{Key: proto.String("vendor"), Value: proto.String("kept")}
	checksum := &onnxpb.StringStringEntryProto{Key: proto.String("checksum"), Value: proto.String("stale")}
	p.Graph.Initializer[0].ExternalData = append(p.Graph.Initializer[0].ExternalData, extra, checksum)
	writeFiles(t, dir, map[string][]byte{"model.onnx": encoded(t, p),
		"weights.bin": appendValues(nil, Float32, []float64{1, 2, 3, 4, 5, 6})})
	return filepath.Join(dir, "model.onnx")
}

// New values of external data go to a data file of the output's own, where
// tensors that shared bytes and do not change go on sharing them.
func TestWriteFileNewExternalValues(t *testing.T) {
	dir := t.TempDir()
	m := opened(t, threeTwins(t, dir))
	v := must(m.With(SetValues(initializer(t, m, "w"), fixed(6, 5, 4, 3, 2, 1))))(t)
	if got := doubles(t, v, "w"); !slices.Equal(got, []float64{6, 5, 4, 3, 2, 1}) {
		t.Errorf("the view reads %v", got)
	}
	if _, err := v.WriteTo(&bytes.Buffer{}); err == nil {
		t.Error("WriteTo drops the new values")
	}
	if _, err := v.SHA256(); err == nil {
		t.Error("SHA256 drops the new values")
	}
	out := filepath.Join(dir, "out.onnx")
	if err := WriteFile(out, v, WriteOptions{Verify: readable(t)}); err != nil {
		t.Fatal(err)
	}
	r := opened(t, out)
	for name, want := range map[string][]float64{"w": {6, 5, 4, 3, 2, 1}, "w2": {1, 2, 3, 4, 5, 6},
		"w3": {1, 2, 3, 4, 5, 6}, "b": {0, 1, 2}} {
		if got := doubles(t, r, name); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	keys := map[string]string{}
	for _, kv := range initializer(t, r, "w").GetExternalData() {
		keys[kv.GetKey()] = kv.GetValue()
	}
	if keys["location"] != "out.onnx.data" || keys["vendor"] != "kept" || keys["checksum"] != "" {
		t.Errorf("got %v", keys)
	}
	if a, b := initializer(t, r, "w2").GetExternalData()[1].GetValue(), initializer(t, r,
		"w3").GetExternalData()[1].GetValue(); a != b {
		t.Errorf("the twins are at %s and %s", a, b)
	}
}

// withLargeTensors is a model with tensors that may move to a data file.
func withLargeTensors() *onnxpb.ModelProto {
	p := smallModel()
	large := floatTensor("large", 40, 40)
	large.DataLocation = onnxpb.TensorProto_DEFAULT.Enum()
	ids := make([]int64, 200)
	for i := range ids {
		ids[i] = int64(i)
	}
	numbers := emptyTensor("ids", Int64, []int{200})
	numbers.Int64Data = ids
	p.Graph.Initializer = append(p.Graph.Initializer, large, floatTensor("larger", 5000), numbers)
	return p
}

// A model beyond the limit puts its large initializers into a data file, the
// one whose explicit DEFAULT location follows its payload too.
func TestWriteFileSpills(t *testing.T) {
	m := parsed(t, withLargeTensors())
	v := must(m.With(SetValues(initializer(t, m, "larger"), fixed(make([]float64, 5000)...)),
		AddInitializer(m.Proto().GetGraph(), "added", Float16, []int{1000}, fixed(make([]float64, 1000)...)),
		SetMetadata("a", "b")))(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "out.onnx")
	if err := WriteFile(out, v, WriteOptions{limit: 4000, Verify: readable(t)}); err != nil {
		t.Fatal(err)
	}
	r := opened(t, out)
	for _, init := range v.Proto().GetGraph().GetInitializer() {
		got, want := must(r.Tensor(initializer(t, r, init.GetName())).Raw())(t), must(v.Tensor(init).Raw())(t)
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs", init.GetName())
		}
		where := initializer(t, r, init.GetName()).GetDataLocation()
		if (len(want) >= spillSize) != (where == onnxpb.TensorProto_EXTERNAL) {
			t.Errorf("%s of %d bytes is at %s", init.GetName(), len(want), where)
		}
	}
	if info := must(os.Stat(out))(t); info.Size() > 4000 {
		t.Errorf("the model has %d bytes", info.Size())
	}
	if err := WriteFile(filepath.Join(dir, "small.onnx"), v, WriteOptions{limit: 100}); err == nil {
		t.Error("a limit that cannot be kept is")
	}
	if got := tree(t, dir); len(got) != 2 {
		t.Errorf("got %d files", len(got))
	}
}

func TestWriteFileOverwrites(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string][]byte{"out.onnx": []byte("old")})
	out := filepath.Join(dir, "out.onnx")
	if err := os.Chmod(out, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(out, parsed(t, smallModel()), WriteOptions{Overwrite: true}); err != nil {
		t.Fatal(err)
	}
	sameTree(t, "written", tree(t, dir), map[string]string{"out.onnx": string(encoded(t, smallModel()))})
	if mode := must(os.Stat(out))(t).Mode().Perm(); mode != 0o640 {
		t.Errorf("the mode became %o", mode)
	}
}

func TestSHA256(t *testing.T) {
	dir := t.TempDir()
	m := opened(t, externalModel(t, dir, "weights.bin"))
	first := must(m.SHA256())(t)
	writeFiles(t, dir, map[string][]byte{"weights.bin": appendValues(nil, Float32, make([]float64, 8))})
	if second := must(opened(t, filepath.Join(dir, "model.onnx")).SHA256())(t); first == second || len(second) != 64 {
		t.Errorf("the data file does not count: %s, %s", first, second)
	}
	plain := parsed(t, &onnxpb.ModelProto{Graph: &onnxpb.GraphProto{}})
	want := sha256.Sum256(written(t, plain))
	if got := must(plain.SHA256())(t); got != hex.EncodeToString(want[:]) {
		t.Errorf("got %s, want %x", got, want)
	}
}
