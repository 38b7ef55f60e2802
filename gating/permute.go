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

// Activation matching looks at matchSamples samples, matchBatch at a time.
const (
	matchSamples = 256
	matchBatch   = 64
)

// UnitOrder is the order that a parent's hidden units were brought into.
type UnitOrder struct {
	Layers []string `json:"layers"` // whose output channels the units are
	Order  []int    `json:"order"`  // Order[i] is the parent's unit that stands for the base's unit i
}

// arrangement is a selection over parents whose hidden units were brought into the base's order.
type arrangement struct {
	selection *graphmatch.Selection
	by        Permutation   // PermuteNone where nothing was to be done
	orders    [][]UnitOrder // one list a parent; nil for PermuteNone
	before    []float64     // per parent: cosine between its weights and the base's
	after     []float64     // the same once reordered
	loss      float64       // of the average, where it was asked for
}

// reorder brings the parents' hidden units into the base's order by weights, or by
// activations on d. restarts is how many more searches by weights follow the first.
func reorder(ctx context.Context, s *graphmatch.Selection, by Permutation, restarts int, d *dataset.Data, output string, seed uint64, w *kernel.Workers) (*arrangement, error) {
	o := graphmatch.PermuteOptions{Seed: seed, Restarts: restarts}
	if by == PermuteActivations {
		c, err := newCorrelator(ctx, s.Alignment, d.Head(matchSamples), output, w)
		if err != nil {
			return nil, err
		}
		o.Similarity = c.similarity
	}
	p, err := graphmatch.Permute(s.Alignment, o)
	if err != nil {
		return nil, err
	}
	a := &arrangement{by: by, orders: make([][]UnitOrder, len(p.Units)), before: p.Before, after: p.After}
	for j, units := range p.Units {
		for _, u := range units {
			a.orders[j] = append(a.orders[j], UnitOrder{u.Layers, u.Order})
		}
	}
	if d != nil {
		if err := sameOutputs(s.Alignment, p.Alignment, d.Head(compareSamples), output, w); err != nil {
			return nil, err
		}
	}
	a.selection, err = moveSelection(s, p.Alignment)
	return a, err
}

// compareSamples is how many samples a reordered parent is compared on with itself.
const compareSamples = 16

// sameOutputs makes sure that reordered models compute what they did before, up to rounding.
func sameOutputs(before, after *graphmatch.Alignment, d *dataset.Data, output string, w *kernel.Workers) error {
	d = d.Parts()[0]
	for j, m := range before.Models {
		if m == after.Models[j] {
			continue
		}
		var outs [2]*network.Tensor
		for i, m := range []*onnx.Model{m, after.Models[j]} {
			f, err := newForward(m, d, output, d.Len(), nil, w)
			if err != nil {
				return err
			}
			rows := make([]int, f.sizes[0])
			for r := range rows {
				rows[r] = min(r, d.Len()-1)
			}
			if outs[i], err = f.run(rows, nil); err != nil {
				return err
			}
		}
		if allFinite(outs[0].F) && !within(outs[1].F, outs[0].F, 1e-3) {
			return &hinted{graphmatch.ErrAlign, fmt.Sprintf("%s computes something else once its hidden units are reordered", m.Path()),
				"leave the units as they are with --permute none"}
		}
	}
	return nil
}

// unrelated says whether some parent has weights far from the base's, where neither is a suspect: the
// order of a broken base's units would pull good parents apart.
func unrelated(a *graphmatch.Alignment, losses []float64) (bool, error) {
	_, before, err := graphmatch.Hidden(a)
	in := slices.Repeat([]bool{true}, len(before))
	if losses != nil {
		in = trusted(startOf(losses))
	}
	for j, c := range before {
		if math.Abs(c) < related && in[j] && in[a.Base] {
			return true, err
		}
	}
	return false, err
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

// restore brings parents into the orders of a recipe. Orders that do not fit are of kind ErrRecipe.
func restore(a *graphmatch.Alignment, orders [][]UnitOrder) (*graphmatch.Alignment, error) {
	if len(orders) != len(a.Models) {
		return nil, recipeErr("the recipe orders the units of %d parents, it has %d", len(orders), len(a.Models))
	}
	given := func(j int, u *graphmatch.HiddenUnits) ([]float64, error) {
		for _, o := range orders[j] {
			if slices.Equal(o.Layers, u.Layers) && isPermutation(o.Order, u.Size) {
				return permutationMatrix(o.Order, u.Size), nil
			}
		}
		return nil, recipeErr("the recipe has no order for the %d hidden units of %s", u.Size, strings.Join(u.Layers, ", "))
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
