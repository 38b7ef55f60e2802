package network

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// The inputs of RNN, GRU and LSTM.
const (
	recX = iota
	recW
	recR
	recB
	recLengths
	recH0
	recC0
	recP
)

// recurrentForm is one way to call a recurrent operator.
type recurrentForm struct {
	op                   string
	direction            string
	layout               int64
	lengths              []int64 // nil: none given
	bias, states, clip   bool
	peepholes            bool
	attrs                []*onnxpb.AttributeProto
	steps, batch, hidden int
}

// randomRecurrent draws a form; n decides the parts that should come in every combination.
func randomRecurrent(r *rand.Rand, n int) recurrentForm {
	f := recurrentForm{
		op: []string{"RNN", "GRU", "LSTM"}[n%3], direction: []string{"forward", "reverse", "bidirectional"}[n/3%3],
		layout: int64(n / 9 % 2), bias: r.IntN(4) > 0, states: r.IntN(2) > 0, clip: r.IntN(4) == 0,
		peepholes: r.IntN(2) > 0,
		steps:     1 + r.IntN(4), batch: 1 + r.IntN(3), hidden: 1 + r.IntN(4),
	}
	if r.IntN(2) > 0 {
		for range f.batch {
			f.lengths = append(f.lengths, int64(r.IntN(f.steps+1)))
		}
	}
	if f.op == "GRU" {
		f.attrs = append(f.attrs, optest.IntAttr("linear_before_reset", int64(r.IntN(2))))
	}
	if f.op == "LSTM" {
		f.attrs = append(f.attrs, optest.IntAttr("input_forget", int64(r.IntN(3)/2)))
	}
	return f
}

// node makes the node's attributes and inputs, weights drawn from seed.
func (f recurrentForm) node(seed uint64) optest.Case {
	const input = 3
	c := optest.Case{Op: f.op, Opset: 14, Outputs: 2, Wrt: []int{recX, recW, recR}}
	dirs := 1
	if f.direction == "bidirectional" {
		dirs = 2
	}
	gates := map[string]int{"RNN": 1, "GRU": 3, "LSTM": 4}[f.op]
	rows := gates * f.hidden
	c.Attrs = append(slices.Clone(f.attrs), optest.StringAttr("direction", f.direction),
		optest.IntAttr("layout", f.layout),
		optest.IntAttr("hidden_size", int64(f.hidden)))
	if f.clip {
		c.Attrs = append(c.Attrs, optest.FloatAttr("clip", 1))
	}
	x, state := []int{f.steps, f.batch, input}, []int{dirs, f.batch, f.hidden}
	if f.layout != 0 {
		x, state = []int{f.batch, f.steps, input}, []int{f.batch, dirs, f.hidden}
	}
	c.Inputs = []*op.Tensor{optest.RandomTensor(seed, x...), optest.RandomTensor(seed+1, dirs, rows, input),
		optest.RandomTensor(seed+2, dirs, rows, f.hidden), nil, nil, nil, nil, nil}
	give := func(i int, t *op.Tensor) { c.Inputs[i], c.Wrt = t, append(c.Wrt, i) }
	if f.bias {
		give(recB, optest.RandomTensor(seed+3, dirs, 2*rows))
	}
	if f.lengths != nil {
		c.Inputs[recLengths] = &op.Tensor{Type: onnx.Int32, Shape: []int{f.batch}, I: f.lengths}
	}
	if f.states {
		give(recH0, optest.RandomTensor(seed+4, state...))
	}
	if f.op != "LSTM" {
		c.Inputs = c.Inputs[:recC0]
		return c
	}
	c.Outputs = 3
	if f.states {
		give(recC0, optest.RandomTensor(seed+5, state...))
	}
	if f.peepholes {
		give(recP, optest.RandomTensor(seed+6, dirs, 3*f.hidden))
	}
	return c
}

// TestRecurrentGradients holds all operators, directions and layouts against differences, the rest drawn at random.
func TestRecurrentGradients(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	for n := range 90 {
		f := randomRecurrent(r, n)
		t.Run(fmt.Sprintf("%d_%s_%s", n, f.op, f.direction), func(t *testing.T) {
			c := f.node(uint64(n) * 10)
			c.Step, c.Tol = 1e-3, 1e-2
			optest.CheckGradients(t, c)
		})
	}
}

// TestRecurrentActivations checks the gradient through every activation function, with its own parameters.
func TestRecurrentActivations(t *testing.T) {
	for _, name := range []string{"Relu", "Tanh", "Sigmoid", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh",
		"HardSigmoid", "Elu", "Softsign", "Softplus"} {
		for _, f := range []recurrentForm{
			{op: "RNN", direction: "forward", steps: 3, batch: 2, hidden: 3},
			{op: "GRU", direction: "reverse", steps: 2, batch: 2, hidden: 2, bias: true},
			{op: "LSTM", direction: "forward", steps: 2, batch: 2, hidden: 2, states: true},
		} {
			t.Run(name+f.op, func(t *testing.T) {
				names := slices.Repeat([]string{name}, map[string]int{"RNN": 1, "GRU": 2, "LSTM": 3}[f.op])
				f.attrs = append(f.attrs, stringsAttr("activations", names...),
					optest.FloatsAttr("activation_alpha", 0.6, 0.4, 0.7),
					optest.FloatsAttr("activation_beta", 0.5, 0.3, 0.2))
				c := f.node(500)
				c.Step, c.Tol = 1e-3, 2e-2
				optest.CheckGradients(t, c)
			})
		}
	}
}

