package gating

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
	G "gorgonia.org/gorgonia"
)

// LearnConfig says how gates are learned.
type LearnConfig struct {
	Epochs    int     // passes over the data
	MaxSteps  int     // bound on updates; 0 for none
	BatchSize int     // samples an update
	Rate      float64 // Adam's learning rate
	L0        float64 // lambda, the weight of the mean P(z != 0): over a group's gates first, so that a layer with many channels weighs as much as one with few
	Combine   Combine
	Seed      uint64 // of the order of samples and of the gates' noise
	Workers   *kernel.Workers
	Progress  func(step, steps int, loss float64) // called after every update; may be nil
}

// Learned is the result of Learn.
type Learned struct {
	LogAlpha [][]float64 // per group, parent by parent
	Steps    int         // batches tried, the skipped ones among them
	Skipped  int         // of these, without a finite loss and gradient: they moved no gate
	Elapsed  time.Duration
}

// Learn minimises E_u[loss] + lambda * mean P(z != 0) over the gates of the plan
// by Adam, from start. Everything but the gates is frozen. It returns an error of
// kind network.ErrUnsupported, naming the node, if a gradient cannot reach a
// gate, and one of kind ErrDiverged if no step had a finite loss.
func Learn(ctx context.Context, p *Plan, d *dataset.Data, obj Objective, start [][]float64, c LearnConfig) (*Learned, error) {
	learned, err := learn(ctx, p, d, obj, start, c)
	runtime.GC() // most of the heap was the program's: without this, what follows takes as much again
	return learned, err
}

func learn(ctx context.Context, p *Plan, d *dataset.Data, obj Objective, start [][]float64, c LearnConfig) (*Learned, error) {
	began := time.Now()
	t, err := newTrainer(p, d, obj, start, c)
	if err != nil {
		return nil, err
	}
	defer t.close()
	perEpoch := max(1, d.Len()/(t.forward.batch*t.micro))
	total := c.Epochs * perEpoch
	if c.MaxSteps > 0 {
		total = min(total, c.MaxSteps)
	}
	done, skipped := 0, 0
	for epoch := 0; done < total; epoch++ {
		for rows := range d.Batches(t.forward.batch*t.micro, c.Seed, epoch) {
			if done == total || len(rows) < t.forward.batch*t.micro {
				break
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			t.setRate(c.Rate, done, total)
			loss, moved, err := t.step(rows)
			if err != nil {
				return nil, err
			}
			done++
			if !moved {
				skipped++
			}
			if c.Progress != nil {
				c.Progress(done, total, loss)
			}
		}
	}
	if skipped == done {
		return nil, diverged(done)
	}
	return &Learned{LogAlpha: t.logAlpha(), Steps: done, Skipped: skipped, Elapsed: time.Since(began)}, nil
}

func diverged(steps int) error {
	return &hinted{ErrDiverged, fmt.Sprintf("none of %d steps had a finite loss and gradient", steps),
		"look for the parent that computes a NaN or an infinity with softmerge eval, and leave it out"}
}

// trainer is a compiled program with its optimiser.
type trainer struct {
	forward *forward
	program *network.Program
	prefix  *prefixCache // nil where it is computed anew in every step
	label   *dataset.Column
	gates   []*gates
	grads   G.Nodes
	sums    [][]float32 // gradient of each leaf, summed over micro-batches
	micro   int         // runs an update, where the graph's own batch size is smaller than asked for
	cost    *G.Node
	vm      G.VM
	solver  *G.AdamSolver
}

// newTrainer lowers the base model with the plan's mixtures, builds the
// expression graph of the cost and its gradient, and compiles it.
func newTrainer(p *Plan, d *dataset.Data, obj Objective, start [][]float64, c LearnConfig) (*trainer, error) {
	a := p.Selection.Alignment
	f, err := newForward(a.Models[a.Base], d, obj.Output, c.BatchSize, p, c.Workers)
	if err != nil {
		return nil, err
	}
	t := &trainer{forward: f, label: d.Label, micro: 1, solver: G.NewAdamSolver(G.WithLearnRate(c.Rate))}
	if f.fixed {
		t.micro = max(1, min(c.BatchSize, d.Len())/f.batch)
	}
	program := func(batch int) (*network.Program, error) {
		graph, err := f.lower(batch)
		if err != nil {
			return nil, err
		}
		return network.NewProgram(graph, 0, obj.Loss, c.Workers)
	}
	if t.program, err = program(f.batch); err != nil {
		return nil, err
	}
	if !f.fixed {
		t.prefix = newPrefixCache(t.program, f.batch, d.Len(), program)
	}
	return t, t.build(p, start, c)
}

// build makes the expression graph: gates, network, loss, l0 term, gradients.
func (t *trainer) build(p *Plan, start [][]float64, c LearnConfig) error {
	eg := G.NewGraph()
	coeffs := make([]*G.Node, len(p.Groups))
	var leaves G.Nodes
	for i := range p.Groups {
		g := newGates(eg, fmt.Sprintf("log_alpha %d", i), &p.Groups[i], c.Combine, start[i], c.Seed, uint64(i)+1)
		node, err := g.coefficients()
		if err != nil {
			return err
		}
		coeffs[i] = node
		t.gates = append(t.gates, g)
		t.sums = append(t.sums, make([]float32, len(g.value)))
		leaves = append(leaves, g.leaf)
	}
	loss, err := t.program.Build(coeffs)
	if err != nil {
		return err
	}
	l0, err := penalty(t.gates, c.L0)
	if err != nil {
		return err
	}
	if t.cost, err = G.Add(loss, l0); err != nil {
		return err
	}
	one := G.NewScalar(eg, G.Float32, G.WithName("one"), G.WithValue(float32(1)))
	if t.grads, err = G.Backpropagate(G.Nodes{t.cost}, G.Nodes{one}, leaves); err != nil {
		return fmt.Errorf("building the gradient: %w", err)
	}
	return t.compile(eg)
}

// compile makes the tape machine, which panics where it cannot.
func (t *trainer) compile(eg *G.ExprGraph) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("compiling the expression graph: %v", r)
		}
	}()
	t.vm = G.NewTapeMachine(eg)
	return nil
}

