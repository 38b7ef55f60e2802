package network

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/expand"
	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/op/table"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"gonum.org/v1/gonum/diff/fd"
)

// gradientDraws draw a node of each operator that has a gradient, with attributes, shapes and elements at random and
// the inputs that the gradient is checked for. Keys are names with their domain; an older form has "@" and its first
// opset behind them. They are assigned family by family, at start.
var gradientDraws = map[string]func(d draw) optest.Case{}

// addDraws takes the draws of one family.
func addDraws(list map[string]func(d draw) optest.Case) bool {
	maps.Copy(gradientDraws, list)
	return true
}

// How many nodes are drawn of each operator, and of each that stands for others: those take a program each.
const (
	drawsEach  = 24
	drawsWhole = 12
)

// differentiableForms are the forms that the operator table claims a gradient for, and those that stand for others.
func differentiableForms() (forms []string) {
	for operator, list := range table.Forms {
		for i, e := range list {
			if e.Grad != op.Full {
				continue
			}
			name := operator
			if i > 0 {
				name += fmt.Sprint("@", e.Since)
			}
			forms = append(forms, name)
		}
	}
	for name := range expand.Operators {
		forms = append(forms, name)
	}
	slices.Sort(forms)
	return forms
}

// inControlCases says whether an operator stands in a graph of controlCases, whose gradients TestControlGradients
// checks.
func inControlCases(t *testing.T, op string) bool {
	for _, c := range controlCases(t) {
		m, _ := c.model(t)
		for _, u := range Inventory(m) {
			if u.Op == op {
				return true
			}
		}
	}
	return false
}

// TestEveryGradient checks the gradient of every form that claims one on nodes drawn at random. A form without a draw
// fails: no operator gets a gradient unchecked.
func TestEveryGradient(t *testing.T) {
	forms := differentiableForms()
	checked := 0
	for _, form := range forms {
		draws := gradientDraws[form]
		if draws == nil {
			if !inControlCases(t, form) {
				t.Errorf("%s claims a gradient that nothing checks: add it to gradientDraws", form)
			}
			continue
		}
		checked++
		n := drawsEach
		if _, stands := expand.Operators[form]; stands {
			n = drawsWhole
		}
		t.Run(form, func(t *testing.T) {
			for seed := range uint64(n) {
				checkDrawn(t, form, draws(newDraw(seed<<8+uint64(len(form)))), seed == 0)
			}
		})
	}
	for form := range gradientDraws {
		if !slices.Contains(forms, form) {
			t.Errorf("%s is drawn and claims no gradient", form)
		}
	}
	t.Logf("%d of %d forms with a gradient are checked on %d random nodes each, %d where they stand for others; "+
		"the rest are control flow",
		checked, len(forms), drawsEach, drawsWhole)
}

// checkDrawn checks one node: its operator's Backward, and where it is a view or stands for others, or the flag says
// so, the gradient of a whole program.
func checkDrawn(t *testing.T, form string, c optest.Case, whole bool) {
	t.Helper()
	failed := t.Failed()
	if _, stands := expand.Operators[form]; stands || !checkBackward(t, c) || whole {
		checkWhole(t, c)
	}
	if t.Failed() && !failed {
		for i, v := range c.Inputs {
			if v != nil {
				t.Logf("input %d: %s", i, v.Spec())
			}
		}
		t.Logf("opset %d, attributes %v", c.Opset, c.Attrs)
	}
}

// difference is a derivative by differences of fourth order, with a bound on its own rounding error.
type difference struct{ value, noise float64 }