// stringsAttr and floatsAttr make list attributes.
func stringsAttr(name string, list ...string) *onnxpb.AttributeProto {
	a := &onnxpb.AttributeProto{Name: proto.String(name), Type: onnxpb.AttributeProto_STRINGS.Enum()}
	for _, s := range list {
		a.Strings = append(a.Strings, []byte(s))
	}
	return a
}

// TestRecurrentPadding checks that what lies behind a sequence's end changes nothing and gets zeros.
func TestRecurrentPadding(t *testing.T) {
	for n := range 18 {
		f := randomRecurrent(rand.New(rand.NewPCG(uint64(n), 2)), n)
		f.steps, f.batch, f.layout, f.lengths = 4, 2, 0, []int64{2, 4}
		c := f.node(uint64(n))
		operator, in, out := optest.BuildOne(t, c)
		if err := operator.Forward(&op.Context{}, in, out); err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(out[1].F)
		for s := 2; s < 4; s++ {
			for i := range 3 {
				in[recX].F[s*2*3+i] = float32(math.NaN())
			}
		}
		if err := operator.Forward(&op.Context{}, in, out); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(before, out[1].F) {
			t.Errorf("%s %s: padding changed the last state", f.op, f.direction)
		}
		width := f.hidden
		dirs := out[0].Shape[1]
		for s := 2; s < 4; s++ {
			for d := range dirs {
				row := out[0].F[((s*dirs+d)*2)*width:][:width]
				if slices.ContainsFunc(row, func(v float32) bool { return v != 0 }) {
					t.Errorf("%s %s: output %v behind the end, want zeros", f.op, f.direction, row)
				}
			}
		}
	}
}

// TestRecurrentLayouts checks that batch-first data gives the same numbers, moved.
func TestRecurrentLayouts(t *testing.T) {
	for n := range 9 {
		f := randomRecurrent(rand.New(rand.NewPCG(uint64(n), 3)), n)
		f.states, f.batch = false, 1
		f.lengths = nil
		var y [2][]float32
		for layout := range int64(2) {
			f.layout = layout
			operator, in, out := optest.BuildOne(t, f.node(9))
			if err := operator.Forward(&op.Context{}, in, out); err != nil {
				t.Fatal(err)
			}
			y[layout] = out[0].F
		}
		if !slices.Equal(y[0], y[1]) {
			t.Errorf("%s %s: with one sample both layouts are the same, got %v and %v", f.op, f.direction, y[0], y[1])
		}
	}
}

// TestRecurrentRefuses checks that calls that do not fit are errors.
func TestRecurrentRefuses(t *testing.T) {
	base := recurrentForm{op: "LSTM", direction: "forward", steps: 2, batch: 2, hidden: 2, bias: true}
	for name, spoil := range map[string]func(c *optest.Case){
		"direction": func(c *optest.Case) {
			c.Attrs = []*onnxpb.AttributeProto{optest.StringAttr("direction",
				"sideways")}
		},
		"two ways": func(c *optest.Case) {
			c.Attrs = []*onnxpb.AttributeProto{optest.StringAttr("direction",
				"bidirectional")}
		},
		"hidden size": func(c *optest.Case) { c.Attrs = []*onnxpb.AttributeProto{optest.IntAttr("hidden_size", 3)} },
		"activation": func(c *optest.Case) {
			c.Attrs = []*onnxpb.AttributeProto{stringsAttr("activations", "Tanh", "Tanh", "Sine")}
		},
		"activations": func(c *optest.Case) { c.Attrs = []*onnxpb.AttributeProto{stringsAttr("activations", "Tanh")} },
		"bias":        func(c *optest.Case) { c.Inputs[recB] = optest.RandomTensor(1, 1, 8) },
		"weights":     func(c *optest.Case) { c.Inputs[recW] = optest.RandomTensor(1, 1, 6, 3) },
		"rank":        func(c *optest.Case) { c.Inputs[recX] = optest.RandomTensor(1, 2, 3) },
		"states":      func(c *optest.Case) { c.Inputs[recH0] = optest.RandomTensor(1, 1, 2, 3) },
	} {
		c := base.node(1)
		spoil(&c)
		cl := &op.Call{Node: &onnxpb.NodeProto{Attribute: c.Attrs}, Opset: 14}
		for _, v := range c.Inputs {
			if v == nil {
				cl.In = append(cl.In, nil)
			} else {
				cl.In = append(cl.In, &op.Input{Spec: v.Spec()})
			}
		}
		if _, _, err := optest.BuildAs(cl, "LSTM"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestRecurrentLengths checks that a length out of range is an error of the run.
func TestRecurrentLengths(t *testing.T) {
	for _, n := range []int64{-1, 3} {
		f := recurrentForm{op: "GRU", direction: "reverse", steps: 2, batch: 1, hidden: 2, lengths: []int64{n}}
		operator, in, out := optest.BuildOne(t, f.node(1))
		if err := operator.Forward(&op.Context{}, in, out); err == nil {
			t.Errorf("length %d of 2 steps passed", n)
		}
	}
}

// TestRecurrentAgainstORT compares forms drawn at random.
func TestRecurrentAgainstORT(t *testing.T) {
	s := startORT(t)
	if s == nil {
		t.Skip("ORT_NODE_MODULES names no folder with onnxruntime-node")
	}
	r := rand.New(rand.NewPCG(12, 1))
	for n := range 120 {
		f := randomRecurrent(r, n)
		f.layout = 0 // all that ONNX Runtime has
		t.Run(f.op+f.direction, func(t *testing.T) { s.againstORT(t, f.node(uint64(n))) })
	}
}
