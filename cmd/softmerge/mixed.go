package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/report"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/routed/experts"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// mixingMethods are the words of --method for merges that mix the models for every sample.
var mixingMethods = []string{string(experts.SE), string(experts.SMEAR)}

// mixes says whether the merge mixes the models for every sample.
func (f *mergeFlags) mixes() bool { return slices.Contains(mixingMethods, f.method) }

// rulesOfMixing say which flags do not go together with a merge that mixes the models for every sample, or without one.
func (f *mergeFlags) rulesOfMixing() []rule {
	mixes, method := f.mixes(), "--method "+f.method
	return []rule{
		{!mixes && f.router != "", "add --method se, or smear",
			"--router says where a merge that mixes models for every sample computes its gates"},
		{mixes && len(f.data) == 0, "add --data FILE, or one for each model, in their order",
			method + " compares samples with data, and none is given"},
		{mixes && len(f.try) > 0, "leave out --try", method + " is judged beside the models and their average"},
		{mixes && len(f.params) > 0, "leave out --param", method + " has no parameters"},
		{mixes && f.start != "", "leave out --start", method + " shares the models' mean, and looks at no start"},
		{f.perModel() && strings.HasPrefix(f.loss.all, "distill") && len(f.holdoutData) > 0 &&
			len(f.holdoutData) != len(f.paths), "give one for each model, in their order, as --data has them",
			fmt.Sprintf("%d files of --holdout-data for %d models: without labels the one that a sample is for judges",
				len(f.holdoutData), len(f.paths))},
		{mixes && f.permute != "auto" && f.permute != "none", "leave it out",
			method + " is for models of one start, whose hidden units are in one order"},
	}
}

// perModel says whether each data file is what one model is for.
func (f *mergeFlags) perModel() bool {
	return f.mixes() && len(f.data) == len(f.paths) && (f.group == "" || f.group == dataset.GroupByFile)
}

// noteFiles says which data file is for which model.
func (f *mergeFlags) noteFiles(v *terminal.Voice) {
	if !f.perModel() {
		return
	}
	var list []string
	for i, path := range f.data {
		list = append(list, fmt.Sprintf("%s is for %s", filepath.Base(path), filepath.Base(f.paths[i])))
	}
	v.Note("one data file for each model, in their order: " + strings.Join(list, ", "))
}

// files says of every sample which model it is for.
func (f *mergeFlags) files(d *dataset.Data) []int {
	names, of := d.GroupNames(), d.Groups()
	for b, g := range of {
		of[b] = max(slices.Index(f.data, names[g]), slices.Index(f.holdoutData, names[g]))
	}
	return of
}

// owners are files where they tell which model a sample is for, so that its answers can take the place of labels.
func (f *mergeFlags) owners() func(*dataset.Data) []int {
	if !f.perModel() {
		return nil
	}
	return f.files
}

// mixing are the options of a merge that mixes models for every sample.
func (f *mergeFlags) mixing() experts.Options {
	o := experts.Options{Router: f.router, Anyway: f.anyway, Learn: f.options().Learn}
	o.Files = f.owners()
	return o
}

// maker makes a merge that mixes the models for every sample; nil where that is not asked for.
func (f *mergeFlags) maker() search.Maker {
	if !f.mixes() {
		return nil
	}
	return func(ctx context.Context, s *graphmatch.Selection, learn *gating.Evaluator) (search.Made, error) {
		e, err := experts.Make(ctx, gating.Method(f.method), s, learn, f.mixing())
		if err != nil {
			return nil, err
		}
		return mixed{e, f.form().Task}, nil
	}
}

// mixed is a merge that mixes models for every sample, or what it has of one of them.
type mixed struct {
	*experts.Experts
	task *int
}

// All is the model that is judged and written.
func (m mixed) All() (*onnx.Model, error) {
	if m.task != nil {
		return m.Task(*m.task)
	}
	return m.Experts.All()
}

// describe is the model that is written, with its metadata and recipe.
func (m mixed) describe(f *mergeFlags) (*onnx.Model, *gating.Recipe, error) {
	recipe, err := m.Recipe(m.task, f.dequantised.Originals != nil)
	if err != nil {
		return nil, nil, err
	}
	recipe.Seed = f.seed
	model, err := m.Described(recipe, versionString())
	return model, recipe, err
}

// reportMixed adds to a report how models are mixed, where they are.
func reportMixed(r *search.Result, rep *search.Report) {
	if m, ok := r.Chosen.Made.(mixed); ok {
		report.Mixed(rep, m.Experts, m.task, r.Selection)
	}
}

// warningsOf are those of a merge that mixes models for every sample.
func warningsOf(r *search.Result) []error {
	if m, ok := r.Chosen.Made.(mixed); ok {
		return m.Warnings()
	}
	return nil
}

// rehearseMixing says whether the models can be mixed for every sample.
func (f *mergeFlags) rehearseMixing(ctx context.Context, s *graphmatch.Selection, d *dataset.Data,
	o gating.Objective) error {
	if !f.mixes() {
		return nil
	}
	e, err := gating.NewEvaluator(d, o, gating.EvaluatorOptions{Base: s.Alignment.Models[s.Alignment.Base]})
	if err != nil {
		return err
	}
	defer e.Close()
	return experts.Check(s, e, f.mixing())
}
