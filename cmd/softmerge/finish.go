package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// finish writes what was asked for and prints the result.
func (f *mergeFlags) finish(ctx context.Context, v *voice, r *gating.Result, began time.Time) error {
	rep, err := r.Report()
	if err != nil {
		return err
	}
	v.reordered(rep)
	v.exclusions(rep)
	if !r.Gained() && !r.Identical && !f.allowParent {
		if !v.json {
			err = v.candidates(rep)
		}
		return errors.Join(noGain(rep), err)
	}
	m, recipe, err := f.final(r)
	if err != nil {
		return err
	}
	size, err := f.write(ctx, m, r, rep, recipe, began)
	if err != nil {
		return err
	}
	if v.json {
		return v.object(rep)
	}
	if err := v.candidates(rep); err != nil {
		return err
	}
	v.wrote(rep, size)
	if f.recipe != "" && recipe == nil {
		v.say("no recipe is written: nothing was mixed")
	}
	return nil
}

// final is the model to write: a merged one with its description, a parent as it is.
func (f *mergeFlags) final(r *gating.Result) (*onnx.Model, *gating.Recipe, error) {
	if !r.Gained() {
		return r.Model(), nil, nil
	}
	recipe, err := r.Recipe()
	if err != nil {
		return nil, nil, err
	}
	m, err := recipe.Describe(r.Model(), versionString())
	return m, recipe, err
}

// write writes the model and, beside it, recipe and report, all or none. Before
// the model gets its name it is read back and judged again, and the other files
// are complete under temporary names.
func (f *mergeFlags) write(ctx context.Context, m *onnx.Model, r *gating.Result, rep *gating.Report, recipe *gating.Recipe, began time.Time) (size int64, err error) {
	var side sideFiles
	defer side.discard()
	verify := func(path string) error {
		rep.SHA256, size, err = readBack(path, func(back *onnx.Model) error { return r.Verify(ctx, back) })
		if err != nil {
			return err
		}
		rep.Output, rep.PeakBytes, rep.Seconds = f.out, peakBytes(), time.Since(began).Seconds()
		if recipe != nil {
			if err := side.add(f.recipe, recipe); err != nil {
				return err
			}
		}
		if err := side.add(f.report, rep); err != nil {
			return err
		}
		return ctx.Err()
	}
	if err := onnx.WriteFile(f.out, m, onnx.WriteOptions{Overwrite: f.force, Inputs: f.paths, Verify: verify}); err != nil {
		return 0, writeError(f.out, err)
	}
	return size, side.commit()
}

// readBack opens a written model, checks it and returns its sha256 and size in bytes.
func readBack(path string, check func(*onnx.Model) error) (sum string, size int64, err error) {
	back, err := onnx.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer back.Close()
	if err := check(back); err != nil { // whatever it is, it is no fault of the user's files
		return "", 0, fmt.Errorf("checking the written file: %v", err)
	}
	sum, err = back.SHA256()
	return sum, fileSize(path), err
}

// judged is an error after candidates were judged: scripts want to see them too.
type judged struct {
	candidates []gating.ReportCandidate
	error
}

// Unwrap returns the error alone.
func (e *judged) Unwrap() error { return e.error }

func noGain(rep *gating.Report) error {
	return &judged{rep.Candidates, advice.With(
		fmt.Errorf("%w, %s, on the held-out data; nothing written", gating.ErrNoGain, strings.TrimPrefix(rep.Chosen, "parent:")),
		"give more data, merge fine-tunes of one start, choose layers with --only, or take the parent with --allow-parent",
	)}
}
