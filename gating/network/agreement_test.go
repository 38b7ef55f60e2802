package network

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/tape"
	"github.com/softmerge/softmerge/onnx"
)

// fixtureModels opens the first fine-tune of every family.
func fixtureModels(t *testing.T) map[string]*onnx.Model {
	t.Helper()
	models := map[string]*onnx.Model{}
	for _, pattern := range []string{"*", "families/*"} {
		files, err := filepath.Glob(filepath.Join("..", "..", "fixtures", pattern, "ft0.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			m, err := onnx.Open(f)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { m.Close() })
			models[filepath.Base(filepath.Dir(f))] = m
		}
	}
	if len(models) < 15 {
		t.Fatalf("only %d families", len(models))
	}
	return models
}

// declaredInputs draws inputs of the declared shapes: batch (or 1) samples, other open axes of length 8.
func declaredInputs(m *onnx.Model, batch int) map[string]*op.Tensor {
	inputs := map[string]*op.Tensor{}
	for k, in := range m.Proto().GetGraph().GetInput() {
		tt := in.GetType().GetTensorType()
		s := op.Spec{Type: onnx.DataType(tt.GetElemType())}
		for axis, d := range tt.GetShape().GetDim() {
			n := int(d.GetDimValue())
			switch {
			case n == 0 && axis == 0:
				n = batch
			case n == 0:
				n = 8
			}
			s.Shape = append(s.Shape, n)
		}
		x := op.NewTensor(s)
		optest.Fill(x.F, uint64(k)+1)
		for i := range x.I {
			x.I[i] = int64(i+k) % 2
		}
		inputs[in.GetName()] = x
	}
	return inputs
}

func shapesOf(inputs map[string]*op.Tensor) map[string][]int {
	shapes := map[string][]int{}
	for name, x := range inputs {
		shapes[name] = x.Shape
	}
	return shapes
}

// weightParams makes a mixture of every weight matrix or filter that a node of
// the main graph reads: of the weight itself and of a disturbed copy.
func weightParams(t *testing.T, m *onnx.Model) []ir.Param {
	t.Helper()
	sites := map[string][]onnx.Site{}
	for _, n := range m.Proto().GetGraph().GetNode() {
		for i, in := range n.GetInput() {
			sites[in] = append(sites[in], onnx.Site{Node: n, Input: i})
		}
	}
	var params []ir.Param
	for _, p := range m.Proto().GetGraph().GetInitializer() {
		x := m.Tensor(p)
		if !x.DataType().IsFloat() || len(x.Shape()) < 2 || len(sites[p.GetName()]) == 0 {
			continue
		}
		v, err := x.Floats(nil)
		if err != nil {
			t.Fatal(err)
		}
		other := make([]float32, len(v))
		optest.Fill(other, uint64(len(params)))
		for i := range other {
			other[i] = v[i] + 0.1*other[i]
		}
		params = append(params, ir.Param{Name: p.GetName(), Sites: sites[p.GetName()], Shape: x.Shape(),
			Values: [][]float32{v, other}, Gate: len(params), Axis: -1})
	}
	return params
}

// firstFloat is the index of the first float output that a gradient reaches.
func firstFloat(t *testing.T, g *Graph) int {
	t.Helper()
	for i, o := range g.Outputs() {
		if o.IsFloat() && o.Value.Grad {
			return i
		}
	}
	t.Fatal("no output depends on a weight")
	return -1
}

// stepOf is a program run once: the loss and its gradient with respect to the coefficients.
func stepOf(t *testing.T, g *Graph, output int, inputs map[string]*op.Tensor,
	coeffs [][]float64) (float64, [][]float32) {
	t.Helper()
	target := op.NewTensor(g.Outputs()[output].Spec)
	optest.Fill(target.F, 99)
	p, err := NewProgram(g, HeadOf(output, MSE{}), nil)
	if err != nil {
		t.Fatal(err)
	}
	m := compiled(t, p, coeffs)
	if err := p.Load(inputs, target); err != nil {
		t.Fatal(err)
	}
	loss, err := m.Run()
	if err != nil {
		t.Fatal(err)
	}
	list := make([][]float32, len(coeffs))
	for i := range list {
		list[i] = slices.Clone(m.Gradient(i))
	}
	return loss, list
}

// compiled puts a program on a tape, with the coefficients as parameters.
func compiled(t *testing.T, p *Program, coeffs [][]float64) *tape.Machine {
	t.Helper()
	on := tape.New()
	var leaves []*tape.Vector
	for i, c := range coeffs {
		leaves = append(leaves,
			on.Parameter(fmt.Sprint("c", i), optest.Each(c, func(v float64) float32 { return float32(v) })))
	}
	loss, err := p.Build(on, leaves)
	if err != nil {
		t.Fatal(err)
	}
	m, err := on.Compile(loss, leaves...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// TestThreeWaysAgree computes every fixture network by folding, by the runner
// with its shared buffers, and by the program on the tape.
func TestThreeWaysAgree(t *testing.T) {
	w := kernel.NewWorkers(2)
	defer w.Close()
	for name, m := range fixtureModels(t) {
		t.Run(name, func(t *testing.T) {
			inputs := declaredInputs(m, 3)
			folded, err := Evaluate(m, inputs, w)
			if err != nil {
				t.Fatal(err)
			}
			g, err := Lower(m, Config{Shapes: shapesOf(inputs)})
			if err != nil {
				t.Fatal(err)
			}
			r := NewRunner(g, w)
			for range 2 { // the second run finds what the first left in the buffers
				outs, err := r.Run(inputs, nil)
				if err != nil {
					t.Fatal(err)
				}
				for i := range outs {
					if d, err := farthest(outs[i], folded[i]); err != nil || d > 1e-5 {
						t.Errorf("output %d: runner and folding are %g apart: %v", i, d, err)
					}
				}
			}
			wantProgramAgrees(t, m, inputs)
		})
	}
}

// wantProgramAgrees compares the program's loss with that of the runner's output for the same mixtures.
func wantProgramAgrees(t *testing.T, m *onnx.Model, inputs map[string]*op.Tensor) {
	t.Helper()
	g, err := Lower(m, Config{Shapes: shapesOf(inputs), Params: weightParams(t, m)})
	if err != nil {
		t.Fatal(err)
	}
	output := firstFloat(t, g)
	coeffs := make([][]float64, len(g.Params()))
	for i := range coeffs {
		coeffs[i] = []float64{0.7, 0.3}
	}
	outs, err := NewRunner(g, nil).Run(inputs, coeffs)
	if err != nil {
		t.Fatal(err)
	}
	target := op.NewTensor(outs[output].Spec())
	optest.Fill(target.F, 99)
	want, err := Mean(MSE{}, outs[output], target)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := stepOf(t, g, output, inputs, coeffs)
	if math.Abs(got-want) > 1e-5*math.Max(1, want) {
		t.Errorf("the program's loss is %v, the runner's output has %v", got, want)
	}
}

// farthest is the largest difference of two tensors, relative to the largest element.
func farthest(a, b *op.Tensor) (float64, error) {
	if len(a.F) != len(b.F) || len(a.I) != len(b.I) {
		return 0, op.ErrShape
	}
	scale, diff := 1e-3, 0.0
	for i := range a.F {
		scale = math.Max(scale, math.Abs(float64(b.F[i])))
		diff = math.Max(diff, math.Abs(float64(a.F[i])-float64(b.F[i])))
	}
	for i := range a.I {
		diff = math.Max(diff, math.Abs(float64(a.I[i]-b.I[i])))
	}
	return diff / scale, nil
}

// TestPrefixIsCutOff selects only the last weight: all before it moves out of
// the expression, and loss and gradient stay what they are in the full program.
func TestPrefixIsCutOff(t *testing.T) {
	for name, m := range fixtureModels(t) {
		t.Run(name, func(t *testing.T) {
			inputs := declaredInputs(m, 3)
			params := weightParams(t, m)
			last := len(params) - 1
			full, err := Lower(m, Config{Shapes: shapesOf(inputs), Params: params})
			if err != nil {
				t.Fatal(err)
			}
			coeffs := make([][]float64, len(params))
			for i := range coeffs {
				coeffs[i] = []float64{1, 0}
			}
			coeffs[last] = []float64{0.6, 0.4}
			output := firstFloat(t, full)
			wantLoss, wantGrads := stepOf(t, full, output, inputs, coeffs)

			only := params[last]
			only.Gate = 0
			part, err := Lower(m, Config{Shapes: shapesOf(inputs), Params: []ir.Param{only}})
			if err != nil {
				t.Fatal(err)
			}
			loss, grads := stepOf(t, part, output, inputs, coeffs[last:])
			if math.Abs(loss-wantLoss) > 1e-5*math.Max(1, wantLoss) {
				t.Errorf("loss %v, the full program has %v", loss, wantLoss)
			}
			for i, want := range wantGrads[last] {
				if math.Abs(float64(grads[0][i]-want)) > 1e-4*math.Max(1e-2, math.Abs(float64(want))) {
					t.Errorf("gradient %v, the full program has %v", grads[0], wantGrads[last])
				}
			}
		})
	}
}

// TestOnlyWhatFollowsTheGateIsInTheProgram counts: of ten layers the last is selected.
func TestOnlyWhatFollowsTheGateIsInTheProgram(t *testing.T) {
	g := graphOf("x")
	last := "x"
	for _, name := range strings.Split("abcdefghij", "") {
		addFloats(t, g, name, []int{3, 3}, 1, 2, 3, 4, 5, 6, 7, 8, 9)
		addNode(g, "MatMul", last+" "+name, last+name)
		last += name
	}
	m := modelOf(t, g, nil, last)
	lowered, err := Lower(m, Config{Shapes: map[string][]int{"x": {2, 3}}, Params: weightParams(t, m)[9:]})
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewProgram(lowered, HeadOf(0, MSE{}), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.graph.Nodes) != 1 || len(p.prefix.calls) != 9 {
		t.Errorf("%d nodes in the program and %d before it, want 1 and 9", len(p.graph.Nodes), len(p.prefix.calls))
	}
}

// TestUngatedOutputIsRefused names the output that no selected weight reaches.
func TestUngatedOutputIsRefused(t *testing.T) {
	g := graphOf("x")
	addFloats(t, g, "w", []int{3, 2}, 1, 2, 3, 4, 5, 6)
	addNode(g, "MatMul", "x w", "y")
	addNode(g, "Neg", "x", "z")
	m := modelOf(t, g, nil, "y", "z")
	lowered, err := Lower(m, Config{Shapes: map[string][]int{"x": {2, 3}}, Params: weightParams(t, m)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewProgram(lowered, HeadOf(1, MSE{}), nil); err == nil || !strings.Contains(err.Error(), `"z"`) {
		t.Errorf("got %v", err)
	}
}
