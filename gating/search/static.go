package search

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/method"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// static merges the models by a method, once: it looks at no data.
func (m *search) static(name gating.Method, merge *method.Merge) (*gating.Mixture, error) {
	if found := m.statics[name]; found != nil {
		return found, nil
	}
	p, err := m.plan(gating.ByLayer)
	if err != nil {
		return nil, err
	}
	mixture, err := gating.NewStaticMixture(p, m.Static.Weights, gating.Static{Merge: merge, Start: m.Static.Start,
		Seed: m.Learn.Seed})
	if err != nil {
		return nil, err
	}
	if m.statics == nil {
		m.statics = map[gating.Method]*gating.Mixture{}
		m.warnOfUnstarted(mixture.Unstarted())
	}
	m.statics[name] = mixture
	return mixture, nil
}

// warnOfUnstarted says which layers the start has not.
func (m *search) warnOfUnstarted(names []string) {
	if len(names) == 0 {
		return
	}
	list := strings.Join(names[:min(len(names), maxPairs)], ", ")
	if n := len(names) - maxPairs; n > 0 {
		list += fmt.Sprintf(" and %d more", n)
	}
	m.warnings.Addf(graphmatch.ErrAlign, "leave such layers out with --except, or the start",
		"%s has nothing that fits, or no finite numbers, at %s: the models' mean stands for the start there",
		filepath.Base(m.Static.Start.Path()), list)
}

// checkStart doubts a start that is far from the base: a warning where data judges, else an error unless the options
// say to go on anyway.
func (m *search) checkStart(context.Context) error {
	start := m.Static.Start
	if start == nil {
		return nil
	}
	models := m.units.Parents
	base := models[m.selection.Alignment.Base]
	a, err := graphmatch.Align([]*onnx.Model{base, start}, 0)
	if err != nil {
		return advice.With(err, "give the model that the others were trained from, or none")
	}
	_, cosines, err := graphmatch.Hidden(a)
	if err != nil || !(cosines[1] < graphmatch.Related) {
		return err
	}
	const hint = "give the model that the others were trained from, or none"
	const text = "the weights of %s and %s have a cosine of %.2f: it does not look like the start of these models"
	from, of := filepath.Base(start.Path()), filepath.Base(base.Path())
	if m.learn != nil || m.Anyway {
		m.warnings.Addf(graphmatch.ErrAlign, hint, text, from, of, cosines[1])
		return nil
	}
	return advice.Errorf(graphmatch.ErrAlign, hint+"; or go on with --anyway", text, from, of, cosines[1])
}
