package routed_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/internal/runtest"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/routed"
	"github.com/softmerge/softmerge/onnx"
)

// emr merges models of the fixtures, from a start where one is named.
func emr(t *testing.T, models []*onnx.Model, start *onnx.Model) *routed.EMR {
	t.Helper()
	return gatetest.Must(routed.NewEMR(gatetest.Select(t, models), routed.Options{Start: start}))(t)
}

// all is the routed file of a merge, written and opened again.
func all(t *testing.T, e *routed.EMR) (*onnx.Model, string) {
	t.Helper()
	back := gatetest.Written(t, gatetest.Must(e.All())(t))
	if err := onnx.Validate(back); err != nil {
		t.Fatal(err)
	}
	return back, routed.InputName
}

// number is a task's number as an input.
func number(task int) *network.Tensor {
	return &network.Tensor{Type: onnx.Int64, Shape: []int{}, I: []int64{int64(task)}}
}

// asked is a routed model whose input has no default value, for runtimes whose clients cannot set an input that has.
func asked(t *testing.T, m *onnx.Model, input string) *onnx.Model {
	t.Helper()
	for _, init := range m.Proto().GetGraph().GetInitializer() {
		if init.GetName() == input {
			return gatetest.Must(m.With(onnx.DropInitializer(init)))(t)
		}
	}
	t.Fatalf("no initializer %q", input)
	return nil
}

// families are networks of several kinds, with their start where it is kept.
var families = []struct {
	name, start string
	models      int
}{
	{"mlp", "mlp/start.onnx", 4}, {"mlp_matmul", "mlp_matmul/start.onnx", 2}, {"cnn", "cnn/start.onnx", 3},
	{"cnn_bn", "cnn_bn/start.onnx", 3}, {"resnet", "resnet/start.onnx", 3}, {"families/vit", "", 3},
	{"families/lstm", "", 2}, {"families/keras", "", 2},
}

// kinds are networks of all other kinds, which take longer.
var kinds = []string{"cnn_fixed", "families/bert", "families/convnext", "families/densenet", "families/efficientnet",
	"families/gpt", "families/gru", "families/mobilenet", "families/sklearn", "families/swin", "families/unet",
	"families/yolo", "pictures"}

// TestTasksOfEveryKind is TestTasksOfOneFile for all families.
func TestTasksOfEveryKind(t *testing.T) {
	if os.Getenv("SOFTMERGE_LONG") == "" {
		t.Skip("takes a minute: set SOFTMERGE_LONG, as .ci/long does")
	}
	ort := runtest.StartRuntime(t)
	for _, name := range kinds {
		t.Run(strings.ReplaceAll(name, "/", "-"), func(t *testing.T) {
			models := gatetest.Open(t, gatetest.FineTunes(name, 2)...)
			checkTasks(t, ort, emr(t, models, nil), models[0])
		})
	}
}

// TestTasksOfOneFile: for every task the routed file computes what the plain file of the task does, by our runner to the
// bit and by ONNX Runtime to 1e-5, as the graph is and optimised, for one sample and for many. Where no number is given
// it is task 0.
func TestTasksOfOneFile(t *testing.T) {
	ort := runtest.StartRuntime(t)
	for _, f := range families {
		t.Run(strings.ReplaceAll(f.name, "/", "-"), func(t *testing.T) {
			models := gatetest.Open(t, gatetest.FineTunes(f.name, f.models)...)
			var start *onnx.Model
			if f.start != "" {
				start = gatetest.Open(t, f.start)[0]
			}
			checkTasks(t, ort, emr(t, models, start), models[0])
		})
	}
}

