package recurrent

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// recurrentOps run a cell over sequences: the operators of opsets 1, 7 and 14 (layout).
var recurrentOps = op.Family{
	op.WithGradient("RNN", 1, buildRecurrent(rnnCell)),
	op.WithGradient("GRU", 1, buildRecurrent(gruCell)),
	op.WithGradient("LSTM", 1, buildRecurrent(lstmCell)),
}

// The inputs of the recurrent operators.
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

// cellRule says what is particular to one of the operators.
type cellRule struct {
	functions []string // activations of one direction where the node names none
	lstm      bool
	make      func(c *op.Call, f []kernel.Activation) kernel.Cell
}

var (
	rnnCell = cellRule{[]string{"Tanh"}, false, func(_ *op.Call, f []kernel.Activation) kernel.Cell {
		return &kernel.RNN{F: f[0]}
	}}
	gruCell = cellRule{[]string{"Sigmoid", "Tanh"}, false, func(c *op.Call, f []kernel.Activation) kernel.Cell {
		return &kernel.GRU{F: f[0], G: f[1], ResetLast: c.Int("linear_before_reset", 0) != 0}
	}}
	lstmCell = cellRule{[]string{"Sigmoid", "Tanh", "Tanh"}, true, func(c *op.Call, f []kernel.Activation) kernel.Cell {
		return &kernel.LSTM{F: f[0], G: f[1], H: f[2], Coupled: c.Int("input_forget", 0) != 0}
	}}
)

// recurrent is RNN, GRU or LSTM: inputs X, W, R, B, sequence_lens, initial_h and, for an LSTM, initial_c and P;
// outputs Y, Y_h and, for an LSTM, Y_c.
type recurrent struct {
	sequence
	dirs    []*direction
	lengths []int
	runs    [3]uint64 // step of the last way back from each output, 0 for none since Forward
}

// sequence says where steps and states lie in the inputs and outputs.
type sequence struct {
	steps, batch, input, hidden, dirs int
	batchFirst                        bool
}

// direction is one way through the sequences.
type direction struct {
	kernel.Recurrent
	sequence
	number  int
	reverse bool
	x, dx   []float32 // X and its gradient in the order of the steps
	y       []float32 // gradient of Y in the order of the steps
	xAt     []int     // where step t of sample b begins in X
	yAt     []int     // and in Y
	states  []int     // where sample b begins in the states
	h, c    []float32
	back    [3]kernel.BackwardPass
}

func buildRecurrent(rule cellRule) op.Builder {
	return func(c *op.Call) (op.Operator, []op.Spec, error) {
		s, err := readSequence(c, rule)
		if err != nil {
			return nil, nil, err
		}
		cells, reverse, err := cells(c, rule, s.dirs)
		if err != nil {
			return nil, nil, err
		}
		operator := &recurrent{sequence: s, lengths: make([]int, s.batch)}
		for d, cell := range cells {
			operator.dirs = append(operator.dirs, newDirection(s, d, reverse[d], cell, c.Float("clip", 0)))
		}
		t := c.In[recX].Type
		state := []int{s.dirs, s.batch, s.hidden}
		y := []int{s.steps, s.dirs, s.batch, s.hidden}
		if s.batchFirst {
			state = []int{s.batch, s.dirs, s.hidden}
			y = []int{s.batch, s.steps, s.dirs, s.hidden}
		}
		specs := []op.Spec{{Type: t, Shape: y}, {Type: t, Shape: state}}
		if rule.lstm {
			specs = append(specs, op.Spec{Type: t, Shape: state})
		}
		return operator, specs, nil
	}
}

// readSequence reads the sizes off the inputs and holds all inputs against them.
func readSequence(c *op.Call, rule cellRule) (s sequence, err error) {
	if err := c.Need(3); err != nil {
		return s, err
	}
	x, r := c.In[recX].Shape, c.In[recR].Shape
	if len(x) != 3 || len(r) != 3 {
		return s, c.ShapeError("X has shape %v and R %v, want three axes each", x, r)
	}
	s = sequence{steps: x[0], batch: x[1], input: x[2], hidden: r[2], dirs: r[0], batchFirst: c.Int("layout", 0) != 0}
	if s.batchFirst {
		s.steps, s.batch = s.batch, s.steps
	}
	if h := c.Int("hidden_size", int64(s.hidden)); h != int64(s.hidden) {
		return s, c.ShapeError("hidden_size is %d, R has shape %v", h, r)
	}
	rows := s.hidden * (len(rule.functions) + 1)
	if rule.functions[0] == "Tanh" {
		rows = s.hidden
	}
	state := []int{s.dirs, s.batch, s.hidden}
	if s.batchFirst {
		state = []int{s.batch, s.dirs, s.hidden}
	}
	want := [][]int{
		x, {s.dirs, rows, s.input}, {s.dirs, rows, s.hidden}, {s.dirs, 2 * rows}, {s.batch}, state, state,
		{s.dirs, 3 * s.hidden},
	}
	if !rule.lstm {
		want = want[:recC0]
	}
	for i := range c.In {
		if i >= len(want) {
			return s, c.ShapeError("it has %d inputs, want at most %d", len(c.In), len(want))
		}
		if c.Has(i) && (!slices.Equal(c.In[i].Shape, want[i]) || c.In[i].IsFloat() == (i == recLengths)) {
			return s, c.ShapeError("input %d is %s, want shape %v", i, c.In[i].Spec, want[i])
		}
	}
	return s, nil
}

