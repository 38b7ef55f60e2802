package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/search"
)

// TestMergesWithoutLabels merges fine-tunes on inputs alone, by distillation from their mean answers. By the labels that
// nothing saw, of other samples, each merge beats its parents, and ONNX Runtime, where it is installed, counts the same
// right answers.
func TestMergesWithoutLabels(t *testing.T) {
	for _, name := range []string{"mlp", "mlp_matmul", "families/sklearn", "families/keras"} {
		t.Run(name, func(t *testing.T) {
			k := &kitchen{T: t, dir: t.TempDir()}
			models, err := filepath.Glob(filepath.Join(fixtures(), name, "ft*.onnx"))
			k.ok(err)
			test := filepath.Join(fixtures(), "test.npz")
			if strings.HasPrefix(name, "families/") {
				test = filepath.Join(fixtures(), name, "test.npz")
			}
			runs(t, append([]string{"merge", "-q", "-o", k.out(), "--data", k.inputsOf(models[0]), "--loss", "distill",
				"--max-steps", "15", "--granularity", "layer"}, models...))
			rows := evaluated(t, test, append(models, k.out())...)
			merged := *rows[len(rows)-1].Metric
			for _, r := range rows[:len(rows)-1] {
				t.Logf("%s %.4f, merged %.4f", filepath.Base(r.Path), *r.Metric, merged)
				if merged <= *r.Metric {
					t.Errorf("accuracy %.4f, %s has %.4f", merged, r.Path, *r.Metric)
				}
			}
			if os.Getenv("ORT_NODE_MODULES") == "" {
				return
			}
			correct, samples, _ := onnxRuntime(t, k.out(), test)
			if ours := int(math.Round(merged * float64(samples))); ours != correct {
				t.Errorf("%d of %d right, ONNX Runtime has %d", ours, samples, correct)
			}
		})
	}
}

// inputsOf writes the inputs of a fixture model's data, and no labels.
func (k *kitchen) inputsOf(model string) string {
	path := filepath.Join(filepath.Dir(model), "val.npz")
	if _, err := os.Stat(path); err != nil {
		path = filepath.Join(fixtures(), "val.npz")
	}
	d, err := dataset.Open(path, dataset.Options{})
	k.ok(err)
	var list []array
	for _, c := range d.Inputs {
		list = append(list, array{c.Name, "<f4", append([]int{c.Len()}, c.Shape...), c.Floats})
	}
	return k.arrays("inputs.npz", list...)
}

// TestEvalWithoutLabels shows agreement and entropy, and names the models whose mean answer stands for labels.
func TestEvalWithoutLabels(t *testing.T) {
	k := &kitchen{T: t, dir: t.TempDir()}
	models := k.family("cnn_bn", 4)
	data := k.inputsOf(models[0])
	for _, c := range []struct {
		loss, metric string
		ensemble     int
		warnings     string
	}{
		{"distill", "agreement", 3, "ft3.onnx"}, {"entropy", "loss", 0, ""},
	} {
		var out, errs bytes.Buffer
		args := append([]string{"eval", "--json", "--data", data, "--loss", c.loss}, models...)
		if code := run(context.Background(), args, &out, &errs); code != 0 {
			t.Fatalf("%s: exit code %d: %s", c.loss, code, errs.String())
		}
		var r struct {
			Objective search.ReportObjective
			Models    []struct{ Loss, Metric float64 }
			Warnings  []string
		}
		k.ok(json.Unmarshal(out.Bytes(), &r))
		if r.Objective.Loss != c.loss || r.Objective.Metric != c.metric || len(r.Objective.Ensemble) != c.ensemble ||
			r.Objective.Label != "" || !strings.Contains(strings.Join(r.Warnings, "\n"), c.warnings) {
			t.Errorf("%s: %+v, warnings %q", c.loss, r.Objective, r.Warnings)
		}
		for _, m := range r.Models {
			if !(m.Loss > 0) || c.loss == "distill" && !(m.Metric > 0.1 && m.Metric < 1) {
				t.Errorf("%s: %+v", c.loss, r.Models)
			}
		}
	}
}
