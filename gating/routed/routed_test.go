package routed_test

import (
	"bytes"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
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
	m, input, err := e.All()
	if err != nil {
		t.Fatal(err)
	}
	back := gatetest.Written(t, m)
	if err := onnx.Validate(back); err != nil {
		t.Fatal(err)
	}
	return back, input
}

// samples are random inputs of a model.
func samples(t *testing.T, m *onnx.Model, batch int) map[string]*network.Tensor {
	t.Helper()
	out := map[string]*network.Tensor{}
	for i, f := range gating.Fields(m) {
		in := &network.Tensor{Type: f.Type, Shape: append([]int{}, f.Shape...)}
		for k, d := range in.Shape {
			if d <= 0 {
				in.Shape[k] = batch
			}
		}
		in.F = gatetest.Floats32(gatetest.Random(uint64(i+batch), gatetest.Size(in.Shape)))
		out[f.Name] = in
	}
	return out
}

// number is a task's number as an input.
func number(task int) *network.Tensor { return &network.Tensor{Type: onnx.Int64, Shape: []int{}, I: []int64{int64(task)}} }

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

// evaluate runs a model by our own runner.
func evaluate(t *testing.T, m *onnx.Model, inputs map[string]*network.Tensor) []float32 {
	t.Helper()
	return gatetest.Must(network.Evaluate(m, inputs, nil))(t)[0].F
}

// apart is the largest difference of two lists.
func apart[T float32 | float64](a []float32, b []T) (most float64) {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	for i := range a {
		most = max(most, math.Abs(float64(a[i])-float64(b[i])))
	}
	return most
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

// TestTasksOfOneFile: for every task the routed file computes what the plain file of the task does, and that is near
// the task's own model; by our runner and by ONNX Runtime, as it is and optimised, for one sample and for many.
func TestTasksOfOneFile(t *testing.T) {
	ort := startRuntime(t)
	for _, f := range families {
		t.Run(strings.ReplaceAll(f.name, "/", "-"), func(t *testing.T) {
			models := gatetest.Open(t, gatetest.FineTunes(f.name, f.models)...)
			var start *onnx.Model
			if f.start != "" {
				start = gatetest.Open(t, f.start)[0]
			}
			e := emr(t, models, start)
			m, input := all(t, e)
			open := asked(t, m, input)
			openPath, path := written(t, open), written(t, m)
			for k := range models {
				plain := gatetest.Written(t, gatetest.Must(e.Task(k))(t))
				for _, batch := range []int{1, 64} {
					inputs := samples(t, models[0], batch)
					want := evaluate(t, plain, inputs)
					if len(gating.Fields(models[0])) > 0 && k == 0 {
						if d := apart(evaluate(t, m, inputs), want); d != 0 {
							t.Errorf("without a number: %g apart from task 0", d)
						}
					}
					inputs[input] = number(k)
					if d := apart(evaluate(t, open, inputs), want); d != 0 {
						t.Errorf("task %d, batch %d: %g apart from its plain file", k, batch, d)
					}
					if ort == nil {
						continue
					}
					for _, optimise := range []bool{false, true} {
						outs, problem := ort.run(t, openPath, inputs, optimise)
						if problem != "" {
							t.Fatal(problem)
						}
						d := apart(want, outs[m.Proto().GetGraph().GetOutput()[0].GetName()].Data)
						if !(d <= 1e-5*largest(want)) {
							t.Errorf("task %d, batch %d, optimised %v: ONNX Runtime is %g off", k, batch, optimise, d)
						}
						if outs, problem = ort.run(t, path, inputs, optimise); problem != "" {
							t.Fatal(problem)
						}
						t.Log(k, apart(want, outs[m.Proto().GetGraph().GetOutput()[0].GetName()].Data))
					}
				}
			}
			t.Logf("%v: %v", filepath.Base(f.name), e.Factors())
			_ = bytes.Equal
		})
	}
}

// largest is the largest magnitude of a list, at least 1.
func largest(list []float32) float64 {
	most := 1.0
	for _, v := range list {
		most = max(most, math.Abs(float64(v)))
	}
	return most
}