// slopesOf returns the derivative of f by every element of x, which f reads. The step follows the elements' size;
// sum is the sum of the magnitudes that f adds up, whose rounding the differences cannot see below.
func slopesOf(x []float32, fraction float64, f func() (value, sum float64)) []difference {
	if fraction == 0 {
		fraction = 1.0 / 128
	}
	h := fraction
	if size := rootMeanSquare(x); size > 0 {
		h *= size
	}
	s := &fd.Settings{Formula: fd.Formula{Derivative: 1, Step: h, Stencil: []fd.Point{
		{Loc: -2, Coeff: 1.0 / 12}, {Loc: -1, Coeff: -2.0 / 3}, {Loc: 1, Coeff: 2.0 / 3}, {Loc: 2, Coeff: -1.0 / 12}}}}
	list := make([]difference, len(x))
	for i, v := range x {
		var most float64
		list[i].value = fd.Derivative(func(at float64) float64 {
			x[i] = float32(at)
			y, sum := f()
			most = math.Max(most, sum)
			return y
		}, float64(v), s)
		x[i] = v
		list[i].noise = 16 * most / (1 << 24) / h
	}
	return list
}

func rootMeanSquare(x []float32) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / math.Max(1, float64(len(x))))
}

// sameSlopes compares a gradient with differences, relative to the largest of them.
func sameSlopes(got []float32, want []difference, tol float64) error {
	if tol == 0 {
		tol = 1e-3
	}
	var scale float64
	for _, w := range want {
		scale = math.Max(scale, math.Abs(w.value))
	}
	for i, w := range want {
		if d := math.Abs(float64(got[i]) - w.value); !(d <= tol*scale+w.noise) {
			return fmt.Errorf("element %d: got %g, differences give %g (%g is rounding)", i, got[i], w.value, w.noise)
		}
	}
	return nil
}

// checkBackward checks every pair of a wanted input and a float output; false where there is no operator to check: a
// view.
func checkBackward(t *testing.T, c optest.Case) bool {
	t.Helper()
	operator, in, outs := optest.BuildAny(t, c)
	if operator == nil {
		return false
	}
	d, ok := operator.(op.Differentiable)
	if !ok {
		t.Errorf("%s has no gradient", c.Op)
		return true
	}
	x := &op.Context{}
	for k, out := range outs {
		if !out.Spec().IsFloat() {
			continue
		}
		dy := op.NewTensor(out.Spec())
		optest.Fill(dy.F, 77+uint64(k))
		forward := func() (value, sum float64) {
			x.Step++
			if err := operator.Forward(x, in, outs); err != nil {
				t.Fatal(err)
			}
			for e, v := range out.F {
				value += float64(v) * float64(dy.F[e])
				sum += math.Abs(float64(v) * float64(dy.F[e]))
			}
			return value, sum
		}
		for _, i := range c.Wrt {
			forward()
			got := op.NewTensor(in[i].Spec())
			for e := range got.F {
				got.F[e] = nan // Backward must write every element
			}
			if err := d.Backward(x, i, k, in, outs, dy, got); err != nil {
				t.Errorf("%s: %v", c.Op, err)
				continue
			}
			if err := sameSlopes(got.F, slopesOf(in[i].F, c.Step, forward), c.Tol); err != nil {
				t.Errorf("%s: gradient of output %d by input %d: %v", c.Op, k, i, err)
			}
		}
	}
	return true
}

// checkWhole checks the gradient that the tape gives of the mean square of every float output of a model of one node.
// Every wanted input is a mixture with one coefficient an element, so that coefficients are elements.
func checkWhole(t *testing.T, c optest.Case) {
	t.Helper()
	m, config, data, coeffs := elementwiseModel(t, c)
	g, err := Lower(m, config)
	if err != nil {
		t.Error(err)
		return
	}
	r := NewRunner(g, nil)
	for k, o := range g.Outputs() {
		if !o.IsFloat() || !o.Value.Gated {
			continue
		}
		got, err := outputGradient(g, k, data, coeffs)
		if err != nil {
			t.Errorf("%s: gradient of output %d: %v", c.Op, k, err)
			continue
		}
		for p, params := range config.Params {
			square := func() (value, sum float64) {
				outs, err := r.Run(data, coeffs)
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range outs[k].F {
					value += float64(v) * float64(v) / float64(outs[k].Len())
				}
				return value, 2 * value
			}
			want := coefficientSlopes(coeffs[p], c.Step, square)
			if got[p] == nil {
				got[p] = make([]float32, len(want)) // no gradient flows there: it must be zero
			}
			if err := sameSlopes(got[p], want, c.Tol); err != nil {
				t.Errorf("%s: gradient of output %d by %s in a program: %v", c.Op, k, params.Name, err)
			}
		}
	}
}

