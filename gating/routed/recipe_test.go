package routed_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/routed"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// forms are all that can be written of three models.
func forms() map[string]routed.Form {
	one := 1
	return map[string]routed.Form{"all": {}, "required": {Required: true}, "one": {Task: &one}}
}

// TestRecipesGiveTheSameBytes: from the recipe's JSON, models in another order, the start among them.
func TestRecipesGiveTheSameBytes(t *testing.T) {
	names := append(gatetest.FineTunes("mlp_matmul", 3), "mlp_matmul/start.onnx")
	models := gatetest.Open(t, names...)
	for name, form := range forms() {
		for _, start := range []*onnx.Model{nil, models[3]} {
			e := emr(t, models[:3], start)
			r := gatetest.Must(e.Recipe(form, false))(t)
			want := gatetest.Bytes(t, gatetest.Must(e.Described(r, "test"))(t))
			data := gatetest.Must(json.Marshal(r))(t)
			back := gatetest.Must(gating.ParseRecipe(data))(t)
			shuffled := []*onnx.Model{models[3], models[1], models[0], models[2]}
			ordered := gatetest.Must(back.Order(shuffled))(t)
			back = gatetest.Must(back.StartAmong(shuffled))(t)
			m := gatetest.Must(routed.Bake(back, gatetest.Must(graphmatch.Align(ordered, back.Base))(t), "test"))(t)
			if !bytes.Equal(gatetest.Bytes(t, m), want) {
				t.Errorf("%s, start %v: other bytes", name, start != nil)
			}
			tasks := routed.TasksOf(m)
			if tasks == nil || !slices.Equal(tasks.Names, []string{"ft0", "ft1", "ft2"}) || tasks.Method != "emr" ||
				tasks.Required != form.Required || (tasks.Task == nil) != (form.Task == nil) ||
				(tasks.Input == routed.InputName) != (form.Task == nil) {
				t.Errorf("%s: the metadata says %+v", name, tasks)
			}
			err := routed.Refuse(models[0], m)
			if refused := errors.Is(err, graphmatch.ErrAlign); refused != (form.Task == nil) {
				t.Errorf("%s as a parent: %v", name, err)
			}
			if _, err := back.Mixture(gatetest.Must(graphmatch.Align(ordered, back.Base))(t)); !errors.Is(err, gating.ErrRecipe) {
				t.Errorf("coefficients mix it: %v", err)
			}
		}
	}
}

// TestWildRecipes: what a recipe cannot say is refused as a recipe's fault.
func TestWildRecipes(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("mlp", 2)...)
	e := emr(t, models, nil)
	one, wild := 1, 9
	for what, change := range map[string]func(r *gating.Recipe){
		"no task of that number": func(r *gating.Recipe) { r.Routed.Task = &wild },
		"a task required":        func(r *gating.Recipe) { r.Routed.Task, r.Routed.Required = &one, true },
		"a name twice":           func(r *gating.Recipe) { r.Routed.Tasks = []string{"a", "a"} },
		"one name":               func(r *gating.Recipe) { r.Routed.Tasks = []string{"a"} },
		"a layer of none":        func(r *gating.Recipe) { r.Routed.Selected = append(r.Routed.Selected, "nowhere") },
		"no layers":              func(r *gating.Recipe) { r.Routed.Selected = nil },
		"another method":         func(r *gating.Recipe) { r.Method = "smear" },
		"no tasks":               func(r *gating.Recipe) { r.Routed = nil },
	} {
		r := gatetest.Must(e.Recipe(routed.Form{}, false))(t)
		change(r)
		if _, err := routed.Bake(r, gatetest.Must(graphmatch.Align(models, 0))(t), "test"); !errors.Is(err, gating.ErrRecipe) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := e.Recipe(routed.Form{Task: &wild}, false); !errors.Is(err, gating.ErrOption) {
		t.Errorf("a recipe of task %d: %v", wild, err)
	}
}

// FuzzTasksOf: whatever metadata says, the tasks read have names, and either an input that the graph has, a number or a
// router.
func FuzzTasksOf(f *testing.F) {
	f.Add("a,b", "task_id", "", "")
	f.Add("a,b", "", "1", "")
	f.Add(",", "x", "-1", "")
	f.Add("a,b", "x", "1", "conv1")
	f.Fuzz(func(t *testing.T, names, input, task, router string) {
		b := gatetest.NewBuilder()
		b.In("x", -1, 4)
		b.Node("Relu", "y", []string{"x"})
		b.Out("y")
		m := gatetest.Must(b.Model(t).With(onnx.SetMetadata("softmerge.tasks", names),
			onnx.SetMetadata("softmerge.task_input", input), onnx.SetMetadata("softmerge.task", task),
			onnx.SetMetadata("softmerge.router", router)))(t)
		tasks := routed.TasksOf(m)
		if tasks == nil {
			return
		}
		if len(tasks.Names) != strings.Count(names, ",")+1 {
			t.Errorf("%q became %d names", names, len(tasks.Names))
		}
		if tasks.Router != router || router != "" && (tasks.Input != "" || tasks.Task != nil) {
			t.Errorf("router %q became %+v", router, tasks)
		}
		if router != "" {
			return
		}
		if chosen := slices.ContainsFunc(m.Proto().GetGraph().GetInput(), func(in *onnxpb.ValueInfoProto) bool {
			return in.GetName() == tasks.Input
		}); chosen == (tasks.Task != nil) || tasks.Task != nil && (*tasks.Task < 0 || *tasks.Task >= len(tasks.Names)) {
			t.Errorf("%q, %q, %q became %+v", names, input, task, tasks)
		}
	})
}

// Several fine-tunes of one start become one file; one of them can be taken from it.
func Example() {
	var models []*onnx.Model
	for _, name := range []string{"start", "ft0", "ft1", "ft2"} {
		m, err := onnx.Open("../../fixtures/resnet/" + name + ".onnx")
		if err != nil {
			fmt.Println(err)
			return
		}
		defer m.Close()
		models = append(models, m)
	}
	a, err := graphmatch.Align(models[1:], 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := a.Select(nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := routed.NewEMR(s, routed.Options{Start: models[0]})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := e.All()
	if err != nil {
		fmt.Println(err)
		return
	}
	in := m.Proto().GetGraph().GetInput()
	fmt.Printf("%q %.2f %s\n", e.Tasks(), e.Factors(), in[len(in)-1].GetName())
	// Output: ["ft0" "ft1" "ft2"] [0.86 0.83 0.86] task_id
}
