package routed

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Options say what several task models become one file with. The zero value of a field means its default.
type Options struct {
	Start  *onnx.Model // that all models were trained from; nil where it is not known: then their mean stands for it
	Tasks  []string    // the tasks' names, one a model, in their order; default the names of the files
	Anyway bool        // go on where the models do not seem to have one start
}

// EMR is several models by EMR-Merging (arXiv 2405.17461). It never changes.
type EMR struct {
	selection *graphmatch.Selection
	start     *onnx.Model
	joined    *graphmatch.Alignment // of the models and, behind them, the start; nil without one
	tasks     []string
	parts     []part
	factors   []float64 // lambda_t
	warnings  advice.Warnings
}

// NewEMR elects, masks and rescales what the aligned models' selected layers learned from their start. Layers that are
// not selected stay the base's. Layers that outputs come from (heads), parameters that vary along one axis alone,
// layers that the start has not, and numbers that are not finite are kept for each task as they are. Linear heads may
// have another number of outputs in each model.
//
// Errors are of kind graphmatch.ErrAlign where the models have no common start or layers are not the same in all of
// them, of kind gating.ErrOption where the options do not fit, and those of reading tensors.
func NewEMR(s *graphmatch.Selection, o Options) (*EMR, error) {
	e := &EMR{selection: s, start: o.Start}
	var err error
	if e.tasks, err = Names(o.Tasks, s.Alignment.Models); err != nil {
		return nil, err
	}
	if o.Start != nil {
		e.joined, err = graphmatch.AlignStructure(append(slices.Clone(s.Alignment.Models), o.Start), s.Alignment.Base)
		if err != nil {
			return nil, fmt.Errorf("the start: %w", err)
		}
	}
	if err := e.checkRelated(o.Anyway); err != nil {
		return nil, err
	}
	if err := e.divide(); err != nil {
		return nil, err
	}
	if len(e.parts) == 0 {
		return nil, advice.Errorf(graphmatch.ErrAlign, "any one of them is all of them",
			"the models are identical in every selected layer")
	}
	return e, nil
}

// checkRelated refuses models that were not trained from one start, as far as weights tell.
func (e *EMR) checkRelated(anyway bool) (err error) {
	a := e.selection.Alignment
	if e.joined != nil {
		a = e.joined
	}
	e.warnings, err = CheckRelated(a, anyway)
	return err
}

// divide lists the parameters of the selected layers, says which of them are kept as they are, and computes the
// factors.
func (e *EMR) divide() error {
	a, started := e.selection.Alignment, e.startedLayers()
	w := newWalk(a)
	heads := w.heads()
	var unstarted []string
	for _, i := range e.selection.Layers {
		l := &a.Layers[i]
		if l.Status == graphmatch.Identical && len(e.tasks) > 1 {
			continue
		}
		head := e.sizedHead(l, w)
		if !l.Mergeable() && (head == nil || !heads[l]) {
			return e.selection.Strict()
		}
		if e.start != nil && started[l.Name] == nil && !heads[l] {
			unstarted = append(unstarted, l.Name)
		}
		for k := range l.Params {
			p := part{layer: l, param: &l.Params[k], start: startOf(started[l.Name], &l.Params[k]), head: head}
			p.exact = heads[l] || !matrix(p.param.Shape) || e.start != nil && p.start == nil
			e.parts = append(e.parts, p)
		}
	}
	if err := e.rescale(); err != nil {
		return err
	}
	return e.checkStarted(unstarted)
}

// rescale computes the factors.
func (e *EMR) rescale() error {
	sums := make([]rescaling, len(e.tasks))
	for i := range e.parts {
		if err := e.measure(&e.parts[i], sums); err != nil {
			return err
		}
	}
	for t := range sums {
		e.factors = append(e.factors, sums[t].factor())
	}
	return nil
}

