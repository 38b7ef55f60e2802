package graphmatch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// PermuteOptions say how [Permute] looks for an order. The zero value is ready for use.
type PermuteOptions struct {
	Seed     uint64 // of the random order in which sets are improved
	Restarts int    // searches beyond the first; 0 means 2, negative none
	Rounds   int    // most sweeps over all sets in one search; 0 means 50
	// Similarity, if not nil, replaces the weights as evidence: for model j and a set of n hidden units
	// it returns an n x n matrix (row-major) of how alike unit r of the base and unit c of the model are,
	// such as the correlation of their activations on data (arXiv 2209.04836, section 3.1). A nil
	// matrix leaves the set to its weights.
	Similarity func(j int, s *HiddenUnits) ([]float64, error)
}

// HiddenUnits is a set of hidden units whose order is free: output channels of the layers listed.
type HiddenUnits struct {
	Size   int
	Heads  int            // equal blocks that move as a whole (attention heads), 0 for none
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
// The error wraps what reading a tensor, an edit, or Similarity returned.
func Permute(a *Alignment, o PermuteOptions) (*Permuted, error) {
	p := &Permuted{Units: make([][]HiddenUnits, len(a.Models)), Before: make([]float64, len(a.Models)), After: make([]float64, len(a.Models))}
	models := slices.Clone(a.Models)
	for j := range models {
		if j == a.Base {
			p.Before[j], p.After[j] = 1, 1
			continue
		}
		if err := p.model(a, j, o, models); err != nil {
			return nil, err
		}
	}
	var err error
	p.Alignment, err = Align(models, a.Base)
	return p, err
}

// model reorders one model.
func (p *Permuted) model(a *Alignment, j int, o PermuteOptions, models []*onnx.Model) error {
	sym := traceSymmetry(a.views[j])
	m, err := a.newMatcher(j, sym)
	if err != nil {
		return err
	}
	p.Before[j] = m.cosine()
	units := a.describeUnits(j, sym)
	if err := m.search(j, units, o); err != nil {
		return err
	}
	p.After[j] = m.cosine()
	for i := range units {
		units[i].Order = m.order[i]
	}
	p.Units[j] = units
	models[j], err = a.Models[j].With(a.views[j].reorder(sym, m.order)...)
	if err != nil {
		return fmt.Errorf("%s: %w", a.labels[j], err)
	}
	return nil
}

// search runs the optimisation from several starts and keeps the best order.
func (m *matcher) search(j int, units []HiddenUnits, o PermuteOptions) error {
	if o.Similarity != nil {
		done, err := m.bySimilarity(j, units, o)
		if done || err != nil {
			return err
		}
	}
	restarts, rounds := o.Restarts, o.Rounds
	if restarts == 0 {
		restarts = 2
	}
	if rounds == 0 {
		rounds = 50
	}
	var best [][]int
	top := math.Inf(-1)
	for start := range max(restarts, 0) + 1 {
		for i, h := range m.sets {
			m.order[i], m.known[i] = identity(h.size), false
		}
		if start != 1 { // the second search starts from the order as it is
			m.begin()
		}
		m.sweep(rounds, rand.New(rand.NewPCG(o.Seed, uint64(start))))
		if score := m.objective(m.faces); score > top+tiny*math.Abs(top) || best == nil {
			top, best = score, nil
			for _, order := range m.order {
				best = append(best, slices.Clone(order))
			}
		}
	}
	m.order = best
	return nil
}

// bySimilarity orders the sets for which the caller gives a matrix; done when that is all.
func (m *matcher) bySimilarity(j int, units []HiddenUnits, o PermuteOptions) (done bool, err error) {
	scores := make([][]float64, len(units))
	done = true
	for i := range units {
		scores[i], err = o.Similarity(j, &units[i])
		if err != nil {
			return false, err
		}
		if n := units[i].Size; scores[i] != nil && len(scores[i]) != n*n {
			return false, fmt.Errorf("similarity of %d hidden units of %v has %d numbers, want %d", n, units[i].Layers, len(scores[i]), n*n)
		}
		done = done && scores[i] != nil
	}
	if !done {
		return false, nil
	}
	for set := range m.sets {
		if group := m.group(set); slices.Min(group) == set {
			var list [][]float64
			for _, s := range group {
				list = append(list, scores[s])
			}
			m.adopt(group, list)
		}
	}
	return true, nil
}

// cosine is the cosine between the base's weights and the model's in their present order.
func (m *matcher) cosine() float64 {
	var aa, bb float64
	for _, g := range m.faces {
		for i := range g.a {
			aa += float64(g.a[i]) * float64(g.a[i])
			bb += float64(g.b[i]) * float64(g.b[i])
		}
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return m.objective(m.faces) / math.Sqrt(aa*bb)
}

// describeUnits makes the exported description of all sets.
func (a *Alignment) describeUnits(j int, sym *symmetry) []HiddenUnits {
	units := make([]HiddenUnits, len(sym.sets))
	partner := map[*unit]*unit{}
	for _, r := range a.table {
		if r[j] != nil {
			partner[r[j]] = r[a.Base]
		}
	}
	for i, h := range sym.sets {
		units[i].Size, units[i].Heads = h.size, h.heads
	}
	for _, f := range sym.faces {
		for _, x := range f.axes {
			for _, r := range x.resolved() {
				if u := &units[r.set]; !slices.Contains(u.Layers, f.unit.name) {
					u.Layers = append(u.Layers, f.unit.name)
				}
			}
		}
	}
	for _, made := range sym.made {
		w := partner[made.unit]
		for _, r := range made.axis.resolved() {
			if w != nil {
				v := HiddenValues{Base: w.result(), Model: made.unit.result(), Axis: made.fromEnd, First: r.start}
				units[r.set].Values = append(units[r.set].Values, v)
			}
		}
	}
	return units
}

// result is the name of the value that a layer computes.
func (u *unit) result() string {
	last := u.members[len(u.members)-1]
	if u.anchor.op != u.op || len(u.members) == 1 || last.op != "Add" {
		last = u.anchor
	}
	if len(last.proto.GetOutput()) == 0 {
		return ""
	}
	return last.proto.GetOutput()[0]
}

// reorder are the edits that put all parameters of a model into a new order. A tensor that others read
// too, or want in another order, is copied under a new name for the sites that want it reordered.
func (v *view) reorder(sym *symmetry, order [][]int) []onnx.Edit {
	c := &copier{view: v, order: order, taken: v.names(), readers: v.tensorReaders()}
	byParam := map[*param][]*face{}
	byTensor := map[*onnxpb.TensorProto][]*param{}
	var tensors []*onnxpb.TensorProto
	for _, f := range sym.faces {
		p := f.param
		if byParam[p] == nil {
			if byTensor[p.c.tensor] == nil {
				tensors = append(tensors, p.c.tensor)
			}
			byTensor[p.c.tensor] = append(byTensor[p.c.tensor], p)
		}
		byParam[p] = append(byParam[p], f)
	}
	for _, t := range tensors {
		c.tensor(t, byTensor[t], byParam)
	}
	return c.edits
}

// copier collects the edits of reorder.
type copier struct {
	view    *view
	order   [][]int
	taken   map[string]bool
	readers map[*onnxpb.TensorProto]int
	edits   []onnx.Edit
}

// tensor reorders one tensor for all parameters that read it.
func (c *copier) tensor(t *onnxpb.TensorProto, params []*param, faces map[*param][]*face) {
	sites, same := 0, true
	for _, p := range params {
		sites += len(p.at)
		same = same && c.sameOrder(faces[params[0]], faces[p])
	}
	if same && sites == c.readers[t] {
		if moves(faces[params[0]], c.order) {
			c.edits = append(c.edits, onnx.SetValues(t, c.view.reordered(params[0], faces[params[0]], c.order)))
		}
		return
	}
	for _, p := range params {
		if moves(faces[p], c.order) {
			c.copy(p, faces[p])
		}
	}
}

// sameOrder tells whether two lists of faces put a tensor into the same order.
func (c *copier) sameOrder(a, b []*face) bool {
	m := &matcher{order: c.order}
	return slices.EqualFunc(a, b, func(f, g *face) bool {
		if f.first != g.first || !slices.Equal(f.shape, g.shape) {
			return false
		}
		x, y := f.match(), g.match()
		for k := range f.shape {
			if !slices.Equal(m.index(x, k), m.index(y, k)) {
				return false
			}
		}
		return true
	})
}

// match is a face without values.
func (f *face) match() *matchFace {
	g := &matchFace{shape: f.shape}
	for _, a := range f.axes {
		g.runs = append(g.runs, a.resolved())
	}
	return g
}

// copy gives the sites of a parameter a reordered copy of its tensor.
func (c *copier) copy(p *param, faces []*face) {
	name := p.c.name() + "_reordered"
	for n := 2; c.taken[name]; n++ {
		name = fmt.Sprintf("%s_reordered%d", p.c.name(), n)
	}
	c.taken[name] = true
	g := c.view.model.Proto().GetGraph()
	c.edits = append(c.edits, onnx.AddInitializer(g, name, p.c.dataType(), p.c.fileShape(), c.view.reordered(p, faces, c.order)))
	for _, at := range p.at {
		s := at.site(p.c)
		c.edits = append(c.edits, onnx.SetInput(s.Node, s.Input, name))
	}
}

// moves tells whether an order changes anything on faces.
func moves(faces []*face, order [][]int) bool {
	for _, f := range faces {
		for _, a := range f.axes {
			for _, r := range a.resolved() {
				if !slices.IsSorted(order[r.set]) {
					return true
				}
			}
		}
	}
	return false
}

// reordered gives the values of a parameter in a new order when they are needed.
func (v *view) reordered(p *param, faces []*face, order [][]int) onnx.Source {
	return func() ([]float64, error) {
		values, err := v.model.Tensor(p.c.tensor).Doubles(nil)
		if err != nil {
			return nil, err
		}
		m := &matcher{order: order}
		for _, f := range faces {
			g := f.match()
			size, outer := 1, 1
			for _, d := range f.shape {
				size *= d
			}
			block := values[f.first : f.first+size]
			for k, d := range f.shape {
				if len(g.runs[k]) > 0 {
					copy(block, gather(block, outer, d, m.index(g, k)))
				}
				outer *= d
			}
		}
		return values, nil
	}
}

// tensorReaders counts the input slots that read each tensor, dead nodes included.
func (v *view) tensorReaders() map[*onnxpb.TensorProto]int {
	count := map[*onnxpb.TensorProto]int{}
	for _, n := range v.nodes {
		for _, in := range n.in {
			if in != nil && in.fixed != nil && in.fixed.tensor != nil {
				count[in.fixed.tensor]++
			}
		}
	}
	for _, out := range v.outputs {
		if out != nil && out.fixed != nil && out.fixed.tensor != nil {
			count[out.fixed.tensor]++
		}
	}
	return count
}

// names are all names that the main graph and its bodies define.
func (v *view) names() map[string]bool {
	taken := map[string]bool{}
	g := v.model.Proto().GetGraph()
	for _, t := range g.GetInitializer() {
		taken[t.GetName()] = true
	}
	for _, in := range g.GetInput() {
		taken[in.GetName()] = true
	}
	for _, n := range v.nodes {
		for _, out := range n.proto.GetOutput() {
			taken[out] = true
		}
	}
	for _, n := range g.GetNode() {
		for _, out := range n.GetOutput() {
			taken[out] = true
		}
	}
	return taken
}
