package gating

import (
	"github.com/softmerge/softmerge/gating/network/tape"
	"github.com/softmerge/softmerge/graphmatch/random"
)

// gates is one group's gates: log a, parent by parent, and the noise of the
// current step. Programs for several shapes of data share them.
type gates struct {
	group   group
	combine Combine
	random  *random.Generator
	noise   []float64 // nil where gates have none
	value   []float32 // log a
	affine  *affine   // nil where nothing but the gates is learned
	frozen  bool      // the gates stay where they are
	sampled bool      // the coefficients are those of log a and the noise

	z, dz, c []float64
	fellBack []bool
}

// newGates makes the gates of a group that start at logAlpha.
func newGates(group group, combine Combine, logAlpha []float64, seed, stream uint64) *gates {
	n := len(logAlpha)
	g := &gates{
		group: group, combine: combine, random: random.New(seed, stream),
		noise: make([]float64, n), value: make([]float32, n),
		z: make([]float64, n), dz: make([]float64, n), c: make([]float64, n), fellBack: make([]bool, group.units),
	}
	for i, a := range logAlpha {
		g.value[i] = float32(a)
	}
	return g
}

// newLearnedGates makes the gates of a group as the options say.
func newLearnedGates(group group, logAlpha []float64, stream uint64, o LearnOptions) *gates {
	g := newGates(group, o.Combine, logAlpha, o.Seed, stream)
	if o.Noiseless || o.Free {
		g.noise = nil
	}
	if o.Affine || o.Free {
		g.affine = newAffine(group)
	}
	g.frozen = o.Free
	return g
}

// draw draws the noise of the next step.
func (g *gates) draw() {
	for i := range g.noise {
		g.noise[i] = min(max(g.random.Float64(), 1e-6), 1-1e-6)
	}
}

// unit gathers one unit's numbers, which are stored parent by parent.
func (g *gates) unit(u int, from, to []float64) {
	for j := range to {
		to[j] = from[j*g.group.units+u]
	}
}

// spread puts one unit's numbers back.
func (g *gates) spread(u int, from, to []float64) {
	for j := range from {
		to[j*g.group.units+u] = from[j]
	}
}

// coefficients adds the coefficients c of the group to a program, as a function of log a.
func (g *gates) coefficients(p *tape.Program, logAlpha *tape.Vector) *tape.Vector {
	return p.Apply(tape.Call{
		Op: "gates", Name: g.group.name, Function: g, In: []*tape.Vector{logAlpha},
		Out: []tape.Shape{{Kind: tape.Floats, Len: len(g.c)}}, Flows: func(_, _ int) bool { return true },
	})[0]
}

// Forward computes the step's coefficients from log a and the noise.
func (g *gates) Forward(_ uint64, in, out []tape.Data) error {
	if !g.frozen || !g.sampled {
		g.sample(in[0].F)
	}
	for i, c := range g.c {
		out[0].F[i] = float32(c)
	}
	return nil
}

// sample computes the step's gates and coefficients from log a and the noise.
func (g *gates) sample(logAlpha []float32) {
	parents := len(g.c) / g.group.units
	a, z, c := make([]float64, parents), make([]float64, parents), make([]float64, parents)
	g.sampled = true
	for i, v := range logAlpha {
		if g.noise == nil {
			g.z[i], g.dz[i] = gate(float64(v))
		} else {
			g.z[i], g.dz[i] = sample(float64(v), g.noise[i])
		}
	}
	for u := range g.group.units {
		g.unit(u, g.z, z)
		for j := range a {
			a[j] = float64(logAlpha[j*g.group.units+u])
		}
		g.fellBack[u] = g.combine.combine(z, a, g.group.excluded, c)
		g.spread(u, c, g.c)
	}
}

// Backward computes the gradient with respect to log a from the step's gates.
func (g *gates) Backward(_ uint64, _, _ int, _, _ []tape.Data, dy, dx []float32) error {
	parents := len(g.c) / g.group.units
	z, dz, c := make([]float64, parents), make([]float64, parents), make([]float64, parents)
	dc, da := make([]float64, parents), make([]float64, parents)
	for u := range g.group.units {
		g.unit(u, g.z, z)
		g.unit(u, g.dz, dz)
		g.unit(u, g.c, c)
		for j := range dc {
			dc[j] = float64(dy[j*g.group.units+u])
		}
		g.combine.backward(z, dz, c, dc, g.group.excluded, g.fellBack[u], da)
		for j := range da {
			dx[j*g.group.units+u] = float32(da[j])
		}
	}
	return nil
}

// penalty is lambda times the mean of P(z != 0), first over a group's gates, then
// over the groups, as a function of their log a.
type penalty struct {
	groups []*gates
	lambda float64
}

// apply adds the penalty to a program.
func (l penalty) apply(p *tape.Program, logAlphas []*tape.Vector) *tape.Vector {
	return p.Apply(tape.Call{
		Op: "l0", Function: l, In: logAlphas, Out: []tape.Shape{{Kind: tape.Scalar, Len: 1}},
		Flows: func(_, _ int) bool { return true },
		Reads: func(i, _ int) tape.Reads { return tape.Reads{In: []int{i}} },
	})[0]
}

// Forward computes the penalty.
func (l penalty) Forward(_ uint64, in, out []tape.Data) error {
	out[0].F[0] = 0
	if l.lambda == 0 {
		return nil
	}
	var sum float64
	for _, logAlpha := range in {
		for _, a := range logAlpha.F {
			sum += OpenProbability(float64(a)) / float64(len(logAlpha.F))
		}
	}
	out[0].F[0] = float32(l.lambda * sum / float64(len(in)))
	return nil
}

// Backward is scale/n * p(1-p) for each of n gates of a group that is not excluded.
func (l penalty) Backward(_ uint64, i, _ int, in, _ []tape.Data, dy, dx []float32) error {
	group, n := l.groups[i].group, len(in[i].F)
	scale := l.lambda / float64(len(l.groups))
	for k, a := range in[i].F {
		p := OpenProbability(float64(a))
		dx[k] = float32(float64(dy[0]) * scale / float64(n) * p * (1 - p))
		if group.excluded[k/group.units] {
			dx[k] = 0
		}
	}
	return nil
}
