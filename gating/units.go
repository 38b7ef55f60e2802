package gating

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/internal/option"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Permutation says by what the hidden units of the parents are brought into the
// base's order before merging (Git Re-Basin, arXiv 2209.04836).
type Permutation string

const (
	PermuteNone        Permutation = "none"        // the units are in one order already: fine-tunes of one start
	PermuteWeights     Permutation = "weights"     // weight matching, section 3.2
	PermuteActivations Permutation = "activations" // activation matching on the data, section 3.1
)

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

// UnitAlignment is a selection over parents whose hidden units were brought into the base's order.
type UnitAlignment struct {
	Selection *graphmatch.Selection // layers of the reordered parents
	By        Permutation           // PermuteNone where nothing was to be done
	Orders    [][]UnitOrder         // one list a parent; nil for PermuteNone
	Before    []float64             // per parent: cosine between its weights and the base's; nil for PermuteNone
	After     []float64             // the same once reordered
	Parents   []*onnx.Model         // as they were before
}

// UnitOptions says how hidden units are brought into the base's order.
type UnitOptions struct {
	By       Permutation // default PermuteNone
	Seed     uint64      // of the order in which weight matching visits layers
	Searches int         // searches by weights, of which the best is taken; default 3
}

// Validate returns the options with defaults filled in, or an error of kind ErrOption.
func (o UnitOptions) Validate() (UnitOptions, error) {
	option.Default(&o.By, PermuteNone)
	option.Default(&o.Searches, 3)
	if o.Searches < 0 {
		return o, option.Errorf("%d searches: want at least 1", o.Searches)
	}
	return o, option.OneOf("permutation", o.By, PermuteNone, PermuteWeights, PermuteActivations)
}

// AlignUnits brings the parents' hidden units into the base's order. Activations are
// matched on the evaluator's data. With data, reordered parents are run beside the
// original ones: one that computes something else is an error of kind graphmatch.ErrAlign.
// The evaluator may be nil for PermuteWeights and PermuteNone.
func AlignUnits(ctx context.Context, s *graphmatch.Selection, e *Evaluator, o UnitOptions) (*UnitAlignment, error) {
	o, err := o.Validate()
	if err != nil {
		return nil, err
	}
	if o.By == PermuteNone {
		return &UnitAlignment{Selection: s, By: PermuteNone, Parents: s.Alignment.Models}, nil
	}
	permute, err := permuteOptions(ctx, s, e, o)
	if err != nil {
		return nil, err
	}
	p, err := graphmatch.Permute(ctx, s.Alignment, permute)
	if err != nil {
		return nil, err
	}
	u := &UnitAlignment{By: o.By, Orders: unitOrders(p), Before: p.Before, After: p.After, Parents: s.Alignment.Models}
	if e != nil {
		if err := e.Head(compareSamples).sameOutputs(ctx, s.Alignment, p.Alignment); err != nil {
			return nil, err
		}
	}
	u.Selection, err = moveSelection(s, p.Alignment)
	return u, err
}

// permuteOptions says how graphmatch finds the orders.
func permuteOptions(ctx context.Context, s *graphmatch.Selection, e *Evaluator,
	o UnitOptions) (graphmatch.PermuteOptions, error) {
	p := graphmatch.PermuteOptions{Seed: o.Seed, Searches: o.Searches}
	if o.By != PermuteActivations {
		return p, nil
	}
	if e == nil {
		return p, dataErr("add --data, or match by weights", "activations are matched on data and none is given")
	}
	c, err := newCorrelator(ctx, s.Alignment, e.Head(matchSamples))
	if err != nil {
		return p, err
	}
	p.Similarity = c.similarity
	return p, nil
}

// unitOrders lists the orders that units were brought into, parent by parent.
func unitOrders(p *graphmatch.Permuted) [][]UnitOrder {
	orders := make([][]UnitOrder, len(p.Units))
	for j, units := range p.Units {
		for _, u := range units {
			orders[j] = append(orders[j], UnitOrder{u.Layers, u.Order})
		}
	}
	return orders
}

// compareSamples is how many samples a reordered parent is compared on with itself.
const compareSamples = 16

// sameOutputs makes sure that reordered models compute what they did before, up to rounding.
func (e *Evaluator) sameOutputs(ctx context.Context, before, after *graphmatch.Alignment) error {
	for j, m := range before.Models {
		if m == after.Models[j] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		want, err := e.firstOutput(m)
		if err != nil {
			return err
		}
		got, err := e.firstOutput(after.Models[j])
		if err != nil {
			return err
		}
		if onnx.AllFinite(want.F) && !within(got.F, want.F, 1e-3) {
			return advice.Errorf(graphmatch.ErrAlign, "leave the units as they are with --permute none",
				"%s computes something else once its hidden units are reordered", m.Path())
		}
	}
	return nil
}

// firstOutput computes the output of one run over samples of the first one's shape.
func (e *Evaluator) firstOutput(m *onnx.Model) (*network.Tensor, error) {
	first := e.over(e.data.Parts()[0])
	f, err := first.forward(m, nil, first.data.Len())
	if err != nil {
		return nil, err
	}
	rows := make([]int, f.sizes[0])
	for r := range rows {
		rows[r] = min(r, first.data.Len()-1)
	}
	outs, err := f.run(rows, Coefficients{})
	if err != nil {
		return nil, err
	}
	return outs[0], nil
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
			return nil, fmt.Errorf("layer %q is lost once hidden units are reordered: %w", s.Alignment.Layers[i].Name,
				graphmatch.ErrAlign)
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
	given := func(_ context.Context, j int, u *graphmatch.HiddenUnits) ([]float64, error) {
		for _, o := range orders[j] {
			if slices.Equal(o.Layers, u.Layers) && isPermutation(o.Order, u.Size) {
				return permutationMatrix(o.Order, u.Size), nil
			}
		}
		return nil, recipeErr("the recipe has no order for the %d hidden units of %s", u.Size,
			strings.Join(u.Layers, ", "))
	}
	p, err := graphmatch.Permute(context.Background(), a, graphmatch.PermuteOptions{Similarity: given})
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
