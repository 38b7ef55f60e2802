package gating

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/network"
	G "gorgonia.org/gorgonia"
)

// gateProgram is an expression of gates alone: the dot product of their
// coefficients with fixed numbers, plus the l0 term.
type gateProgram struct {
	gates *gates
	cost  *G.Node
	grad  *G.Node
	vm    G.VM
}

func newGateProgram(t *testing.T, group *Group, mode Combine, logAlpha, dot []float64, lambda float64) *gateProgram {
	t.Helper()
	eg := G.NewGraph()
	p := &gateProgram{gates: newGates(group, mode, logAlpha, 7, 1)}
	leaf := p.gates.leaf(eg, "a")
	c := must(p.gates.coefficients(leaf))(t)
	w := G.NewVector(eg, G.Float32, G.WithShape(len(dot)), G.WithName("dot"), G.WithValue(network.NewVector(floats32(dot))))
	p.cost = must(G.Add(must(G.Sum(must(G.HadamardProd(c, w))(t)))(t), must(penalty([]*gates{p.gates}, G.Nodes{leaf}, lambda))(t)))(t)
	p.grad = must(G.Grad(p.cost, leaf))(t)[0]
	p.vm = G.NewTapeMachine(eg)
	t.Cleanup(func() { p.vm.Close() })
	return p
}

// run returns the cost and its gradient at the leaf's present value.
func (p *gateProgram) run(t *testing.T) (float64, []float32) {
	t.Helper()
	if err := p.vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	defer p.vm.Reset()
	return float64(network.Floats(p.cost.Value())[0]), append([]float32{}, network.Floats(p.grad.Value())...)
}

// TestGatesThroughGorgonia compares cost and gradient of whole groups, several
// units among them, with DESIGN's formulas in float64 and with central differences of those.
func TestGatesThroughGorgonia(t *testing.T) {
	const lambda = 0.3
	for _, mode := range []Combine{Convex, Sum} {
		for name, group := range map[string]*Group{
			"layer":   {Name: "l", Units: 1, Shut: []bool{false, false, false}},
			"channel": {Name: "c", Units: 4, Shut: []bool{false, false, false}},
			"shut":    {Name: "s", Units: 4, Shut: []bool{false, true, false}},
		} {
			n := 3 * group.Units
			a, dot := random(1, n), random(2, n)
			if group.Units > 1 {
				for j := range 3 {
					a[j*group.Units] = -8 // unit 0 is all closed
				}
			}
			p := newGateProgram(t, group, mode, a, dot, lambda)
			p.gates.draw()
			cost, grad := p.run(t)
			want := func(a []float64) float64 { return formulaCost(group, mode, a, p.gates.noise, dot, lambda) }
			if math.Abs(cost-want(a)) > 1e-5*math.Max(1, math.Abs(cost)) {
				t.Errorf("%s %s: cost %v, want %v", mode, name, cost, want(a))
			}
			for i := range a {
				h := 1e-6
				hi, lo := append([]float64{}, a...), append([]float64{}, a...)
				hi[i], lo[i] = a[i]+h, a[i]-h
				slope := (want(hi) - want(lo)) / (2 * h)
				if group.Shut[i/group.Units] {
					slope = 0 // the l0 term of a shut gate moves nothing
				}
				if math.Abs(float64(grad[i])-slope) > 1e-4*math.Max(1, math.Abs(slope)) {
					t.Errorf("%s %s: gradient %d is %v, want %v", mode, name, i, grad[i], slope)
				}
			}
		}
	}
}

// formulaCost is the cost of one group by the formulas, with nothing of gates.go.
func formulaCost(g *Group, m Combine, a, noise, dot []float64, lambda float64) (cost float64) {
	n := len(a) / g.Units
	for _, v := range a {
		cost += lambda / (1 + math.Exp(-(v - beta*math.Log(0.1/1.1)))) / float64(len(a))
	}
	for u := range g.Units {
		z, e := make([]float64, n), make([]float64, n)
		var sumZ, sumE float64
		for j := range n {
			i := j*g.Units + u
			if g.Shut[j] {
				continue
			}
			s := 1 / (1 + math.Exp(-(math.Log(noise[i]/(1-noise[i]))+a[i])/beta))
			z[j], e[j] = math.Min(1, math.Max(0, s*1.2-0.1)), math.Exp(a[i])
			sumZ += z[j]
			sumE += e[j]
		}
		for j := range n {
			c := z[j]
			if m == Convex {
				c = z[j] / sumZ
			}
			if m == Convex && sumZ == 0 {
				c = e[j] / sumE
			}
			cost += c * dot[j*g.Units+u]
		}
	}
	return cost
}

