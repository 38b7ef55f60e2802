package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// routedTable names the file that TestTasksOfFamilies records its tables in:
//
//	/usr/bin/python3 fixtures/multitask.py FOLDER
//	/usr/bin/python3 fixtures/kinds.py KINDS
//	SOFTMERGE_LONG=1 SOFTMERGE_MULTITASK=FOLDER SOFTMERGE_KINDS=KINDS go test ./cmd/softmerge -run TestTasksOfFamilies -v \
//	    -args -routed "$PWD/fixtures/routed.md"
var routedTable = flag.String("routed", "", "file to record the tables of TestTasksOfFamilies in")

// taskFamily is fine-tunes that become one file.
type taskFamily struct {
	name, start   string   // the start is "" where it is not kept
	head          string   // that is each task's own in merges that are one model; "" where all tasks ask the same
	models, tests []string // one a task
	vals          []string // that merges are learned on; none where they look at no data
}

// taskFamilies are those that were trained for tasks of their own, where there are any, and families of one task.
func taskFamilies(t *testing.T) (list []taskFamily) {
	t.Helper()
	if trained := os.Getenv("SOFTMERGE_MULTITASK"); trained != "" {
		for _, c := range [][2]string{{"perceptron", "5"}, {"convolutional", "11"}} {
			f := taskFamily{name: "four tasks, " + c[0], head: c[1]}
			for k := range 4 {
				f.models = append(f.models, filepath.Join(trained, c[0], fmt.Sprintf("t%d.onnx", k)))
				f.tests = append(f.tests, filepath.Join(trained, c[0], fmt.Sprintf("test%d.npz", k)))
			}
			list = append(list, f)
		}
	}
	for _, name := range []string{"mlp", "cnn", "resnet", "families/vit"} {
		f := taskFamily{name: filepath.Base(name)}
		for k := range 3 {
			f.models = append(f.models, filepath.Join(fixtures(), name, fmt.Sprintf("ft%d.onnx", k)))
			f.tests = append(f.tests, filepath.Join(fixtures(), "test.npz"))
		}
		list = append(list, f)
	}
	for i := range list {
		start := filepath.Join(filepath.Dir(list[i].models[0]), "start.onnx")
		if _, err := os.Stat(start); err == nil {
			list[i].start = start
		}
	}
	return list
}

