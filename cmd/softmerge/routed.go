package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/report"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/routed"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// routedFlags say what is written of a merge that stays several models.
type routedFlags struct {
	task        int
	oneTask     bool // --task is given
	requireTask bool
	router      string
}

// routedMethods are the words of --method for merges that stay several models.
var routedMethods = []string{string(routed.Name)}

func (f *routedFlags) add(c *cobra.Command) {
	c.Flags().IntVar(&f.task, "task", 0,
		"with --method emr, se or smear: write the plain model of task `N`, the models being 0, 1, ... in their order")
	c.Flags().BoolVar(&f.requireTask, "require-task", false,
		"with --method emr: the input task_id has no default value (ONNX Runtime for JavaScript ignores one that has)")
	c.Flags().StringVar(&f.router, "router", "",
		"with --method se or smear: compute gates from what layer `PATTERN` reads (default what the data tells)")
}

// form is what is to be written.
func (f *routedFlags) form() routed.Form {
	form := routed.Form{Required: f.requireTask}
	if f.oneTask {
		form.Task = &f.task
	}
	return form
}

// routes says whether the merge stays several models.
func (f *mergeFlags) routes() bool { return f.method == string(routed.Name) }

// rulesOfTasks say which flags do not go together with a merge that stays several models, or without one.
func (f *mergeFlags) rulesOfTasks() []rule {
	emr := f.routes()
	return []rule{
		{!emr && !f.mixes() && f.oneTask, "add --method emr, se or smear",
			"--task picks one of the models that these keep"},
		{!emr && f.requireTask, "add --method emr", "--require-task is for files of several tasks"},
		{f.oneTask && f.requireTask, "leave out one of them", "a file of one --task has no input to be required"},
		{f.oneTask && (f.task < 0 || f.task >= len(f.paths)), fmt.Sprintf("count from 0 to %d", len(f.paths)-1),
			fmt.Sprintf("--task %d: there are %d models", f.task, len(f.paths))},
		{emr && len(f.data)+len(f.holdoutData) > 0, "leave out --data; softmerge eval judges files of one --task",
			"--method emr keeps every model's task and looks at no data"},
		{emr && len(f.try) > 0, "leave out --try", "--method emr writes all models, and nothing is tried beside it"},
		{emr && len(f.params) > 0, "leave out --param", "--method emr has no parameters"},
	}
}

// tasks keeps the models' tasks, and describes what is to be written of them.
func (f *mergeFlags) tasks(v *terminal.Voice, s *graphmatch.Selection) (*routed.EMR, *gating.Recipe, *onnx.Model,
	error) {
	e, err := routed.NewEMR(s, routed.Options{Start: f.from, Anyway: f.anyway})
	if err != nil {
		return nil, nil, nil, err
	}
	if f.from == nil {
		v.Note("no --start is given: the mean of the models stands for it (emr)")
	}
	recipe, err := e.Recipe(f.form(), f.dequantised.Originals != nil)
	if err != nil {
		return nil, nil, nil, err
	}
	m, err := e.Described(recipe, versionString())
	return e, recipe, m, err
}

// route makes one file of all models, or of one task what that file has of it.
func (f *mergeFlags) route(ctx context.Context, v *terminal.Voice, s *graphmatch.Selection, began time.Time) error {
	e, recipe, m, err := f.tasks(v, s)
	if err != nil {
		return err
	}
	if f.dryRun {
		if err := v.Warn(e.Warnings()); err != nil {
			return err
		}
		return report.Rehearsal(v, s)
	}
	if sized := e.Sized(); len(sized) > 0 {
		v.Say("kept whole for each task, of different size: %s", terminal.Short(sized))
	}
	rep, err := report.Routed(e, s, m, f.from)
	if err != nil {
		return err
	}
	if err := v.Warn(append(e.Warnings(), report.Copies(rep)...)); err != nil {
		return err
	}
	rep.Warnings, rep.Notes, rep.Seed = v.Warned(), v.Noted(), f.seed
	size, err := f.write(ctx, m, onnx.Validate, rep, recipe, began)
	if err != nil {
		return err
	}
	return tell(v, rep, func() { report.WroteTasks(v, rep, size) })
}

// noteTasks says which task answers for a file of several.
func noteTasks(v *terminal.Voice, list []*onnx.Model) {
	for _, m := range list {
		if t := routed.TasksOf(m); t != nil && t.Input != "" {
			v.Note(fmt.Sprintf("%s is %d models: task 0 (%s) answers where no %s is given", filepath.Base(m.Path()),
				len(t.Names), t.Names[0], t.Input))
		}
	}
}

// refuseRouted refuses files of several tasks as models to merge, or as their start.
func refuseRouted(list []*onnx.Model, start *onnx.Model) error {
	if start != nil {
		list = append(slices.Clone(list), start)
	}
	return routed.Refuse(list...)
}
