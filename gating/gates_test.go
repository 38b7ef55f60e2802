package gating

import (
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/network/tape"
)

// gateProgram is an expression of gates alone: the dot product of their
// coefficients with fixed numbers, plus the l0 term.
type gateProgram struct {
	gates   *gates
	machine *tape.Machine
}

// dotProduct is the sum of products with fixed numbers.
type dotProduct []float32

func (d dotProduct) Forward(_ uint64, in, out []tape.Data) error {
	out[0].F[0] = 0
	for i, v := range in[0].F {
		out[0].F[0] += v * d[i]
	}
	return nil
}

func (d dotProduct) Backward(_ uint64, _, _ int, _, _ []tape.Data, dy, dx []float32) error {
	for i := range dx {
		dx[i] = dy[0] * d[i]
	}
	return nil
}

func newGateProgram(t *testing.T, group group, mode Combine, logAlpha, dot []float64, lambda float64) *gateProgram {
	t.Helper()
	p := tape.New()
	g := newGates(group, mode, logAlpha, 7, 1)
	a := p.Parameter("a", g.value)
	sum := p.Apply(tape.Call{
		Op: "dot", Function: dotProduct(gatetest.Floats32(dot)), In: []*tape.Vector{g.coefficients(p, a)},
		Out: []tape.Shape{{Kind: tape.Scalar, Len: 1}}, Flows: func(_, _ int) bool { return true },
	})[0]
	l0 := penalty{[]*gates{g}, lambda}.apply(p, []*tape.Vector{a})
	m := gatetest.Must(p.Compile([]*tape.Vector{sum, l0}, a))(t)
	t.Cleanup(m.Close)
	return &gateProgram{g, m}
}

// run returns the cost and its gradient at the gates' present values.
func (p *gateProgram) run(t *testing.T) (float64, []float32) {
	t.Helper()
	cost, err := p.machine.Run()
	if err != nil {
		t.Fatal(err)
	}
	return cost, slices.Clone(p.machine.Gradient(0))
}

// TestGatesOnTheTape compares cost and gradient of whole groups, several
// units among them, with DESIGN's formulas in float64 and with central differences of those.
func TestGatesOnTheTape(t *testing.T) {
	const lambda = 0.3
	for _, mode := range []Combine{Convex, Sum} {
		for name, group := range map[string]group{
			"layer":    {name: "l", units: 1, excluded: []bool{false, false, false}},
			"channel":  {name: "c", units: 4, excluded: []bool{false, false, false}},
			"excluded": {name: "s", units: 4, excluded: []bool{false, true, false}},
		} {
			n := 3 * group.units
			a, dot := gatetest.Random(1, n), gatetest.Random(2, n)
			if group.units > 1 {
				for j := range 3 {
					a[j*group.units] = -8 // unit 0 is all closed
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
				if group.excluded[i/group.units] {
					slope = 0 // the l0 term of an excluded gate moves nothing
				}
				if math.Abs(float64(grad[i])-slope) > 1e-4*math.Max(1, math.Abs(slope)) {
					t.Errorf("%s %s: gradient %d is %v, want %v", mode, name, i, grad[i], slope)
				}
			}
		}
	}
}

// formulaCost is the cost of one group by the formulas, with nothing of gates.go.
func formulaCost(g group, m Combine, a, noise, dot []float64, lambda float64) (cost float64) {
	n := len(a) / g.units
	for _, v := range a {
		cost += lambda / (1 + math.Exp(-(v - beta*math.Log(0.1/1.1)))) / float64(len(a))
	}
	for u := range g.units {
		z, e := make([]float64, n), make([]float64, n)
		var sumZ, sumE float64
		for j := range n {
			i := j*g.units + u
			if g.excluded[j] {
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
			cost += c * dot[j*g.units+u]
		}
	}
	return cost
}

// TestNoiseBelongsToSeedAndStream draws the same for the same seed and group, and other noise else.
func TestNoiseBelongsToSeedAndStream(t *testing.T) {
	draw := func(seed, stream uint64) []float64 {
		g := newGates(group{units: 2, excluded: make([]bool, 2)}, Convex, make([]float64, 4), seed, stream)
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

// TestPenaltyWeighsGroupsAlike: the l0 term is the mean over groups of the mean
// over a group's gates, whatever their number.
func TestPenaltyWeighsGroupsAlike(t *testing.T) {
	p := tape.New()
	few := newGates(group{units: 1, excluded: make([]bool, 2)}, Convex, []float64{1, -1}, 0, 1)
	many := newGates(group{units: 50, excluded: make([]bool, 2)}, Convex, make([]float64, 100), 0, 2)
	leaves := []*tape.Vector{p.Parameter("few", few.value), p.Parameter("many", many.value)}
	l0 := penalty{[]*gates{few, many}, 0.5}.apply(p, leaves)
	m := gatetest.Must(p.Compile([]*tape.Vector{l0}, leaves...))(t)
	defer m.Close()
	got, err := m.Run()
	if err != nil {
		t.Fatal(err)
	}
	want := 0.5 * ((OpenProbability(1)+OpenProbability(-1))/2 + OpenProbability(0)) / 2
	if math.Abs(got-want) > 1e-6 {
		t.Errorf("l0 term %v, want %v", got, want)
	}
	var sum float64
	for _, g := range m.Gradient(1) {
		sum += float64(g)
	}
	open := OpenProbability(0)
	if want := 0.5 / 2 * open * (1 - open); math.Abs(sum-want) > 1e-6 {
		t.Errorf("the gradient of 100 gates adds up to %v, want %v", sum, want)
	}
}
