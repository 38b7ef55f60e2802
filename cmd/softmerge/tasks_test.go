package main

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/report"
)

// tasks are merges from the files that people have: folders, archives, text with its tokenizer.
var tasks = []struct {
	name, val, test string
	flags           []string // of merge and eval
	smaller         bool     // is better
	long            bool     // takes more than a minute: for .ci/long
}{
	{name: "bert", val: "val.jsonl", test: "test.jsonl", long: true},
	{name: "detector", val: "val", test: "test", long: true},
	{name: "gpt2", val: "val.jsonl", test: "test.jsonl", flags: []string{"--label", "next", "--metric", "perplexity"},
		smaller: true, long: true},
	{name: "segmentation", val: "val", test: "test", flags: []string{"--metric", "miou"}, long: true},
	{name: "heads", val: "val.npz", test: "test.npz", flags: []string{"--label", "digit=kind", "--label", "middle=at"},
		smaller: true},
	{name: "tagger", val: "val.tar", test: "test.tar", flags: []string{"--metric", "f1"}, long: true},
}

// TestMergesOfTasks merges each task's fine-tunes from its own kind of files and asks that the merge beats every parent
// by the task's own metric on data that nothing saw. The log is the table of fixtures/tasks.md.
func TestMergesOfTasks(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	for _, c := range tasks {
		t.Run(c.name, func(t *testing.T) {
			if c.long && os.Getenv("SOFTMERGE_LONG") == "" {
				t.Skip("takes minutes: set SOFTMERGE_LONG, as .ci/long does")
			}
			dir := filepath.Join(fixtures(), "tasks", c.name)
			models, err := filepath.Glob(filepath.Join(dir, "ft*.onnx"))
			if err != nil || len(models) != 3 {
				t.Fatalf("%d models: %v", len(models), err)
			}
			out, mean := filepath.Join(t.TempDir(), "merged.onnx"), filepath.Join(t.TempDir(), "mean.onnx")
			runs(t, append([]string{"merge", "-q", "-o", out, "--data", filepath.Join(dir, c.val)},
				append(c.flags, models...)...))
			runs(t, append([]string{"merge", "-q", "-o", mean, "--method", "uniform"}, models...))
			rows := evaluated(t, filepath.Join(dir, c.test), append(append(c.flags, models...), mean, out)...)
			merged := *rows[len(rows)-1].Metric
			for _, r := range rows[:len(rows)-2] {
				if merged == *r.Metric || merged < *r.Metric != c.smaller {
					t.Errorf("merged %.4f, %s has %.4f", merged, r.Path, *r.Metric)
				}
				for i, o := range rows[len(rows)-1].Outputs {
					if *o.Loss >= *r.Outputs[i].Loss {
						t.Errorf("output %d: merged has loss %.4f, %s %.4f", i, *o.Loss, r.Path, *r.Outputs[i].Loss)
					}
				}
			}
			checkRuntime(t, out, models[0], append([]string{"--data", filepath.Join(dir, c.test)}, c.flags...), rows[len(rows)-1])
			t.Logf("| %s | %.4f %.4f %.4f | %.4f | %.4f |", c.name, *rows[0].Metric, *rows[1].Metric, *rows[2].Metric,
				*rows[3].Metric, merged)
		})
	}
}

// checkRuntime asks, where there is an ONNX Runtime, that it gives a merged file's outputs and metrics on data as the
// command reads it. Where data are pictures in JPEG files other decoders give other pixels, by up to 3 of 255, and with
// them a sample or two of another answer: that is no difference of the networks.
func checkRuntime(t *testing.T, model, first string, flags []string, e report.Evaluated) {
	t.Helper()
	if os.Getenv("ORT_NODE_MODULES") == "" {
		return
	}
	a, want := agreesAsGiven(t, model, first, flags...), []float64{*e.Metric}
	for i, o := range e.Outputs {
		want = append(want[:i], *o.Metric)
	}
	if a.Difference > 1e-4 {
		t.Errorf("outputs differ by %.2g from ONNX Runtime's", a.Difference)
	}
	for i, m := range a.Metrics {
		if math.Abs(m-want[i]) > 1e-4*max(1, math.Abs(want[i])) {
			t.Errorf("output %d: %.5f by ONNX Runtime, %.5f by eval", i, m, want[i])
		}
	}
}

// runs runs the command, which has to succeed.
func runs(t *testing.T, args []string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), args, &stdout, &stderr); code != 0 {
		t.Fatalf("%v: exit code %d: %s%s", args, code, stdout.String(), stderr.String())
	}
}
