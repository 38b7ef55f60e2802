package main

import (
	"github.com/spf13/cobra"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/report"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/source"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

func newInspect(v *terminal.Voice) *cobra.Command {
	var ops bool
	c := &cobra.Command{
		Use:   "inspect A.onnx",
		Short: "Layers, operators, selectable names, shapes, types, sizes",
		Long: `inspect prints what is in a model: inputs and outputs, the layers with the names that --only can
choose them by, and the operators with what softmerge can do with each.`,
		Example: `  softmerge inspect m0.onnx
  softmerge inspect m0.onnx --ops`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return inspect(v, args[0], ops) },
	}
	c.Flags().BoolVar(&ops, "ops", false, "only the operators: whether each is supported and has a gradient")
	return c
}

// inspect prints what is in a model.
func inspect(v *terminal.Voice, path string, ops bool) error {
	m, err := source.Model(path)
	if err != nil {
		return err
	}
	defer m.Close()
	a, err := graphmatch.Align([]*onnx.Model{m}, 0)
	if err != nil {
		return err
	}
	in, err := report.Inspect(m, a)
	if err != nil {
		return err
	}
	if err := v.Warn(quantised([]*onnx.Model{m})); err != nil {
		return err
	}
	switch {
	case v.JSON:
		in.Warnings = v.Warned()
		return v.Object(in)
	case ops:
		return in.PrintOperators(v)
	}
	return in.Print(v)
}
