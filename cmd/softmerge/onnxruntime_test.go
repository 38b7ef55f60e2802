package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/report"
)

// onnxRuntime runs a model on a data file with ONNX Runtime and returns how many
// answers are right, and the mean cross-entropy.
func onnxRuntime(t *testing.T, model, data string) (correct, samples int, loss float64) {
	t.Helper()
	script := filepath.Join("..", "..", ".ci", "ort.mjs")
	out, err := exec.Command("node", script, model, data).Output()
	if err != nil {
		t.Fatalf("node %s: %v", script, err)
	}
	var r struct {
		Correct, Samples int
		Loss             float64
	}
	if err := json.Unmarshal(bytes.TrimSpace(out), &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return r.Correct, r.Samples, r.Loss
}

// family is the fine-tunes of one start and the data to merge and test them on.
type family struct{ name, models, val, test string }

// fixtureFamilies lists the families of fine-tunes in fixtures.
func fixtureFamilies(t *testing.T) []family {
	t.Helper()
	root := filepath.Join("..", "..", "fixtures")
	starts, err := filepath.Glob(filepath.Join(root, "*", "ft0.onnx"))
	if err != nil || len(starts) == 0 {
		t.Fatalf("no families: %v", err)
	}
	more, err := filepath.Glob(filepath.Join(root, "families", "*", "ft0.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	var list []family
	for _, start := range append(starts, more...) {
		dir := filepath.Dir(start)
		f := family{filepath.Base(dir), filepath.Join(dir, "ft*.onnx"), filepath.Join(root, "val.npz"),
			filepath.Join(root, "test.npz")}
		if _, err := os.Stat(filepath.Join(dir, "val.npz")); err == nil {
			f.val, f.test = filepath.Join(dir, "val.npz"), filepath.Join(dir, "test.npz")
		}
		if info, err := os.Stat(filepath.Join(dir, "val")); err == nil && info.IsDir() { // of images
			f.val, f.test = filepath.Join(dir, "val"), filepath.Join(dir, "test")
		}
		list = append(list, f)
	}
	return list
}

// evaluated is what softmerge eval --json says of a model.
func evaluated(t *testing.T, data string, models ...string) []report.Evaluated {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(context.Background(), append([]string{"eval", "--json", "-q", "--data", data}, models...), &out,
		&errs); code != 0 {
		t.Fatalf("eval: exit code %d: %s", code, errs.String())
	}
	var r struct{ Models []report.Evaluated }
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r.Models
}

// takesLong names the families whose merges take longest, of the kinds that others and tasks_test.go have too.
var takesLong = map[string]bool{"bert": true, "gpt": true, "swin": true, "efficientnet": true, "densenet": true,
	"unet": true, "convnext": true, "gru": true, "vit": true, "yolo": true}

// TestMergesOfAllFamilies carries the main job through every family with default
// flags: the written file beats every parent on data that nothing saw, and ONNX
// Runtime, where it is installed, counts the same right answers to the sample.
func TestMergesOfAllFamilies(t *testing.T) {
	for _, f := range fixtureFamilies(t) {
		t.Run(f.name, func(t *testing.T) {
			if takesLong[f.name] && os.Getenv("SOFTMERGE_LONG") == "" {
				t.Skip("takes up to a minute: set SOFTMERGE_LONG, as .ci/long does")
			}
			parents, err := filepath.Glob(f.models)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			out, recipe := filepath.Join(dir, "merged.onnx"), filepath.Join(dir, "recipe.json")
			var stdout, stderr bytes.Buffer
			args := append([]string{"merge", "-q", "-o", out, "--recipe", recipe, "--data", f.val}, parents...)
			if code := run(context.Background(), args, &stdout, &stderr); code != 0 {
				t.Fatalf("exit code %d: %s", code, stderr.String())
			}
			checkUnchanged(t, f.name, out, recipe)
			rows := evaluated(t, f.test, append(parents, out)...)
			best, merged := 0.0, rows[len(rows)-1]
			for _, r := range rows[:len(rows)-1] {
				best = max(best, *r.Metric)
			}
			t.Logf("best parent %.4f, merged %.4f", best, *merged.Metric)
			if *merged.Metric <= best {
				t.Errorf("accuracy on test data %.4f, the best parent has %.4f\n%s", *merged.Metric, best,
					stdout.String())
			}
			if os.Getenv("ORT_NODE_MODULES") == "" || filepath.Ext(f.test) != ".npz" {
				return
			}
			correct, samples, _ := onnxRuntime(t, out, f.test)
			if ours := int(math.Round(*merged.Metric * float64(samples))); ours != correct {
				t.Errorf("%d of %d right, ONNX Runtime has %d", ours, samples, correct)
			}
		})
	}
}
