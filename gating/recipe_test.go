package gating

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// recipeOf is a mixture's recipe as a merge by gates writes it.
func recipeOf(t *testing.T, m *Mixture) *Recipe {
	t.Helper()
	o := RecipeOptions{Method: Soft, Chosen: "soft:" + string(m.Plan().Granularity()), Seed: 3}
	return gatetest.Must(m.Recipe(o))(t)
}

// TestRecipeBakesTheSameBytes writes a recipe, reads it again and bakes it into
// parents given in another order, for every granularity, with and without
// measured statistics.
func TestRecipeBakesTheSameBytes(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...)
	d := gatetest.Data(t, "val.npz", Fields(models[0])).Head(128)
	e := evaluatorOf(t, d, objectiveOf(t, models[0], d), 64)
	for _, g := range granularities {
		p := planOf(t, models, g)
		m := NewMixture(p, randomCoefficients(p, 7))
		for _, m := range []*Mixture{m, gatetest.Must(m.Recalibrate(t.Context(), e))(t)} {
			rec := recipeOf(t, m)
			again := gatetest.Must(ParseRecipe(gatetest.Must(json.Marshal(rec))(t)))(t)
			if !reflect.DeepEqual(rec, again) || len(rec.Statistics) != len(m.Statistics()) {
				t.Fatalf("%s: the recipe came back as %+v", g, again)
			}
			ordered := gatetest.Must(again.Order([]*onnx.Model{models[2], models[0], models[1]}))(t)
			if !slices.Equal(ordered, models) {
				t.Fatalf("%s: parents in another order", g)
			}
			back := gatetest.Must(again.Bake(gatetest.Must(graphmatch.Align(ordered, again.Base))(t)))(t)
			want := gatetest.Must(rec.Describe(gatetest.Must(m.Bake())(t), "v1"))(t)
			if !bytes.Equal(gatetest.Bytes(t, gatetest.Must(again.Describe(back, "v1"))(t)), gatetest.Bytes(t, want)) {
				t.Errorf("%s, %d statistics: other bytes", g, len(m.Statistics()))
			}
			wantMetadata(t, want, rec)
		}
	}
}

// wantMetadata checks the description in the file: no times, no paths.
func wantMetadata(t *testing.T, m *onnx.Model, rec *Recipe) {
	t.Helper()
	got := map[string]string{}
	for _, p := range m.Proto().GetMetadataProps() {
		got[p.GetKey()] = p.GetValue()
	}
	want := map[string]string{"softmerge.version": "v1", "softmerge.parents": strings.Join(rec.Parents, " "),
		"softmerge.method": "soft",
		"softmerge.seed":   "3", "softmerge.chosen": rec.Chosen}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("metadata %v, want %v", got, want)
	}
}

