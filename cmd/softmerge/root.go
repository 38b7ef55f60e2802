package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// version is set by the linker for releases; else the module's version is used.
var version = ""

func versionString() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func newRoot(v *voice) *cobra.Command {
	root := &cobra.Command{
		Use:           "softmerge",
		Short:         "Merge neural networks straight from ONNX files",
		Long:          "softmerge takes ONNX files of one architecture, learns on your data how much of each\nmodel every layer should take, and writes one ordinary ONNX file.",
		Version:       versionString(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("run "+c.CommandPath()+" --help", "%v", err)
	})
	root.PersistentFlags().BoolVar(&v.json, "json", false, "print one JSON object on standard output")
	root.PersistentFlags().BoolVarP(&v.quiet, "quiet", "q", false, "no messages and no progress, only results and errors")
	root.AddCommand(newMerge(v), newApply(v), newMatch(v), newInspect(v), newEval(v))
	for _, c := range root.Commands() {
		c.Flags().SortFlags = false
		c.Args = usageArgs(c.Args)
	}
	return root
}

// usageArgs makes wrong argument counts usage errors.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usagef("run "+c.CommandPath()+" --help", "%v", err)
		}
		return nil
	}
}

// selectFlags are the flags that choose layers.
type selectFlags struct{ only, except []string }

func (f *selectFlags) add(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.only, "only", nil, "merge only layers that match `PATTERN`: a glob over tensor names, node names and scopes, or op:TYPE (repeatable)")
	fs.StringArrayVar(&f.except, "except", nil, "leave layers that match `PATTERN` as the base has them (repeatable)")
}

// dataFlags are the flags that say what to learn and judge on.
type dataFlags struct {
	data, label, loss, metric, output string
	batch, threads                    int
}

func (f *dataFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.data, "data", "", "`FILE` with inputs and labels: .npz, .npy, .csv, IDX, image folder, ONNX test data")
	fs.StringVar(&f.label, "label", "", "`KEY` of the labels (default label, labels, y or target)")
	fs.StringVar(&f.loss, "loss", "auto", "auto, cross_entropy, mse or bce")
	fs.StringVar(&f.metric, "metric", "auto", "auto, accuracy, mse, mae or r2")
	fs.StringVar(&f.output, "model-output", "", "`NAME` of the graph output that the loss reads (default the first that fits the labels)")
	fs.IntVar(&f.batch, "batch-size", 64, "samples a step")
	fs.IntVar(&f.threads, "threads", 0, "goroutines for kernels (default one a processor)")
}

// check refuses impossible values before any work.
func (f *dataFlags) check() error {
	switch {
	case f.batch < 1:
		return usagef("", "--batch-size %d: want at least 1", f.batch)
	case f.threads < 0:
		return usagef("", "--threads %d: want at least 0", f.threads)
	case !oneOf(f.loss, "auto", "cross_entropy", "mse", "bce"):
		return usagef("", "--loss %s: want auto, cross_entropy, mse or bce", f.loss)
	case !oneOf(f.metric, "auto", "accuracy", "mse", "mae", "r2"):
		return usagef("", "--metric %s: want auto, accuracy, mse, mae or r2", f.metric)
	}
	return nil
}

func oneOf(s string, list ...string) bool {
	for _, v := range list {
		if s == v {
			return true
		}
	}
	return false
}
