package gating

import (
	"github.com/softmerge/softmerge/gating/method"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// RecipeStatic is a merge by a method of package method: no weights, but what computes them again.
type RecipeStatic struct {
	Method string             `json:"method"`
	Params map[string]float64 `json:"params,omitempty"` // all of them
	Start  string             `json:"start,omitempty"`  // sha256; absent where the parents' mean was the start
}

// recipeStatic is what a recipe says of the mixture's method, nil where it has none.
func (m *Mixture) recipeStatic() (*RecipeStatic, error) {
	if m.static == nil {
		return nil, nil
	}
	s := &RecipeStatic{Method: m.static.Merge.Method().Name, Params: m.static.Merge.Params()}
	if m.static.Start == nil {
		return s, nil
	}
	var err error
	s.Start, err = m.static.Start.SHA256()
	return s, err
}

// StartAmong returns the recipe with the start that it was made with, found among models by its sha256; the recipe
// itself where it needs none. Where the start is not among them the error is of kind graphmatch.ErrAlign.
func (r *Recipe) StartAmong(models []*onnx.Model) (*Recipe, error) {
	if r.startSum() == "" {
		return r, nil
	}
	for _, m := range models {
		sum, err := m.SHA256()
		if err != nil {
			return nil, err
		}
		if sum == r.startSum() {
			with := *r
			with.start = m
			return &with, nil
		}
	}
	return nil, r.noStart()
}

// noStart is the error that the start is not at hand.
func (r *Recipe) noStart() error {
	return advice.Errorf(graphmatch.ErrAlign, "give the start that the recipe was made with, too, unchanged",
		"no model given has sha256 %s, which is the start of the recipe", r.startSum())
}

// checkAlone refuses a method beside what goes with coefficients alone, and what package routed bakes.
func (r *Recipe) checkAlone() error {
	if r.Routed != nil {
		return recipeErr("the recipe is of %d tasks by method %q, which coefficients do not mix", len(r.Routed.Tasks),
			r.Method)
	}
	if r.Static != nil && len(r.Source)+len(r.Repairs) > 0 {
		return recipeErr("the recipe has method %q, and a source or repairs that go with none", r.Static.Method)
	}
	return nil
}

// static is the recipe's method for its plan, nil where it has none. Errors are of kind ErrRecipe, or
// graphmatch.ErrAlign where the start is not the one.
func (r *Recipe) static(p *Plan, c Coefficients) (*static, error) {
	s := r.Static
	if s == nil {
		return nil, nil
	}
	if s.Start != "" && r.start == nil {
		return nil, r.noStart()
	}
	for g := range c.Groups() {
		var w []float64
		for j := range c.parents {
			w = append(w, c.At(g, j, 0))
		}
		if c.Units(g) != 1 || c.shift(g) != nil || checkWeights(w, c.parents) != nil {
			return nil, recipeErr("the recipe's weights of %s are %v: method %q wants one of at least 0 a parent",
				p.groups[g].name, w, s.Method)
		}
	}
	named, err := method.Named(s.Method)
	if err != nil {
		return nil, recipeErr("the recipe: %v", err)
	}
	merge, err := named.With(s.Params)
	if err != nil {
		return nil, recipeErr("the recipe: %v", err)
	}
	return newStatic(p, Static{Merge: merge, Start: r.start, Seed: r.Seed})
}
