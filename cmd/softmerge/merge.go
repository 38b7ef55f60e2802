package main

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/report"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/source"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// run carries a merge from flags to file.
func (f *mergeFlags) run(ctx context.Context, v *terminal.Voice) (err error) {
	defer dataset.Guard(&err)()
	began := time.Now()
	f.strict = v.Strict
	if err := f.check(); err != nil {
		return err
	}
	list, base, closeAll, err := f.openModels(v)
	if err != nil {
		return err
	}
	defer closeAll()
	s, err := f.selection(v, list, base)
	if err != nil {
		return err
	}
	data, held, err := f.open(ctx, v, list, base)
	if err != nil {
		return err
	}
	if err := warnOf(v, data, held); err != nil {
		return err
	}
	report.Shapes(v, data, held)
	if f.routes() {
		return f.route(ctx, v, s, began)
	}
	f.noteFiles(v)
	if f.dryRun {
		return f.rehearse(ctx, v, s, data, held)
	}
	r, err := f.merge(ctx, v, s, data, held)
	if err != nil {
		return err
	}
	return f.finish(ctx, v, r, began)
}

// openModels opens the models and their start, in float form, and finds the base. The caller closes them.
func (f *mergeFlags) openModels(v *terminal.Voice) (list []*onnx.Model, base int, closeAll func(), err error) {
	if base, err = baseIndex(f.base, f.paths); err != nil {
		return nil, 0, nil, err
	}
	list, closeModels, err := source.Models(f.paths)
	if err != nil {
		return nil, 0, nil, err
	}
	if f.dequantised, err = dequantise(v, list, base, f.selectFlags); err != nil {
		closeModels()
		return nil, 0, nil, err
	}
	from, closeStart, err := f.openStart(v)
	if err != nil {
		closeModels()
		return nil, 0, nil, err
	}
	f.from = from
	if err := refuseRouted(list, from); err != nil {
		closeStart()
		closeModels()
		return nil, 0, nil, err
	}
	return f.dequantised.Models, base, func() { closeStart(); closeModels() }, nil
}

// selection is the layers to merge, and says which they are.
func (f *mergeFlags) selection(v *terminal.Voice, list []*onnx.Model, base int) (*graphmatch.Selection, error) {
	s, err := align(list, base, f.selectFlags)
	if err != nil {
		return nil, err
	}
	switch err := s.Strict(); {
	case f.intersection:
		s = s.Intersection()
	case err != nil && f.routes(): // heads may differ in size, and package routed says which
		return s, nil
	case err != nil:
		return nil, err
	}
	report.Selection(v, s)
	if len(f.only)+len(f.except) > 0 { // the user has said which
		return s, nil
	}
	coverage, err := s.Alignment.Coverage()
	if err != nil {
		return nil, err
	}
	return s, v.Warn(unmatched(coverage))
}

// open reads the data files that are named.
func (f *mergeFlags) open(ctx context.Context, v *terminal.Voice, list []*onnx.Model,
	base int) (data, held *dataset.Data, err error) {
	models := append([]*onnx.Model{list[base]}, slices.Delete(slices.Clone(list), base, base+1)...)
	if err := f.fit(ctx, v, models, f.holdoutData...); err != nil {
		return nil, nil, err
	}
	if len(f.data) == 0 {
		return nil, nil, nil
	}
	if data, err = f.openData(list[base], f.data); err != nil || len(f.holdoutData) == 0 {
		return data, nil, err
	}
	if held, err = f.openData(list[base], f.holdoutData); err != nil {
		return nil, nil, err
	}
	return data, held, dataset.CheckClasses(data, held)
}

// warnOf says and warns of what reading the data showed.
func warnOf(v *terminal.Voice, list ...*dataset.Data) error {
	for _, d := range list {
		if d == nil {
			continue
		}
		v.Note(d.Notes...)
		if err := v.Warn(d.Warnings); err != nil {
			return err
		}
	}
	return nil
}

// rehearse checks what can be checked without learning and shows what would be merged.
func (f *mergeFlags) rehearse(ctx context.Context, v *terminal.Voice, s *graphmatch.Selection, data,
	held *dataset.Data) error {
	base := s.Alignment.Models[s.Alignment.Base]
	for _, d := range []*dataset.Data{data, held} {
		if d == nil {
			continue
		}
		o, err := gating.FitObjective(base, d, f.objective())
		if err != nil {
			return err
		}
		if err := f.rehearseMixing(ctx, s, d, o); err != nil {
			return err
		}
	}
	return report.Rehearsal(v, s)
}

// merge learns and judges, with progress; without data it averages.
func (f *mergeFlags) merge(ctx context.Context, v *terminal.Voice, s *graphmatch.Selection,
	data, held *dataset.Data) (*search.Result, error) {
	o := f.options()
	o.Maker, o.Owners = f.maker(), f.owners()
	checked, err := o.Validate()
	if err != nil {
		return nil, err
	}
	noteStart(v, checked.Static)
	if data == nil {
		return search.Average(ctx, s, o)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(garbage))
	p := terminal.NewProgress(v)
	defer p.Close()
	o.HeldOut = held
	o.Progress = func(e search.Event) {
		switch e.Stage {
		case "start":
			report.Judging(v, e.Objective, e.Data)
		case "learn":
			p.Step(e.Step, e.Steps, learning(e), fmt.Sprintf("loss %.4f", e.Loss))
		}
	}
	return search.Merge(ctx, s, data, o)
}

// learning says what is learned, and in which fold of a cross-validation.
func learning(e search.Event) string {
	text := "weights"
	if e.Granularity != "" {
		text = fmt.Sprintf("gates by %s", e.Granularity)
	}
	if e.Round > 1 {
		text += fmt.Sprintf(", round %d", e.Round)
	}
	if e.Fold > 0 && e.Folds > 1 {
		text += fmt.Sprintf(", fold %d of %d", e.Fold, e.Folds)
	}
	return text
}

// garbage is how much of the heap may be garbage during a merge, in percent of what is in use. Nearly all of it are
// large arrays without pointers that stay to the end: to mark them costs nothing, to let the heap double costs memory.
const garbage = 25
