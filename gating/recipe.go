package gating

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// RecipeVersion is the version of the recipe format.
const RecipeVersion = 1

// Recipe is all that is needed to bake a merge again from the same parents,
// without data: the bytes come out the same.
type Recipe struct {
	Version     int           `json:"softmerge_recipe"`
	Method      Method        `json:"method"`
	Chosen      string        `json:"chosen"`
	Granularity Granularity   `json:"granularity"`
	Seed        uint64        `json:"seed"`
	Base        int           `json:"base"`    // index in Parents
	Parents     []string      `json:"parents"` // sha256 of each parent, in the order of the coefficients
	Layers      []RecipeLayer `json:"layers"`
	Statistics  []Statistics  `json:"statistics,omitempty"` // normalisation statistics measured after merging
	Repairs     []Repair      `json:"repairs,omitempty"`    // output channels rescaled after merging
	Orders      [][]UnitOrder `json:"orders,omitempty"`     // per parent: hidden units brought into the base's order
}

// RecipeLayer is the coefficients of some of a layer's parameters.
type RecipeLayer struct {
	Layer        string      `json:"layer"`
	Roles        []string    `json:"roles"`
	Coefficients [][]float64 `json:"coefficients"` // per parent: one, or one a channel
}

// Recipe returns the recipe of the chosen candidate, an error if it is a parent.
func (r *Result) Recipe() (*Recipe, error) {
	c := r.Chosen
	if c.Parent >= 0 {
		return nil, &hinted{ErrNoGain, "there is no recipe: the result is a parent as it is", "leave out --recipe"}
	}
	rec := &Recipe{
		Version: RecipeVersion, Method: r.options.Method, Chosen: c.Name, Granularity: c.plan.Granularity,
		Seed: r.options.Learn.Seed, Base: r.Alignment.Base, Statistics: c.statistics, Repairs: c.plan.repairs, Orders: r.arranged.orders,
	}
	for _, m := range r.parents {
		sum, err := m.SHA256()
		if err != nil {
			return nil, err
		}
		rec.Parents = append(rec.Parents, sum)
	}
	for _, l := range c.plan.Layers {
		rec.Layers = append(rec.Layers, c.plan.recipeLayers(l, c.coeffs)...)
	}
	return rec, nil
}

// recipeLayers lists a layer's groups with their coefficients.
func (p *Plan) recipeLayers(l PlannedLayer, coeffs [][]float64) []RecipeLayer {
	var list []RecipeLayer
	at := map[int]int{}
	for k, g := range l.Groups {
		i, ok := at[g]
		if !ok {
			i = len(list)
			at[g] = i
			list = append(list, RecipeLayer{Layer: l.Layer.Name, Coefficients: p.byParent(g, coeffs)})
		}
		list[i].Roles = append(list[i].Roles, l.Layer.Params[k].Role)
	}
	return list
}

// byParent returns a group's coefficients as one list a parent.
func (p *Plan) byParent(g int, coeffs [][]float64) [][]float64 {
	units := p.Groups[g].Units
	out := make([][]float64, p.parents())
	for j := range out {
		out[j] = slices.Clone(coeffs[g][j*units : (j+1)*units])
	}
	return out
}

// ParseRecipe reads a recipe. Unknown fields are refused: they would change the result.
func ParseRecipe(data []byte) (*Recipe, error) {
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	var r Recipe
	if err := d.Decode(&r); err != nil {
		return nil, recipeErr("no recipe: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, recipeErr("no recipe: something follows it")
	}
	switch {
	case r.Version != RecipeVersion:
		return nil, &hinted{ErrRecipe, fmt.Sprintf("recipe version %d, want %d", r.Version, RecipeVersion), "use the softmerge version that wrote the recipe"}
	case len(r.Parents) == 0 || r.Base < 0 || r.Base >= len(r.Parents):
		return nil, recipeErr("the recipe names %d parents and base %d", len(r.Parents), r.Base)
	}
	return &r, nil
}

// Order returns the models in the recipe's order, found by their sha256.
func (r *Recipe) Order(models []*onnx.Model) ([]*onnx.Model, error) {
	bySum := map[string]*onnx.Model{}
	for _, m := range models {
		sum, err := m.SHA256()
		if err != nil {
			return nil, err
		}
		bySum[sum] = m
	}
	out := make([]*onnx.Model, len(r.Parents))
	for i, sum := range r.Parents {
		m := bySum[sum]
		if m == nil {
			return nil, &hinted{graphmatch.ErrAlign, fmt.Sprintf("no model given has sha256 %s, which is parent %d of the recipe", sum, i),
				"give the files that the recipe was made from, unchanged"}
		}
		out[i] = m
	}
	return out, nil
}

// Bake bakes the recipe into the aligned models, which are in the recipe's order with its base.
func (r *Recipe) Bake(a *graphmatch.Alignment) (*onnx.Model, error) {
	if len(r.Orders) > 0 {
		var err error
		if a, err = restore(a, r.Orders); err != nil {
			return nil, err
		}
	}
	p, coeffs, err := r.plan(a)
	if err != nil {
		return nil, err
	}
	if err := r.checkRepairs(p); err != nil {
		return nil, err
	}
	p.repairs = r.Repairs
	m, err := p.bakeWith(coeffs, bakeOptions{plain: len(r.Statistics) > 0})
	if err != nil || len(r.Statistics) == 0 {
		return m, err
	}
	if err := r.checkStatistics(m); err != nil {
		return nil, err
	}
	return withStatistics(m, r.Statistics)
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
			return recipeErr("normalisation %q: %d means and %d variances, want %d", s.Node, len(s.Mean), len(s.Variance), n)
		}
	}
	return nil
}

