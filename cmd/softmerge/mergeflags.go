package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/target"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
)

// mergeFlags is everything that merge can be told.
type mergeFlags struct {
	selectFlags
	dataFlags
	methodFlags
	routedFlags
	config, out, base, granularity                     string
	combine, init, permute                             string
	unseen                                             string
	recipe, report                                     string
	holdoutData                                        []string
	holdout, rate, l0                                  float64
	epochs, maxSteps, rounds, folds                    int
	ownShare                                           bool // --holdout is given
	seed                                               uint64
	dryRun, allowParent, force, anyway, strict, affine bool
	paths                                              []string
	dequantised                                        *search.Dequantised // how the models came by their form
	from                                               *onnx.Model         // the start; nil where none is named
}

func newMerge(v *terminal.Voice) *cobra.Command {
	f := &mergeFlags{}
	c := &cobra.Command{
		Use:   "merge A.onnx B.onnx ... -o OUT.onnx --data FILE",
		Short: "Learn gates on data, bake the merged weights, write one ONNX file",
		Long: `merge learns on the data how much of each model every layer should take, bakes the mixture
into one ONNX file, and checks what it wrote.

Every model, their average, and merges learned layer by layer and channel by channel are judged on
samples that nothing learned from. The best is written. If no merge beats the best of the models,
nothing is written and the exit code is 3.

The first model (or --base) gives the graph and all weights that are not selected, bit for bit.
The same files, flags and seed give the same bytes.`,
		Example: `  softmerge merge m0.onnx m1.onnx m2.onnx -o merged.onnx --data val.npz
  softmerge merge m*.onnx -o merged.onnx --data val.npz --only 'conv*' --except conv1
  softmerge merge m*.onnx -o merged.onnx --data val.npz --recipe gates.json
  softmerge merge m*.onnx -o mean.onnx --method uniform`,
		Args: func(c *cobra.Command, args []string) error {
			if f.config != "" { // which may name the models
				return nil
			}
			return cobra.MinimumNArgs(2)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) (err error) {
			if f.config != "" {
				if args, err = applyConfig(c, f.config, args); err != nil {
					return err
				}
			}
			if len(args) < 2 {
				return exit.Usagef("models: [a.onnx, b.onnx]", "%s names %d models, want at least two", f.config,
					len(args))
			}
			f.paths, f.ownShare, f.oneTask = args, c.Flags().Changed("holdout"), c.Flags().Changed("task")
			return f.run(c.Context(), v)
		},
	}
	f.add(c)
	return c
}

// addLearning adds the flags of how gates are learned.
func (f *mergeFlags) addLearning(c *cobra.Command) {
	fs := c.Flags()
	fs.IntVar(&f.epochs, "epochs", gating.DefaultEpochs, "`N` passes over the data for each granularity")
	fs.IntVar(&f.maxSteps, "max-steps", gating.DefaultMaxSteps, "at most `N` steps for each granularity and round")
	fs.IntVar(&f.rounds, "rounds", search.DefaultRounds, "train weights at most `N` times on, each time while it pays")
	fs.Float64Var(&f.rate, "lr", gating.DefaultRate, "`RATE` of learning of the gates")
	fs.Float64Var(&f.l0, "l0", gating.DefaultL0, "`WEIGHT` of the l0 term, which closes gates")
	addChoice(c, &f.combine, "combine",
		"how gates become coefficients, shares that add up to one or the gates themselves; "+
			"auto tries the latter too where hidden units were reordered",
		"auto", "convex", "sum")
	fs.BoolVar(&f.affine, "affine", false,
		"learn beside the gates a scale and a shift of what each of their units mixes")
	addChoice(c, &f.init, "init",
		"where gates start, by the models' losses (auto tries bad models layer by layer) or all open",
		"auto", "losses", "open")
}

// add adds the flags, in the order in which help lists them.
func (f *mergeFlags) add(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&f.config, "config", "", "read models and flags from a YAML `FILE` (softmerge help config)")
	fs.StringVarP(&f.out, "output", "o", "", "`FILE` to write")
	f.dataFlags.add(c)
	f.selectFlags.add(fs)
	completeLayers(c)
	f.methodFlags.add(c)
	f.routedFlags.add(c)
	addChoice(c, &f.granularity, "granularity",
		"what shares a gate; auto tries channels, with --method soft also layers",
		"auto", "model", "module", "layer", "channel", "tensor", "element")
	fs.StringVar(&f.base, "base", "",
		"`FILE` among the models that gives the graph and all that is not selected (default the first)")
	f.addJudges(fs)
	f.addLearning(c)
	addChoice(c, &f.permute, "permute",
		"bring the models' hidden units into one order first; "+
			"auto does it for models of different starts, by what averages better",
		"auto", "none", "weights", "activations")
	fs.Uint64Var(&f.seed, "seed", 0, "`SEED` of everything random")
	fs.StringVar(&f.recipe, "recipe", "", "write the learned gates to `FILE`, for softmerge apply")
	fs.StringVar(&f.report, "report", "", "write the JSON report to `FILE` as well")
	fs.BoolVar(&f.dryRun, "dry-run", false,
		"check models, alignment and data, show what would be merged, write nothing")
	fs.BoolVar(&f.allowParent, "allow-parent", false, "if no merge beats the best parent, write that parent")
	addChoice(c, &f.unseen, "unseen",
		"what becomes of layers of other outputs, which the loss cannot see, and of those shared with them",
		"keep", "merge")
	fs.BoolVar(&f.anyway, "anyway", false,
		"go on where the data does not seem to belong to the models, or the models to each other")
	fs.BoolVar(&f.force, "force", false, "overwrite existing files")
}

