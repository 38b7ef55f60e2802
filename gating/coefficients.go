package gating

import (
	"slices"
)

// numbers holds one number for every gate of a plan: for each group of gates, each
// parent and each unit of the group.
type numbers struct {
	parents int
	groups  [][]float64 // per group: parent by parent, one number a unit
}

// LogAlpha holds the location log a of every gate's distribution, which is what is
// learned (arXiv 1712.01312, section 4).
type LogAlpha struct{ numbers }

// Coefficients holds the factor c of every gate, by which a parent's weights count
// in the mixture: W = sum over parents j of c_j W_j. Affine gates add a shift to a layer's bias.
type Coefficients struct {
	numbers
	shifts [][]float64 // per group: one number a unit, nil where there is none
}

// newNumbers returns zeros for every gate of a plan.
func newNumbers(p *Plan) numbers {
	n := numbers{parents: p.parents()}
	for _, g := range p.groups {
		n.groups = append(n.groups, make([]float64, n.parents*g.units))
	}
	return n
}

// Groups returns how many groups of gates there are.
func (n numbers) Groups() int { return len(n.groups) }

// Units returns how many units a group has: 1, or one a channel.
func (n numbers) Units(group int) int { return len(n.groups[group]) / n.parents }

// At returns the number of a parent's gate for a unit of a group.
func (n numbers) At(group, parent, unit int) float64 { return n.of(group, parent)[unit] }

// ByParent returns a copy of a group's numbers: one list a parent, one number a unit.
func (n numbers) ByParent(group int) [][]float64 {
	out := make([][]float64, n.parents)
	for j := range out {
		out[j] = slices.Clone(n.of(group, j))
	}
	return out
}

// of returns a parent's numbers in a group, one a unit, which may be written to while
// the numbers are made.
func (n numbers) of(group, parent int) []float64 {
	units := n.Units(group)
	return n.groups[group][parent*units : (parent+1)*units]
}

// unit copies the numbers of one unit to list, one a parent.
func (n numbers) unit(group, unit int, list []float64) {
	for j := range list {
		list[j] = n.of(group, j)[unit]
	}
}

// setUnit writes the numbers of one unit, one a parent.
func (n numbers) setUnit(group, unit int, list []float64) {
	for j, v := range list {
		n.of(group, j)[unit] = v
	}
}

// shift returns what is added to the bias of each unit of a group, nil where that is nothing.
func (c Coefficients) shift(group int) []float64 {
	if c.shifts == nil {
		return nil
	}
	return c.shifts[group]
}

// clone returns a copy that shares nothing.
func (n numbers) clone() numbers {
	out := numbers{parents: n.parents, groups: make([][]float64, len(n.groups))}
	for g, list := range n.groups {
		out.groups[g] = slices.Clone(list)
	}
	return out
}