// startedLayers are the layers that the start has, too.
func (e *EMR) startedLayers() map[string]*graphmatch.Layer {
	started := map[string]*graphmatch.Layer{}
	if e.joined == nil {
		return started
	}
	for i := range e.joined.Layers {
		if l := &e.joined.Layers[i]; l.Mergeable() {
			started[l.Name] = l
		}
	}
	return started
}

// checkStarted warns of layers that the start has not, and refuses a start that has none.
func (e *EMR) checkStarted(unstarted []string) error {
	if len(unstarted) == 0 {
		return nil
	}
	if !slices.ContainsFunc(e.parts, func(p part) bool { return p.start != nil }) {
		return advice.Errorf(graphmatch.ErrAlign, "give the model that the others were trained from",
			"%s has none of the layers that are merged, and cannot be their start", e.start.Path())
	}
	e.warnings.Addf(graphmatch.ErrAlign, "that is as it should be of heads; else give the start of these models",
		"%s has nothing that fits at %s: kept whole for each task", filepath.Base(e.start.Path()),
		strings.Join(unstarted, ", "))
	return nil
}

// startOf finds a parameter in the start's layer; nil where it has none of its shape.
func startOf(l *graphmatch.Layer, p *graphmatch.Param) *graphmatch.Param {
	if l == nil {
		return nil
	}
	i := slices.IndexFunc(l.Params, func(own graphmatch.Param) bool {
		return own.Role == p.Role && slices.Equal(own.Shape, p.Shape)
	})
	if i < 0 {
		return nil
	}
	return &l.Params[i]
}

// measure adds a part to the sums of the tasks' factors, or leaves it to each task where its numbers, or what becomes
// of them in the base's type, are not finite.
func (e *EMR) measure(p *part, sums []rescaling) error {
	if p.exact {
		return nil
	}
	u, err := e.unite(p)
	if err != nil {
		return err
	}
	for t, own := range u.taus {
		if !onnx.AllFinite(own) && onnx.AllFinite(u.theta) {
			e.warnings.Addf(graphmatch.ErrAlign, "look at how that model was trained or exported",
				"%s has a NaN or an infinity in %s: kept whole for each task", p.name(), e.tasks[t])
		}
	}
	for _, list := range append(u.taus, u.theta, u.tau) {
		p.exact = p.exact || !onnx.AllFinite(list)
	}
	for t := range sums {
		if !p.exact {
			sums[t].add(u.taus[t], u.tau)
		}
	}
	return nil
}

// base is the model that gives the graph.
func (e *EMR) base() *onnx.Model { return e.selection.Alignment.Models[e.selection.Alignment.Base] }

// Tasks are the tasks' names, in the order of their numbers.
func (e *EMR) Tasks() []string { return slices.Clone(e.tasks) }

// Factors are the lambda_t of the tasks.
func (e *EMR) Factors() []float64 { return slices.Clone(e.factors) }

// Warnings are what the user should know.
func (e *EMR) Warnings() advice.Warnings { return slices.Clone(e.warnings) }

// Count says how many weights are elected, and how many are kept for each task, of one model.
func (e *EMR) Count() (elected, exact int) {
	for i := range e.parts {
		if p := &e.parts[i]; p.exact {
			exact += p.size()
		} else {
			elected += p.size()
		}
	}
	return elected, exact
}

// Sized lists the heads whose numbers of outputs differ from task to task.
func (e *EMR) Sized() (names []string) {
	for i := range e.parts {
		if p := &e.parts[i]; p.head != nil && !slices.Contains(names, p.layer.Name) {
			names = append(names, p.layer.Name)
		}
	}
	return names
}

// Exact lists the roles of a layer's parameters that are kept for each task.
func (e *EMR) Exact(l *graphmatch.Layer) (roles []string) {
	for i := range e.parts {
		if p := &e.parts[i]; p.exact && p.layer == l {
			roles = append(roles, p.param.Role)
		}
	}
	return roles
}
