package network

import (
	"fmt"
	"testing"

	G "gorgonia.org/gorgonia"
)

// chainProgram is x through n matrix products with gated weights.
func chainProgram(t *testing.T, n int) (*Program, *G.Node, G.Nodes, G.VM) {
	t.Helper()
	g := graphOf("x")
	last := "x"
	for i := range n {
		name := fmt.Sprint("w", i)
		addFloats(t, g, name, []int{3, 3}, 1, .2, .3, .4, .5, .6, .7, .8, .9)
		addNode(g, "MatMul", last+" "+name, last+"'")
		addNode(g, "Tanh", last+"'", last+"''")
		last += "''"
	}
	m := modelOf(t, g, nil, last)
	lowered, err := Lower(m, Config{Shapes: map[string][]int{"x": {2, 3}}, Params: weightParams(t, m)})
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewProgram(lowered, 0, MSE{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	eg := G.NewGraph()
	var leaves G.Nodes
	for i := range n {
		leaves = append(leaves, G.NewVector(eg, G.Float32, G.WithShape(2), G.WithName(fmt.Sprint("c", i)), G.WithValue(NewVector([]float32{0.6, 0.4}))))
	}
	loss, err := p.Build(leaves)
	if err != nil {
		t.Fatal(err)
	}
	grads, err := G.Grad(loss, leaves...)
	if err != nil {
		t.Fatal(err)
	}
	vm := G.NewTapeMachine(eg)
	t.Cleanup(func() { vm.Close() })
	if err := p.Load(map[string]*Tensor{"x": ramp(2, 3)}, ramp(2, 3)); err != nil {
		t.Fatal(err)
	}
	return p, loss, grads, vm
}

// buffers counts the pool's buffers after a step.
func (p *gradientPool) buffers() int {
	n := len(p.free)
	for _, l := range p.leases {
		if l.buffer != nil {
			n++
		}
	}
	return n
}

// TestGradientsShareMemory: a chain of any length has a few gradients of activations
// alive at a time, every step gives the same, and an interrupted one leaves nothing behind.
func TestGradientsShareMemory(t *testing.T) {
	p, loss, grads, vm := chainProgram(t, 20)
	var first []float32
	for step := range 4 {
		p.NextStep()
		if step == 2 { // an interrupted step: some gradients were taken and never read
			for _, l := range p.gradients.leases[:7] {
				l.take()
			}
			p.NextStep()
		}
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		got := append([]float32{}, Floats(loss.Value())...)
		for _, g := range grads {
			got = append(got, Floats(g.Value())...)
		}
		vm.Reset()
		if step == 0 {
			first = got
		}
		for i := range got {
			if got[i] != first[i] {
				t.Fatalf("step %d: number %d is %v, was %v", step, i, got[i], first[i])
			}
		}
	}
	// Gorgonia puts the gates' own gradients last, so those of the 20 weights wait for them.
	if n, all := p.gradients.buffers(), len(p.gradients.leases); all < 59 || n > 20+3 {
		t.Errorf("%d buffers for %d gradients", n, all)
	}
}

// TestSumsOfGradientsAreShared: h is read three times, so Gorgonia adds three
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
	x := map[string]*Tensor{"x": ramp(2, 3)}
	cost := func(c float64) float64 { loss, _ := stepOf(t, lowered, 0, x, [][]float64{{c, 0.1}}); return loss }
	_, grads := stepOf(t, lowered, 0, x, [][]float64{{0.1, 0.1}})
	const h = 1e-3
	if slope := (cost(0.1+h) - cost(0.1-h)) / (2 * h); closeTo(grads[0][:1], []float64{slope}, 1e-2) != nil {
		t.Errorf("gradient %v, differences give %v", grads[0][0], slope)
	}
}
