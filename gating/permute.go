package gating

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// Permutation says by what the hidden units of the parents are brought into the
// base's order before merging (Git Re-Basin, arXiv 2209.04836).
type Permutation string

const (
	PermuteAuto        Permutation = "auto"        // by weights, if some parent's are far from the base's
	PermuteNone        Permutation = "none"        // the units are in one order already: fine-tunes of one start
	PermuteWeights     Permutation = "weights"     // weight matching, section 3.2
	PermuteActivations Permutation = "activations" // activation matching on the data, section 3.1
)

// related is the cosine between the weights of two models from which they count
// as fine-tunes of one start, whose units need no search for their order: those
// of the fixtures have 0.73 to 0.99. Independent trainings have cosines near 0, or
// up to 0.6 where normalisation statistics, all positive, weigh much.
const related = 0.7

// matchSamples is how many samples activation matching looks at.
const matchSamples = 256

// UnitOrder is the order that a parent's hidden units were brought into.
type UnitOrder struct {
	Layers []string `json:"layers"` // whose output channels the units are
	Order  []int    `json:"order"`  // Order[i] is the parent's unit that stands for the base's unit i
}

// reorder returns the selection over parents whose units are in the base's order,
// and the orders, one list a parent; nil where nothing was reordered.
func reorder(ctx context.Context, s *graphmatch.Selection, how Permutation, d *dataset.Data, seed uint64, w *kernel.Workers) (*graphmatch.Selection, [][]UnitOrder, error) {
	o := graphmatch.PermuteOptions{Seed: seed}
	switch how {
	case PermuteNone, "":
		return s, nil, nil
	case PermuteAuto:
		far, err := unrelated(s.Alignment)
		if err != nil || !far {
			return s, nil, err
		}
		o.Restarts = -1 // unasked for, it should not take long
	case PermuteActivations:
		if d == nil {
			return nil, nil, dataErr("add --data, or match by weights", "activations are matched on data and none is given")
		}
		o.Similarity = (&correlator{ctx: ctx, alignment: s.Alignment, data: d.Parts()[0].Head(matchSamples), workers: w}).similarity
	case PermuteWeights:
	default:
		return nil, nil, fmt.Errorf("permutation %q: want auto, none, weights or activations", how)
	}
	p, err := graphmatch.Permute(s.Alignment, o)
	if err != nil {
		return nil, nil, err
	}
	orders := make([][]UnitOrder, len(p.Units))
	for j, units := range p.Units {
		for _, u := range units {
			orders[j] = append(orders[j], UnitOrder{u.Layers, u.Order})
		}
	}
	moved, err := moveSelection(s, p.Alignment)
	return moved, orders, err
}

// unrelated says whether some parent's weights are far from the base's.
func unrelated(a *graphmatch.Alignment) (bool, error) {
	stay := func(_ int, u *graphmatch.HiddenUnits) ([]float64, error) {
		return permutationMatrix(nil, u.Size), nil
	}
	p, err := graphmatch.Permute(a, graphmatch.PermuteOptions{Similarity: stay})
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(p.Before, func(c float64) bool { return math.Abs(c) < related }), nil
}

// permutationMatrix scores exactly the pairs of an order; a nil order is the identity.
func permutationMatrix(order []int, n int) []float64 {
	m := make([]float64, n*n)
	for i := range n {
		c := i
		if order != nil {
			c = order[i]
		}
		m[i*n+c] = 1
	}
	return m
}

// moveSelection selects the layers of the same names in another alignment of the same models.
func moveSelection(s *graphmatch.Selection, to *graphmatch.Alignment) (*graphmatch.Selection, error) {
	index := map[string]int{}
	for i := range to.Layers {
		index[to.Layers[i].Name] = i
	}
	moved := &graphmatch.Selection{Alignment: to}
	for _, i := range s.Layers {
		k, ok := index[s.Alignment.Layers[i].Name]
		if !ok {
			return nil, fmt.Errorf("layer %q is lost once hidden units are reordered: %w", s.Alignment.Layers[i].Name, graphmatch.ErrAlign)
		}
		moved.Layers = append(moved.Layers, k)
	}
	slices.Sort(moved.Layers)
	return moved, nil
}

