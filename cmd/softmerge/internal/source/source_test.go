package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// hostile is the folder of files that are wrong, and a valid one.
func hostile(name string) string {
	return filepath.Join("..", "..", "..", "..", "fixtures", "hostile", name)
}

func TestModel(t *testing.T) {
	m, err := Model(hostile("valid.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
	for path, want := range map[string]struct {
		says, hint string
		kind       error
	}{
		hostile("none.onnx"): {"none.onnx: there is no such file", "check the path", nil},
		hostile(""):          {"this is a folder", "name the .onnx file", nil},
		"source_test.go":     {"source_test.go", "", onnx.ErrInvalid},
	} {
		_, err := Model(path)
		if err == nil || !strings.Contains(err.Error(), want.says) || !strings.Contains(advice.Hint(err), want.hint) {
			t.Errorf("%s: %v with hint %q", path, err, advice.Hint(err))
		}
		if want.kind != nil && !errors.Is(err, want.kind) {
			t.Errorf("%s: %v is not of kind %v", path, err, want.kind)
		}
	}
}

// One file that is wrong closes those that were opened before it.
func TestModels(t *testing.T) {
	list, closeAll, err := Models([]string{hostile("valid.onnx"), hostile("valid.onnx")})
	if err != nil || len(list) != 2 {
		t.Fatalf("%d models, %v", len(list), err)
	}
	closeAll()
	if _, err := list[1].SHA256(); !errors.Is(err, onnx.ErrClosed) {
		t.Errorf("a closed model: %v", err)
	}
	if _, _, err := Models([]string{hostile("valid.onnx"), "none"}); err == nil {
		t.Error("a missing file is opened")
	}
}

func TestBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("12345"), 0o644); err != nil {
		t.Fatal(err)
	}
	tooLarge := errors.New("too large")
	if data, err := Bytes(path, 5, tooLarge); err != nil || string(data) != "12345" {
		t.Errorf("got %q, %v", data, err)
	}
	if _, err := Bytes(path, 4, tooLarge); !errors.Is(err, tooLarge) || !strings.Contains(err.Error(), path) {
		t.Errorf("five bytes of four: %v", err)
	}
	if _, err := Bytes(path+"x", 4, tooLarge); err == nil || strings.Count(err.Error(), path) != 1 {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Bytes(filepath.Dir(path), 4, tooLarge); err == nil {
		t.Error("a folder is read")
	}
}

func TestSame(t *testing.T) {
	if !Same("source.go", "./source.go") || Same("source.go", "source_test.go") || Same("none", "none") {
		t.Error("paths are compared, not files")
	}
}

func TestCause(t *testing.T) {
	err := fmt.Errorf("opening: %w", &fs.PathError{Op: "open", Path: "secret/path", Err: fs.ErrPermission})
	if got := Cause(err); got != fs.ErrPermission {
		t.Errorf("got %v", got)
	}
	if got := Cause(fs.ErrClosed); got != fs.ErrClosed {
		t.Errorf("got %v", got)
	}
}

// TestErrorsAreShort: a file that breaks a thousand rules gets a few lines.
func TestErrorsAreShort(t *testing.T) {
	var many []error
	for i := range 1000 {
		many = append(many, fmt.Errorf("violation %d: %w", i, onnx.ErrInvalid))
	}
	err := firstFew(errors.Join(many...))
	if lines := strings.Count(err.Error(), "\n") + 1; lines != terminal.MaxListed+1 ||
		!errors.Is(err, onnx.ErrInvalid) {
		t.Errorf("%d lines: %v", lines, err)
	}
	if !strings.HasSuffix(err.Error(), "and 995 more") {
		t.Errorf("ends with %q", err.Error()[len(err.Error())-20:])
	}
}
