package experts

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/routed"
	"github.com/softmerge/softmerge/gating/routed/internal/surgery"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Options say how models are mixed sample by sample. The zero value of a field means its default.
type Options struct {
	// Router is a pattern of layers (graphmatch.Alignment.Select): gates are computed from what one of them reads, the
	// data says of which. "" are all layers.
	Router string
	Tasks  []string // names of the models in the file's metadata; default those of their files
	// Files says of each sample of some data the model that it is meant for; nil where their losses tell.
	Files  func(*dataset.Data) []int
	Learn  gating.LearnOptions // of Smear: how its router learns
	Anyway bool                // go on where the models do not seem to have one start
}

// Experts is several models in one file that mixes them for every sample. It never changes.
type Experts struct {
	method         gating.Method
	selection      *graphmatch.Selection
	tasks          []string
	sample         map[string][]int // shape of one sample of each input
	static         bool             // the graph says all of them
	shapes         *shapes
	place          *place
	gates          gating.RecipeGates
	shared, routed []int // of the selection's layers
	told           Told
	learned        *gating.Learned // of a router that was; nil of others
	warnings       advice.Warnings
}

// The least versions of a graph that takes the nodes.
const leastOpset = 9

// newExperts checks models, and follows the base's graph with samples of a shape. Nothing says yet where gates come
// from.
func newExperts(method gating.Method, s *graphmatch.Selection, sample map[string][]int, o Options) (*Experts, error) {
	e := &Experts{method: method, selection: s, sample: sample, tasks: o.Tasks, static: static(base(s.Alignment))}
	var err error
	if e.tasks, err = routed.Names(o.Tasks, s.Alignment.Models); err != nil {
		return nil, err
	}
	if err := s.Strict(); err != nil {
		return nil, err
	}
	if err := e.checkGraph(); err != nil {
		return nil, err
	}
	if e.warnings, err = routed.CheckRelated(s.Alignment, o.Anyway); err != nil {
		return nil, err
	}
	if err := e.checkFinite(); err != nil {
		return nil, err
	}
	e.shapes, err = follow(base(s.Alignment), sample, e.names())
	return e, err
}

// static says whether the graph declares every axis of its inputs but the first.
func static(m *onnx.Model) bool {
	return !slices.ContainsFunc(gating.Fields(m), func(f dataset.Field) bool {
		return len(f.Shape) == 0 || slices.Contains(f.Shape[1:], -1)
	})
}

// names are the values that layers read and make.
func (e *Experts) names() []string {
	seen := map[string]bool{}
	var list []string
	for _, i := range e.selection.Layers {
		sites, err := sitesOf(e.selection.Alignment, []int{i})
		if err != nil {
			continue
		}
		for _, s := range sites {
			for _, name := range append(s.inputs(), s.node.GetOutput()[0]) {
				if name != "" && !seen[name] {
					seen[name] = true
					list = append(list, name)
				}
			}
		}
	}
	return list
}

// inputs are those of a node that are no parameters.
func (s *site) inputs() (list []string) {
	for slot, name := range s.node.GetInput() {
		if _, own := s.params[slot]; !own {
			list = append(list, name)
		}
	}
	return list
}

// checkGraph refuses graphs that cannot take the nodes.
func (e *Experts) checkGraph() error {
	m := base(e.selection.Alignment)
	file := filepath.Base(m.Path())
	if got := m.Opset(""); got < leastOpset {
		return advice.Errorf(graphmatch.ErrAlign, "export the models anew, or convert them with onnx.version_converter",
			"%s imports opset %d: a file that mixes models for every sample needs %d", file, got, leastOpset)
	}
	if n := gating.FixedBatch(m); n > 0 {
		return advice.Errorf(network.ErrUnsupported,
			"export it with a dynamic batch axis: dynamic_axes or dynamic_shapes of torch.onnx.export",
			"%s was exported for %d samples at once: models are mixed for each of any number", file, n)
	}
	return nil
}

// checkFinite refuses numbers that are not finite: times a gate of 0 they are no numbers.
func (e *Experts) checkFinite() error {
	a := e.selection.Alignment
	for _, i := range e.selection.Layers {
		l := &a.Layers[i]
		if l.Status == graphmatch.Identical {
			continue
		}
		for k := range l.Params {
			for j, m := range a.Models {
				v, err := a.Floats(&l.Params[k], j, nil)
				if err != nil {
					return err
				}
				if !onnx.AllFinite(v) {
					return advice.Errorf(graphmatch.ErrAlign, "leave that model out, or the layer with --except",
						"layer %s has a NaN or an infinity in %s, which no gate keeps out", l.Name,
						filepath.Base(m.Path()))
				}
			}
		}
	}
	return nil
}

// at is the merge with gates from a place, an error where the layers behind it cannot be mixed.
func (e *Experts) at(p *place) (*Experts, error) {
	out := *e
	out.place = p
	out.shared, out.routed = e.divide(p)
	if len(out.routed) == 0 {
		return nil, advice.Errorf(graphmatch.ErrAlign, "name an earlier layer with --router, or select more",
			"no layer behind what %s reads is different in the models", p.layer)
	}
	_, err := out.mixed(surgery.NewWriter(e.selection.Alignment), func(*surgery.Writer) string { return "gates" })
	return &out, err
}

// mixed rewrites the layers behind the gates, which a function adds.
func (e *Experts) mixed(w *surgery.Writer, gates func(*surgery.Writer) string) (*surgery.Writer, error) {
	sites, err := sitesOf(e.selection.Alignment, e.routed)
	if err != nil {
		return nil, err
	}
	m := newMixer(w, e.shapes, e.head(), gates(w))
	for _, s := range sites {
		if err := m.mix(s); err != nil {
			return nil, err
		}
	}
	for _, i := range e.routed {
		w.Reset(&e.selection.Alignment.Layers[i])
	}
	return w, nil
}

// Tasks are the models' names in the file's metadata.
func (e *Experts) Tasks() []string { return slices.Clone(e.tasks) }

// Warnings are what the user should know.
func (e *Experts) Warnings() advice.Warnings { return slices.Clone(e.warnings) }

// Gates are how the gates come of a sample.
func (e *Experts) Gates() gating.RecipeGates { return e.gates }

// Width is how many numbers the gates of a sample are computed from.
func (e *Experts) Width() int { return e.place.width(e.gates.Flat) }

// Routed says whether a layer is mixed for every sample, and Shared whether it is the models' mean.
func (e *Experts) Routed(l *graphmatch.Layer) bool { return e.among(e.routed, l) }

// Shared says whether a layer is the models' mean for all samples.
func (e *Experts) Shared(l *graphmatch.Layer) bool { return e.among(e.shared, l) }

func (e *Experts) among(list []int, l *graphmatch.Layer) bool {
	return slices.ContainsFunc(list, func(i int) bool { return e.selection.Alignment.Layers[i].Name == l.Name })
}

// noTask is the error that there is no model of a number.
func (e *Experts) noTask(task int) error {
	return advice.Errorf(gating.ErrOption, fmt.Sprintf("count from 0 to %d", len(e.tasks)-1),
		"task %d: there are %d models", task, len(e.tasks))
}