// cells makes the cell of every direction and says which run backwards.
func cells(c *op.Call, rule cellRule, dirs int) (cells []kernel.Cell, reverse []bool, err error) {
	direction := c.Text("direction", "forward")
	switch direction {
	case "forward", "reverse":
		reverse = []bool{direction == "reverse"}
	case "bidirectional":
		reverse = []bool{false, true}
	default:
		return nil, nil, c.ShapeError("direction is %q, want forward, reverse or bidirectional", direction)
	}
	if len(reverse) != dirs {
		return nil, nil, c.ShapeError("direction is %s, R has shape %v", direction, c.In[recR].Shape)
	}
	n := len(rule.functions)
	names := slices.Repeat(rule.functions, dirs)
	if a := c.Attr("activations"); a != nil {
		if len(a.GetStrings()) != n*dirs {
			return nil, nil, c.ShapeError("it names %d activations, want %d", len(a.GetStrings()), n*dirs)
		}
		for i, s := range a.GetStrings() {
			names[i] = string(s)
		}
	}
	list, err := kernel.Activations(names, c.Attr("activation_alpha").GetFloats(),
		c.Attr("activation_beta").GetFloats())
	if err != nil {
		return nil, nil, c.Unsupported("%v", err)
	}
	for d := range dirs {
		cells = append(cells, rule.make(c, list[d*n:]))
	}
	return cells, reverse, nil
}

func newDirection(s sequence, number int, reverse bool, cell kernel.Cell, clip float32) *direction {
	d := &direction{sequence: s, number: number, reverse: reverse}
	d.Recurrent = kernel.Recurrent{Steps: s.steps, Batch: s.batch, Input: s.input,
		Hidden: s.hidden, Clip: clip, Cell: cell}
	d.xAt, d.yAt = make([]int, s.steps*s.batch), make([]int, s.steps*s.batch)
	for b := range s.batch {
		row := number*s.batch + b
		if s.batchFirst {
			row = b*s.dirs + number
		}
		d.states = append(d.states, row*s.hidden)
	}
	return d
}

// Forward computes the outputs that are read.
func (r *recurrent) Forward(x *op.Context, in, out []*op.Tensor) error {
	r.runs = [3]uint64{}
	if err := r.measure(in); err != nil {
		return err
	}
	for _, d := range r.dirs {
		d.order(r.lengths)
		d.x = op.Resize(d.x, in[recX].Len())
		kernel.GatherRuns(x.Workers, d.x, in[recX].F, d.xAt, d.input)
		d.h = d.pick(d.h, op.Optional(in, recH0))
		d.c = d.pick(d.c, op.Optional(in, recC0))
		d.Recurrent.Forward(x.Workers, d.x, d.h, d.c, d.parameters(in))
		d.write(out, r.lengths)
	}
	return nil
}

// measure reads the lengths of the sequences.
func (r *recurrent) measure(in []*op.Tensor) error {
	full := true
	for b := range r.lengths {
		r.lengths[b] = r.steps
		if recLengths < len(in) && in[recLengths] != nil {
			n := in[recLengths].I[b]
			if n < 0 || n > int64(r.steps) {
				return fmt.Errorf("sequence %d has length %d, want 0 to %d", b, n, r.steps)
			}
			r.lengths[b] = int(n)
			full = full && n == int64(r.steps)
		}
	}
	for _, d := range r.dirs {
		d.Lengths = r.lengths
		if full {
			d.Lengths = nil
		}
	}
	return nil
}

