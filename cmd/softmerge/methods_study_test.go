package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/method"
)

// methodsTable names the file that TestMethodsOfFamilies records its tables in:
//
//	SOFTMERGE_LONG=1 go test ./cmd/softmerge -run TestMethodsOfFamilies -v -args -methods "$PWD/fixtures/methods.md"
var methodsTable = flag.String("methods", "", "file to record the tables of TestMethodsOfFamilies in")

// studied is models that are merged by every method, and the start that they were trained from.
type studied struct {
	name, start string // the start is "" where it is not kept
	models      []string
	test        string
}

// studiedFamilies are families of several kinds. One of the residual networks has a scrambled first convolution, so they
// are merged with it and without.
func studiedFamilies(t *testing.T) []studied {
	var list []studied
	for _, f := range fixtureFamilies(t) {
		if !slices.Contains([]string{"mlp", "cnn_bn", "resnet", "vit", "bert"}, f.name) {
			continue
		}
		models, err := filepath.Glob(f.models)
		if err != nil || len(models) < 3 {
			t.Fatalf("%s: %v, %v", f.name, models, err)
		}
		s := studied{name: f.name, models: models, test: f.test, start: filepath.Join(filepath.Dir(models[0]),
			"start.onnx")}
		if _, err := os.Stat(s.start); err != nil {
			s.start = ""
		}
		list = append(list, s)
		if f.name == "resnet" {
			s.name, s.models = "resnet, good ones", models[:3]
			list = append(list, s)
		}
	}
	return list
}

// TestMethodsOfFamilies merges families by every method, without data, from the mean of the models and from their start,
// and counts right answers on data that nothing saw: ONNX Runtime counts the same.
func TestMethodsOfFamilies(t *testing.T) {
	if os.Getenv("SOFTMERGE_LONG") == "" {
		t.Skip("takes a minute: set SOFTMERGE_LONG, as .ci/long does")
	}
	families, text := studiedFamilies(t), methodsHeading
	for _, s := range []section{
		{title: "From the mean of the models", rows: []string{"best model", "uniform"}},
		{title: "From their start", fromStart: true, rows: []string{"start"}},
		{title: "From their start, the mean of what they learned in place of the sum", fromStart: true, scaled: true},
	} {
		text += s.table(t, families)
	}
	t.Log(text)
	if *methodsTable != "" {
		if err := os.WriteFile(*methodsTable, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const methodsHeading = `# Methods by name

Per cent of right answers on data that nothing saw, of merges without data by methods that look at weights alone, with
their default parameters. Recorded by cmd/softmerge/methods_study_test.go; ONNX Runtime counts the same right answers.
The models are three or four fine-tunes of one start; of *resnet* one has a scrambled first convolution.

Published tables (FusionBench's, of eight tasks in one ViT-B/32) have iso_c and wudi ten points above ties, and that above
the average. Here all models do the same task in networks of some thousand weights, where no direction is spare:
what they learned is much the same, a sum counts it several times, and what is trimmed is missed. The average, the
means on the sphere and model_stock hold; of those that look at a sum most get better by lambda = 1/J, and then iso_c
and wudi are above task arithmetic in half of the columns. With data (--try, --method) what does not hold is not chosen.
`

// section is one table: how methods start, and with what.
type section struct {
	title     string
	fromStart bool     // only of families whose start is kept
	scaled    bool     // only methods with a lambda of a sum, which becomes one over the number of models
	rows      []string // before those of the methods
}

// sums are the methods with a factor for a sum over the models.
var sums = []string{"task_arithmetic", "dare_linear", "consensus", "tsv_m", "iso_c", "wudi"}

// table merges and judges.
func (s section) table(t *testing.T, families []studied) string {
	rows := s.rows
	for _, m := range method.All() {
		if (!s.fromStart || m.Started) && (!s.scaled || slices.Contains(sums, m.Name)) {
			rows = append(rows, m.Name)
		}
	}
	families = slices.DeleteFunc(slices.Clone(families), func(f studied) bool { return s.fromStart && f.start == "" })
	text := "\n## " + s.title + "\n\n| method |"
	for _, f := range families {
		text += " " + f.name + " |"
	}
	text += "\n|---|" + strings.Repeat("---|", len(families)) + "\n"
	for _, row := range rows {
		text += "| " + row + " |"
		for _, f := range families {
			text += fmt.Sprintf(" %.1f |", 100*f.accuracy(t, row, s))
		}
		text += "\n"
	}
	return text
}

// accuracy is that of a row of the table.
func (f studied) accuracy(t *testing.T, row string, s section) (best float64) {
	models := f.models
	switch row {
	case "start":
		models = []string{f.start}
	case "best model":
	default:
		models = []string{filepath.Join(t.TempDir(), row+".onnx")}
		args := append([]string{"merge", "-q", "--anyway", "-o", models[0], "--method", row}, f.models...)
		if s.fromStart {
			args = append(args, "--start", f.start)
		}
		if s.scaled {
			args = append(args, "--param", fmt.Sprintf("lambda=%v", 1/float64(len(f.models))))
		}
		if got := command(args...); got.code != 0 {
			t.Fatalf("%s of %s: %s", row, f.name, got.stderr)
		}
	}
	for i, r := range evaluated(t, f.test, models...) {
		best = max(best, *r.Metric)
		if os.Getenv("ORT_NODE_MODULES") == "" {
			continue
		}
		correct, samples, _ := onnxRuntime(t, models[i], f.test)
		if ours := int(math.Round(*r.Metric * float64(samples))); ours != correct {
			t.Errorf("%s of %s: %d of %d right, ONNX Runtime has %d", row, f.name, ours, samples, correct)
		}
	}
	return best
}
