package network

import (
	"fmt"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"

	G "gorgonia.org/gorgonia"
)

// chainProgram is x through n matrix products with gated weights, each followed by functions of one input.
func chainProgram(t *testing.T, n int, functions ...string) (*Program, *G.Node, G.Nodes, G.VM) {
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
	if err := p.Load(map[string]*op.Tensor{"x": ramp(2, 3)}, ramp(2, 3)); err != nil {
		t.Fatal(err)
	}
	return p, loss, grads, vm
}

// buffers counts the pool's buffers after a step.
func (p *pool) buffers() int {
	n := len(p.free)
	for _, l := range p.leases {
		if l.buffer != nil {
			n++
		}
	}
	return n
}

// TestValuesShareMemory: a chain of any length has its weights and what gradients read alive,
// but few other activations and gradients at a time; every step gives the same, and
// an interrupted one leaves nothing behind.
func TestValuesShareMemory(t *testing.T) {
	p, loss, grads, vm := chainProgram(t, 20, "Tanh")
	var first []float32
	for step := range 4 {
		p.NextStep()
		if step == 2 { // an interrupted step: some gradients were taken and never read
			for _, l := range p.memory.leases[:7] {
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
	// 20 weights, and 20 activations that their gradients read. The weights' own gradients, which wait for those of the
	// gates that Gorgonia puts last, take what the others leave.
	if n, all := p.memory.buffers(), len(p.memory.leases); all < 119 || n > 20+20+3 {
		t.Errorf("%d buffers for %d values", n, all)
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
	x := map[string]*op.Tensor{"x": ramp(2, 3)}
	cost := func(c float64) float64 { loss, _ := stepOf(t, lowered, 0, x, [][]float64{{c, 0.1}}); return loss }
	_, grads := stepOf(t, lowered, 0, x, [][]float64{{0.1, 0.1}})
	const h = 1e-3
	if slope := (cost(0.1+h) - cost(0.1-h)) / (2 * h); closeTo(grads[0][:1], []float64{slope}, 1e-2) != nil {
		t.Errorf("gradient %v, differences give %v", grads[0][0], slope)
	}
}

// TestUnreadActivationsAreHandedOn: functions whose gradients read nothing add links to the chain but no memory.
func TestUnreadActivationsAreHandedOn(t *testing.T) {
	buffers := func(functions ...string) int {
		p, _, _, vm := chainProgram(t, 10, functions...)
		p.NextStep()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		return p.memory.buffers()
	}
	short, long := buffers("Tanh"), buffers("Neg", "Neg", "Neg", "Neg", "Tanh")
	if read := buffers("Tanh", "Tanh", "Tanh", "Tanh", "Tanh"); long > short+2 || read < short+20 {
		t.Errorf("%d buffers with Tanh, %d with four Neg beside it, %d with five Tanh: want about as many, and many more", short, long, read)
	}
}