// order finds where each step reads X and writes Y. A reversed sequence begins at its own end.
func (d *direction) order(lengths []int) {
	for t := range d.steps {
		for b := range d.batch {
			at := t
			if d.reverse && t < lengths[b] {
				at = lengths[b] - 1 - t
			}
			i := t*d.batch + b
			if d.batchFirst {
				d.xAt[i] = (b*d.steps + at) * d.input
				d.yAt[i] = ((b*d.steps+at)*d.dirs + d.number) * d.hidden
			} else {
				d.xAt[i] = (at*d.batch + b) * d.input
				d.yAt[i] = ((at*d.dirs+d.number)*d.batch + b) * d.hidden
			}
		}
	}
}

// pick copies this direction's rows of states into dst; nil stays nil.
func (d *direction) pick(dst, states []float32) []float32 {
	if states == nil {
		return nil
	}
	dst = op.Resize(dst, d.batch*d.hidden)
	kernel.GatherRuns(nil, dst, states, d.states, d.hidden)
	return dst
}

// parameters are this direction's weights.
func (d *direction) parameters(in []*op.Tensor) *kernel.Parameters {
	of := func(i int) []float32 {
		if f := op.Optional(in, i); f != nil {
			n := len(f) / d.dirs
			return f[d.number*n : (d.number+1)*n]
		}
		return nil
	}
	return &kernel.Parameters{Weight: of(recW), Recurrent: of(recR), Bias: of(recB), Peephole: of(recP)}
}

// write copies the states to the outputs. What lies behind a sequence's end is zero, as is the last state of an empty
// one.
func (d *direction) write(out []*op.Tensor, lengths []int) {
	n, states := d.hidden, d.batch*d.hidden
	if y := out[0]; y != nil {
		kernel.ScatterRuns(y.F, d.H[states:], d.yAt, n)
		for i, at := range d.yAt {
			if i/d.batch >= lengths[i%d.batch] {
				clear(y.F[at : at+n])
			}
		}
	}
	for k, s := range [][]float32{d.H, d.C} {
		if k+1 >= len(out) || out[k+1] == nil {
			continue
		}
		kernel.ScatterRuns(out[k+1].F, s[d.steps*states:], d.states, n)
		d.clearEmpty(out[k+1].F, lengths)
	}
}

// clearEmpty clears the states of sequences without steps.
func (d *direction) clearEmpty(states []float32, lengths []int) {
	for b, at := range d.states {
		if lengths[b] == 0 {
			clear(states[at : at+d.hidden])
		}
	}
}

// Backward computes one input's gradient. The way back through time from output k is gone once a step for all inputs.
func (r *recurrent) Backward(x *op.Context, i, k int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	fresh := r.runs[k] == x.Step && x.Step > 0
	r.runs[k] = x.Step
	for _, d := range r.dirs {
		d.BackwardPass = &d.back[k]
		if !fresh {
			d.through(x, k, r.lengths, dy.F, d.parameters(in))
		}
		d.gradient(x, i, in, dx.F)
	}
	return nil
}

// through goes back from output k.
func (d *direction) through(x *op.Context, k int, lengths []int, dy []float32, p *kernel.Parameters) {
	if k == 0 {
		d.y = op.Resize(d.y, d.steps*d.batch*d.hidden)
		kernel.GatherRuns(x.Workers, d.y, dy, d.yAt, d.hidden)
		d.Recurrent.Backward(x.Workers, d.y, nil, nil, p)
		return
	}
	last := d.pick(nil, dy)
	for b, n := range lengths {
		if n == 0 {
			clear(last[b*d.hidden : (b+1)*d.hidden])
		}
	}
	if k == 1 {
		d.Recurrent.Backward(x.Workers, nil, last, nil, p)
	} else {
		d.Recurrent.Backward(x.Workers, nil, nil, last, p)
	}
}

// gradient writes this direction's part of an input's gradient.
func (d *direction) gradient(x *op.Context, i int, in []*op.Tensor, dx []float32) {
	part := len(dx) / d.dirs
	own := dx[d.number*part : (d.number+1)*part]
	switch i {
	case recX:
		d.dx = op.Resize(d.dx, len(dx))
		d.BackwardInput(x.Workers, d.dx, d.parameters(in))
		if d.number == 0 {
			kernel.ScatterRuns(dx, d.dx, d.xAt, d.input)
		} else {
			kernel.ScatterAddRuns(x.Workers, dx, d.dx, d.xAt, d.input)
		}
	case recW:
		d.BackwardWeight(x.Workers, own, d.x)
	case recR:
		d.BackwardRecurrent(x.Workers, own)
	case recB:
		d.BackwardBias(x.Workers, own)
	case recP:
		d.BackwardPeephole(own)
	default:
		h, c := d.BackwardState()
		if i == recC0 {
			h = c
		}
		kernel.ScatterRuns(dx, h, d.states, d.hidden)
	}
}