// TestTasksOfFamilies puts the fine-tunes of families into one file each, and compares it with the models by themselves
// and with merges that are one model: right answers, size and, where there is ONNX Runtime, time. ONNX's own checker,
// where there is one, has nothing against any file.
func TestTasksOfFamilies(t *testing.T) {
	if os.Getenv("SOFTMERGE_LONG") == "" {
		t.Skip("takes a minute: set SOFTMERGE_LONG, as .ci/long does")
	}
	figures := "\n## Right answers\n\n| family | task | its model | emr | uniform | task_arithmetic | ties |\n" +
		"|---|---|---|---|---|---|---|\n"
	sizes := "\n## Size and time\n\n| family | models | one model | all | emr | one model, batch 1 | emr | one model, batch 64 | emr |\n" +
		"|---|---|---|---|---|---|---|---|---|\n"
	for _, f := range taskFamilies(t) {
		figures += f.figures(t)
		sizes += f.sizes(t)
	}
	text := routedHeading + figures + sizes + mixedTables(t)
	t.Log(text)
	if *routedTable != "" {
		if err := os.WriteFile(*routedTable, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const routedHeading = `# Several models in one file

Recorded by cmd/softmerge/routed_study_test.go. Of each task: per cent of right answers of its own model, of what
` + "`--method emr`" + ` keeps of it (the plain file of ` + "`--task`" + `; the file of all tasks computes the same), and of merges that
are one model. The *four tasks* (fixtures/multitask.py) ask other questions of other images, in 10, 10, 2 and 3 classes, and
are judged on those; as one model they share all but the head, which stays the task's, where emr keeps normalisations and
biases of each, too. As in the paper emr comes close to the models, and what is one model does not. The other families
have one task and three domains, and all are judged on the samples of all domains: there one model of all is better than
any that knows its own domain, and emr, which keeps them apart, is not the method to take.

Times are medians of 200 runs by ONNX Runtime in one thread, the model of one task beside the file of all. The networks are
so small that computing their weights, once a run, takes as long as using them.
`

// by merges the models and returns the file.
func (f taskFamily) by(t *testing.T, method string, flags ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "merged.onnx")
	args := append([]string{"merge", "-q", "--anyway", "-o", out, "--method", method}, append(flags, f.models...)...)
	if f.start != "" && method != "uniform" {
		args = append(args, "--start", f.start)
	}
	if got := command(args...); got.code != 0 {
		t.Fatalf("%v: %s", args, got.stderr)
	}
	return out
}

// figures are the rows of a family's tasks, and their mean.
func (f taskFamily) figures(t *testing.T) string {
	var rows strings.Builder
	sums := make([]float64, 5)
	for k, model := range f.models {
		var alone []string
		if f.head != "" {
			alone = []string{"--base", model, "--except", f.head}
		}
		files := []string{model, f.by(t, "emr", "--task", strconv.Itoa(k)), f.by(t, "uniform", alone...),
			f.by(t, "task_arithmetic", append(alone, "--param", fmt.Sprintf("lambda=%v", 1.2/float64(len(f.models))))...),
			f.by(t, "ties", alone...)}
		fmt.Fprintf(&rows, "| %s | %d |", f.name, k)
		for i, r := range evaluated(t, f.tests[k], files...) {
			sums[i] += *r.Metric
			fmt.Fprintf(&rows, " %.1f |", 100**r.Metric)
		}
		rows.WriteString("\n")
		if os.Getenv("ORT_NODE_MODULES") != "" {
			correct, samples, _ := onnxRuntime(t, files[1], f.tests[k])
			if ours := int(math.Round(*evaluated(t, f.tests[k], files[1])[0].Metric * float64(samples))); ours != correct {
				t.Errorf("%s, task %d: %d right, ONNX Runtime has %d", f.name, k, ours, correct)
			}
		}
	}
	fmt.Fprintf(&rows, "| %s | mean |", f.name)
	for _, s := range sums {
		fmt.Fprintf(&rows, " %.1f |", 100*s/float64(len(f.models)))
	}
	if f.head != "" && (sums[1] <= sums[2] || sums[0] < sums[1]) {
		t.Errorf("%s: the published order is its model, emr, uniform; here %v", f.name, sums)
	}
	return rows.String() + "\n"
}

// sizes is the row of a family's sizes and times.
func (f taskFamily) sizes(t *testing.T) string {
	routed, one := f.by(t, "emr"), f.by(t, "emr", "--task", "0")
	for _, file := range []string{routed, one, f.by(t, "emr", "--require-task")} {
		checkedByONNX(t, file)
	}
	size, all := bytesOf(t, routed), int64(0)
	for _, m := range f.models {
		all += bytesOf(t, m)
	}
	row := fmt.Sprintf("| %s | %d | %.1f kB | %.1f kB | %.1f kB |", f.name, len(f.models), float64(bytesOf(t, f.models[0]))/1e3,
		float64(all)/1e3, float64(size)/1e3)
	for _, batch := range []string{"1", "64"} {
		for _, ms := range timed(t, f.tests[0], batch, one, routed) {
			row += " " + ms + " |"
		}
	}
	return row + "\n"
}

// bytesOf is a file's size.
func bytesOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// timed is how long ONNX Runtime takes for a run of models that take turns; "" where there is none.
func timed(t *testing.T, data, batch string, models ...string) (list []string) {
	t.Helper()
	if os.Getenv("ORT_NODE_MODULES") == "" {
		return make([]string, len(models))
	}
	args := append([]string{filepath.Join("..", "..", ".ci", "ort.mjs"), "--time", "--limit", batch}, append(models, data)...)
	out, err := exec.Command("node", args...).Output()
	if err != nil {
		t.Fatalf("node %v: %v", args, err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		var r struct{ Ms float64 }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%.2f ms", r.Ms))
	}
	return list
}

// checkedByONNX asks ONNX's own checker, with inference of shapes, where there is a Python that has it.
func checkedByONNX(t *testing.T, path string) {
	t.Helper()
	const python = "/usr/bin/python3"
	if exec.Command(python, "-c", "import onnx").Run() != nil {
		return
	}
	const script = "import onnx, sys; onnx.checker.check_model(sys.argv[1], full_check=True)"
	if out, err := exec.Command(python, "-c", script, path).CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s", path, err, out)
	}
}
