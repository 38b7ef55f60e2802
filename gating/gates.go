package gating

import (
	"math"

	"github.com/chewxy/hm"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch/random"
	G "gorgonia.org/gorgonia"
)

// gates is one group's gates: log a, parent by parent, and the noise of the
// current step. Programs for several shapes of data share them.
type gates struct {
	group   group
	combine Combine
	random  *random.Generator
	noise   []float64
	value   []float32 // log a
	vector  G.Value   // the same memory, as all programs' leaves have it

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
	g.vector = network.NewVector(g.value)
	return g
}

// leaf is the node of log a in an expression graph.
func (g *gates) leaf(eg *G.ExprGraph, name string) *G.Node {
	return G.NewVector(eg, G.Float32, G.WithShape(len(g.value)), G.WithName(name), G.WithValue(g.vector))
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

// coefficients is the node of c, the coefficients of the group in this step, from the leaf of log a.
func (g *gates) coefficients(leaf *G.Node) (*G.Node, error) {
	out := make([]float32, len(g.c))
	value := network.NewVector(out)
	op := &network.VectorOp{
		Name: "gates " + g.group.name, In: []hm.Type{network.FloatVector}, Out: network.FloatVector, Len: len(out),
		Diff: []bool{true},
		Run: func(in []G.Value) (G.Value, error) {
			g.sample(network.Floats(in[0]))
			for i, c := range g.c {
				out[i] = float32(c)
			}
			return value, nil
		},
		Grad: func(in G.Nodes, out, grad *G.Node) (G.Nodes, error) {
			d, err := g.gradient().Apply(in[0], out, grad)
			return G.Nodes{d}, err
		},
	}
	return op.Apply(leaf)
}

// sample computes the step's gates and coefficients from log a and the noise.
func (g *gates) sample(logAlpha []float32) {
	parents := len(g.c) / g.group.units
	a, z, c := make([]float64, parents), make([]float64, parents), make([]float64, parents)
	for i, v := range logAlpha {
		g.z[i], g.dz[i] = sample(float64(v), g.noise[i])
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

// gradient is the Gorgonia Op of the gradient with respect to log a.
func (g *gates) gradient() *network.VectorOp {
	out := make([]float32, len(g.c))
	value := network.NewVector(out)
	parents := len(g.c) / g.group.units
	z, dz, c := make([]float64, parents), make([]float64, parents), make([]float64, parents)
	dc, da := make([]float64, parents), make([]float64, parents)
	v := network.FloatVector
	return &network.VectorOp{
		Name: "gates gradient " + g.group.name, In: []hm.Type{v, v, v}, Out: v, Len: len(out),
		Run: func(in []G.Value) (G.Value, error) {
			grad := network.Floats(in[2])
			for u := range g.group.units {
				g.unit(u, g.z, z)
				g.unit(u, g.dz, dz)
				g.unit(u, g.c, c)
				for j := range dc {
					dc[j] = float64(grad[j*g.group.units+u])
				}
				g.combine.backward(z, dz, c, dc, g.group.excluded, g.fellBack[u], da)
				for j := range da {
					out[j*g.group.units+u] = float32(da[j])
				}
			}
			return value, nil
		},
	}
}

// penalty is the node of lambda times the mean of P(z != 0), first over a
// group's gates, then over the groups, whose leaves are given.
func penalty(list []*gates, leaves G.Nodes, lambda float64) (*G.Node, error) {
	op := &network.VectorOp{Name: "l0", Out: network.FloatScalar}
	for range list {
		op.In = append(op.In, network.FloatVector)
		op.Diff = append(op.Diff, true)
	}
	op.Run = func(in []G.Value) (G.Value, error) {
		var sum float64
		for i := range list {
			v := network.Floats(in[i])
			for _, a := range v {
				sum += OpenProbability(float64(a)) / float64(len(v))
			}
		}
		return G.NewF32(float32(lambda * sum / float64(len(list)))), nil
	}
	op.Grad = func(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		grads := make(G.Nodes, len(list))
		for i := range list {
			d, err := penaltyGradient(list[i].group, len(list[i].c), lambda/float64(len(list))).Apply(in[i], grad)
			if err != nil {
				return nil, err
			}
			grads[i] = d
		}
		return grads, nil
	}
	return op.Apply(leaves...)
}

// penaltyGradient is scale/n * p(1-p) for each of n gates that is not excluded.
func penaltyGradient(group group, n int, scale float64) *network.VectorOp {
	out := make([]float32, n)
	value := network.NewVector(out)
	return &network.VectorOp{
		Name: "l0 gradient", In: []hm.Type{network.FloatVector, network.FloatScalar}, Out: network.FloatVector, Len: n,
		Run: func(in []G.Value) (G.Value, error) {
			grad := float64(network.Floats(in[1])[0])
			for i, a := range network.Floats(in[0]) {
				p := OpenProbability(float64(a))
				out[i] = float32(grad * scale / float64(n) * p * (1 - p))
				if group.excluded[i/group.units] {
					out[i] = 0
				}
			}
			return value, nil
		},
	}
}

// finite says whether every number is finite.
func finite(list []float64) bool {
	for _, v := range list {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
