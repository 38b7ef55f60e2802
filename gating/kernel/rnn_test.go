package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// recurrentCells are the cells with their usual functions.
func recurrentCells(t testing.TB) map[string]Cell {
	t.Helper()
	f, err := Activations([]string{"Sigmoid", "Tanh", "Tanh"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Cell{
		"RNN": &RNN{F: f[1]}, "GRU": &GRU{F: f[0], G: f[1]}, "GRU reset last": &GRU{F: f[0], G: f[1], ResetLast: true},
		"LSTM": &LSTM{F: f[0], G: f[1], H: f[2]},
	}
}

// scaledNormals draws n numbers of a standard deviation.
func scaledNormals(seed uint64, n int, scale float64) []float32 {
	r := rand.New(rand.NewPCG(seed, 3))
	f := make([]float32, n)
	for i := range f {
		f[i] = float32(r.NormFloat64() * scale)
	}
	return f
}

// layerOf makes a layer with weights and data.
func layerOf(cell Cell, steps, batch, input, hidden int) (*Recurrent, *Parameters, []float32) {
	r := &Recurrent{Steps: steps, Batch: batch, Input: input, Hidden: hidden, Cell: cell}
	rows, scale := cell.Gates()*hidden, 1/math.Sqrt(float64(hidden))
	p := &Parameters{
		Weight: scaledNormals(1, rows*input, scale), Recurrent: scaledNormals(2, rows*hidden, scale),
		Bias: scaledNormals(3, 2*rows, scale),
	}
	return r, p, scaledNormals(4, steps*batch*input, 1)
}

// rnnCases are layers of every kind of cell and option.
var rnnCases = []rnnReference{
	{cell: "RNN"}, {cell: "RNN", clip: 0.4}, {cell: "RNN", lengths: []int{3, 0, 1}},
	{cell: "GRU"}, {cell: "GRU", clip: 0.4}, {cell: "GRU", lengths: []int{1, 3, 2}},
	{cell: "GRU", resetLast: true}, {cell: "GRU", resetLast: true, clip: 0.4, lengths: []int{2, 2, 3}},
	{cell: "LSTM"}, {cell: "LSTM", clip: 0.4}, {cell: "LSTM", lengths: []int{0, 2, 3}}, {cell: "LSTM", coupled: true},
	{cell: "LSTM", coupled: true, lengths: []int{3, 1, 2}, clip: 0.5},
}

// layer returns the kernel's layer of a reference.
func (c *rnnReference) layer(t testing.TB) *Recurrent {
	t.Helper()
	cells := recurrentCells(t)
	cell := cells[c.cell]
	switch {
	case c.resetLast:
		cell = cells["GRU reset last"]
	case c.coupled:
		full := cell.(*LSTM)
		cell = &LSTM{F: full.F, G: full.G, H: full.H, Coupled: true}
	}
	return c.layerOf(cell)
}

func (c *rnnReference) layerOf(cell Cell) *Recurrent {
	return &Recurrent{Steps: c.steps, Batch: c.batch, Input: c.input, Hidden: c.hidden, Lengths: c.lengths,
		Clip: float32(c.clip), Cell: cell}
}

// draw returns everything that a layer computes with, one after another. Only an LSTM has peepholes and cell states.
func (c *rnnReference) draw(seed uint64) []float32 {
	v := scaledNormals(seed, totalOf(c.sizes()), 0.7)
	if parts := cut(v, c.sizes()); c.cell != "LSTM" {
		clear(parts[4])
		clear(parts[6])
	}
	return v
}

func totalOf(list []int) (total int) {
	for _, n := range list {
		total += n
	}
	return total
}

// outputs returns what [rnnReference.run] returns from a layer after its forward pass.
func (c *rnnReference) outputs(r *Recurrent) []float32 {
	n := c.batch * c.hidden
	y := slices.Clone(r.H[n:])
	for i := range y {
		if t, b := i/n, i%n/c.hidden; c.lengths != nil && t >= c.lengths[b] {
			y[i] = 0
		}
	}
	last := r.C[c.steps*n:]
	if c.cell != "LSTM" {
		last = make([]float32, n)
	}
	return slices.Concat(y, r.H[c.steps*n:], last)
}

// gradients runs a layer forward and back and returns the outputs and the gradient of everything.
func (c *rnnReference) gradients(t testing.TB, w *Workers, v, dy []float32) (out, grads []float32) {
	t.Helper()
	return c.through(c.layer(t).Cell, w, v, dy)
}

// through does the same with the given cell.
func (c *rnnReference) through(cell Cell, w *Workers, v, dy []float32) (out, grads []float32) {
	r, parts := c.layerOf(cell), cut(v, c.sizes())
	p := &Parameters{Weight: parts[1], Recurrent: parts[2], Bias: parts[3]}
	if c.cell == "LSTM" {
		p.Peephole = parts[4]
	}
	r.Forward(w, parts[0], parts[5], parts[6], p)
	n := c.batch * c.hidden
	slopes := cut(dy, []int{c.steps * n, n, n})
	r.Backward(w, slopes[0], slopes[1], slopes[2], p)
	grads = make([]float32, len(v))
	into := cut(grads, c.sizes())
	r.BackwardInput(w, into[0], p)
	r.BackwardWeight(w, into[1], parts[0])
	r.BackwardRecurrent(w, into[2])
	r.BackwardBias(w, into[3])
	if c.cell == "LSTM" {
		r.BackwardPeephole(into[4])
	}
	dh, dc := r.BackwardState()
	copy(into[5], dh)
	if c.cell == "LSTM" {
		copy(into[6], dc)
	}
	return c.outputs(r), grads
}

// TestRecurrentDefinition compares every kind of layer with the operators' equations.
func TestRecurrentDefinition(t *testing.T) {
	eachSet(t, func(t *testing.T) {
		for i, c := range rnnCases {
			for _, size := range [][2]int{{1, 1}, {5, 4}, {3, 17}} {
				c.steps, c.batch, c.input, c.hidden = 3, 3, size[0], size[1]
				v := c.draw(uint64(i))
				got, _ := c.gradients(t, nil, v, make([]float32, (c.steps+2)*c.batch*c.hidden))
				near(t, fmt.Sprintf("%+v", c), got, c.run(doubles(v)), 3e-6)
			}
		}
	})
}

// TestRecurrentGradients compares the gradients of x, weights, biases, peepholes and initial states with differences of
// the equations.
func TestRecurrentGradients(t *testing.T) {
	for i, c := range rnnCases {
		c.steps, c.batch, c.input, c.hidden = 3, 3, 2, 3
		v := c.draw(uint64(100 + i))
		dy := scaledNormals(uint64(200+i), (c.steps+2)*c.batch*c.hidden, 1)
		if c.cell != "LSTM" {
			clear(dy[(c.steps+1)*c.batch*c.hidden:])
		}
		_, got := c.gradients(t, nil, v, dy)
		want := slopesOf(c.run, doubles(v), dy, 1e-5)
		names := []string{"x", "weights", "recurrent weights", "biases", "peepholes", "initial states", "initial cells"}
		for k, part := range cut(want, c.sizes()) {
			near(t, fmt.Sprintf("%+v: gradient of %s", c, names[k]), cut(got, c.sizes())[k], part, 2e-5)
		}
	}
}

// TestRecurrentWithoutOptions leaves out biases, initial states and gradients, which counts as zeros.
func TestRecurrentWithoutOptions(t *testing.T) {
	for name, cell := range recurrentCells(t) {
		r, p, x := layerOf(cell, 4, 3, 5, 6)
		zeros := make([]float32, 3*6)
		dy := scaledNormals(9, 4*3*6, 1)
		clear(p.Bias)
		r.Forward(nil, x, zeros, zeros, p)
		r.Backward(nil, dy, zeros, zeros, p)
		want, dx := slices.Clone(r.H), make([]float32, len(x))
		r.BackwardInput(nil, dx, p)
		p.Bias = nil
		r.Forward(nil, x, nil, nil, p)
		r.Backward(nil, dy, nil, nil, p)
		got := make([]float32, len(x))
		r.BackwardInput(nil, got, p)
		if !equalBits(r.H, want) || !equalBits(got, dx) {
			t.Errorf("%s: leaving out zeros changes the result", name)
		}
		if r.Backward(nil, nil, nil, nil, p); slices.ContainsFunc(r.dpre, func(v float32) bool { return v != 0 }) {
			t.Errorf("%s: no gradient of the outputs gives one of the gates", name)
		}
	}
}

// TestTwoBackwardPasses keeps the gradients of two ways back through one run, as two outputs of one layer need them.
func TestTwoBackwardPasses(t *testing.T) {
	r, p, x := layerOf(recurrentCells(t)["LSTM"], 4, 3, 5, 6)
	r.Forward(nil, x, nil, nil, p)
	var passes [2]BackwardPass
	var alone, kept [2][]float32
	for i := range passes {
		r.BackwardPass = &passes[i]
		r.Backward(nil, scaledNormals(uint64(20+i), 4*3*6, 1), nil, nil, p)
		alone[i] = make([]float32, len(x))
		r.BackwardInput(nil, alone[i], p)
	}
	for i := range passes {
		r.BackwardPass = &passes[i]
		kept[i] = make([]float32, len(x))
		r.BackwardInput(nil, kept[i], p)
		if !equalBits(alone[i], kept[i]) {
			t.Errorf("pass %d was overwritten by the other", i)
		}
	}
}

// TestRecurrentOfNothing runs layers without steps, samples or inputs.
func TestRecurrentOfNothing(t *testing.T) {
	for name, cell := range recurrentCells(t) {
		for _, s := range [][4]int{{0, 2, 3, 4}, {3, 0, 3, 4}, {3, 2, 0, 4}} {
			r, p, x := layerOf(cell, s[0], s[1], s[2], s[3])
			h0 := scaledNormals(6, s[1]*s[3], 1)
			r.Forward(nil, x, h0, nil, p)
			r.Backward(nil, nil, h0, nil, p)
			dst := slices.Repeat([]float32{nan32}, len(p.Recurrent))
			r.BackwardRecurrent(nil, dst)
			if slices.ContainsFunc(dst, func(v float32) bool { return v != v }) {
				t.Errorf("%s %v: the gradient of the recurrent weights is not a number", name, s)
			}
			if dh, _ := r.BackwardState(); s[0] == 0 && (!equalBits(dh, h0) || !equalBits(r.H, h0)) {
				t.Errorf("%s: without steps the state or its gradient changes", name)
			}
		}
	}
}

// TestActivations checks the slope of every activation by differences, and how parameters are handed out.
func TestActivations(t *testing.T) {
	for name := range activationRules {
		list, err := Activations([]string{name}, []float32{0.7}, []float32{0.4})
		if err != nil {
			t.Fatal(err)
		}
		a := list[0]
		for _, x := range []float32{-3, -0.3, 0.2, 0.9, 4} {
			const h = 1e-3
			y := []float32{0, 0, 0}
			a.apply(y, []float32{x - h, x, x + h})
			if want := (y[2] - y[0]) / (2 * h); math.Abs(float64(a.slope(x, y[1])-want)) > 2e-3 {
				t.Errorf("%s at %g: slope %g, want %g", name, x, a.slope(x, y[1]), want)
			}
		}
	}
	list, err := Activations([]string{"Tanh", "Affine", "LeakyRelu"}, []float32{2, 0.5}, []float32{3})
	if err != nil {
		t.Fatal(err)
	}
	y := []float32{0}
	list[1].apply(y, []float32{1})
	if y[0] != 5 {
		t.Errorf("affine of 1 is %g, want 2·1+3", y[0])
	}
	if list[2].apply(y, []float32{-1}); y[0] != -0.5 {
		t.Errorf("leaky relu of -1 is %g, want -0.5", y[0])
	}
	if _, err := Activations([]string{"Sine"}, nil, nil); err == nil {
		t.Error("an unknown activation passed")
	}
}

func BenchmarkRecurrent(b *testing.B) {
	w := NewWorkers(0)
	defer w.Close()
	for _, name := range []string{"LSTM", "GRU reset last"} {
		r, p, x := layerOf(recurrentCells(b)[name], 50, 32, 64, 128)
		dy := scaledNormals(5, 50*32*128, 1)
		dst, dx := make([]float32, max(len(p.Recurrent), len(p.Weight))), make([]float32, len(x))
		b.Run(fmt.Sprint(name, " forward"), func(b *testing.B) {
			for b.Loop() {
				r.Forward(w, x, nil, nil, p)
			}
		})
		b.Run(fmt.Sprint(name, " backward"), func(b *testing.B) {
			r.Forward(w, x, nil, nil, p)
			for b.Loop() {
				r.Backward(w, dy, nil, nil, p)
				r.BackwardWeight(w, dst, x)
				r.BackwardRecurrent(w, dst)
				r.BackwardInput(w, dx, p)
			}
		})
	}
}
