package network

import (
	"fmt"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/gating/network/tape"
)

// chainProgram is x through n matrix products with gated weights, each followed by functions of one input.
func chainProgram(t *testing.T, n int, functions ...string) *tape.Machine {
	t.Helper()
	g := graphOf("x")
	last := "x"
	for i := range n {
		name := fmt.Sprint("w", i)
		addFloats(t, g, name, []int{3, 3}, 1, .2, .3, .4, .5, .6, .7, .8, .9)
		for _, f := range append([]string{"MatMul"}, functions...) {
			from := last
			if f == "MatMul" {
				from += " " + name
			}
			last += "'"
			addNode(g, f, from, last)
		}
	}
	m := modelOf(t, g, nil, last)
	lowered, err := Lower(m, Config{Shapes: map[string][]int{"x": {2, 3}}, Params: weightParams(t, m)})
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewProgram(lowered, HeadOf(0, MSE{}), nil)
	if err != nil {
		t.Fatal(err)
	}
	coeffs := make([][]float64, n)
	for i := range coeffs {
		coeffs[i] = []float64{0.6, 0.4}
	}
	machine := compiled(t, p, coeffs)
	if err := p.Load(map[string]*op.Tensor{"x": ramp(2, 3)}, ramp(2, 3)); err != nil {
		t.Fatal(err)
	}
	return machine
}

// TestValuesShareMemory: a chain of any length has its weights and what gradients read alive,
// but few other activations and gradients at a time; every step gives the same.
func TestValuesShareMemory(t *testing.T) {
	const weights = 20
	m := chainProgram(t, weights, "Tanh")
	var first []float32
	for step := range 4 {
		loss, err := m.Run()
		if err != nil {
			t.Fatal(err)
		}
		got := []float32{float32(loss)}
		for i := range weights {
			got = append(got, m.Gradient(i)...)
		}
		if step == 0 {
			first = got
		}
		for i := range got {
			if got[i] != first[i] {
				t.Fatalf("step %d: number %d is %v, was %v", step, i, got[i], first[i])
			}
		}
	}
	// 20 weights, 20 activations that their gradients read, and 20 gradients that are results. The weights' own
	// gradients, which wait for those of the gates that the tape puts last, take what the others leave.
	if n, all := m.Buffers(); all < 139 || n > 20+20+20+3 {
		t.Errorf("%d buffers for %d values", n, all)
	}
}

// TestSumsOfGradientsAreShared: h is read three times, so the tape adds three
// gradients up itself. Their buffers are handed on once the sum has been read.
func TestSumsOfGradientsAreShared(t *testing.T) {
	g := graphOf("x")
	addFloats(t, g, "w", []int{3, 3}, 1, .2, .3, .4, .5, .6, .7, .8, .9)
	last := "x"
	for i := range 6 {
		h := fmt.Sprint("h", i)
		addNode(g, "MatMul", last+" w", h)
		addNode(g, "Tanh", h, h+"a")
		addNode(g, "Sigmoid", h, h+"b")
		addNode(g, "Mul", h+"a "+h+"b", h+"c")
		addNode(g, "Add", h+"c "+h, h+"d")
		last = h + "d"
	}
	m := modelOf(t, g, nil, last)
	lowered, err := Lower(m, Config{Shapes: map[string][]int{"x": {2, 3}}, Params: weightParams(t, m)})
	if err != nil {
		t.Fatal(err)
	}
	x := map[string]*op.Tensor{"x": ramp(2, 3)}
	cost := func(c float64) float64 { loss, _ := stepOf(t, lowered, 0, x, [][]float64{{c, 0.1}}); return loss }
	_, grads := stepOf(t, lowered, 0, x, [][]float64{{0.1, 0.1}})
	const h = 1e-3
	if slope := (cost(0.1+h) - cost(0.1-h)) / (2 * h); optest.CloseTo(grads[0][:1], []float64{slope}, 1e-2) != nil {
		t.Errorf("gradient %v, differences give %v", grads[0][0], slope)
	}
}

// TestUnreadActivationsAreHandedOn: functions whose gradients read nothing add links to the chain but no memory.
func TestUnreadActivationsAreHandedOn(t *testing.T) {
	buffers := func(functions ...string) int {
		m := chainProgram(t, 10, functions...)
		if _, err := m.Run(); err != nil {
			t.Fatal(err)
		}
		n, _ := m.Buffers()
		return n
	}
	short, long := buffers("Tanh"), buffers("Neg", "Neg", "Neg", "Neg", "Tanh")
	if read := buffers("Tanh", "Tanh", "Tanh", "Tanh", "Tanh"); long > short+2 || read < short+20 {
		t.Errorf("%d buffers with Tanh, %d with four Neg beside it, %d with five Tanh: "+
			"want about as many, and many more",
			short, long, read)
	}
}
