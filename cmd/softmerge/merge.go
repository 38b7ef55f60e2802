package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/spf13/cobra"
)

// mergeFlags is everything that merge can be told.
type mergeFlags struct {
	selectFlags
	dataFlags
	out, base, method, granularity, combine string
	holdoutData, recipe, report             string
	holdout, rate, l0                       float64
	epochs, maxSteps                        int
	seed                                    uint64
	dryRun, allowParent, force              bool
	intersection                            bool
	paths                                   []string
}

func newMerge(v *voice) *cobra.Command {
	f := &mergeFlags{}
	c := &cobra.Command{
		Use:     "merge A.onnx B.onnx ... -o OUT.onnx --data FILE",
		Short:   "Learn gates on data, bake the merged weights, write one ONNX file",
		Example: "  softmerge merge m0.onnx m1.onnx m2.onnx -o merged.onnx --data val.npz --only 'conv*'",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			f.paths = args
			return f.run(c.Context(), v)
		},
	}
	fs := c.Flags()
	fs.StringVarP(&f.out, "output", "o", "", "`FILE` to write")
	f.dataFlags.add(fs)
	f.selectFlags.add(fs)
	fs.BoolVar(&f.intersection, "intersection", false, "merge what matches of the selected layers, leave the rest as the base has it")
	fs.StringVar(&f.method, "method", "soft", "soft, greedy or uniform; uniform needs no data")
	fs.StringVar(&f.granularity, "granularity", "auto", "what shares a gate: auto (layer and channel are tried), model, module, layer, channel or tensor")
	fs.StringVar(&f.base, "base", "", "`FILE` among the models that gives the graph and all that is not selected (default the first)")
	fs.Float64Var(&f.holdout, "holdout", gating.DefaultHoldout, "share of the data that judges the candidates")
	fs.StringVar(&f.holdoutData, "holdout-data", "", "`FILE` that judges instead of a share of the data")
	fs.IntVar(&f.epochs, "epochs", gating.DefaultEpochs, "passes over the data for each granularity")
	fs.IntVar(&f.maxSteps, "max-steps", gating.DefaultMaxSteps, "bound on the steps for each granularity")
	fs.Float64Var(&f.rate, "lr", gating.DefaultRate, "learning rate of the gates")
	fs.Float64Var(&f.l0, "l0", gating.DefaultL0, "weight of the l0 term, which closes gates")
	fs.StringVar(&f.combine, "combine", "convex", "how gates become coefficients: convex or sum")
	fs.Uint64Var(&f.seed, "seed", 0, "seed of everything random")
	fs.StringVar(&f.recipe, "recipe", "", "write the learned gates to `FILE`, for softmerge apply")
	fs.StringVar(&f.report, "report", "", "write the JSON report to `FILE` as well")
	fs.BoolVar(&f.dryRun, "dry-run", false, "check models, alignment and data, write nothing")
	fs.BoolVar(&f.allowParent, "allow-parent", false, "if no merge beats the best parent, write that parent")
	fs.BoolVar(&f.force, "force", false, "overwrite existing files")
	return c
}

// check refuses wrong flags and targets before any work.
func (f *mergeFlags) check() error {
	if err := f.dataFlags.check(); err != nil {
		return err
	}
	switch {
	case f.out == "" && !f.dryRun:
		return usagef("add -o OUT.onnx", "no output file is named")
	case !oneOf(f.method, "soft", "greedy", "uniform"):
		return usagef("", "--method %s: want soft, greedy or uniform", f.method)
	case f.data == "" && f.method != "uniform":
		return usagef("add --data FILE, or average without data: --method uniform", "--method %s learns on data and none is given", f.method)
	case !oneOf(f.granularity, "auto", "model", "module", "layer", "channel", "tensor"):
		return usagef("", "--granularity %s: want auto, model, module, layer, channel or tensor", f.granularity)
	case !oneOf(f.combine, "convex", "sum"):
		return usagef("", "--combine %s: want convex or sum", f.combine)
	case !(f.holdout > 0 && f.holdout < 1):
		return usagef("", "--holdout %v: want a share between 0 and 1", f.holdout)
	case f.epochs < 1 || f.maxSteps < 1:
		return usagef("", "--epochs %d, --max-steps %d: want at least 1", f.epochs, f.maxSteps)
	case !(f.rate > 0) || math.IsInf(f.rate, 0) || !(f.l0 >= 0) || math.IsInf(f.l0, 0):
		return usagef("", "--lr %v, --l0 %v: want a positive rate and a weight of at least 0", f.rate, f.l0)
	}
	for _, t := range []string{f.out, f.recipe, f.report} {
		if err := f.checkTarget(t); err != nil {
			return err
		}
	}
	return nil
}

// checkTarget refuses to write over an input, or over anything without --force.
func (f *mergeFlags) checkTarget(path string) error {
	if path == "" || f.dryRun {
		return nil
	}
	for _, in := range append([]string{f.data, f.holdoutData}, f.paths...) {
		if in != "" && sameFile(path, in) {
			return usagef("choose another file", "%s is an input and must not be written over", path)
		}
	}
	if _, err := os.Lstat(path); err == nil && !f.force {
		return usagef("choose another file, or overwrite it with --force", "%s exists", path)
	}
	return nil
}

