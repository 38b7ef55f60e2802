package routed

import (
	"errors"
	"slices"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Name is what the command line, recipes and metadata call EMR-Merging.
const Name gating.Method = "emr"

// Form says what is written of a merge. The zero value is one file of all tasks, which is task 0 where a client gives
// no number.
type Form struct {
	Task     *int // the one task of a plain file; nil for all
	Required bool // of all tasks: the input has no default value, so that a client must give a number
}

// check refuses what cannot be written.
func (f Form) check(tasks []string) error {
	switch {
	case f.Task != nil && f.Required:
		return advice.Errorf(gating.ErrOption, "leave out one of them",
			"a file of one task has no input for its number, and it is to be required")
	case f.Task != nil && (*f.Task < 0 || *f.Task >= len(tasks)):
		return noTask(*f.Task, tasks)
	}
	return nil
}

// Bake returns the model of a form, without a description. Errors are those of All and Task.
func (e *EMR) Bake(f Form) (*onnx.Model, error) {
	m, _, err := e.bake(f)
	return m, err
}

// bake is Bake, with the name of the input for the task's number.
func (e *EMR) bake(f Form) (m *onnx.Model, input string, err error) {
	if err := f.check(e.tasks); err != nil {
		return nil, "", err
	}
	if f.Task != nil {
		m, err = e.Task(*f.Task)
		return m, "", err
	}
	return e.all(f.Required)
}

// Recipe returns what bakes the form again without data. dequantised says that models which are quantised were made
// float first.
func (e *EMR) Recipe(f Form, dequantised bool) (*gating.Recipe, error) {
	if err := f.check(e.tasks); err != nil {
		return nil, err
	}
	r, err := NewRecipe(Name, e.selection, e.tasks, dequantised)
	if err != nil {
		return nil, err
	}
	r.Routed.Task, r.Routed.Required = f.Task, f.Required
	if e.start == nil {
		return r, nil
	}
	r.Routed.Start, err = e.start.SHA256()
	return r, err
}

// NewRecipe begins a recipe of a method that keeps several models in one file.
func NewRecipe(method gating.Method, s *graphmatch.Selection, tasks []string,
	dequantised bool) (*gating.Recipe, error) {
	a := s.Alignment
	r := &gating.Recipe{Version: gating.RecipeVersion, Method: method, Chosen: string(method), Base: a.Base,
		Granularity: gating.ByTensor, Layers: []gating.RecipeLayer{}, Dequantised: dequantised,
		Routed: &gating.RecipeRouted{Tasks: tasks, Selected: []string{}}}
	for _, i := range s.Layers {
		r.Routed.Selected = append(r.Routed.Selected, a.Layers[i].Name)
	}
	for _, m := range a.Models {
		sum, err := m.SHA256()
		if err != nil {
			return nil, err
		}
		r.Parents = append(r.Parents, sum)
	}
	return r, nil
}

// Bake bakes a recipe into the aligned models, which are in its order with its base, and describes the result in its
// metadata (see Describe). Errors are of kind gating.ErrRecipe, and those of NewEMR and All.
func Bake(r *gating.Recipe, a *graphmatch.Alignment, version string) (*onnx.Model, error) {
	if r.Routed == nil || r.Method != Name {
		return nil, advice.Errorf(gating.ErrRecipe, "use the softmerge version that wrote the recipe",
			"the recipe's method %q does not put several tasks into one file", r.Method)
	}
	s, err := Selected(r, a)
	if err != nil {
		return nil, err
	}
	e, err := NewEMR(s, Options{Start: r.Start(), Tasks: r.Routed.Tasks, Anyway: true})
	if err != nil {
		return nil, asRecipe(err)
	}
	m, err := e.Described(r, version)
	return m, asRecipe(err)
}

// Selected are the layers of aligned models that a recipe selects, all of which they must have.
func Selected(r *gating.Recipe, a *graphmatch.Alignment) (*graphmatch.Selection, error) {
	s := &graphmatch.Selection{Alignment: a}
	for i := range a.Layers {
		if slices.Contains(r.Routed.Selected, a.Layers[i].Name) {
			s.Layers = append(s.Layers, i)
		}
	}
	if len(s.Layers) != len(r.Routed.Selected) || len(s.Layers) == 0 {
		return nil, advice.Errorf(gating.ErrRecipe, "give the models that the recipe was made from",
			"the recipe selects %d layers, of which the models have %d", len(r.Routed.Selected), len(s.Layers))
	}
	return s, nil
}

// asRecipe makes an error of what a recipe says one of the recipe.
func asRecipe(err error) error {
	if errors.Is(err, gating.ErrOption) {
		return advice.Errorf(gating.ErrRecipe, "", "the recipe: %v", err)
	}
	return err
}

// Described bakes what a recipe of this merge says, and describes the model in its metadata: what
// gating.Recipe.Describe says of every merge, the tasks' names, and the input that chooses or the one task that it is.
func (e *EMR) Described(r *gating.Recipe, version string) (*onnx.Model, error) {
	m, input, err := e.bake(Form{Task: r.Routed.Task, Required: r.Routed.Required})
	if err != nil {
		return nil, err
	}
	if m, err = r.Describe(m, version); err != nil {
		return nil, err
	}
	return Describe(m, Tasks{Names: e.tasks, Input: input, Task: r.Routed.Task})
}
