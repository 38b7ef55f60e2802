package routed

import (
	"errors"
	"slices"
	"strconv"
	"strings"

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
	a := e.selection.Alignment
	r := &gating.Recipe{Version: gating.RecipeVersion, Method: Name, Chosen: string(Name), Base: a.Base,
		Granularity: gating.ByTensor, Layers: []gating.RecipeLayer{}, Dequantised: dequantised,
		Routed: &gating.RecipeRouted{Tasks: e.tasks, Task: f.Task, Required: f.Required, Selected: []string{}}}
	for _, i := range e.selection.Layers {
		r.Routed.Selected = append(r.Routed.Selected, a.Layers[i].Name)
	}
	for _, m := range a.Models {
		sum, err := m.SHA256()
		if err != nil {
			return nil, err
		}
		r.Parents = append(r.Parents, sum)
	}
	if e.start == nil {
		return r, nil
	}
	var err error
	r.Routed.Start, err = e.start.SHA256()
	return r, err
}

// Bake bakes a recipe into the aligned models, which are in its order with its base, and describes the result in its
// metadata (see Describe). Errors are of kind gating.ErrRecipe, and those of NewEMR and All.
func Bake(r *gating.Recipe, a *graphmatch.Alignment, version string) (*onnx.Model, error) {
	if r.Routed == nil || r.Method != Name {
		return nil, advice.Errorf(gating.ErrRecipe, "use the softmerge version that wrote the recipe",
			"the recipe's method %q does not put several tasks into one file", r.Method)
	}
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
	e, err := NewEMR(s, Options{Start: r.Start(), Tasks: r.Routed.Tasks, Anyway: true})
	if err != nil {
		return nil, asRecipe(err)
	}
	m, err := e.Described(r, version)
	return m, asRecipe(err)
}

// asRecipe makes an error of what a recipe says one of the recipe.
func asRecipe(err error) error {
	if errors.Is(err, gating.ErrOption) {
		return advice.Errorf(gating.ErrRecipe, "", "the recipe: %v", err)
	}
	return err
}

// Keys of the metadata of what this package writes, beside those of every merge.
const (
	tasksKey = "softmerge.tasks"      // names between commas, in the order of their numbers
	taskKey  = "softmerge.task"       // the number of the one that a plain file is
	inputKey = "softmerge.task_input" // the input that chooses
)

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
	edits := []onnx.Edit{onnx.SetMetadata(tasksKey, strings.Join(e.tasks, ","))}
	if r.Routed.Task != nil {
		edits = append(edits, onnx.SetMetadata(taskKey, strconv.Itoa(*r.Routed.Task)))
	} else {
		edits = append(edits, onnx.SetMetadata(inputKey, input))
	}
	return m.With(edits...)
}