// checkRepairs refuses repairs that do not fit a layer of the plan.
func (r *Recipe) checkRepairs(p *Plan) error {
	for i := range r.Repairs {
		repair := &r.Repairs[i]
		at := slices.IndexFunc(p.Layers, func(l PlannedLayer) bool { return l.Layer.Name == repair.Layer })
		if at < 0 || !repair.fits(p.Layers[at].Layer) {
			return recipeErr("the recipe's repair of layer %q fits no merged layer", repair.Layer)
		}
	}
	return nil
}

// plan rebuilds the plan that the recipe's coefficients belong to.
func (r *Recipe) plan(a *graphmatch.Alignment) (*Plan, [][]float64, error) {
	p := &Plan{Granularity: r.Granularity, Selection: &graphmatch.Selection{Alignment: a}}
	byName := map[string]*graphmatch.Layer{}
	for i := range a.Layers {
		byName[a.Layers[i].Name] = &a.Layers[i]
	}
	at := map[string]int{}
	var coeffs [][]float64
	for _, rl := range r.Layers {
		layer := byName[rl.Layer]
		if layer == nil || !layer.Mergeable() {
			return nil, nil, &hinted{graphmatch.ErrAlign, fmt.Sprintf("the models have no layer %q that can be merged", rl.Layer), "give the files that the recipe was made from"}
		}
		i, ok := at[rl.Layer]
		if !ok {
			i = len(p.Layers)
			at[rl.Layer] = i
			p.Layers = append(p.Layers, PlannedLayer{Layer: layer, Groups: make([]int, len(layer.Params)), affine: isAffine(layer)})
			for k := range layer.Params {
				p.Layers[i].Groups[k] = -1
			}
		}
		flat, units, err := rl.flat(len(a.Models), layer)
		if err != nil {
			return nil, nil, err
		}
		for k, param := range layer.Params {
			if slices.Contains(rl.Roles, param.Role) {
				p.Layers[i].Groups[k] = len(coeffs)
			}
		}
		p.Groups = append(p.Groups, Group{Name: rl.Layer, Units: units, Shut: make([]bool, len(a.Models))})
		coeffs = append(coeffs, flat)
	}
	for _, l := range p.Layers {
		if k := slices.Index(l.Groups, -1); k >= 0 {
			return nil, nil, recipeErr("the recipe has no coefficients for %s of layer %q", l.Layer.Params[k].Role, l.Layer.Name)
		}
	}
	return p, coeffs, nil
}

// flat checks a recipe layer's coefficients and returns them parent by parent.
func (rl *RecipeLayer) flat(parents int, layer *graphmatch.Layer) (flat []float64, units int, err error) {
	if len(rl.Coefficients) != parents {
		return nil, 0, recipeErr("layer %q: coefficients for %d parents, want %d", rl.Layer, len(rl.Coefficients), parents)
	}
	units = len(rl.Coefficients[0])
	for _, c := range rl.Coefficients {
		if len(c) != units || units == 0 || !finite(c) {
			return nil, 0, recipeErr("layer %q: coefficients want the same number of finite values for every parent", rl.Layer)
		}
		flat = append(flat, c...)
	}
	for _, param := range layer.Params {
		if units > 1 && slices.Contains(rl.Roles, param.Role) && (param.ChannelAxis < 0 || param.Shape[param.ChannelAxis] != units) {
			return nil, 0, recipeErr("layer %q: %d coefficients a parent, its %s has shape %v", rl.Layer, units, param.Role, param.Shape)
		}
	}
	return flat, units, nil
}

// Describe returns the model with the merge's description in its metadata:
// version, parents' sha256, method, seed, chosen candidate; no times, no paths.
func (r *Recipe) Describe(m *onnx.Model, version string) (*onnx.Model, error) {
	return m.With(
		onnx.DropMetadata("softmerge."),
		onnx.SetMetadata("softmerge.version", version),
		onnx.SetMetadata("softmerge.parents", strings.Join(r.Parents, " ")),
		onnx.SetMetadata("softmerge.method", string(r.Method)),
		onnx.SetMetadata("softmerge.seed", strconv.FormatUint(r.Seed, 10)),
		onnx.SetMetadata("softmerge.chosen", r.Chosen),
	)
}