// checkTasks compares the routed file of a merge with its plain files.
func checkTasks(t *testing.T, ort *runtest.Runtime, e *routed.EMR, base *onnx.Model) {
	t.Helper()
	m, input := all(t, e)
	open := asked(t, m, input)
	path, openPath := runtest.File(t, m), runtest.File(t, open)
	for k := range e.Tasks() {
		plain := gatetest.Written(t, gatetest.Must(e.Task(k))(t))
		for _, batch := range []int{1, 64} {
			inputs := runtest.Samples(t, base, batch)
			want := runtest.Evaluate(t, plain, inputs)
			if k == 0 {
				if d := runtest.Apart(runtest.Evaluate(t, m, inputs), want); d != 0 {
					t.Errorf("batch %d, no number: %g apart from task 0", batch, d)
				}
				ort.Check(t, path, inputs, want)
			}
			inputs[input] = number(k)
			if d := runtest.Apart(runtest.Evaluate(t, open, inputs), want); d != 0 {
				t.Errorf("batch %d, task %d: %g apart from its plain file", batch, k, d)
			}
			ort.Check(t, openPath, inputs, want)
		}
	}
}

// TestOneTaskIsTheModel: of one model nothing is lost, whatever it was trained from.
func TestOneTaskIsTheModel(t *testing.T) {
	for _, family := range []string{"cnn_bn", "resnet"} {
		model := gatetest.Open(t, family+"/ft0.onnx")
		e := emr(t, model, gatetest.Open(t, family+"/start.onnx")[0])
		if f := e.Factors(); !(math.Abs(f[0]-1) < 1e-6) {
			t.Errorf("%s: factor %v, want 1", family, f[0])
		}
		m, _ := all(t, e)
		inputs := runtest.Samples(t, model[0], 16)
		want := runtest.Evaluate(t, model[0], inputs)
		if d := runtest.Apart(runtest.Evaluate(t, m, inputs), want); !(d <= 1e-5*runtest.Largest(want)) {
			t.Errorf("%s: %g apart from the model", family, d)
		}
	}
}

// TestSizeOfOneFile: a matrix costs a start, a vector and a byte a weight for eight tasks; a vector once for each task.
func TestSizeOfOneFile(t *testing.T) {
	models := gatetest.Open(t, "resnet/ft0.onnx", "resnet/ft1.onnx", "resnet/ft2.onnx", "resnet/ft3.onnx")
	e := emr(t, models, nil)
	m, _ := all(t, e)
	elected, exact := e.Count()
	one := len(gatetest.Bytes(t, models[0]))
	structure := one - 4*(elected+exact)
	least := structure + 9*elected + 4*exact*len(models)
	got := len(gatetest.Bytes(t, m))
	t.Logf("%d tasks: %d bytes, one model %d, all %d", len(models), got, one, one*len(models))
	if got < least || got > least+1200*10 { // ten layers, each of some nodes and names
		t.Errorf("%d bytes, want %d and some for nodes", got, least)
	}
	if got >= one*len(models) {
		t.Errorf("%d bytes, the models have %d", got, one*len(models))
	}
}

// TestNothingIsExpanded: a runtime that computes what is constant when it loads the file, without a bound, finds masks
// and stacks as they are; and a number that no task has is refused by the runtime itself.
func TestNothingIsExpanded(t *testing.T) {
	ort := runtest.StartRuntime(t)
	if ort == nil {
		t.Skip("ORT_NODE_MODULES names no folder with ONNX Runtime")
	}
	models := gatetest.Open(t, gatetest.FineTunes("resnet", 3)...)
	m, input := all(t, emr(t, models, nil))
	inputs := runtest.Samples(t, models[0], 1)
	inputs[input] = number(1)
	for _, routed := range []*onnx.Model{m, asked(t, m, input)} {
		q := runtest.Requested(runtest.File(t, routed), inputs, true)
		q.Save = filepath.Join(t.TempDir(), "optimised.onnx")
		if _, problem := ort.Run(t, q); problem != "" {
			t.Fatal(problem)
		}
		optimised := gatetest.Must(os.Stat(q.Save))(t).Size()
		if was := int64(len(gatetest.Bytes(t, routed))); optimised > was*11/10 {
			t.Errorf("%d bytes became %d", was, optimised)
		}
	}
	inputs[input] = number(3)
	if _, problem := ort.Run(t, runtest.Requested(runtest.File(t, asked(t, m, input)), inputs, true)); !strings.Contains(problem, "out of") {
		t.Errorf("task 3 of 3: %q", problem)
	}
}