// TestNoiseBelongsToSeedAndStream draws the same for the same seed and group, and other noise else.
func TestNoiseBelongsToSeedAndStream(t *testing.T) {
	draw := func(seed, stream uint64) []float64 {
		g := newGates(&Group{Units: 2, Shut: make([]bool, 2)}, Convex, make([]float64, 4), seed, stream)
		g.draw()
		return g.noise
	}
	first := draw(1, 1)
	if again := draw(1, 1); !equalFloats(first, again) {
		t.Errorf("the same seed draws %v and %v", first, again)
	}
	for _, other := range [][]float64{draw(2, 1), draw(1, 2)} {
		if equalFloats(first, other) {
			t.Errorf("another seed or group draws the same %v", other)
		}
	}
}

func equalFloats(a, b []float64) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// TestAdamEqualsPyTorch moves two leaves down a quadratic with the trainer's own
// update; the numbers are torch.optim.Adam's (1.13, float64, lr 0.1, no clipping,
// as the gradient's norm stays below 1).
func TestAdamEqualsPyTorch(t *testing.T) {
	weight := []float32{0.5, 0.1, 0.02}
	target := []float32{0.3, -0.2, 1}
	g := newGates(&Group{Units: 1, Shut: make([]bool, 3)}, Convex, []float64{0, 0.5, -0.5}, 0, 1)
	tr := &trainer{gates: []*gates{g}, sums: [][]float32{make([]float32, 3)}, solver: G.NewAdamSolver(G.WithLearnRate(0.1))}
	for step := range adamGolden {
		for i := range weight {
			tr.sums[0][i] = 2 * weight[i] * (g.value[i] - target[i])
		}
		if err := tr.update(tr.norm()); err != nil {
			t.Fatal(err)
		}
		for i, want := range adamGolden[step] {
			if math.Abs(float64(g.value[i])-want) > 1e-5 {
				t.Errorf("step %d: leaf %d is %v, PyTorch has %v", step, i, g.value[i], want)
			}
		}
	}
}

// adamGolden is where PyTorch's leaves are after each step.
var adamGolden = [][]float64{
	{0.099999997, 0.400000007, -0.400000017},
	{0.197035206, 0.300694433, -0.300239095},
	{0.286711024, 0.202743502, -0.200902921},
	{0.362182667, 0.107001683, -0.102199004},
	{0.416177781, 0.014551677, -0.004358255},
	{0.445391237, -0.073279448, 0.092363666},
	{0.451918194, -0.154944194, 0.187685368},
	{0.440549382, -0.228763671, 0.281299309},
	{0.416303935, -0.293093940, 0.372872191},
	{0.383658408, -0.346547395, 0.462046413},
	{0.346613705, -0.388205520, 0.548442871},
	{0.308901749, -0.417746291, 0.631665377},
}

// TestPenaltyWeighsGroupsAlike: the l0 term is the mean over groups of the mean
// over a group's gates, whatever their number.
func TestPenaltyWeighsGroupsAlike(t *testing.T) {
	eg := G.NewGraph()
	few := newGates(&Group{Units: 1, Shut: make([]bool, 2)}, Convex, []float64{1, -1}, 0, 1)
	many := newGates(&Group{Units: 50, Shut: make([]bool, 2)}, Convex, make([]float64, 100), 0, 2)
	leaves := G.Nodes{few.leaf(eg, "few"), many.leaf(eg, "many")}
	l0 := must(penalty([]*gates{few, many}, leaves, 0.5))(t)
	grads := must(G.Grad(l0, leaves...))(t)
	vm := G.NewTapeMachine(eg)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	want := 0.5 * ((OpenProbability(1)+OpenProbability(-1))/2 + OpenProbability(0)) / 2
	if got := float64(network.Floats(l0.Value())[0]); math.Abs(got-want) > 1e-6 {
		t.Errorf("l0 term %v, want %v", got, want)
	}
	var sum float64
	for _, g := range network.Floats(grads[1].Value()) {
		sum += float64(g)
	}
	p := OpenProbability(0)
	if want := 0.5 / 2 * p * (1 - p); math.Abs(sum-want) > 1e-6 {
		t.Errorf("the gradient of 100 gates adds up to %v, want %v", sum, want)
	}
}