// close ends the machine. Its finalizer, which is for other builds of Gorgonia,
// would keep the program's memory for one collection more.
func (t *trainer) close() {
	t.vm.Close()
	runtime.SetFinalizer(t.vm, nil)
}

// step makes one update from the rows and returns the cost. A draw that opens a
// harmful gate may have no finite cost or gradient: it moves nothing, the next draw differs.
func (t *trainer) step(rows []int) (cost float64, moved bool, err error) {
	for i, g := range t.gates {
		g.draw()
		clear(t.sums[i])
	}
	for k := range t.micro {
		c, err := t.gradient(rows[k*t.forward.batch : (k+1)*t.forward.batch])
		if err != nil {
			return 0, false, err
		}
		cost += c / float64(t.micro)
	}
	norm := t.norm()
	if !finite([]float64{cost, norm}) {
		return cost, false, nil
	}
	return cost, true, t.update(norm)
}

// norm is the length of the summed gradient of all gates.
func (t *trainer) norm() float64 {
	var sum float64
	for _, s := range t.sums {
		for _, g := range s {
			sum += float64(g) * float64(g)
		}
	}
	return math.Sqrt(sum)
}

// gradient runs the program forward and backward for one batch of the graph's size and adds to the sums.
func (t *trainer) gradient(rows []int) (float64, error) {
	values, err := t.ungated(rows)
	if err != nil {
		return 0, err
	}
	t.program.Set(values, gatherColumn(t.label, rows))
	t.program.NextStep()
	err = t.vm.RunAll()
	cost := float64(network.Floats(t.cost.Value())[0])
	t.vm.Reset()
	if err != nil {
		return 0, err
	}
	for i, n := range t.grads {
		for e, g := range network.Floats(n.Value()) {
			t.sums[i][e] += g / float32(t.micro)
		}
	}
	return cost, nil
}

// leaf is a leaf's value and summed gradient as Gorgonia's solvers take them.
type leaf struct{ value, grad G.Value }

func (l leaf) Value() G.Value         { return l.value }
func (l leaf) Grad() (G.Value, error) { return l.grad, nil }

// maxGradient bounds the norm of an update's gradient, so that one unlucky draw
// does not fill Adam's second moment for hundreds of steps.
const maxGradient = 1

// update moves log a by one Adam step along the summed gradient, whose length is norm.
func (t *trainer) update(norm float64) error {
	scale := float32(1)
	if norm > maxGradient {
		scale = float32(maxGradient / norm)
	}
	pairs := make([]G.ValueGrad, len(t.gates))
	for i, g := range t.gates {
		for e := range t.sums[i] {
			t.sums[i][e] *= scale
		}
		pairs[i] = leaf{g.leaf.Value(), network.NewVector(t.sums[i])}
	}
	return t.solver.Step(pairs)
}

// setRate lowers the learning rate along half a cosine to a tenth.
func (t *trainer) setRate(rate float64, step, total int) {
	f := 0.55 + 0.45*math.Cos(math.Pi*float64(step)/float64(total))
	G.WithLearnRate(rate * f)(t.solver)
}

// logAlpha returns the gates' parameters.
func (t *trainer) logAlpha() [][]float64 {
	out := make([][]float64, len(t.gates))
	for i, g := range t.gates {
		for _, v := range g.value {
			out[i] = append(out[i], float64(v))
		}
	}
	return out
}

// base returns the model that gives the graph.
func (p *Plan) base() *onnx.Model { return p.Selection.Alignment.Models[p.Selection.Alignment.Base] }
