package gating

import (
	"fmt"
	"slices"
	"sync"

	"github.com/softmerge/softmerge/gating/internal/option"
	"github.com/softmerge/softmerge/gating/method"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Static is a merge that looks at weights alone, by a method of package method, and what that needs besides the
// parents.
type Static struct {
	Merge *method.Merge
	Start *onnx.Model // the model that the parents were trained from; nil where it is not known
	Seed  uint64      // of everything random
}

// NewStaticMixture returns the parents merged by a method, each counting as its weight says; nil weights are equal. The
// values are computed a tensor at a time when the baked model is read or written.
//
// A BatchNormalization is averaged, as the affine map that it computes, whatever the method, so that no variance is
// ever negative (see merges). Where the start lacks a layer, or is not finite there, the parents' mean stands for it
// (Mixture.Unstarted).
//
// Weights that are no numbers of at least 0, one a parent and one above 0, are an error of kind ErrOption; a start that
// has no layer of the plan one of kind graphmatch.ErrAlign.
func NewStaticMixture(p *Plan, weights []float64, s Static) (*Mixture, error) {
	c := p.Average(nil)
	if weights != nil {
		if err := checkWeights(weights, p.parents()); err != nil {
			return nil, err
		}
		c = p.weighted(weights)
		for g := range p.groups {
			if c.shares(g).total(0) == 0 {
				return nil, advice.Errorf(ErrOption, "give other models a weight, too",
					"no model with a weight above 0 has finite numbers at %s", p.groups[g].name)
			}
		}
	}
	static, err := newStatic(p, s)
	if err != nil {
		return nil, err
	}
	return &Mixture{plan: p, coefficients: c, static: static}, nil
}

// checkWeights refuses weights of which no mean can be made.
func checkWeights(weights []float64, parents int) error {
	var total float64
	for _, w := range weights {
		if !(w >= 0) || !onnx.Finite(w) {
			return option.Errorf("weight %v: want a number of at least 0", w)
		}
		total += w
	}
	if len(weights) != parents || !(total > 0) || !onnx.Finite(total) {
		return option.Errorf("%d weights that add up to %v: want one for each of %d models, not all 0", len(weights),
			total, parents)
	}
	return nil
}

// Static returns the method that merges, nil where coefficients alone do.
func (m *Mixture) Static() *Static {
	if m.static == nil {
		return nil
	}
	s := m.static.Static
	return &s
}

// Unstarted lists the layers of the plan for which the mean of the parents stands in for a start that is given.
func (m *Mixture) Unstarted() []string {
	if m.static == nil {
		return nil
	}
	return slices.Clone(m.static.unstarted)
}

// static is a Static for the layers of a plan. What it keeps is a cache, behind a lock.
type static struct {
	Static
	parents   *graphmatch.Alignment
	joined    *graphmatch.Alignment        // of the parents and, behind them, the start; nil without one
	started   map[string]*graphmatch.Layer // of joined, by name: those that the start has
	unstarted []string
	depths    map[string]float64 // by layer

	lock sync.Mutex
	kept map[string][]float64 // by layer and role: what takes long to compute
}

// newStatic finds the plan's layers in the start.
func newStatic(p *Plan, s Static) (*static, error) {
	a := p.selection.Alignment
	out := &static{Static: s, parents: a, started: map[string]*graphmatch.Layer{}, depths: depths(a),
		kept: map[string][]float64{}}
	if s.Start == nil {
		return out, nil
	}
	var err error
	if out.joined, err = join(a, s.Start); err != nil {
		return nil, fmt.Errorf("the start: %w", err)
	}
	for i := range out.joined.Layers {
		if l := &out.joined.Layers[i]; l.Mergeable() {
			out.started[l.Name] = l
		}
	}
	merged := 0
	for _, l := range p.layers {
		if !merges(l.layer) {
			continue
		}
		merged++
		if ok, err := out.hasStart(l.layer); err != nil {
			return nil, err
		} else if !ok {
			delete(out.started, l.layer.Name)
			out.unstarted = append(out.unstarted, l.layer.Name)
		}
	}
	if len(out.unstarted) == merged && merged > 0 {
		return nil, advice.Errorf(graphmatch.ErrAlign, "give the model that the others were trained from",
			"%s has none of the layers that are merged, and cannot be their start", s.Start.Path())
	}
	return out, nil
}

// depths is where each layer stands between the first, 0, and the last, 1.
func depths(a *graphmatch.Alignment) map[string]float64 {
	var names []string
	for i := range a.Layers {
		if a.Layers[i].Mergeable() {
			names = append(names, a.Layers[i].Name)
		}
	}
	out := map[string]float64{}
	for i, name := range names {
		out[name] = float64(i) / float64(max(1, len(names)-1))
	}
	return out
}

// hasStart says whether the start has a layer of the parents, with finite numbers.
func (s *static) hasStart(l *graphmatch.Layer) (bool, error) {
	own := s.started[l.Name]
	if own == nil {
		return false, nil
	}
	for k := range l.Params {
		at := withRole(own.Params, l.Params[k].Role)
		if at < 0 || !slices.Equal(own.Params[at].Shape, l.Params[k].Shape) {
			return false, nil
		}
		v, err := s.joined.Doubles(&own.Params[at], len(s.parents.Models), nil)
		if err != nil {
			return false, err
		}
		if !onnx.AllFinite(v) {
			return false, nil
		}
	}
	return true, nil
}
