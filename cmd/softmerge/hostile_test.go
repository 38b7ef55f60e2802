package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
)

// outcome is how a run of the program ended.
type outcome struct {
	code           int
	stdout, stderr string
}

// command runs the program in this process.
func command(args ...string) outcome {
	var out, errs bytes.Buffer
	code := run(context.Background(), args, &out, &errs)
	return outcome{code, out.String(), errs.String()}
}

// hostileFiles reads which exit code each hostile file has to give.
func hostileFiles(t testing.TB) map[string]int {
	t.Helper()
	f, err := os.Open(filepath.Join(fixtures(), "hostile", "expected.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = '\t'
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 50 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	codes := map[string]int{}
	for _, row := range rows[1:] {
		if codes[row[0]], err = strconv.Atoi(row[1]); err != nil {
			t.Fatal(err)
		}
	}
	return codes
}

// maxAllocated is what a refusal may allocate in all, in bytes: the files are some kilobytes.
const maxAllocated = 64 << 20

// TestHostileFiles: "we take models from strangers". Every hostile file is refused
// by every command with the code that the list has, nothing is written, nothing
// large is allocated, and no stack trace is seen.
func TestHostileFiles(t *testing.T) {
	valid := filepath.Join(fixtures(), "hostile", "valid.onnx")
	data := filepath.Join(fixtures(), "hostile", "data")
	for name, code := range hostileFiles(t) {
		path := filepath.Join(fixtures(), "hostile", filepath.FromSlash(name))
		commands := [][]string{
			{"inspect", path},
			{"inspect", path, "--json"},
			{"match", valid, path},
			{"diff", path, valid},
			{"merge", path, valid, "--method", "uniform", "-o"},
			{"merge", valid, path, "--json", "--data", filepath.Join(data, "nan_input.npz"), "-o"},
			{"eval", path, "--data", filepath.Join(data, "nan_input.npz")},
		}
		if code == exit.Data {
			commands = [][]string{
				{"eval", valid, "--data", path},
				{"eval", valid, "--json", "--data", path},
				{"merge", valid, valid, "--data", path, "-o"},
				{"merge", valid, valid, "--data", path, "--dry-run"},
			}
		}
		t.Run(name, func(t *testing.T) {
			for _, args := range commands {
				refused(t, code, args)
			}
		})
	}
}

// refused runs a command, with a file to write if it ends in -o, that has to fail with a code.
func refused(t *testing.T, code int, args []string) {
	t.Helper()
	dir := t.TempDir()
	if args[len(args)-1] == "-o" {
		args = append(args[:len(args):len(args)], filepath.Join(dir, "out.onnx"))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := command(args...)
	runtime.ReadMemStats(&after)
	if got.code != code {
		t.Errorf("%v: exit code %d, want %d: %s", args, got.code, code, got.stderr)
	}
	if trace := stackTrace(got.stderr + got.stdout); trace != "" {
		t.Errorf("%v: a user sees %q in %s", args, trace, got.stderr)
	}
	if !strings.HasPrefix(got.stderr, "softmerge: ") || !strings.Contains(got.stderr, "softmerge: error: ") {
		t.Errorf("%v: says %q", args, got.stderr)
	}
	if strings.Contains(strings.Join(args, " "), "--json") {
		if err := checkContract("error", []byte(got.stdout)); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > maxAllocated {
		t.Errorf("%v: allocates %d bytes", args, allocated)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("%v: leaves %v behind, %v", args, left, err)
	}
}
