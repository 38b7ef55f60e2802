package graphmatch

import (
	"context"
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/rebasin"
	"github.com/softmerge/softmerge/graphmatch/internal/symmetry"
	"github.com/softmerge/softmerge/onnx"
)

// PermuteOptions say how [Permute] looks for an order. The zero value is ready for use.
type PermuteOptions struct {
	Seed     uint64 // of the random order in which sets are improved; package random draws it
	Searches int    // from several starts, of which the best is kept; 0 means 3
	Rounds   int    // most sweeps over all sets in one search; 0 means 50
	// Similarity, if not nil, replaces the weights as evidence: for model j and a set of n hidden units
	// it returns an n x n matrix (row-major) of how alike unit r of the base and unit c of the model are,
	// such as the correlation of their activations on data (arXiv 2209.04836, section 3.1). A nil
	// matrix for any set leaves all sets of the model to their weights.
	Similarity func(ctx context.Context, j int, s *HiddenUnits) ([]float64, error)
}

// HiddenUnits is a set of hidden units whose order is free: output channels of the layers listed.
type HiddenUnits struct {
	Size   int
	Heads  int            // equal blocks (attention heads) that keep their units, 0 for none
	Layers []string       // layers with parameters that count these units
	Values []HiddenValues // where their activations can be observed
	Order  []int          // Order[i] is the model's unit that now stands for the base's unit i
}

// HiddenValues names the same activations in the base and in the model.
type HiddenValues struct {
	Base, Model string // names of values in the files
	Axis        int    // that counts the units, from the end: 1 is the last
	First       int    // position of the first unit along the axis
}

// Permuted is the result of [Permute].
type Permuted struct {
	Alignment *Alignment      // of the base and the reordered models
	Units     [][]HiddenUnits // per model; empty for the base
	Before    []float64       // per model: cosine between its weights and the base's, over all weights that may move
	After     []float64       // the same once reordered
}

// Permute reorders the hidden units of every model but the base so that its weights come close to the
// base's; the reordered models compute what they did before. What may be reordered is derived from each
// model's own graph. With no evidence (all weights different in shape) a model stays as it is.
// The error wraps what reading a tensor, an edit, or Similarity returned, or is the context's.
func Permute(ctx context.Context, a *Alignment, o PermuteOptions) (*Permuted, error) {
	if o.Searches < 0 || o.Rounds < 0 {
		return nil, fmt.Errorf("%d searches of %d rounds: want at least 1, or 0 for the default", o.Searches, o.Rounds)
	}
	if o.Searches == 0 {
		o.Searches = 3
	}
	if o.Rounds == 0 {
		o.Rounds = 50
	}
	n := len(a.Models)
	p := &Permuted{Units: make([][]HiddenUnits, n), Before: make([]float64, n), After: make([]float64, n)}
	models := slices.Clone(a.Models)
	for j := range models {
		if j == a.Base {
			p.Before[j], p.After[j] = 1, 1
			continue
		}
		if err := p.model(ctx, a, j, o, models); err != nil {
			return nil, err
		}
	}
	var err error
	p.Alignment, err = Align(models, a.Base)
	return p, err
}

// Related is the cosine between the weights of two models from which they count as fine-tunes of one start, whose
// units need no search for their order. The fixtures' fine-tunes have 0.73 to 0.99; independent trainings have cosines
// near 0, or up to 0.6 where normalisation statistics, all positive, weigh much. Once reordered, fixtures' seeds have
// 0.6 or less, and their averages are worse than the better of each pair.
const Related = 0.7

// Hidden lists every model's sets of hidden units as they are, in the order Permute takes them, and the
// cosines between its weights and the base's over all weights that may move. It moves nothing and is quick.
func Hidden(a *Alignment) (units [][]HiddenUnits, cosines []float64, err error) {
	units, cosines = make([][]HiddenUnits, len(a.Models)), make([]float64, len(a.Models))
	for j := range a.Models {
		if j == a.Base {
			cosines[j] = 1
			continue
		}
		sym, m, err := a.hidden(j)
		if err != nil {
			return nil, nil, err
		}
		units[j], cosines[j] = a.describeUnits(j, sym), m.Cosine()
	}
	return units, cosines, nil
}

// hidden derives what may move in model j, and reads its weights and the base's. Statistics of normalisations
// are reordered with their channels but say nothing about which is which.
func (a *Alignment) hidden(j int) (*symmetry.Symmetry, *rebasin.Matcher, error) {
	sym := symmetry.Trace(a.views[j])
	m := rebasin.NewMatcher(sym)
	partner := a.partners(j)
	for _, f := range sym.Blocks {
		w := partner[f.Unit]
		if w == nil || f.Param.Role == "mean" || f.Param.Role == "var" || !f.Movable() {
			continue
		}
		q := w.Param(f.Param.Role)
		if folded := a.folds[w] != nil || a.folds[f.Unit] != nil; folded && f.Param.Role != "weight" {
			continue // the bias of one means another thing than that of the other
		}
		if q == nil || !slices.Equal(w.CanonicalShape(q), f.Unit.CanonicalShape(f.Param)) {
			continue
		}
		base, other, err := a.pair(j, f.Unit, f.Param, w, q)
		if err != nil {
			return nil, nil, err
		}
		if !m.Add(f, base, other) {
			name := f.Param.C.Name()
			return nil, nil, fmt.Errorf("%s: %w: %q has fewer values than its shape", a.labels[j], ErrAlign, name)
		}
	}
	return sym, m, nil
}

