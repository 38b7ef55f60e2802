package tape

import (
	"fmt"
	"runtime"

	G "gorgonia.org/gorgonia"
)

// Machine is a compiled program: a cost and its gradient, ready to run as often as the parameters change.
// It is for one caller at a time, who closes it.
type Machine struct {
	e     *expression
	cost  *G.Node
	grads G.Nodes
	vm    G.VM
}

// Compile makes a machine for the cost that is the sum of scalars of the program, and for its gradient with respect to
// each of wrt. It is an error if a gradient is wanted that does not depend on the cost. The program is not changed.
func (p *Program) Compile(cost []*Vector, wrt ...*Vector) (m *Machine, err error) {
	defer func() {
		if r := recover(); r != nil { // Gorgonia panics where it cannot
			m, err = nil, fmt.Errorf("compiling the expression graph: %v", r)
		}
	}()
	e, err := newExpression(p)
	if err != nil {
		return nil, fmt.Errorf("building the expression graph: %w", err)
	}
	m = &Machine{e: e, cost: e.nodes[cost[0].number]}
	for _, term := range cost[1:] {
		if m.cost, err = G.Add(m.cost, e.nodes[term.number]); err != nil {
			return nil, err
		}
	}
	leaves := make(G.Nodes, len(wrt))
	for i, v := range wrt {
		leaves[i] = e.nodes[v.number]
	}
	one := G.NewScalar(e.graph, G.Float32, G.WithName("one"), G.WithValue(float32(1)))
	if m.grads, err = G.Backpropagate(G.Nodes{m.cost}, G.Nodes{one}, leaves); err != nil {
		return nil, fmt.Errorf("building the gradient: %w", err)
	}
	m.vm = G.NewTapeMachine(e.graph)
	return m, nil
}

// Run computes cost and gradients for what the parameters hold now.
func (m *Machine) Run() (cost float64, err error) {
	m.e.step++
	m.e.memory.start(m.e.graph)
	defer m.vm.Reset()
	if err := m.vm.RunAll(); err != nil {
		return 0, err // the cost may have no value yet
	}
	return float64(floats(m.cost.Value())[0]), nil
}

// Gradient is the gradient of the last Run with respect to the i-th of the vectors that Compile was given. It is valid
// until the next Run.
func (m *Machine) Gradient(i int) []float32 { return floats(m.grads[i].Value()) }

// Close ends the machine. Its finalizer, which is for other builds of Gorgonia,
// would keep the program's memory for one collection more.
func (m *Machine) Close() {
	m.vm.Close()
	runtime.SetFinalizer(m.vm, nil)
}

// Buffers is how many buffers hold the values of a step, and how many values share them.
func (m *Machine) Buffers() (buffers, values int) {
	buffers = len(m.e.memory.free)
	for _, l := range m.e.memory.leases {
		if l.buffer != nil {
			buffers++
		}
	}
	return buffers, len(m.e.memory.leases)
}
