package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// dequantise makes models that are quantised in QDQ form float, and says so. Where patterns choose layers that fit as
// they are and are not quantised, all models stay what they are. Models laid out for a processor are refused.
func dequantise(v *terminal.Voice, list []*onnx.Model, base int, f selectFlags) (*search.Dequantised, error) {
	if err := refuseLaidOut(list); err != nil {
		return nil, err
	}
	if len(f.only)+len(f.except) > 0 && len(quantised(list)) > 0 {
		if s, err := align(list, base, f); err == nil && s.Strict() == nil && !s.Quantised() {
			return &search.Dequantised{Models: list}, nil
		}
	}
	d, err := search.Dequantise(list)
	if err != nil || d.Originals == nil {
		return d, err
	}
	return d, v.Warn(madeFloat(d))
}

// madeFloat warns of models that were made float: what is merged, and written, is another file than the user's.
func madeFloat(d *search.Dequantised) (warnings advice.Warnings) {
	var names []string
	tensors, clips := 0, 0
	for j, s := range d.Summaries {
		if s != nil {
			names = append(names, filepath.Base(d.Originals[j].Path()))
			tensors, clips = tensors+s.Tensors, clips+s.Clips
		}
	}
	is := "is"
	if len(names) > 1 {
		is = "are"
	}
	text := fmt.Sprintf("%s %s quantised and merged in float: %s became floats", terminal.Short(names), is,
		terminal.Counted(tensors, "tensor"))
	if clips > 0 {
		text += fmt.Sprintf(", %s around activations a Clip to the same range",
			strings.Replace(terminal.Counted(clips, "pair"), "pair", "QuantizeLinear and DequantizeLinear pair", 1))
	}
	warnings.Addf(graphmatch.ErrAlign, "quantise the merged model again, and judge that one with softmerge eval",
		"%s", text)
	return warnings
}
