package gating

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Bake bakes the recipe into the aligned models, which are in the recipe's order with its base.
func (r *Recipe) Bake(a *graphmatch.Alignment) (*onnx.Model, error) {
	m, err := r.Mixture(a)
	if err != nil {
		return nil, err
	}
	return m.Bake()
}

// Mixture returns what the recipe mixes of the aligned models, which are in its order
// with its base. Errors are of kind ErrRecipe or graphmatch.ErrAlign.
func (r *Recipe) Mixture(a *graphmatch.Alignment) (*Mixture, error) {
	if err := r.checkAlone(); err != nil {
		return nil, err
	}
	if len(r.Orders) > 0 {
		var err error
		if a, err = restore(a, r.Orders); err != nil {
			return nil, err
		}
	}
	if len(r.Source) > 0 {
		source, err := bakeTensors(a, r.Source)
		if err != nil {
			return nil, err
		}
		if a, err = join(a, source); err != nil {
			return nil, err
		}
	}
	p, c, err := r.plan(a)
	if err != nil {
		return nil, err
	}
	if err := r.checkRepairs(p); err != nil {
		return nil, err
	}
	m := &Mixture{plan: p.repairedBy(r.Repairs), coefficients: c, statistics: r.Statistics}
	if m.static, err = r.static(m.plan, c); err != nil || len(r.Statistics) == 0 {
		return m, err
	}
	plain, err := m.bake((*baker).plain)
	if err != nil {
		return nil, err
	}
	return m, r.checkStatistics(plain)
}

// checkStatistics makes sure that the statistics are those of normalisations of the model.
func (r *Recipe) checkStatistics(m *onnx.Model) error {
	tensors := initializers(m)
	channels := map[string]int{}
	for _, n := range normNodes(m) {
		channels[n.GetOutput()[0]] = m.Tensor(tensors[n.GetInput()[3]]).Len()
	}
	for _, s := range r.Statistics {
		n, ok := channels[s.Node]
		if !ok {
			return recipeErr("the recipe has statistics for %q, which is no normalisation of the models", s.Node)
		}
		if len(s.Mean) != n || len(s.Variance) != n {
			return recipeErr("normalisation %q: %d means and %d variances, want %d", s.Node, len(s.Mean),
				len(s.Variance), n)
		}
	}
	return nil
}

// checkRepairs refuses repairs that do not fit a layer of the plan.
func (r *Recipe) checkRepairs(p *Plan) error {
	for i := range r.Repairs {
		repair := &r.Repairs[i]
		at := slices.IndexFunc(p.layers, func(l plannedLayer) bool { return l.layer.Name == repair.Layer })
		if at < 0 || !repair.fits(p.layers[at].layer) {
			return recipeErr("the recipe's repair of layer %q fits no merged layer", repair.Layer)
		}
	}
	return nil
}

// plan rebuilds the plan that the recipe's coefficients belong to.
func (r *Recipe) plan(a *graphmatch.Alignment) (*Plan, Coefficients, error) {
	b := recipePlan{
		plan: &Plan{granularity: r.Granularity, selection: &graphmatch.Selection{Alignment: a}},
		all:  Coefficients{numbers: numbers{parents: len(a.Models)}}, known: map[string]*graphmatch.Layer{},
		at: map[string]int{},
	}
	for i := range a.Layers {
		b.known[a.Layers[i].Name] = &a.Layers[i]
	}
	for i := range r.Layers {
		if err := b.add(&r.Layers[i]); err != nil {
			return nil, Coefficients{}, err
		}
	}
	for _, l := range b.plan.layers {
		if k := slices.Index(l.groups, -1); k >= 0 {
			return nil, Coefficients{}, recipeErr("the recipe has no coefficients for %s of layer %q",
				l.layer.Params[k].Role, l.layer.Name)
		}
	}
	return b.plan, b.all, nil
}

// recipePlan is a plan under way from a recipe's layers.
type recipePlan struct {
	plan  *Plan
	all   Coefficients
	known map[string]*graphmatch.Layer // by name
	at    map[string]int               // where a layer is in the plan
}

// add adds a group of gates.
func (b *recipePlan) add(rl *RecipeLayer) error {
	layer := b.known[rl.Layer]
	if layer == nil || !layer.Mergeable() {
		return advice.Errorf(graphmatch.ErrAlign, "give the files that the recipe was made from",
			"the models have no layer %q that can be merged", rl.Layer)
	}
	i, ok := b.at[rl.Layer]
	if !ok {
		i = len(b.plan.layers)
		b.at[rl.Layer] = i
		none := slices.Repeat([]int{-1}, len(layer.Params))
		b.plan.layers = append(b.plan.layers, plannedLayer{layer, none, isAffine(layer)})
	}
	flat, err := rl.flat(b.all.parents)
	if err != nil {
		return err
	}
	at := len(b.all.groups)
	b.all.groups, b.all.shifts = append(b.all.groups, flat), append(b.all.shifts, rl.Shift)
	c := b.all.shares(at)
	for k, param := range layer.Params {
		if !slices.Contains(rl.Roles, param.Role) {
			continue
		}
		if !c.fits(&param) {
			return recipeErr("layer %q: %d coefficients a parent, its %s has shape %v", rl.Layer, c.Units(0),
				param.Role, param.Shape)
		}
		b.plan.layers[i].groups[k] = at
	}
	b.plan.groups = append(b.plan.groups, group{rl.Layer, c.Units(0), make([]bool, b.all.parents),
		b.plan.granularity.ofElements(isAffine(layer))})
	return nil
}

// flat checks a recipe layer's coefficients and returns them parent by parent.
func (rl *RecipeLayer) flat(parents int) (flat []float64, err error) {
	if len(rl.Coefficients) != parents {
		return nil, recipeErr("layer %q: coefficients for %d parents, want %d", rl.Layer, len(rl.Coefficients), parents)
	}
	units := len(rl.Coefficients[0])
	for _, c := range rl.Coefficients {
		if len(c) != units || units == 0 || !onnx.AllFinite(c) {
			return nil, recipeErr("layer %q: coefficients want the same number of finite values for every parent",
				rl.Layer)
		}
		flat = append(flat, c...)
	}
	if rl.Shift != nil && (len(rl.Shift) != units || !onnx.AllFinite(rl.Shift)) {
		return nil, recipeErr("layer %q: %d shifts, want as many finite ones as coefficients: %d", rl.Layer,
			len(rl.Shift), units)
	}
	return flat, nil
}
