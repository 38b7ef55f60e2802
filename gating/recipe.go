package gating

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Method is how a merge looks for coefficients.
type Method string

const (
	Auto         Method = "auto"       // averages, gates, a transplant, gates of all of them, and training of that
	Soft         Method = "soft"       // learn gates
	Greedy       Method = "greedy"     // average the parents that help, best first
	Uniform      Method = "uniform"    // average all parents
	Transplanted Method = "transplant" // compute weights layer by layer (see Transplant)
	FineTuned    Method = "finetune"   // train the best parent's weights on: what a merge is held against
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
	Dequantised bool          `json:"dequantised,omitempty"` // parents that are quantised are made float first
	Statistics  []Statistics  `json:"statistics,omitempty"`  // normalisation statistics measured after merging
	Repairs     []Repair      `json:"repairs,omitempty"`     // output channels rescaled after merging
	Orders      [][]UnitOrder `json:"orders,omitempty"`      // per parent: hidden units brought into the base's order
	// Source is the weights of a model that was computed from the parents and mixed with them: its
	// coefficients stand behind theirs.
	Source []SourceTensor `json:"source,omitempty"`
	// Static is the method that merges weights where coefficients do not mix them: they say how much a parent counts.
	Static *RecipeStatic `json:"static,omitempty"`
	// Routed is several models in one file; then package routed bakes, and no coefficients are there.
	Routed *RecipeRouted `json:"routed,omitempty"`

	start *onnx.Model // that Static or Routed names (StartAmong)
}

// RecipeLayer is the coefficients of some of a layer's parameters.
type RecipeLayer struct {
	Layer        string      `json:"layer"`
	Roles        []string    `json:"roles"`
	Coefficients [][]float64 `json:"coefficients"` // per parent: one, or one a channel
	// Shift is what affine gates add to the bias, a number a channel. Their coefficients need not add up to one.
	Shift []float64 `json:"shift,omitempty"`
}

// RecipeOptions is what a recipe says besides the mixture.
type RecipeOptions struct {
	Method Method         // how the mixture was found
	Chosen string         // its name among the candidates
	Seed   uint64         // of everything random
	Units  *UnitAlignment // how hidden units came into one order; nil where they stayed where they were

	Dequantised bool // parents that are quantised were made float first
}

// Recipe returns the recipe that bakes the mixture again.
func (m *Mixture) Recipe(o RecipeOptions) (*Recipe, error) {
	a := m.plan.selection.Alignment
	r := &Recipe{
		Version: RecipeVersion, Method: o.Method, Chosen: o.Chosen, Granularity: m.plan.granularity,
		Seed: o.Seed, Base: a.Base, Dequantised: o.Dequantised, Statistics: m.statistics, Repairs: m.plan.repairs,
	}
	var err error
	if r.Static, err = m.recipeStatic(); err != nil {
		return nil, err
	}
	parents := a.Models
	if s := m.plan.source(); s != nil {
		parents, r.Source = parents[:len(parents)-1], s.tensors
	}
	if o.Units != nil {
		parents, r.Orders = o.Units.Parents, o.Units.Orders
	}
	for _, model := range parents {
		sum, err := model.SHA256()
		if err != nil {
			return nil, err
		}
		r.Parents = append(r.Parents, sum)
	}
	for _, l := range m.plan.layers {
		r.Layers = append(r.Layers, recipeLayers(l, m.coefficients)...)
	}
	return r, nil
}

// recipeLayers lists a layer's groups with their coefficients.
func recipeLayers(l plannedLayer, c Coefficients) []RecipeLayer {
	var list []RecipeLayer
	at := map[int]int{}
	for k, g := range l.groups {
		i, ok := at[g]
		if !ok {
			i = len(list)
			at[g] = i
			list = append(list, RecipeLayer{Layer: l.layer.Name, Coefficients: c.ByParent(g), Shift: c.shift(g)})
		}
		list[i].Roles = append(list[i].Roles, l.layer.Params[k].Role)
	}
	return list
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
		return nil, advice.Errorf(ErrRecipe, "use the softmerge version that wrote the recipe",
			"recipe version %d, want %d", r.Version, RecipeVersion)
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
			return nil, advice.Errorf(graphmatch.ErrAlign, "give the files that the recipe was made from, unchanged",
				"no model given has sha256 %s, which is parent %d of the recipe", sum, i)
		}
		out[i] = m
	}
	return out, nil
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
