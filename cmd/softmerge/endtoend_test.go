package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/report"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/gating/search"
)

// endToEnd names the file that TestEndToEnd records its table in:
//
//	/usr/bin/python3 fixtures/endtoend.py FOLDER
//	SOFTMERGE_ENDTOEND=FOLDER go test ./cmd/softmerge -run TestEndToEnd -timeout 2h -v -args -endtoend "$PWD/fixtures/endtoend.md"
var endToEnd = flag.String("endtoend", "", "file to record the table of TestEndToEnd in")

// scenario is what fixtures/scenarios/case.py writes of three models and their data.
type scenario struct {
	Name, What, Form, Loss, Metric string
	Known                          []float64 // each model's metric on the test data, by PyTorch or NumPy
	Data, Test                     string    // files or folders
	Flags                          []string  // of eval and merge, where the task is not to be guessed
	Labels, Outputs                []string  // arrays of check.npz and outputs that they are for, where they are several
	Tolerance                      float64   // of the metric, where images are decoded and resized
	Refused                        int       // the exit code that is right where the task is none for a merge
	Smaller                        bool      // is better

	folder string
}

// TestEndToEnd merges networks and data of strangers, as fixtures/endtoend.py makes them, by the built command with the
// flags that a reader of README.md would type. It asks that eval shows what PyTorch knows of every model, that loss and
// metric are those of the task, that a merge that is written is better on data nobody saw, and that ONNX Runtime agrees.
func TestEndToEnd(t *testing.T) {
	root := os.Getenv("SOFTMERGE_ENDTOEND")
	if root == "" {
		t.Skip("set SOFTMERGE_ENDTOEND to a folder of fixtures/endtoend.py, as .ci/long does")
	}
	files, err := filepath.Glob(filepath.Join(root, "*", "scenario.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios in %s: %v", root, err)
	}
	command := filepath.Join(t.TempDir(), "softmerge")
	if out, err := exec.Command("go", "build", "-o", command, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	table := ""
	for _, file := range files {
		s := readScenario(t, file)
		t.Run(s.Name, func(t *testing.T) {
			row := s.judge(t, command)
			t.Log(row)
			table += row + "\n"
		})
		if *endToEnd == "" {
			continue
		}
		if err := os.WriteFile(*endToEnd, fmt.Appendf(nil, endToEndText, table), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const endToEndText = `# End to end on models and data of strangers

Networks that are no fixtures of this project, trained on real data by fixtures/endtoend.py, three of each; merged by the
built command with default flags from data in the form that its user has. Recorded by cmd/softmerge/endtoend_test.go.
All figures are of test data that neither networks nor merge saw: the metric of the best of the three models, of
their uniform average, and of what was merged ("kept" where nothing was written, exit code 3; "no better, within chance"
is a difference of less than two standard errors). PyTorch or NumPy know the models' metrics, and eval shows the same,
but for JPEG files, which libraries decode to pixels that differ by up to 3 of 255: there to one point. The last columns
are the largest difference between ONNX Runtime's outputs for the merged file and our own, relative to the largest
output, and the seconds of the merge on a machine that others used, too.

| scenario | data | taken: preprocessing, loss, metric | best parent | uniform | merged | ONNX Runtime | s |
|---|---|---|---|---|---|---|---|
%s`

func readScenario(t *testing.T, file string) *scenario {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &scenario{folder: filepath.Dir(file)}
	if err := json.Unmarshal(text, s); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	s.Smaller = s.Metric == "mse" || s.Metric == "mae" || s.Metric == "perplexity" || s.Metric == "loss"
	return s
}

func (s *scenario) models() []string {
	var list []string
	for k := range 3 {
		list = append(list, filepath.Join(s.folder, fmt.Sprintf("m%d.onnx", k)))
	}
	return list
}

// command runs the program and returns its exit code; a panic fails the test.
func (s *scenario) command(t *testing.T, command string, into any, args ...string) int {
	t.Helper()
	var out, errs strings.Builder
	c := exec.Command(command, append(args, "--json")...)
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if strings.Contains(errs.String(), "panic") || strings.Contains(errs.String(), "goroutine ") {
		t.Fatalf("%v: %s", args, errs.String())
	}
	t.Logf("%s %s\n%s", args[0], strings.Join(args[1:], " "), errs.String())
	if err := json.Unmarshal([]byte(out.String()), into); err != nil && out.Len() > 0 {
		t.Fatalf("%v in %s", err, out.String())
	}
	if err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode()
}

// judge merges and returns the row of the table.
func (s *scenario) judge(t *testing.T, command string) string {
	dir := t.TempDir()
	out, mean := filepath.Join(dir, "merged.onnx"), filepath.Join(dir, "mean.onnx")
	var parents, all report.Evaluation
	var merge search.Report
	test := append([]string{"--data", filepath.Join(s.folder, s.Test)}, s.Flags...)
	code := s.command(t, command, &parents, append(append([]string{"eval"}, s.models()...), test...)...)
	if s.Refused != 0 && code == s.Refused {
		return fmt.Sprintf("| %s: %s | %s | refused, exit code %d | - | - | - | - | - |", s.Name, s.What, s.Form, code)
	}
	if code != 0 || s.Refused != 0 {
		t.Fatalf("eval: exit code %d, want %d", code, s.Refused)
	}
	best := s.checkParents(t, &parents)
	began := time.Now()
	code = s.command(t, command, &merge, append(append([]string{"merge", "-o", out, "--data",
		filepath.Join(s.folder, s.Data)}, s.Flags...), s.models()...)...)
	seconds := time.Since(began).Seconds()
	if code != 0 && code != 3 {
		t.Fatalf("merge: exit code %d", code)
	}
	files := []string{}
	averaged := s.command(t, command, &struct{}{}, append([]string{"merge", "-o", mean, "--method", "uniform"},
		s.models()...)...) == 0
	if averaged {
		files = append(files, mean)
	}
	if code == 0 {
		files = append(files, out)
	}
	if len(files) > 0 {
		s.command(t, command, &all, append(append([]string{"eval"}, append(s.models()[:1], files...)...), test...)...)
	}
	uniform, merged, agree := "refused", "kept", "-"
	if averaged {
		uniform = fmt.Sprintf("%.4f", *all.Models[1].Metric)
	}
	if code == 0 {
		got := *all.Models[len(all.Models)-1].Metric
		merged, agree = fmt.Sprintf("%.4f", got), s.runtime(t, out, all.Models[len(all.Models)-1])
		if got == best || got < best != s.Smaller {
			merged += " (no better, within chance)"
			if c := merge.ChosenCandidate(); c.StandardError == nil || math.Abs(got-best) > 2**c.StandardError*
				math.Sqrt(float64(merge.HeldOut)/float64(all.Models[0].Samples)) {
				t.Errorf("merged %.4f, the best parent has %.4f", got, best)
			}
		}
	}
	return fmt.Sprintf("| %s: %s | %s | %s | %.4f | %s | %s | %s | %.0f |", s.Name, s.What, s.Form, taken(&parents), best, uniform,
		merged, agree, seconds)
}

// checkParents holds what eval says against what PyTorch knows, and returns the best metric.
func (s *scenario) checkParents(t *testing.T, e *report.Evaluation) float64 {
	t.Helper()
	if e.Metric != s.Metric || e.LossName != s.Loss {
		t.Errorf("loss %s and metric %s, want %s and %s", e.LossName, e.Metric, s.Loss, s.Metric)
	}
	best := math.Inf(-1)
	if s.Smaller {
		best = math.Inf(1)
	}
	for i, m := range e.Models {
		if m.Metric == nil {
			t.Fatalf("%s has no metric", m.Path)
		}
		got := *m.Metric
		if s.Smaller == (got < best) {
			best = got
		}
		if s.Known != nil && math.Abs(got-s.Known[i]) > max(s.Tolerance, 1e-4*math.Abs(s.Known[i]), 1e-6) {
			t.Errorf("%s has %.5f, PyTorch says %.5f", m.Path, got, s.Known[i])
		}
	}
	return best
}

// runtime holds a merged file against ONNX Runtime, where there is one: the same outputs and the same metric.
func (s *scenario) runtime(t *testing.T, model string, e report.Evaluated) string {
	t.Helper()
	if os.Getenv("ORT_NODE_MODULES") == "" {
		return "-"
	}
	o := gating.ObjectiveOptions{Metric: s.Metric}
	if len(s.Outputs) > 0 {
		o.Metric = ""
	}
	for _, name := range s.Outputs {
		o.Of = append(o.Of, objective.OutputOptions{Output: name})
	}
	a := agreesOnFile(t, model, filepath.Join(s.folder, "check.npz"), o, s.Labels...)
	if a.Difference > 1e-4 {
		t.Errorf("outputs differ by %.2g from ONNX Runtime's", a.Difference)
	}
	if len(a.Metrics) == 1 && math.Abs(a.Metrics[0]-*e.Metric) > max(s.Tolerance, 1e-4*math.Abs(*e.Metric), 1e-6) {
		t.Errorf("%s by ONNX Runtime %.5f, eval says %.5f", s.Metric, a.Metrics[0], *e.Metric)
	}
	return fmt.Sprintf("%.0e", a.Difference)
}

// taken says what the command took without being told.
func taken(e *report.Evaluation) string {
	list := []string{}
	if e.Preprocess != nil {
		list = append(list, e.Preprocess.Name)
	}
	return strings.Join(append(list, e.LossName, e.Metric), ", ")
}