// TestRecipeRefuses says what is wrong with a recipe, and never panics.
func TestRecipeRefuses(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("mlp", 3)...)
	p := planOf(t, models, ByLayer)
	rec := recipeOf(t, NewMixture(p, randomCoefficients(p, 7)))
	a := p.selection.Alignment
	for name, c := range map[string]struct {
		change func(*Recipe)
		kind   error
		want   string
	}{
		"version":       {func(r *Recipe) { r.Version = 2 }, ErrRecipe, "version 2"},
		"no parents":    {func(r *Recipe) { r.Parents = nil }, ErrRecipe, "0 parents"},
		"base":          {func(r *Recipe) { r.Base = 3 }, ErrRecipe, "base 3"},
		"negative base": {func(r *Recipe) { r.Base = -1 }, ErrRecipe, "base -1"},
		"other parent":  {func(r *Recipe) { r.Parents[1] = "00" }, graphmatch.ErrAlign, "sha256 00"},
		"other layer":   {func(r *Recipe) { r.Layers[0].Layer = "nowhere" }, graphmatch.ErrAlign, "nowhere"},
		"too few parents": {func(r *Recipe) { r.Layers[0].Coefficients = r.Layers[0].Coefficients[:2] }, ErrRecipe,
			"2 parents"},
		"no coefficients": {func(r *Recipe) { r.Layers[0].Coefficients = [][]float64{{}, {}, {}} }, ErrRecipe,
			"the same number"},
		"ragged": {func(r *Recipe) { r.Layers[0].Coefficients[2] = []float64{1, 2} }, ErrRecipe,
			"the same number"},
		"too many channels": {func(r *Recipe) { r.Layers[0].Coefficients = [][]float64{{1, 2}, {1, 2}, {1, 2}} },
			ErrRecipe, "2 coefficients a parent"},
		"no bias": {func(r *Recipe) { r.Layers[0].Roles = []string{"weight"} }, ErrRecipe, "bias"},
	} {
		var changed Recipe
		data := gatetest.Must(json.Marshal(rec))(t)
		if err := json.Unmarshal(data, &changed); err != nil {
			t.Fatal(err)
		}
		c.change(&changed)
		err := useRecipe(gatetest.Must(json.Marshal(changed))(t), models, a)
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %v that says %q", name, err, c.kind, c.want)
		}
	}
	for _, text := range []string{"", "null", "[]", "{", `{"softmerge_recipe":1,"parents":["a"],"surprise":1}`,
		`{"softmerge_recipe":1,"parents":["a"]} x`} {
		if _, err := ParseRecipe([]byte(text)); !errors.Is(err, ErrRecipe) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestRecipeStatisticsMustFit refuses statistics of another network.
func TestRecipeStatisticsMustFit(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 2)...)
	p := planOf(t, models, ByLayer)
	rec := recipeOf(t, NewMixture(p, p.Average(nil)))
	node := normNodes(models[0])[0].GetOutput()[0]
	for want, s := range map[string]Statistics{
		"no normalisation":        {"nowhere", make([]float64, 8), make([]float64, 8)},
		"7 means and 8 variances": {node, make([]float64, 7), make([]float64, 8)},
		"8 means and 0 variances": {node, make([]float64, 8), nil},
	} {
		rec.Statistics = []Statistics{s}
		if _, err := rec.Bake(p.selection.Alignment); !errors.Is(err, ErrRecipe) ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to say %q", err, want)
		}
	}
}

// useRecipe does all that apply does short of writing.
func useRecipe(data []byte, models []*onnx.Model, a *graphmatch.Alignment) error {
	r, err := ParseRecipe(data)
	if err != nil {
		return err
	}
	if _, err := r.Order(models); err != nil {
		return err
	}
	m, err := r.Bake(a)
	if err != nil {
		return err
	}
	_, err = m.WriteTo(new(bytes.Buffer))
	return err
}

// FuzzParseRecipe changes a recipe: it is refused, or bakes finite weights from it.
func FuzzParseRecipe(f *testing.F) {
	var models []*onnx.Model
	for i := range 3 {
		m, err := onnx.Open(gatetest.Path(f, fmt.Sprintf("mlp/ft%d.onnx", i)))
		if err != nil {
			f.Fatal(err)
		}
		models = append(models, m)
	}
	a, err := graphmatch.Align(models, 0)
	if err != nil {
		f.Fatal(err)
	}
	var layers []RecipeLayer
	for _, l := range a.Layers {
		layers = append(layers, RecipeLayer{Layer: l.Name, Roles: []string{"weight", "bias"},
			Coefficients: [][]float64{{0.5}, {0.25}, {0.25}}})
	}
	seed := &Recipe{Version: RecipeVersion, Method: Soft, Granularity: ByLayer, Parents: []string{"a", "b", "c"},
		Layers: layers}
	data, err := json.Marshal(seed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	seed.Static = &RecipeStatic{Method: "ties", Params: map[string]float64{"density": 0.5}}
	static, err := json.Marshal(seed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(static)
	f.Add([]byte(`{"softmerge_recipe":1,"parents":["a"],` +
		`"layers":[{"layer":"x","roles":["weight"],"coefficients":[[1e308],[1],[1]]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRecipe(data)
		if err != nil {
			if !errors.Is(err, ErrRecipe) {
				t.Fatalf("not of kind ErrRecipe: %v", err)
			}
			return
		}
		if m, err := r.Bake(a); err == nil {
			for _, i := range m.Proto().GetGraph().GetInitializer() {
				if _, err := m.Tensor(i).Doubles(nil); err != nil {
					t.Fatalf("baked, but %v", err)
				}
			}
		}
		for _, l := range r.Layers {
			for _, c := range l.Coefficients {
				for _, v := range c {
					if math.IsNaN(v) {
						t.Fatal("a NaN came out of JSON")
					}
				}
			}
		}
	})
}
