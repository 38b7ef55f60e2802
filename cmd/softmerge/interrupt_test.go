package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
)

// tripwire cancels when a text is written to it, as a user would who sees it.
type tripwire struct {
	bytes.Buffer
	text   string
	cancel context.CancelFunc
}

func (w *tripwire) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.text) {
		w.cancel()
	}
	return w.Buffer.Write(p)
}

// TestInterrupt: "I pressed control-C and found half a file". Whenever it comes,
// the exit code is 130 and nothing is left.
func TestInterrupt(t *testing.T) {
	mlp := func(name string) string { return filepath.Join(fixtures(), "mlp", name) }
	for _, at := range []string{"merging", "gates by channel", "weights, fold"} {
		t.Run(at, func(t *testing.T) {
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			stderr := &tripwire{text: at, cancel: cancel}
			code := run(ctx, []string{"merge", mlp("ft0.onnx"), mlp("ft1.onnx"), mlp("ft2.onnx"), "--max-steps", "20",
				"--data", filepath.Join(fixtures(), "val.npz"),
				"-o", filepath.Join(dir, "m.onnx"), "--recipe", filepath.Join(dir, "r.json"), "--report",
				filepath.Join(dir, "report.json")}, &bytes.Buffer{}, stderr)
			if code != exit.Interrupted ||
				!strings.Contains(stderr.String(), "softmerge: error: interrupted, nothing written") {
				t.Errorf("exit code %d: %s", code, stderr.String())
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("leaves %v behind, %v", left, err)
			}
		})
	}
}

// TestInterruptBefore holds for commands that only read, too.
func TestInterruptBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stderr bytes.Buffer
	args := []string{"eval", filepath.Join(fixtures(), "mlp", "ft0.onnx"), "--data",
		filepath.Join(fixtures(), "val.npz")}
	if code := run(ctx, args, &bytes.Buffer{}, &stderr); code != exit.Interrupted {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}
