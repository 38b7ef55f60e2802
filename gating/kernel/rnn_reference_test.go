package kernel

import (
	"math"
	"slices"
)

// rnnReference is a recurrent layer as the ONNX operators RNN-22, GRU-22 and LSTM-22 define it, in double precision and
// sample by sample, with the operators' usual functions.
type rnnReference struct {
	cell                        string // RNN, GRU or LSTM
	coupled, resetLast          bool
	clip                        float64
	lengths                     []int
	f                           func(x float64) float64 // of an RNN; nil is tanh
	steps, batch, input, hidden int
}

func (c *rnnReference) gates() int { return map[string]int{"RNN": 1, "GRU": 3, "LSTM": 4}[c.cell] }

// sizes are the numbers of elements of x, weights, recurrent weights, biases, peepholes and both initial states, which
// make up one vector in this order.
func (c *rnnReference) sizes() []int {
	rows, states := c.gates()*c.hidden, c.batch*c.hidden
	return []int{c.steps * c.batch * c.input, rows * c.input, rows * c.hidden, 2 * rows, 3 * c.hidden, states, states}
}

// cut takes a vector of everything apart.
func cut[T any](v []T, sizes []int) [][]T {
	parts := make([][]T, len(sizes))
	for i, n := range sizes {
		parts[i], v = v[:n:n], v[n:]
	}
	return parts
}

// run returns the outputs after every step, zero where a sequence is over, and the last states of both kinds.
func (c *rnnReference) run(v []float64) []float64 {
	parts := cut(v, c.sizes())
	n := c.batch * c.hidden
	out := make([]float64, c.steps*n)
	h, s := slices.Clone(parts[5]), slices.Clone(parts[6])
	for t := range c.steps {
		for b := range c.batch {
			if c.lengths != nil && t >= c.lengths[b] {
				continue
			}
			x := parts[0][(t*c.batch+b)*c.input:][:c.input]
			state, cell := h[b*c.hidden:][:c.hidden], s[b*c.hidden:][:c.hidden]
			c.step(parts, x, state, cell)
			copy(out[t*n+b*c.hidden:], state)
		}
	}
	return slices.Concat(out, h, s)
}

// step replaces the states of one sample by the next ones.
func (c *rnnReference) step(parts [][]float64, x, h, s []float64) {
	next, cell := make([]float64, len(h)), slices.Clone(s)
	for k := range h {
		switch c.cell {
		case "RNN":
			f := c.f
			if f == nil {
				f = math.Tanh
			}
			next[k] = f(c.limit(c.fromInput(parts, x, 0, k) + c.fromState(parts, h, 0, k)))
		case "GRU":
			next[k] = c.gru(parts, x, h, k)
		case "LSTM":
			next[k], cell[k] = c.lstm(parts, x, h, s[k], k)
		}
	}
	copy(h, next)
	copy(s, cell)
}

func (c *rnnReference) limit(v float64) float64 {
	if c.clip > 0 {
		return max(-c.clip, min(c.clip, v))
	}
	return v
}

// fromInput and fromState are what unit k of a gate gets from the input and from the state, each with its bias.
func (c *rnnReference) fromInput(parts [][]float64, x []float64, gate, k int) float64 {
	row := gate*c.hidden + k
	sum := parts[3][row]
	for i, v := range x {
		sum += parts[1][row*c.input+i] * v
	}
	return sum
}

func (c *rnnReference) fromState(parts [][]float64, h []float64, gate, k int) float64 {
	row := gate*c.hidden + k
	sum := parts[3][c.gates()*c.hidden+row]
	for i, v := range h {
		sum += parts[2][row*c.hidden+i] * v
	}
	return sum
}

func (c *rnnReference) gru(parts [][]float64, x, h []float64, k int) float64 {
	gate := func(g, k int) float64 {
		return logistic(c.limit(c.fromInput(parts, x, g, k) + c.fromState(parts, h, g, k)))
	}
	var state float64
	if c.resetLast {
		state = gate(1, k) * c.fromState(parts, h, 2, k)
	} else {
		reset := make([]float64, len(h))
		for i, v := range h {
			reset[i] = gate(1, i) * v
		}
		state = c.fromState(parts, reset, 2, k)
	}
	z := gate(0, k)
	return (1-z)*math.Tanh(c.limit(c.fromInput(parts, x, 2, k)+state)) + z*h[k]
}

// lstm has gates input, output, forget and cell, and peepholes of the first three.
func (c *rnnReference) lstm(parts [][]float64, x, h []float64, s float64, k int) (next, cell float64) {
	sum := func(g int) float64 { return c.fromInput(parts, x, g, k) + c.fromState(parts, h, g, k) }
	peephole := parts[4]
	i := logistic(c.limit(sum(0) + peephole[k]*s))
	f := 1 - i
	if !c.coupled {
		f = logistic(c.limit(sum(2) + peephole[2*c.hidden+k]*s))
	}
	cell = f*s + i*math.Tanh(c.limit(sum(3)))
	return logistic(c.limit(sum(1)+peephole[c.hidden+k]*cell)) * math.Tanh(cell), cell
}
