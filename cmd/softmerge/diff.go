package main

import (
	"github.com/spf13/cobra"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/report"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/source"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/graphmatch"
)

func newDiff(v *terminal.Voice) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "diff A.onnx B.onnx",
		Short: "Show what differs in structure and weights",
		Long: `diff prints what B has otherwise than A: versions, operator sets and metadata, inputs and outputs,
nodes added, removed or changed, and tensors with the relative change ||B-A|| / ||A||, the cosine of
the angle between them, and the largest change of an element. Layers are paired by structure, so that
files with other names compare too.

The exit code is 0 whether the models differ or not; with --json, "same" says which.`,
		Example: `  softmerge diff m0.onnx merged.onnx
  softmerge diff old.onnx new.onnx --json`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return diff(v, args, all) },
	}
	c.Flags().BoolVar(&all, "all", false, "list identical tensors and every Identity and Constant node too")
	return c
}

// diff prints what differs between two models.
func diff(v *terminal.Voice, paths []string, all bool) error {
	list, closeAll, err := source.Models(paths)
	if err != nil {
		return err
	}
	defer closeAll()
	d, err := graphmatch.Diff(list[0], list[1])
	if err != nil {
		return err
	}
	if v.JSON {
		return v.Object(struct {
			A        string   `json:"a"`
			B        string   `json:"b"`
			Same     bool     `json:"same"`
			Warnings []string `json:"warnings"`
			*graphmatch.Difference
		}{paths[0], paths[1], d.Same(), v.Warned(), d})
	}
	return report.Difference(v, d, all)
}
