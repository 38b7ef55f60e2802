package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/report"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/source"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/qdq"
)

func newMatch(v *terminal.Voice) *cobra.Command {
	var f selectFlags
	var base string
	c := &cobra.Command{
		Use:   "match A.onnx B.onnx ...",
		Short: "Show the alignment: what matches, what does not, why",
		Long: `match prints which weights of the models stand for each other, layer by layer, and why others do
not. The exit code is 4 if nothing matches, or if layers that --only names do not match in all models
(unless --intersection asks for what matches).`,
		Example: `  softmerge match m0.onnx m1.onnx
  softmerge match m0.onnx m1.onnx --only 'layer1' --json`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return match(v, args, base, f) },
	}
	f.add(c.Flags())
	completeLayers(c)
	c.Flags().StringVar(&base, "base", "", "`FILE` among the models that gives names and order (default the first)")
	return c
}

// match prints the alignment of the selected layers.
func match(v *terminal.Voice, paths []string, base string, f selectFlags) error {
	b, err := baseIndex(base, paths)
	if err != nil {
		return err
	}
	list, closeAll, err := source.Models(paths)
	if err != nil {
		return err
	}
	defer closeAll()
	d, err := dequantise(v, list, b, f)
	switch {
	case errors.Is(err, qdq.ErrForm), errors.Is(err, network.ErrUnsupported):
		if err := v.Warn(advice.Warnings{err}); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		list = d.Models
	}
	s, err := align(list, b, f)
	if err != nil {
		return err
	}
	coverage, err := s.Alignment.Coverage()
	if err != nil {
		return err
	}
	t := report.Chosen(s)
	noteEnds(v, s.Alignment, coverage)
	if err := sayMatch(v, t, list, coverage); err != nil {
		return err
	}
	switch {
	case t.Matched == 0:
		return errNothingMatches
	case len(f.only) > 0 && !f.intersection:
		return s.Strict()
	}
	return nil
}

// noteEnds says which models have nodes of their own at their ends.
func noteEnds(v *terminal.Voice, a *graphmatch.Alignment, coverage []graphmatch.Coverage) {
	for j := range a.Models {
		for _, d := range a.EndDifferences(j) {
			v.Note(fmt.Sprintf("%s has %s", coverage[j].Label, d))
		}
	}
}

// sayMatch prints the table and the warnings.
func sayMatch(v *terminal.Voice, t graphmatch.Table, list []*onnx.Model, coverage []graphmatch.Coverage) error {
	warnings := quantised(list)
	if t.Matched > 0 { // else it is an error
		warnings = append(warnings, unmatched(coverage)...)
	}
	if err := v.Warn(warnings); err != nil {
		return err
	}
	if !v.JSON {
		return report.Match(v, t, coverage)
	}
	return v.Object(struct {
		graphmatch.Table
		Weights  []graphmatch.Coverage `json:"weights"`
		Warnings []string              `json:"warnings"`
	}{t, coverage, v.Warned()})
}

// errNothingMatches is the answer when no selected layer matches in all models.
var errNothingMatches = advice.Errorf(graphmatch.ErrAlign,
	"the column \"reason\" says why; \"softmerge diff\" shows how two networks differ",
	"models do not align: no selected layer matches in all models")
