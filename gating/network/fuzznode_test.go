package network

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// changedNode draws a sound node of a form that has a gradient and changes some of it: inputs, their types and shapes,
// attributes, the opset, the number of outputs.
func changedNode(form string, seed uint64) optest.Case {
	d := newDraw(seed)
	c := gradientDraws[form](d)
	for range d.IntN(4) {
		switch d.IntN(8) {
		case 0:
			c.Opset = int64(d.between(1, 27))
		case 1:
			c.Outputs = d.between(1, 4)
		case 2:
			c.Attrs = append(slices.Clone(c.Attrs), newGraphMaker(d.bytes(40)).attribute())
		case 3:
			c.Inputs = append(slices.Clone(c.Inputs), d.tensor(d.small()...))
		case 4:
			d.retype(&c)
		default:
			d.change(&c)
		}
	}
	return c
}

func (d draw) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(d.Uint32())
	}
	return b
}

// retype makes floats of an integer input, or integers of a float one.
func (d draw) retype(c *optest.Case) {
	if len(c.Inputs) == 0 {
		return
	}
	i := d.IntN(len(c.Inputs))
	v := c.Inputs[i]
	if v == nil {
		return
	}
	to := op.NewTensor(op.Spec{Type: []onnx.DataType{onnx.Float32, onnx.Float16, onnx.Float64, onnx.Int64, onnx.Int32,
		onnx.Uint8, onnx.Bool}[d.IntN(7)], Shape: v.Shape})
	for e := range to.Len() {
		if to.F != nil {
			to.F[e] = float32(number(v, e))
		} else {
			to.I[e] = op.WrapInt(to.Type, int64(number(v, e)))
		}
	}
	c.Inputs[i] = to
}

// tryNode lowers, runs and differentiates a model of one node. No internal check may fail, and errors must be of a
// known kind.
func tryNode(t *testing.T, c optest.Case) (ran bool) {
	t.Helper()
	c.Wrt = nil
	for _, i := range floatInputs(c) {
		if c.Inputs[i].Type == onnx.Float32 {
			c.Wrt = append(c.Wrt, i)
		}
	}
	m, config, data, coeffs := elementwiseModel(t, c)
	config.MaxBytes = 1 << 22
	g, err := Lower(m, config)
	if err == nil {
		_, err = NewRunner(g, nil).Run(data, coeffs)
	}
	switch {
	case err == nil:
		tryGradients(t, c, g, data, coeffs)
		return true
	case strings.Contains(err.Error(), "internal check failed"):
		t.Errorf("%v\n%v", err, describe(c))
	case !errors.Is(err, op.ErrUnsupported) && !errors.Is(err, op.ErrShape) && !errors.Is(err, onnx.ErrInvalid):
		t.Errorf("an error of no known kind: %v\n%v", err, describe(c))
	}
	return false
}

// tryGradients computes the gradient of every output that has one, of the first four.
func tryGradients(t *testing.T, c optest.Case, g *Graph, data map[string]*Tensor, coeffs [][]float64) {
	t.Helper()
	for k := range min(4, len(g.Outputs())) {
		if o := g.lowered.Outputs[k]; !o.IsFloat() || !o.Value.Gated {
			continue
		}
		if _, err := outputGradient(g, k, data, coeffs); err != nil && !errors.Is(err, op.ErrUnsupported) {
			t.Errorf("%s: gradient of output %d: %v\n%v", c.Op, k, err, describe(c))
		}
	}
}

// describe is a node with its inputs, for messages.
func describe(c optest.Case) string {
	n := &onnxpb.NodeProto{OpType: proto.String(c.Op), Domain: proto.String(c.Domain), Attribute: c.Attrs}
	for _, v := range c.Inputs {
		if v == nil {
			n.Input = append(n.Input, "absent")
		} else {
			n.Input = append(n.Input, v.Spec().String())
		}
	}
	return n.String()
}

// FuzzNode checks that no change to a sound node makes lowering, running or differentiating panic.
func FuzzNode(f *testing.F) {
	forms := slices.Sorted(maps.Keys(gradientDraws))
	f.Add(uint16(0), uint64(1))
	f.Fuzz(func(t *testing.T, form uint16, seed uint64) {
		tryNode(t, changedNode(forms[int(form)%len(forms)], seed))
	})
}

// TestChangedNodes does so for every form.
func TestChangedNodes(t *testing.T) {
	for form := range gradientDraws {
		ran := 0
		for seed := range uint64(60) {
			ran += count(tryNode(t, changedNode(form, seed)))
		}
		if ran < 10 {
			t.Errorf("%s: only %d changed nodes ran", form, ran)
		}
	}
}
