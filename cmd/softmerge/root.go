package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
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

func newRoot(v *terminal.Voice) *cobra.Command {
	root := &cobra.Command{
		Use:   "softmerge",
		Short: "Merge neural networks straight from ONNX files",
		Long: `softmerge takes ONNX files of one architecture, learns on your data how much of each
model every layer should take, and writes one ordinary ONNX file.`,
		Example: `  softmerge merge m0.onnx m1.onnx m2.onnx -o merged.onnx --data val.npz
  softmerge match m0.onnx m1.onnx
  softmerge eval merged.onnx m0.onnx --data test.npz`,
		Version:       versionString(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "Flags.FlagUsages",
		fmt.Sprintf("Flags.FlagUsagesWrapped %d", helpWidth(v))))
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().BoolVar(&v.JSON, "json", false, "print one JSON object on standard output")
	root.PersistentFlags().BoolVarP(&v.Quiet, "quiet", "q", false,
		"no messages and no progress, only results and errors")
	root.PersistentFlags().BoolVar(&v.Strict, "strict", false, "take every warning for an error")
	root.AddCommand(newMerge(v), newApply(v), newMatch(v), newInspect(v), newEval(v), newDiff(v), newMan(v))
	for _, c := range root.Commands() {
		c.Flags().SortFlags = false
		c.Args = usageArgs(c.Args)
	}
	root.AddCommand(topics()...)
	for _, c := range append(root.Commands(), root) {
		c.Long = terminal.Reflow(c.Long, helpWidth(v))
	}
	root.InitDefaultHelpCmd()
	if help, _, err := root.Find([]string{"help"}); err == nil {
		help.PreRunE = func(_ *cobra.Command, args []string) error { return knownTopic(root, args) }
	}
	return root
}

// narrowest is the least width that help texts are wrapped to.
const narrowest = 40

// helpWidth is the width that help texts are wrapped to.
func helpWidth(v *terminal.Voice) int {
	if w := v.Width(); w > 0 {
		return max(narrowest, w)
	}
	return 100
}

// knownCommand refuses what is no command.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return exit.Usagef(suggestion(c.SuggestionsFor(args[0]), "softmerge help"), "unknown command %q", args[0])
}

// knownTopic refuses to explain what is not there.
func knownTopic(root *cobra.Command, args []string) error {
	if c, _, err := root.Find(args); err != nil || c == root && len(args) > 0 {
		return knownCommand(root, args)
	}
	return nil
}

// flagError makes flag errors usage errors, with the nearest flags.
func flagError(c *cobra.Command, err error) error {
	_, name, found := strings.Cut(err.Error(), "unknown flag: --")
	var near []string
	if found {
		near = nearestFlags(c, name)
	}
	return exit.Usagef(suggestion(near, c.CommandPath()+" --help"), "%v", err)
}

// nearestFlags lists the command's flags with names like the one given. Cobra
// finds the nearest of its commands, so flags are shown to it as commands.
func nearestFlags(c *cobra.Command, name string) []string {
	names := &cobra.Command{SuggestionsMinimumDistance: 2}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		names.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	var near []string
	for _, n := range names.SuggestionsFor(name) {
		near = append(near, "--"+n)
	}
	return near
}

// suggestion is a hint: the nearest names, or where to look.
func suggestion(near []string, help string) string {
	if len(near) > 0 {
		return "did you mean " + terminal.OrList(near) + "?"
	}
	return "run " + help
}

// usageArgs makes wrong argument counts usage errors.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return exit.Usagef("usage: softmerge "+c.Use, "%v", err)
		}
		return nil
	}
}
