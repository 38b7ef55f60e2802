package target_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/target"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// file writes a small file.
func file(t *testing.T, path string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// names lists a folder.
func names(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range list {
		out = append(out, f.Name())
	}
	return strings.Join(out, " ")
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	in, there := file(t, at("in.onnx")), file(t, at("there.onnx"))
	if err := os.Mkdir(at("folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		files []target.File
		force bool
		says  string // "" where it is all right
	}{
		{"new files", []target.File{{"-o", at("new.onnx")}, {"--recipe", at("new.json")}, {"--report", ""}}, false, ""},
		{"an input", []target.File{{"-o", in}}, true, "-o " + in + " is an input"},
		{"an input by another path", []target.File{{"-o", dir + "/folder/../in.onnx"}}, true, "is an input"},
		{"one file twice", []target.File{{"-o", at("a")}, {"--recipe", dir + "/./a"}}, false,
			"-o and --recipe are both"},
		{"a file that is there", []target.File{{"-o", there}}, false, there + " exists"},
		{"a file that may be overwritten", []target.File{{"-o", there}}, true, ""},
		{"a folder", []target.File{{"-o", at("folder")}}, true, "is not a regular file"},
		{"no folder", []target.File{{"-o", at("none/new.onnx")}}, false, "none is not a folder"},
	} {
		err := target.Check(c.files, []string{in, ""}, c.force)
		if c.says == "" && err == nil {
			continue
		}
		if c.says == "" || !errors.Is(err, exit.ErrUsage) || !strings.Contains(err.Error(), c.says) ||
			advice.Hint(err) == "" {
			t.Errorf("%s: %v with hint %q, want %q", c.name, err, advice.Hint(err), c.says)
		}
	}
	if got := names(t, dir); got != "folder in.onnx there.onnx" {
		t.Errorf("checking leaves %s", got)
	}
}

func TestCheckOfAFolderWithoutRights(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("every folder can be written to")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	err := target.Check([]target.File{{"-o", filepath.Join(dir, "m")}}, nil, false)
	if !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

func TestSideFiles(t *testing.T) {
	dir := t.TempDir()
	var side target.SideFiles
	for path, o := range map[string]any{"a.json": map[string]int{"a": 1}, "b.json": []int{2}} {
		if err := side.Add(filepath.Join(dir, path), o); err != nil {
			t.Fatal(err)
		}
	}
	if err := side.Add("", "nobody asked for this"); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); strings.Contains(got, " a.json") || len(strings.Fields(got)) != 2 {
		t.Errorf("before commit: %s", got)
	}
	if err := side.Commit(); err != nil {
		t.Fatal(err)
	}
	side.Discard()
	if got := names(t, dir); got != "a.json b.json" {
		t.Errorf("after commit: %s", got)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "a.json")); err != nil || string(data) != "{\"a\":1}\n" {
		t.Errorf("got %q, %v", data, err)
	}
}

func TestSideFilesThatAreDiscarded(t *testing.T) {
	dir := t.TempDir()
	var side target.SideFiles
	if err := side.Add(filepath.Join(dir, "a.json"), 1); err != nil {
		t.Fatal(err)
	}
	if err := side.Add(filepath.Join(dir, "no folder", "b.json"), 2); err == nil ||
		!strings.Contains(err.Error(), "b.json cannot be written") {
		t.Errorf("a file in no folder: %v", err)
	}
	if err := side.Add(filepath.Join(dir, "c.json"), func() {}); err == nil {
		t.Error("what is no JSON is written")
	}
	side.Discard()
	if got := names(t, dir); got != "" {
		t.Errorf("leaves %s", got)
	}
}

// model is a small model that is valid.
func model(t *testing.T) *onnx.Model {
	t.Helper()
	x := &onnxpb.ValueInfoProto{Name: proto.String("x"), Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{
		TensorType: &onnxpb.TypeProto_Tensor{ElemType: proto.Int32(int32(onnx.Float32))}}}}
	m, err := onnx.FromProto(&onnxpb.ModelProto{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(17)}},
		Graph: &onnxpb.GraphProto{Name: proto.String("g"), Input: []*onnxpb.ValueInfoProto{x},
			Output: []*onnxpb.ValueInfoProto{x}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestModel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	var seen target.Written
	err := target.Model(path, model(t), onnx.WriteOptions{}, onnx.Validate, func(w target.Written) error {
		seen = w
		if _, err := os.Stat(path); err == nil {
			t.Error("the file has its name before it was checked")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	back, err := onnx.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if sum, err := back.SHA256(); err != nil || seen != (target.Written{SHA256: sum, Size: info.Size()}) {
		t.Errorf("seen as %v, is %s of %d bytes, %v", seen, sum, info.Size(), err)
	}
	err = target.Model(path, model(t), onnx.WriteOptions{}, onnx.Validate, func(target.Written) error { return nil })
	if !errors.Is(err, exit.ErrUsage) || !strings.Contains(advice.Hint(err), "--force") {
		t.Errorf("a second one: %v with hint %q", err, advice.Hint(err))
	}
}

// Whatever fails before the end, nothing is left behind.
func TestModelThatFails(t *testing.T) {
	wrong := errors.New("wrong")
	for name, fails := range map[string]struct{ check, last error }{"check": {wrong, nil}, "last": {nil, wrong}} {
		dir := t.TempDir()
		err := target.Model(filepath.Join(dir, "m.onnx"), model(t), onnx.WriteOptions{},
			func(*onnx.Model) error { return fails.check }, func(target.Written) error { return fails.last })
		if err == nil || !strings.Contains(err.Error(), "wrong") || names(t, dir) != "" {
			t.Errorf("%s: %v, leaves %q", name, err, names(t, dir))
		}
	}
	path := filepath.Join(t.TempDir(), "none", "m.onnx")
	if err := target.Model(path, model(t), onnx.WriteOptions{}, onnx.Validate, nil); err == nil ||
		strings.Contains(err.Error(), ".tmp-") || advice.Hint(err) == "" {
		t.Errorf("in no folder: %v with hint %q", err, advice.Hint(err))
	}
}