// addJudges adds the flags that say which samples judge.
func (f *mergeFlags) addJudges(fs *pflag.FlagSet) {
	fs.IntVar(&f.folds, "folds", 0, "judge by cross-validation with `N` folds, 1 by a share that is held out "+
		"(default 5 to 2 where there are fewer than 2000 samples, else 1)")
	fs.Float64Var(&f.holdout, "holdout", search.DefaultHoldout,
		"`SHARE` of the data that judges the candidates if they are not cross-validated")
	fs.StringArrayVar(&f.holdoutData, "holdout-data", nil,
		"`FILE` that judges instead of a share of the data (repeatable)")
}

// check refuses wrong flags and targets before any work.
func (f *mergeFlags) check() error {
	if err := f.dataFlags.check(); err != nil {
		return err
	}
	if err := f.methodFlags.check(); err != nil {
		return err
	}
	f.holdoutData = named(f.holdoutData)
	if f.perModel() {
		f.group = dataset.GroupByFile
	}
	rules := slices.Concat(f.rulesOfTasks(), f.rulesOfMixing(), f.rulesOfFiles(), f.rulesOfNumbers())
	if err := firstBroken(rules); err != nil || f.dryRun {
		return err
	}
	return target.Check([]target.File{
		{Flag: "--output", Path: f.out}, {Flag: "--recipe", Path: f.recipe}, {Flag: "--report", Path: f.report},
	}, slices.Concat(f.data, f.holdoutData, f.paths, named([]string{f.start})), f.force)
}

// rulesOfFiles say which flags need a file that is not named.
func (f *mergeFlags) rulesOfFiles() []rule {
	none := len(f.data) == 0
	return []rule{
		{f.anyway && f.strict, "leave out one of them", "--anyway goes on where --strict stops"},
		{f.out == "" && !f.dryRun, "add -o OUT.onnx", "no output file is named"},
		{none && len(f.try) > 0, "add --data FILE, or name one of them with --method",
			"--try judges on data and none is given"},
		{none && !f.static(), "add --data FILE, or average without data: --method uniform",
			fmt.Sprintf("--method %s learns on data and none is given", f.method)},
		{none && f.permute == "activations", "add --data FILE, or use --permute weights",
			"--permute activations needs data and none is given"},
		{none && len(f.holdoutData) > 0, "add --data FILE", "--holdout-data is given without --data"},
	}
}

// rulesOfNumbers say which numbers make no sense; NaN never does.
func (f *mergeFlags) rulesOfNumbers() []rule {
	return []rule{
		{!(f.holdout > 0 && f.holdout < 1), "", fmt.Sprintf("--holdout %v: want a share between 0 and 1", f.holdout)},
		{f.folds < 0, "", fmt.Sprintf("--folds %d: want 1 or more", f.folds)},
		{f.folds > 1 && (f.ownShare || len(f.holdoutData) > 0), "leave out one of them",
			"--folds divides the data anew, --holdout and --holdout-data hold a part of it out"},
		{f.counts != nil && len(f.counts) != len(f.paths), "name one for each model",
			fmt.Sprintf("--param weights has %d numbers for %d models", len(f.counts), len(f.paths))},
		{f.epochs < 1, "", fmt.Sprintf("--epochs %d: want at least 1", f.epochs)},
		{f.maxSteps < 1, "", fmt.Sprintf("--max-steps %d: want at least 1", f.maxSteps)},
		{f.rounds < 1, "", fmt.Sprintf("--rounds %d: want at least 1", f.rounds)},
		{!(f.rate > 0 && onnx.Finite(f.rate)), "", fmt.Sprintf("--lr %v: want a positive number", f.rate)},
		{!(f.l0 >= 0 && onnx.Finite(f.l0)), "", fmt.Sprintf("--l0 %v: want a number of at least 0", f.l0)},
	}
}

// options are the flags as the gating package takes them.
func (f *mergeFlags) options() search.Options {
	o := search.Options{
		Method: gating.Method(f.method), Objective: f.objective(), Folds: f.folds, Rounds: f.rounds,
		Init:    gating.Init(f.init),
		Permute: gating.Permutation(f.permute), Threads: f.threads, Anyway: f.anyway, Strict: f.strict,
		Unseen: f.unseen, Dequantised: f.dequantised, Static: f.methodFlags.options(f.from),
		Learn: gating.LearnOptions{Epochs: f.epochs, MaxSteps: f.maxSteps, BatchSize: f.batch, Rate: f.rate, L0: &f.l0,
			Combine: combineOf(f.combine), Affine: f.affine, Seed: f.seed},
	}
	if f.ownShare {
		o.Holdout = f.holdout
	}
	if f.granularity != "auto" {
		o.Granularity = []gating.Granularity{gating.Granularity(f.granularity)}
	}
	return o
}

// combineOf is the library's name of the choice.
func combineOf(name string) gating.Combine {
	if name == "auto" {
		return ""
	}
	return gating.Combine(name)
}
