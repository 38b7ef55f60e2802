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
	families := studiedFamilies(t)
	text := methodsHeading
	for _, fromStart := range []bool{false, true} {
		var columns []studied
		for _, f := range families {
			if !fromStart || f.start != "" {
				columns = append(columns, f)
			}
		}
		text += methodsSection(t, columns, fromStart)
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
their default parameters. Recorded by cmd/softmerge/methods_study_test.go; ONNX Runtime counts the same right answers,
where it was installed. The models are three or four fine-tunes of one start; of *resnet* one has a
scrambled first convolution.
`

// methodsSection is the table of one kind of start.
func methodsSection(t *testing.T, columns []studied, fromStart bool) string {
	title, rows := "From the mean of the models", []string{"best model", "uniform"}
	if fromStart {
		title, rows = "From their start", []string{"start"}
	}
	for _, m := range method.All() {
		if !fromStart || m.Started {
			rows = append(rows, m.Name)
		}
	}
	text := "\n## " + title + "\n\n| method |"
	for _, f := range columns {
		text += " " + f.name + " |"
	}
	text += "\n|---|" + strings.Repeat("---|", len(columns)) + "\n"
	for _, row := range rows {
		text += "| " + row + " |"
		for _, f := range columns {
			text += fmt.Sprintf(" %.1f |", 100*f.accuracy(t, row, fromStart))
		}
		text += "\n"
	}
	return text
}

// accuracy is that of a row of the table.
func (f studied) accuracy(t *testing.T, row string, fromStart bool) (best float64) {
	models := f.models
	switch row {
	case "start":
		models = []string{f.start}
	case "best model":
	default:
		models = []string{filepath.Join(t.TempDir(), row+".onnx")}
		args := append([]string{"merge", "-q", "--anyway", "-o", models[0], "--method", row}, f.models...)
		if fromStart {
			args = append(args, "--start", f.start)
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
