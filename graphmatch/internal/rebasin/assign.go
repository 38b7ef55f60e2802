package rebasin

import (
	"context"
	"math"
)

// linearAssignment solves the linear assignment problem: it returns for each row of an n x n score matrix (row-major)
// the column that gives the greatest sum, each column once. It finds shortest augmenting paths with dual
// variables (R. Jonker and A. Volgenant, 1987) in at most order n^3 steps. Scores that are not numbers
// count as the lowest finite score; ties go to the identity, then to lower columns. A wide layer takes long: where the
// context ends first the identity is returned.
func linearAssignment(ctx context.Context, score []float64, n int) []int {
	cost := make([]float64, n*n)
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range score[:n*n] {
		if !math.IsNaN(s) && !math.IsInf(s, 0) {
			low, high = min(low, s), max(high, s)
		}
	}
	for i, s := range score[:n*n] {
		if math.IsNaN(s) || math.IsInf(s, 0) {
			s = low
		}
		cost[i] = high - s
	}
	if a := solve(ctx, cost, n); a != nil {
		return a.column
	}
	return Identity(n)
}

// solve finds the assignment of least cost; it is nil where the context ends first.
func solve(ctx context.Context, cost []float64, n int) *assignment {
	a := &assignment{
		n: n, cost: cost, row: make([]int, n), column: make([]int, n), u: make([]float64, n), v: make([]float64, n),
	}
	for i := range n {
		a.row[i], a.column[i] = -1, -1
	}
	a.reduce()
	for i := range n {
		if ctx.Err() != nil {
			return nil
		}
		if a.column[i] < 0 {
			a.augment(i)
		}
	}
	return a
}

// assignment is the state of the solver: dual variables u of rows and v of columns, such that
// cost[i,j] >= u[i] + v[j] with equality on assigned pairs.
type assignment struct {
	n      int
	cost   []float64
	row    []int // row assigned to each column
	column []int // column assigned to each row
	u, v   []float64
}

// reduce sets the dual variables by row minima and assigns the rows whose minimum is on the diagonal or
// in a free column.
func (a *assignment) reduce() {
	for i := range a.n {
		line := a.cost[i*a.n : (i+1)*a.n]
		best := i
		for j, c := range line {
			if c < line[best] {
				best = j
			}
		}
		a.u[i] = line[best]
		if a.row[best] < 0 {
			a.row[best], a.column[i] = i, best
		}
	}
}

// augment finds the shortest path from a free row to a free column and assigns along it (Dijkstra's
// algorithm on reduced costs).
func (a *assignment) augment(free int) {
	distance, from, done := make([]float64, a.n), make([]int, a.n), make([]bool, a.n)
	for j := range a.n {
		distance[j], from[j] = math.Inf(1), -1
	}
	i, reach, end := free, 0.0, -1
	scanned := []int{free}
	for end < 0 {
		next := -1
		for j := range a.n {
			if done[j] {
				continue
			}
			if d := reach + a.cost[i*a.n+j] - a.u[i] - a.v[j]; d < distance[j] {
				distance[j], from[j] = d, i
			}
			if next < 0 || distance[j] < distance[next] {
				next = j
			}
		}
		reach, done[next] = distance[next], true
		if a.row[next] < 0 {
			end = next
			break
		}
		i = a.row[next]
		scanned = append(scanned, i)
	}
	a.raise(free, scanned, distance, reach)
	for j := end; ; {
		i := from[j]
		a.row[j] = i
		a.column[i], j = j, a.column[i]
		if i == free {
			return
		}
	}
}

// raise updates the dual variables so that the path's edges are tight.
func (a *assignment) raise(free int, scanned []int, distance []float64, reach float64) {
	a.u[free] += reach
	for _, i := range scanned[1:] {
		j := a.column[i]
		a.u[i] += reach - distance[j]
		a.v[j] -= reach - distance[j]
	}
}