// run carries a merge from flags to file.
func (f *mergeFlags) run(ctx context.Context, v *voice) error {
	began := time.Now()
	base, err := baseIndex(f.base, f.paths)
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return err
	}
	list, closeAll, err := models(v, f.paths)
	if err != nil {
		return err
	}
	defer closeAll()
	s, err := align(v, list, base, f.selectFlags)
	if err != nil {
		return err
	}
	if f.intersection {
		s = s.Intersection()
	} else if err := s.Strict(); err != nil {
		return err
	}
	r, err := f.merge(ctx, v, s)
	if err != nil || f.dryRun {
		return err
	}
	return f.finish(ctx, v, r, began)
}

// merge reads the data and merges.
func (f *mergeFlags) merge(ctx context.Context, v *voice, s *graphmatch.Selection) (*gating.Result, error) {
	o := f.options()
	if f.data == "" {
		if f.dryRun {
			return nil, v.selected(s)
		}
		return gating.Average(s, o)
	}
	data, held, err := f.open(s.Alignment.Models[s.Alignment.Base])
	if err != nil {
		return nil, err
	}
	if f.dryRun {
		if _, err := gating.FitObjective(s.Alignment.Models[s.Alignment.Base], data, f.loss, f.metric, f.output); err != nil {
			return nil, err
		}
		return nil, v.selected(s)
	}
	o.Learn.Workers = workers(f.threads)
	defer o.Learn.Workers.Close()
	p := newProgress(v)
	o.Progress = p.event
	o.HeldOut = held
	r, err := gating.Merge(ctx, s, data, o)
	p.close()
	return r, err
}

func (f *mergeFlags) open(base *onnx.Model) (data, held *dataset.Data, err error) {
	if data, err = openData(base, f.data, f.label); err != nil || f.holdoutData == "" {
		return data, nil, err
	}
	held, err = openData(base, f.holdoutData, f.label)
	return data, held, err
}

func (f *mergeFlags) options() gating.Options {
	o := gating.Options{
		Method: gating.Method(f.method), Loss: f.loss, Metric: f.metric, Output: f.output, Holdout: f.holdout,
		Learn: gating.LearnConfig{Epochs: f.epochs, MaxSteps: f.maxSteps, BatchSize: f.batch, Rate: f.rate, L0: f.l0,
			Combine: gating.Combine(f.combine), Seed: f.seed},
	}
	if f.granularity != "auto" {
		o.Granularity = []gating.Granularity{gating.Granularity(f.granularity)}
	}
	return o
}

// finish writes what was asked for and prints the result.
func (f *mergeFlags) finish(ctx context.Context, v *voice, r *gating.Result, began time.Time) error {
	rep, err := r.Report()
	if err != nil {
		return err
	}
	if !r.Gained() && !r.Identical && !f.allowParent {
		if !v.json {
			v.candidates(rep)
		}
		return noGain(rep)
	}
	m, recipe, err := f.final(r)
	if err != nil {
		return err
	}
	if rep.SHA256, err = f.write(ctx, m, r); err != nil {
		return err
	}
	rep.Output, rep.PeakBytes, rep.Seconds = f.out, peakBytes(), time.Since(began).Seconds()
	if f.recipe != "" && recipe != nil {
		if err := writeJSON(f.recipe, recipe); err != nil {
			return err
		}
	}
	if f.report != "" {
		if err := writeJSON(f.report, rep); err != nil {
			return err
		}
	}
	if v.json {
		return v.object(rep)
	}
	v.candidates(rep)
	v.say("wrote %s: %s", f.out, rep.Chosen)
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

// write writes the model, reading it back and judging it again before it gets its name.
func (f *mergeFlags) write(ctx context.Context, m *onnx.Model, r *gating.Result) (sum string, err error) {
	verify := func(path string) error {
		back, err := onnx.Open(path)
		if err != nil {
			return err
		}
		defer back.Close()
		if err := r.Verify(ctx, back); err != nil {
			return fmt.Errorf("checking the written file: %w", err)
		}
		sum, err = back.SHA256()
		return err
	}
	return sum, onnx.WriteFile(f.out, m, onnx.WriteOptions{Overwrite: f.force, Inputs: f.paths, Verify: verify})
}

func noGain(rep *gating.Report) error {
	return &noGainError{fmt.Sprintf("no merged model beats the best parent, %s, on the held-out data; nothing written", strings.TrimPrefix(rep.Chosen, "parent:"))}
}

type noGainError struct{ msg string }

func (e *noGainError) Error() string { return e.msg }

// Unwrap returns the kind of the error.
func (e *noGainError) Unwrap() error { return gating.ErrNoGain }

// Hint says what to try.
func (e *noGainError) Hint() string {
	return "give more data, merge fine-tunes of one start, choose layers with --only, or take the parent with --allow-parent"
}

// writeJSON writes a file whole or not at all.
func writeJSON(path string, o any) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return renameio.WriteFile(path, append(data, '\n'), 0o644)
}
