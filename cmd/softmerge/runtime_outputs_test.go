package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/source"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// agreement is how a model's outputs by ONNX Runtime compare with ours on the same inputs.
type agreement struct {
	Difference float64   // the largest, relative to the largest number of the output, or to 1
	Metrics    []float64 // of each judged output, as ONNX Runtime answers
}

// agrees runs a model on all samples by ONNX Runtime and by our own runner.
func agrees(t *testing.T, m *onnx.Model, d *dataset.Data, obj gating.Objective) (a agreement) {
	t.Helper()
	d, err := obj.Prepare(d)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range obj.Sources() {
		names = append(names, s.Name)
	}
	tallies := make([]metric.Tally, len(obj.Heads))
	for i, h := range obj.Heads {
		tallies[i] = h.Metric.Tally()
	}
	for _, part := range d.Parts() {
		ours, theirs := ownOutputs(t, m, part, names), runtimeOutputs(t, withoutMaps(t, m), part, names)
		for i := range ours {
			a.Difference = max(a.Difference, farApart(t, ours[i], theirs[i]))
		}
		for i, h := range obj.Heads {
			label := part.Label
			if i > 0 {
				label = &part.More[i-1]
			}
			var outs []*network.Tensor
			for _, at := range obj.Outputs()[i] {
				outs = append(outs, theirs[at])
			}
			out, err := h.Read(outs, h.Activation())
			if err == nil {
				err = tallies[i].Add(out, asTensor(label))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tally := range tallies {
		a.Metrics = append(a.Metrics, tally.Value(nil))
	}
	return a
}

// agreesOnFile is agrees for the samples of a file as the network sees them, with the labels of these names.
func agreesOnFile(t *testing.T, path, data string, o gating.ObjectiveOptions, labels ...string) agreement {
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
	return agrees(t, m, d, obj)
}

// agreesAsGiven is agrees for data as the command reads it with these flags of eval: images and text through what it
// finds. The first model decides how.
func agreesAsGiven(t *testing.T, path, first string, flags ...string) agreement {
	t.Helper()
	var f dataFlags
	c := &cobra.Command{}
	f.add(c)
	if err := errors.Join(c.ParseFlags(flags), f.check()); err != nil {
		t.Fatal(err)
	}
	list, closeAll, err := source.Models([]string{first, path})
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll()
	v := &terminal.Voice{Out: io.Discard, Err: io.Discard, Quiet: true}
	if err := f.fit(t.Context(), v, list[:1]); err != nil {
		t.Fatal(err)
	}
	e, err := f.evaluation(t.Context(), v, list[:1])
	if err != nil {
		t.Fatal(err)
	}
	defer e.first.Close()
	return agrees(t, list[1], e.data, e.first.Objective())
}

// asTensor is a column as one batch.
func asTensor(c *dataset.Column) *network.Tensor {
	return &network.Tensor{Type: c.Type, Shape: append([]int{c.Len()}, c.Shape...), F: c.Floats, I: c.Ints}
}

// ownOutputs runs a model on all samples at once, or on as many at a time as its graph was exported for.
func ownOutputs(t *testing.T, m *onnx.Model, d *dataset.Data, names []string) []*network.Tensor {
	t.Helper()
	size := d.Len()
	if f := gating.Fields(m)[0]; len(f.Shape) > 0 && f.Shape[0] > 0 {
		size = f.Shape[0]
	}
	w := kernel.NewWorkers(1)
	defer w.Close()
	var runner *network.Runner
	var all []*network.Tensor
	for at := 0; at+size <= d.Len(); at += size {
		inputs, shapes := map[string]*network.Tensor{}, map[string][]int{}
		for i := range d.Inputs {
			c := &d.Inputs[i]
			x := &network.Tensor{Type: c.Type, Shape: append([]int{size}, c.Shape...)}
			if lo, hi := at*c.Size(), (at+size)*c.Size(); c.Floats != nil {
				x.F = c.Floats[lo:hi]
			} else {
				x.I = c.Ints[lo:hi]
			}
			inputs[c.Name], shapes[c.Name] = x, x.Shape
		}
		if runner == nil {
			g, err := network.Lower(m, network.Config{Shapes: shapes, Outputs: names, Workers: w})
			if err != nil {
				t.Fatal(err)
			}
			runner = network.NewRunner(g, w)
		}
		outs, err := runner.Run(inputs, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range outs {
			if at == 0 {
				all = append(all, &network.Tensor{Type: o.Type, Shape: append([]int{0}, o.Shape[1:]...)})
			}
			all[i].Shape[0] += o.Shape[0]
			all[i].F = append(all[i].F, o.F...)
		}
	}
	return all
}

// withoutMaps is the path of a model's file, or of a copy with the tensors of which a ZipMap makes maps: onnxruntime-node
// reads no maps.
func withoutMaps(t *testing.T, m *onnx.Model) string {
	t.Helper()
	p, maps := &onnxpb.ModelProto{}, map[string]bool{}
	file, err := os.ReadFile(m.Path())
	if err == nil {
		err = proto.Unmarshal(file, p)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range p.GetGraph().GetNode() {
		if n.GetOpType() == "ZipMap" {
			n.OpType, n.Domain, n.Attribute = proto.String("Identity"), nil, nil
			maps[n.GetOutput()[0]] = true
		}
	}
	if len(maps) == 0 {
		return m.Path()
	}
	for _, out := range p.GetGraph().GetOutput() {
		if maps[out.GetName()] {
			kind := &onnxpb.TypeProto_Tensor{ElemType: proto.Int32(int32(onnxpb.TensorProto_FLOAT))}
			out.Type = &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: kind}}
		}
	}
	path := filepath.Join(t.TempDir(), "tensors.onnx")
	if file, err = proto.Marshal(p); err == nil {
		err = os.WriteFile(path, file, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// runtimeOutputs are a model's outputs of these names by ONNX Runtime.
func runtimeOutputs(t *testing.T, model string, d *dataset.Data, names []string) []*network.Tensor {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "inputs.npz"), filepath.Join(dir, "outputs.json")
	var arrays []array
	for i := range d.Inputs {
		c := &d.Inputs[i]
		a := array{name: c.Name, code: "<i8", shape: append([]int{c.Len()}, c.Shape...), values: c.Ints}
		if c.Type.IsFloat() {
			a.code, a.values = "<f4", c.Floats
		}
		arrays = append(arrays, a)
	}
	if err := writeNPZ(in, arrays); err != nil {
		t.Fatal(err)
	}
	args := []string{filepath.Join("..", "..", ".ci", "ort.mjs"), "--outputs", model, in, out}
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
