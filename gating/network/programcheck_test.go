package network

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/tape"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// checkProgram compares the gradient that the tape gives of the mean square of output 0, with respect to the
// coefficients of mixtures in place of the inputs wrt of a one-node model, with differences of the Runner's output.
func checkProgram(t *testing.T, c optest.Case) {
	t.Helper()
	p, names := nodeModel(c, nil)
	m, err := onnx.FromProto(p)
	if err != nil {
		t.Fatal(err)
	}
	checkModelGradient(t, m, c.Inputs, names, c.Wrt, c.Tol)
}

// checkModelGradient does so for a model whose first node reads the inputs of those names.
func checkModelGradient(t *testing.T, m *onnx.Model, inputs []*op.Tensor, names []string, wrt []int, tol float64) {
	t.Helper()
	config, data := Config{Shapes: map[string][]int{}, Values: map[string]*op.Tensor{}}, map[string]*op.Tensor{}
	for i, v := range inputs {
		if v == nil {
			continue
		}
		if v.Spec().IsFloat() {
			config.Shapes[names[i]], data[names[i]] = v.Shape, v
		} else {
			config.Values[names[i]] = v
		}
	}
	for _, i := range wrt {
		config.Params = append(config.Params, ir.Param{
			Name: names[i], Sites: sitesOf(m, names[i]), Shape: inputs[i].Shape, Gate: len(config.Params), Axis: -1,
			Values: [][]float32{inputs[i].F, optest.RandomTensor(uint64(i)+900, inputs[i].Shape...).F},
		})
	}
	g, err := Lower(m, config)
	if err != nil {
		t.Fatal(err)
	}
	coeffs := make([][]float64, len(wrt))
	for i := range coeffs {
		coeffs[i] = []float64{0.7, 0.3}
	}
	got, err := outputGradient(g, 0, data, coeffs)
	if err != nil {
		t.Fatal(err)
	}
	want := coefficientDifferences(t, g, data, coeffs)
	for i := range want {
		if got[i] == nil {
			got[i] = make([]float32, len(want[i])) // no gradient flows there: it must be zero
		}
		if err := optest.CloseTo(got[i], want[i], math.Max(tol, 5e-3)); err != nil {
			t.Errorf("gradient of the coefficients of %s: %v", config.Params[i].Name, err)
		}
	}
}

// sitesOf are the slots that read a name, those of subgraphs included.
func sitesOf(m *onnx.Model, name string) (sites []onnx.Site) {
	m.Walk(func(_ onnx.Place, n *onnxpb.NodeProto) error {
		for i, in := range n.GetInput() {
			if in == name {
				sites = append(sites, onnx.Site{Node: n, Input: i})
			}
		}
		return nil
	})
	return sites
}

// outputGradient is the tape's gradient of the mean square of an output with respect to the coefficients of each
// mixture that it flows to. A panic is an error.
func outputGradient(g *Graph, output int, data map[string]*op.Tensor,
	coeffs [][]float64) (grads map[int][]float32, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	p, err := NewProgram(g, HeadOf(output, MSE{}), nil)
	if err != nil {
		return nil, err
	}
	on := flows(p)
	program := tape.New()
	var all, leaves []*tape.Vector
	var order []int
	for i, c := range coeffs {
		v := program.Parameter(fmt.Sprint("c", i), optest.Each(c, func(v float64) float32 { return float32(v) }))
		if all = append(all, v); on[i] {
			leaves, order = append(leaves, v), append(order, i)
		}
	}
	grads = map[int][]float32{}
	if len(leaves) == 0 || g.lowered.Outputs[output].Len() == 0 {
		return grads, nil
	}
	loss, err := p.Build(program, all)
	if err != nil {
		return nil, err
	}
	m, err := program.Compile(loss, leaves...)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if err := p.Load(data, op.NewTensor(g.lowered.Outputs[output].Spec)); err != nil {
		return nil, err
	}
	if _, err := m.Run(); err != nil {
		return nil, err
	}
	for k, i := range order {
		grads[i] = slices.Clone(m.Gradient(k))
	}
	return grads, nil
}

// flows says which mixtures a gradient flows to from the program's output.
func flows(p *Program) map[int]bool {
	on := map[*ir.Value]bool{p.heads[0].values[0].Root(): true}
	for i := len(p.graph.Nodes) - 1; i >= 0; i-- {
		n := p.graph.Nodes[i]
		if n.Zero || !slices.ContainsFunc(n.Out, func(v *ir.Value) bool { return v != nil && v.Grad && on[v] }) {
			continue
		}
		for _, v := range n.In {
			if v != nil && v.Grad {
				on[v.Root()] = true
			}
		}
	}
	reached := map[int]bool{}
	for v := range on {
		if v.Param >= 0 {
			reached[v.Param] = true
		}
	}
	return reached
}

// coefficientDifferences is the gradient of the mean square of output 0 by central differences.
func coefficientDifferences(t *testing.T, g *Graph, data map[string]*op.Tensor, coeffs [][]float64) [][]float64 {
	t.Helper()
	r := NewRunner(g, nil)
	value := func() (sum float64) {
		outs, err := r.Run(data, coeffs)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range outs[0].F {
			sum += float64(v) * float64(v) / float64(outs[0].Len())
		}
		return sum
	}
	const h = 3e-3
	want := make([][]float64, len(coeffs))
	for i, c := range coeffs {
		want[i] = make([]float64, len(c))
		for k, v := range c {
			c[k] = v + h
			hi := value()
			c[k] = v - h
			lo := value()
			c[k] = v
			want[i][k] = (hi - lo) / (2 * h)
		}
	}
	return want
}
