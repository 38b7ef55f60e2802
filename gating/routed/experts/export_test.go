package experts

import (
	"fmt"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// At is a merge with gates from what a layer reads, by prototypes that are given by a function of model and element.
func At(method gating.Method, s *graphmatch.Selection, sample map[string][]int, router string, flat bool, tau float64,
	prototype func(model, i int) float64) (*Experts, error) {
	e, err := newExperts(method, s, sample, Options{Anyway: true})
	if err != nil {
		return nil, err
	}
	for _, p := range e.places(s.Layers) {
		if router != "" && p.layer != router {
			continue
		}
		if e, err = e.at(p); err != nil {
			return nil, err
		}
		e.gates = gating.RecipeGates{Router: p.layer, Flat: flat, Shapes: sample, Temperature: tau}
		for j := range e.tasks {
			row := make([]float64, p.width(flat))
			for i := range row {
				row[i] = prototype(j, i)
			}
			e.gates.Prototypes = append(e.gates.Prototypes, row)
		}
		return e, nil
	}
	return nil, fmt.Errorf("no place at %q", router)
}

// Places lists the layers that gates can be computed at.
func Places(s *graphmatch.Selection, sample map[string][]int) (names []string, err error) {
	e, err := newExperts(SE, s, sample, Options{Anyway: true})
	if err != nil {
		return nil, err
	}
	for _, p := range e.places(s.Layers) {
		names = append(names, p.layer)
	}
	return names, nil
}

// Given is the file whose gates are given, with those of all selected layers: the value that the first of them reads is
// where the gates would come from, whatever it is.
func Given(s *graphmatch.Selection, sample map[string][]int) (func() (*onnx.Model, error), error) {
	e, err := newExperts(SE, s, sample, Options{Anyway: true, Tasks: numbered(len(s.Alignment.Models))})
	if err != nil {
		return nil, err
	}
	if e, err = e.at(&place{after: -1}); err != nil {
		return nil, err
	}
	return func() (*onnx.Model, error) {
		m, _, err := e.Given()
		return m, err
	}, nil
}

// numbered are names for models without files.
func numbered(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("model", i))
	}
	return names
}