// coefficientSlopes is slopesOf for coefficients, which keep their elements in float64.
func coefficientSlopes(c []float64, fraction float64, f func() (value, sum float64)) []difference {
	x := optest.Each(c, func(v float64) float32 { return float32(v) })
	list := slopesOf(x, fraction, func() (float64, float64) {
		for i, v := range x {
			c[i] = float64(v)
		}
		return f()
	})
	for i, v := range x {
		c[i] = float64(v)
	}
	return list
}

// elementwiseModel is a model of the node with every wanted input reshaped from a flat mixture of ones.
func elementwiseModel(t *testing.T, c optest.Case) (*onnx.Model, Config, map[string]*op.Tensor, [][]float64) {
	t.Helper()
	p, names := nodeModel(c, nil)
	config, data := Config{Shapes: map[string][]int{}, Values: map[string]*op.Tensor{}}, map[string]*op.Tensor{}
	var coeffs [][]float64
	var nodes []*onnxpb.NodeProto
	for i, v := range c.Inputs {
		switch {
		case v == nil:
		case slices.Contains(c.Wrt, i) && v.Len() > 0:
			flat := fmt.Sprint("flat", i)
			shape := flat + " shape"
			n := nodeOf(names[i], "Reshape", []string{flat, shape})
			if c.Domain == "" && c.Opset < 5 {
				n = nodeOf(names[i], "Reshape", []string{flat}, optest.IntsAttr("shape", asInt64s(v.Shape)...))
			}
			nodes = append(nodes, n)
			p.Graph.Initializer = append(p.Graph.Initializer,
				initializer(t, shape, []int{len(v.Shape)}, asInt64s(v.Shape)...))
			p.Graph.Input = slices.DeleteFunc(p.Graph.Input,
				func(in *onnxpb.ValueInfoProto) bool { return in.GetName() == names[i] })
			config.Params = append(config.Params, ir.Param{Name: flat, Shape: []int{v.Len()}, Gate: len(coeffs),
				Values: [][]float32{slices.Repeat([]float32{1}, v.Len())}})
			coeffs = append(coeffs, optest.Each(v.F, func(e float32) float64 { return float64(e) }))
		case v.Spec().IsFloat() && !slices.Contains(c.Known, i):
			config.Shapes[names[i]], data[names[i]] = v.Shape, v
		default:
			config.Values[names[i]] = v
		}
	}
	p.Graph.Node = append(nodes, p.Graph.Node...)
	m, err := onnx.FromProto(p)
	if err != nil {
		t.Fatal(err)
	}
	for i := range config.Params {
		config.Params[i].Sites = sitesOf(m, config.Params[i].Name)
	}
	return m, config, data, coeffs
}

// TestOutputIsMixture runs a graph whose output is a mixture that no node reads.
func TestOutputIsMixture(t *testing.T) {
	x := optest.RandomTensor(1, 2, 3)
	m, config, data, coeffs := elementwiseModel(t,
		optest.Case{Op: "Identity", Opset: 13, Inputs: []*op.Tensor{x}, Wrt: []int{0}})
	g, err := Lower(m, config)
	if err != nil {
		t.Fatal(err)
	}
	out, err := NewRunner(g, nil).Run(data, coeffs)
	if err != nil {
		t.Fatal(err)
	}
	if err := optest.Compare(out[0], x, 0, 0); err != nil {
		t.Error(err)
	}
}