// restore brings parents into the orders of a recipe.
func restore(a *graphmatch.Alignment, orders [][]UnitOrder) (*graphmatch.Alignment, error) {
	if len(orders) != len(a.Models) {
		return nil, fmt.Errorf("the recipe orders the units of %d parents, it has %d", len(orders), len(a.Models))
	}
	given := func(j int, u *graphmatch.HiddenUnits) ([]float64, error) {
		for _, o := range orders[j] {
			if slices.Equal(o.Layers, u.Layers) && isPermutation(o.Order, u.Size) {
				return permutationMatrix(o.Order, u.Size), nil
			}
		}
		return nil, fmt.Errorf("the recipe has no order for the %d hidden units of %s", u.Size, strings.Join(u.Layers, ", "))
	}
	p, err := graphmatch.Permute(a, graphmatch.PermuteOptions{Similarity: given})
	if err != nil {
		return nil, err
	}
	return p.Alignment, nil
}

func isPermutation(order []int, n int) bool {
	seen := make([]bool, n)
	for _, v := range order {
		if v < 0 || v >= n || seen[v] {
			return false
		}
		seen[v] = true
	}
	return len(order) == n
}

// correlator compares hidden units by how their activations on data go together.
type correlator struct {
	ctx       context.Context
	alignment *graphmatch.Alignment
	data      *dataset.Data
	workers   *kernel.Workers
}

// similarity is the correlation of every unit of the base with every unit of
// model j, averaged over the places where the units can be observed.
func (c *correlator) similarity(j int, u *graphmatch.HiddenUnits) ([]float64, error) {
	if len(u.Values) == 0 {
		return nil, nil
	}
	sum := make([]float64, u.Size*u.Size)
	for _, v := range u.Values {
		if err := c.ctx.Err(); err != nil {
			return nil, err
		}
		a, err := c.observe(c.alignment.Models[c.alignment.Base], v.Base, v, u.Size)
		if err != nil {
			return nil, err
		}
		b, err := c.observe(c.alignment.Models[j], v.Model, v, u.Size)
		if err != nil {
			return nil, err
		}
		n := len(a) / u.Size
		part := make([]float32, u.Size*u.Size)
		kernel.Gemm(c.workers, false, true, u.Size, u.Size, n, 1/float32(n), a, n, b, n, 0, part, u.Size)
		for i, p := range part {
			sum[i] += float64(p)
		}
	}
	return sum, nil
}

// observe runs a model and returns a value's activations, standardised, unit by unit.
func (c *correlator) observe(m *onnx.Model, name string, v graphmatch.HiddenValues, size int) ([]float32, error) {
	f, err := newForward(m, c.data, name, c.data.Len(), nil, c.workers)
	if err != nil {
		return nil, err
	}
	rows := make([]int, min(f.batch, c.data.Len()))
	for i := range rows {
		rows[i] = i
	}
	t, err := f.run(rows, nil)
	if err != nil {
		return nil, err
	}
	axis := len(t.Shape) - v.Axis
	if axis < 0 || v.First+size > t.Shape[axis] {
		return nil, fmt.Errorf("value %q has shape %v, want %d hidden units on axis %d from the end", name, t.Shape, size, v.Axis)
	}
	return standardised(t, axis, v.First, size), nil
}

// standardised gathers the units along an axis as rows of mean 0 and deviation 1.
func standardised(t *network.Tensor, axis, first, size int) []float32 {
	outer, inner := 1, 1
	for i, d := range t.Shape {
		if i < axis {
			outer *= d
		} else if i > axis {
			inner *= d
		}
	}
	n := outer * inner
	out := make([]float32, 0, size*n)
	for u := range size {
		row := make([]float64, 0, n)
		var mean, square float64
		for o := range outer {
			lo := (o*t.Shape[axis] + first + u) * inner
			for _, v := range t.F[lo : lo+inner] {
				row = append(row, float64(v))
				mean += float64(v) / float64(n)
			}
		}
		for _, v := range row {
			square += (v - mean) * (v - mean) / float64(n)
		}
		deviation := math.Sqrt(square + 1e-12)
		for _, v := range row {
			out = append(out, float32((v-mean)/deviation))
		}
	}
	return out
}