// partners are the base's layers by the layers of model j that stand for them.
func (a *Alignment) partners(j int) map[*flow.Unit]*flow.Unit {
	partner := map[*flow.Unit]*flow.Unit{}
	for _, r := range a.table {
		if r[j] != nil && r[a.Base] != nil {
			partner[r[j]] = r[a.Base]
		}
	}
	return partner
}

// pair reads a parameter of model j and the base's, the latter as the model stores it.
func (a *Alignment) pair(
	j int, u *flow.Unit, p *flow.Param, w *flow.Unit, q *flow.Param,
) (base, other []float32, err error) {
	read := func(j int, u *flow.Unit, p *flow.Param) ([]float32, error) {
		use := useOf(p)
		use.fold = a.folds[u]
		return use.floats(a.Models[j], p.Role, nil)
	}
	if other, err = read(j, u, p); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", a.labels[j], err)
	}
	if base, err = read(a.Base, w, q); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", a.labels[a.Base], err)
	}
	if shape := q.C.FileShape(); len(shape) == 2 && w.Transposed(q) != u.Transposed(p) {
		base = flow.TransposedMatrix(base, shape[0], shape[1])
	}
	return base, other, nil
}

// model reorders one model.
func (p *Permuted) model(ctx context.Context, a *Alignment, j int, o PermuteOptions, models []*onnx.Model) error {
	sym, m, err := a.hidden(j)
	if err != nil {
		return err
	}
	p.Before[j] = m.Cosine()
	units := a.describeUnits(j, sym)
	if err := a.order(ctx, j, m, units, o); err != nil {
		return err
	}
	p.After[j] = m.Cosine()
	for i := range units {
		units[i].Order = m.Order[i]
	}
	p.Units[j] = units
	models[j], err = a.Models[j].With(rebasin.Reorder(a.views[j], sym, m.Order)...)
	if err != nil {
		return fmt.Errorf("%s: %w", a.labels[j], err)
	}
	return nil
}

// order orders the units of model j by the caller's similarities, if there are any for all sets, else by its weights.
func (a *Alignment) order(ctx context.Context, j int, m *rebasin.Matcher, units []HiddenUnits,
	o PermuteOptions) error {
	if o.Similarity != nil {
		scores, err := similarities(ctx, j, units, o)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(scores, func(s []float64) bool { return s == nil }) {
			return m.AssignAll(ctx, scores)
		}
	}
	return m.Search(ctx, o.Seed, o.Searches-1, o.Rounds)
}

// similarities asks the caller how alike the units of every set are.
func similarities(ctx context.Context, j int, units []HiddenUnits, o PermuteOptions) (scores [][]float64, err error) {
	scores = make([][]float64, len(units))
	for i := range units {
		if scores[i], err = o.Similarity(ctx, j, &units[i]); err != nil {
			return nil, err
		}
		if n := units[i].Size; scores[i] != nil && len(scores[i]) != n*n {
			return nil, fmt.Errorf("similarity of %d hidden units of %v has %d numbers, want %d",
				n, units[i].Layers, len(scores[i]), n*n)
		}
	}
	return scores, nil
}

// describeUnits makes the exported description of all sets.
func (a *Alignment) describeUnits(j int, sym *symmetry.Symmetry) []HiddenUnits {
	units := make([]HiddenUnits, len(sym.Sets))
	partner := a.partners(j)
	for i, h := range sym.Sets {
		units[i].Size, units[i].Heads = h.Size, h.Heads
	}
	for _, f := range sym.Blocks {
		for k := range f.Shape {
			for _, r := range f.Spans(k) {
				if u := &units[r.Set]; !slices.Contains(u.Layers, f.Unit.Name) {
					u.Layers = append(u.Layers, f.Unit.Name)
				}
			}
		}
	}
	for _, made := range sym.LayerOutputs {
		w := partner[made.Unit]
		for _, r := range made.Spans() {
			if w != nil {
				v := HiddenValues{Base: resultName(w), Model: resultName(made.Unit), Axis: made.FromEnd, First: r.Start}
				units[r.Set].Values = append(units[r.Set].Values, v)
			}
		}
	}
	return units
}

// resultName is the name of the value that a layer computes.
func resultName(u *flow.Unit) string {
	last := u.Members[len(u.Members)-1]
	if u.Anchor.Op != u.Op || len(u.Members) == 1 || last.Op != "Add" {
		last = u.Anchor
	}
	if len(last.Proto.GetOutput()) == 0 {
		return ""
	}
	return last.Proto.GetOutput()[0]
}
