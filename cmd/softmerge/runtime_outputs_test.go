package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// agreement is how a model's outputs by ONNX Runtime compare with ours on the same inputs.
type agreement struct {
	Difference float64   // the largest, relative to the largest number of the output, or to 1
	Metrics    []float64 // of each judged output, as ONNX Runtime answers
}

// agrees runs a model on all samples of an .npz file, which has the inputs as the graph takes them and the labels, by
// ONNX Runtime and by our own runner. Labels name the arrays; the first is "label" if there is none.
func agrees(t *testing.T, path, data string, o gating.ObjectiveOptions, labels ...string) agreement {
	t.Helper()
	m, err := onnx.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	given := dataset.Options{Inputs: gating.Fields(m)}
	if len(labels) > 0 {
		given.Label, given.More = labels[0], labels[1:]
	}
	d, err := dataset.Open(data, given)
	if err != nil {
		t.Fatal(err)
	}
	obj, err := gating.FitObjective(m, d, o)
	if err != nil {
		t.Fatal(err)
	}
	if d, err = obj.Prepare(d); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range obj.Sources() {
		names = append(names, s.Name)
	}
	ours, theirs := ownOutputs(t, m, d, names), runtimeOutputs(t, path, data, names)
	a := agreement{}
	for i := range ours {
		a.Difference = max(a.Difference, farApart(t, ours[i], theirs[i]))
	}
	targets := []*dataset.Column{d.Label}
	for i := range d.More {
		targets = append(targets, &d.More[i])
	}
	for i, h := range obj.Heads {
		var outs []*network.Tensor
		for _, at := range obj.Outputs()[i] {
			outs = append(outs, theirs[at])
		}
		out, err := h.Read(outs, h.Activation())
		if err != nil {
			t.Fatal(err)
		}
		tally := h.Metric.Tally()
		if err := tally.Add(out, asTensor(targets[i])); err != nil {
			t.Fatal(err)
		}
		a.Metrics = append(a.Metrics, tally.Value(nil))
	}
	return a
}

// asTensor is a column as one batch.
func asTensor(c *dataset.Column) *network.Tensor {
	return &network.Tensor{Type: c.Type, Shape: append([]int{c.Len()}, c.Shape...), F: c.Floats, I: c.Ints}
}

// ownOutputs runs a model on all samples at once.
func ownOutputs(t *testing.T, m *onnx.Model, d *dataset.Data, names []string) []*network.Tensor {
	t.Helper()
	inputs, shapes := map[string]*network.Tensor{}, map[string][]int{}
	for i := range d.Inputs {
		c := &d.Inputs[i]
		inputs[c.Name] = asTensor(c)
		shapes[c.Name] = inputs[c.Name].Shape
	}
	w := kernel.NewWorkers(1)
	defer w.Close()
	g, err := network.Lower(m, network.Config{Shapes: shapes, Outputs: names, Workers: w})
	if err != nil {
		t.Fatal(err)
	}
	outs, err := network.NewRunner(g, w).Run(inputs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return outs
}

// runtimeOutputs are a model's outputs of these names by ONNX Runtime.
func runtimeOutputs(t *testing.T, model, data string, names []string) []*network.Tensor {
	t.Helper()
	out := filepath.Join(t.TempDir(), "outputs.json")
	args := []string{filepath.Join("..", "..", ".ci", "ort.mjs"), "--outputs", model, data, out}
	for _, name := range names {
		args = append(args, "--only", name)
	}
	if said, err := exec.Command("node", args...).CombinedOutput(); err != nil {
		t.Fatalf("ONNX Runtime: %v: %s", err, said)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Outputs map[string]struct {
			Shape []int
			Data  []any
		}
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	var list []*network.Tensor
	for _, name := range names {
		o := r.Outputs[name]
		x := &network.Tensor{Type: onnx.Float32, Shape: o.Shape, F: make([]float32, len(o.Data))}
		for i, v := range o.Data {
			f, err := strconv.ParseFloat(fmt.Sprint(v), 64) // "NaN" and infinities come as text
			if err != nil {
				t.Fatal(err)
			}
			x.F[i] = float32(f)
		}
		list = append(list, x)
	}
	return list
}

// farApart is the largest difference of two outputs, relative to the larger of 1 and the largest number wanted.
func farApart(t *testing.T, got, want *network.Tensor) float64 {
	t.Helper()
	if fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) {
		t.Fatalf("shape %v, ONNX Runtime has %v", got.Shape, want.Shape)
	}
	scale, worst := 1.0, 0.0
	for _, v := range want.F {
		if a := math.Abs(float64(v)); !math.IsInf(a, 0) {
			scale = max(scale, a)
		}
	}
	for i, v := range want.F {
		if d := math.Abs(float64(got.F[i] - v)); got.F[i] != v && !(math.IsNaN(d) && v != v) {
			worst = max(worst, d/scale)
		}
	}
	return worst
}
