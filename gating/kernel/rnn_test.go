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

func sigmoid64(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// TestLSTMDefinition compares with the equations of the ONNX operator in double precision.
func TestLSTMDefinition(t *testing.T) {
	const steps, batch, input, n = 4, 3, 5, 6
	r, p, x := layerOf(recurrentCells(t)["LSTM"], steps, batch, input, n)
	r.Forward(nil, x, nil, nil, p)
	for b := range batch {
		h, c := make([]float64, n), make([]float64, n)
		for s := range steps {
			gate := func(g, k int) float64 {
				row := g*n + k
				sum := float64(p.Bias[row]) + float64(p.Bias[4*n+row])
				for i := range input {
					sum += float64(p.Weight[row*input+i]) * float64(x[(s*batch+b)*input+i])
				}
				for i := range n {
					sum += float64(p.Recurrent[row*n+i]) * h[i]
				}
				return sum
			}
			next := make([]float64, n)
			for k := range n {
				c[k] = sigmoid64(gate(2, k))*c[k] + sigmoid64(gate(0, k))*math.Tanh(gate(3, k))
				next[k] = sigmoid64(gate(1, k)) * math.Tanh(c[k])
			}
			h = next
			for k, want := range h {
				if got := float64(r.H[((s+1)*batch+b)*n+k]); math.Abs(got-want) > 1e-5 {
					t.Fatalf("step %d, sample %d, unit %d: got %g, want %g", s, b, k, got, want)
				}
			}
		}
	}
}

// TestRecurrentThreads checks that results are the same bits with any number of workers.
func TestRecurrentThreads(t *testing.T) {
	w := NewWorkers(3)
	defer w.Close()
	for name, cell := range recurrentCells(t) {
		var runs [2][]float32
		for i, w := range []*Workers{nil, w} {
			r, p, x := layerOf(cell, 5, 40, 33, 35)
			r.Forward(w, x, nil, nil, p)
			r.Backward(w, scaledNormals(5, 5*40*35, 1), nil, nil, p)
			dst := make([]float32, len(p.Recurrent))
			r.BackwardRecurrent(w, dst)
			dx := make([]float32, len(x))
			r.BackwardInput(w, dx, p)
			runs[i] = slices.Concat(r.H, dst, dx)
		}
		if !slices.Equal(runs[0], runs[1]) {
			t.Errorf("%s: results depend on the number of workers", name)
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
