package experts

import (
	"errors"
	"slices"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/routed"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Recipe returns what bakes the merge again without data: the file of all models, or the plain one of a task.
// dequantised says that models which are quantised were made float first.
func (e *Experts) Recipe(task *int, dequantised bool) (*gating.Recipe, error) {
	if task != nil && (*task < 0 || *task >= len(e.tasks)) {
		return nil, e.noTask(*task)
	}
	r, err := routed.NewRecipe(e.method, e.selection, e.tasks, dequantised)
	if err != nil {
		return nil, err
	}
	gates := e.gates
	r.Routed.Task, r.Routed.Gates = task, &gates
	return r, nil
}

// Described bakes what a recipe of this merge says, and describes the model in its metadata.
func (e *Experts) Described(r *gating.Recipe, version string) (*onnx.Model, error) {
	var m *onnx.Model
	var err error
	if r.Routed.Task != nil {
		m, err = e.Task(*r.Routed.Task)
	} else {
		m, err = e.All()
	}
	if err != nil {
		return nil, err
	}
	if m, err = r.Describe(m, version); err != nil {
		return nil, err
	}
	return routed.Describe(m, routed.Tasks{Names: e.tasks, Task: r.Routed.Task, Router: e.gates.Router})
}

// Bake bakes a recipe into the aligned models, which are in its order with its base, and describes the result in its
// metadata. Errors are of kind gating.ErrRecipe, and those of mixing the models.
func Bake(r *gating.Recipe, a *graphmatch.Alignment, version string) (*onnx.Model, error) {
	e, err := fromRecipe(r, a)
	if err != nil {
		return nil, err
	}
	return e.Described(r, version)
}

// fromRecipe is the merge that a recipe describes.
func fromRecipe(r *gating.Recipe, a *graphmatch.Alignment) (*Experts, error) {
	if r.Routed == nil || r.Routed.Gates == nil || r.Method != SE && r.Method != SMEAR {
		return nil, advice.Errorf(gating.ErrRecipe, "use the softmerge version that wrote the recipe",
			"the recipe's method %q does not mix models for every sample", r.Method)
	}
	s, err := routed.Selected(r, a)
	if err != nil {
		return nil, err
	}
	gates := *r.Routed.Gates
	for name, shape := range gates.Shapes {
		if slices.ContainsFunc(shape, func(d int) bool { return d < 1 || d > mostLong }) {
			return nil, recipeErr("the recipe's samples of input %q have the shape %v", name, shape)
		}
	}
	e, err := newExperts(r.Method, s, gates.Shapes, Options{Tasks: r.Routed.Tasks, Anyway: true})
	if err != nil {
		return nil, asRecipe(err)
	}
	for _, p := range e.places(s.Layers) {
		if p.layer != gates.Router {
			continue
		}
		if e, err = e.at(p); err != nil {
			return nil, asRecipe(err)
		}
		e.gates = gates
		return e, e.checkGates(r.Routed.Task)
	}
	return nil, recipeErr("the recipe's router, layer %q, reads nothing that gates could be computed from",
		gates.Router)
}

// checkGates refuses numbers that are not those of the models.
func (e *Experts) checkGates(task *int) error {
	g := &e.gates
	if task != nil && (*task < 0 || *task >= len(e.tasks)) {
		return recipeErr("the recipe's task %d: there are %d models", *task, len(e.tasks))
	}
	rows := g.Prototypes
	if e.normalises() {
		rows = g.Weights
		if len(g.Bias) != len(e.tasks) || !onnx.AllFinite(g.Bias) {
			return recipeErr("the recipe's router has %d numbers for a bias, or some that are none, want %d",
				len(g.Bias), len(e.tasks))
		}
	} else if !(g.Temperature > 0) || !onnx.Finite(g.Temperature) || len(g.Weights) > 0 {
		return recipeErr("the recipe's temperature is %v, want a positive number and no weights", g.Temperature)
	}
	if len(rows) != len(e.tasks) {
		return recipeErr("the recipe has gates of %d models, want %d", len(rows), len(e.tasks))
	}
	for j, row := range rows {
		if want := e.place.width(g.Flat); len(row) != want || !onnx.AllFinite(row) {
			return recipeErr("the recipe's gates of model %d have %d numbers, or some that are none, want %d", j,
				len(row), want)
		}
	}
	return nil
}

// recipeErr is an error of what a recipe says.
func recipeErr(format string, args ...any) error {
	return advice.Errorf(gating.ErrRecipe, "give the models that the recipe was made from", format, args...)
}

// mostLong bounds an axis of a sample.
const mostLong = 1 << 30

// asRecipe makes an error of what a recipe says one of the recipe: with those of the models that it was made from there
// is none of layers that cannot be mixed.
func asRecipe(err error) error {
	for _, kind := range []error{gating.ErrOption, network.ErrUnsupported, graphmatch.ErrAlign} {
		if errors.Is(err, kind) {
			return recipeErr("the recipe: %v", err)
		}
	}
	return err
}
