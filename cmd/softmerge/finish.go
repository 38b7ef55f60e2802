package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/report"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/target"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
)

// finish writes what was asked for and prints the result.
func (f *mergeFlags) finish(ctx context.Context, v *terminal.Voice, r *search.Result, began time.Time) error {
	rep, err := r.Report()
	if err != nil {
		return err
	}
	reportMixed(r, rep)
	if err := v.Warn(slices.Concat(r.Warnings, warningsOf(r), report.Copies(rep))); err != nil {
		return err
	}
	rep.Warnings, rep.Notes, rep.Preprocess = v.Warned(), v.Noted(), f.images.how.Report()
	report.Reordered(v, rep)
	report.Exclusions(v, rep)
	if !r.Gained() && !r.Identical && !f.allowParent {
		if !v.JSON {
			err = report.Kept(v, rep)
		}
		return errors.Join(report.NoGain(rep), err)
	}
	m, recipe, err := f.final(r)
	if err != nil {
		return err
	}
	size, err := f.write(ctx, m, func(back *onnx.Model) error { return r.Verify(ctx, back) }, rep, recipe, began)
	if err != nil {
		return err
	}
	if err := tell(v, rep, func() { report.Wrote(v, rep, size) }); err != nil {
		return err
	}
	if f.recipe != "" && recipe == nil {
		v.Say("no recipe is written: nothing was mixed")
	}
	return nil
}

// tell shows what was tried and then says what was written, or prints the JSON of both.
func tell(v *terminal.Voice, rep *search.Report, wrote func()) error {
	if v.JSON {
		return v.Object(rep)
	}
	if err := report.Candidates(v, rep); err != nil {
		return err
	}
	wrote()
	return nil
}

// final is the model to write: a merged one with its description, a parent as it is.
func (f *mergeFlags) final(r *search.Result) (*onnx.Model, *gating.Recipe, error) {
	if !r.Gained() {
		return r.Model(), nil, nil
	}
	if m, ok := r.Chosen.Made.(mixed); ok {
		return m.describe(f)
	}
	recipe, err := r.Recipe()
	if err != nil {
		return nil, nil, err
	}
	m, err := recipe.Describe(r.Model(), versionString())
	return m, recipe, err
}

// write writes the model and, beside it, recipe and report, all or none, and returns the model's size in
// bytes. Before the model gets its name it is checked as it was read back, and the other files are complete under
// temporary names.
func (f *mergeFlags) write(ctx context.Context, m *onnx.Model, check func(*onnx.Model) error, rep *search.Report,
	recipe *gating.Recipe, began time.Time) (size int64, err error) {
	var side target.SideFiles
	defer side.Discard()
	o := onnx.WriteOptions{Overwrite: f.force, Inputs: f.paths}
	err = target.Model(f.out, m, o, check, func(w target.Written) error {
		size, rep.Output, rep.SHA256 = w.Size, f.out, w.SHA256
		rep.PeakBytes, rep.Seconds = report.PeakBytes(), time.Since(began).Seconds()
		if recipe != nil {
			if err := side.Add(f.recipe, recipe); err != nil {
				return err
			}
		}
		if err := side.Add(f.report, rep); err != nil {
			return err
		}
		return ctx.Err()
	})
	if err != nil {
		return 0, err
	}
	return size, side.Commit()
}
