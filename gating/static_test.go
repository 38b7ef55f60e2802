package gating

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/method"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// staticOf is a mixture by a method.
func staticOf(t testing.TB, p *Plan, weights []float64, start *onnx.Model, name string,
	params map[string]float64) *Mixture {
	t.Helper()
	m := gatetest.Must(gatetest.Must(method.Named(name))(t).With(params))(t)
	return gatetest.Must(NewStaticMixture(p, weights, Static{Merge: m, Start: start, Seed: 5}))(t)
}

// valuesOf reads an initializer by its name.
func valuesOf(t testing.TB, m *onnx.Model, name string) []float64 {
	t.Helper()
	for _, i := range m.Proto().GetGraph().GetInitializer() {
		if i.GetName() == name {
			return gatetest.Must(m.Tensor(i).Doubles(nil))(t)
		}
	}
	t.Fatalf("there is no tensor %q", name)
	return nil
}

// TestLinearIsTheAverage: the weighted average of a method is the bytes of the same coefficients, of a network with
// normalisations too.
func TestLinearIsTheAverage(t *testing.T) {
	p := planOf(t, gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...), ByLayer)
	for _, weights := range [][]float64{nil, {2, 1, 1}} {
		c := p.Average(nil)
		if weights != nil {
			c = p.weighted(weights)
		}
		want := gatetest.Must(p.Bake(c))(t)
		got := gatetest.Must(staticOf(t, p, weights, nil, "linear", nil).Bake())(t)
		if !bytes.Equal(gatetest.Bytes(t, got), gatetest.Bytes(t, want)) {
			t.Errorf("weights %v: other bytes", weights)
		}
	}
}

// TestTaskArithmeticByHand: every weight is the start's and what the parents added; a BatchNormalization is averaged.
func TestTaskArithmeticByHand(t *testing.T) {
	models, start := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...), gatetest.Open(t, "cnn_bn/start.onnx")[0]
	p := planOf(t, models, ByLayer)
	merged := gatetest.Must(staticOf(t, p, nil, start, "task_arithmetic", map[string]float64{"lambda": 0.7}).Bake())(t)
	average := gatetest.Must(p.Bake(p.Average(nil)))(t)
	for _, l := range p.layers {
		for _, param := range l.layer.Params {
			name := param.Uses[0].Name
			if l.affine {
				allNear(t, name, valuesOf(t, merged, name), valuesOf(t, average, name), 0)
				continue
			}
			zero := valuesOf(t, start, name)
			want := slices.Clone(zero)
			for _, m := range models {
				for i, v := range valuesOf(t, m, name) {
					want[i] += 0.7 * (v - zero[i])
				}
			}
			allNear(t, name, valuesOf(t, merged, name), want, 1e-6)
		}
	}
}

// allNear compares lists of numbers.
func allNear(t *testing.T, what string, got, want []float64, within float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if d := math.Abs(got[i] - want[i]); !(d <= within*max(1, math.Abs(want[i]))) {
			t.Fatalf("%s[%d]: got %v, want %v", what, i, got[i], want[i])
		}
	}
}

// TestVariancesStayPositive whatever a method adds: statistics are the parents' mean.
func TestVariancesStayPositive(t *testing.T) {
	models, start := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...), gatetest.Open(t, "cnn_bn/start.onnx")[0]
	p := planOf(t, models, ByLayer)
	for _, m := range method.All() {
		params := map[string]float64{}
		if slices.ContainsFunc(m.Params, func(p method.Param) bool { return p.Name == "lambda" }) {
			params["lambda"] = 50
		}
		merged := gatetest.Must(staticOf(t, p, nil, start, m.Name, params).Bake())(t)
		for _, l := range p.layers {
			if l.affine {
				use := l.layer.Params[newNormRoles(l.layer).variance].Uses[0]
				if v := valuesOf(t, merged, use.Name); slices.Min(v) <= 0 {
					t.Errorf("%s: %s has a variance of %v", m.Name, use.Name, slices.Min(v))
				}
			}
		}
	}
}

// TestMatrixMethodsSeeOutputsByInputs: MatMul has a weight of inputs by outputs, Gemm with transB and Conv one of outputs
// by inputs; the methods see the same matrix of either.
func TestMatrixMethodsSeeOutputsByInputs(t *testing.T) {
	for _, c := range []struct {
		family, layer string
		inputsFirst   bool
	}{{"mlp_matmul", "embed", true}, {"mlp", "", false}, {"cnn", "", false}} {
		p := planOf(t, gatetest.Open(t, gatetest.FineTunes(c.family, 3)...), ByLayer)
		l := p.layers[slices.IndexFunc(p.layers, func(l plannedLayer) bool {
			return (c.layer == "" || l.layer.Name == c.layer) && withRole(l.layer.Params, "weight") >= 0
		})].layer
		param := &l.Params[withRole(l.Params, "weight")]
		rows := param.Shape[0]
		if c.inputsFirst {
			rows = param.Shape[1]
		}
		of := &method.Tensor{Name: l.Name + ".weight", Rows: rows, Seed: 5, Weights: []float64{1. / 3, 1. / 3, 1. / 3}}
		columns := sizeOf(param.Shape) / rows
		for j := range 3 {
			v := gatetest.Must(p.selection.Alignment.Doubles(param, j, nil))(t)
			of.Models = append(of.Models, turned(v, rows, columns, c.inputsFirst))
		}
		for _, name := range []string{"wudi", "nuslerp", "tsv_m"} {
			params := map[string]float64{}
			if name == "nuslerp" {
				params["rows"] = 1
			}
			want := gatetest.Must(gatetest.Must(gatetest.Must(method.Named(name))(t).With(params))(t).Tensor(of))(t)
			got := valuesOf(t, gatetest.Must(staticOf(t, p, nil, nil, name, params).Bake())(t), param.Uses[0].Name)
			allNear(t, c.family+" "+name, turned(got, rows, columns, c.inputsFirst), want, 1e-6)
		}
	}
}

// turned is a matrix of columns by rows as one of rows by columns, if it is one.
func turned(v []float64, rows, columns int, is bool) []float64 {
	if !is {
		return v
	}
	out := make([]float64, len(v))
	for i := range rows {
		for k := range columns {
			out[i*columns+k] = v[k*rows+i]
		}
	}
	return out
}

// TestStaticRecipes: every method's recipe, with a start and without, with statistics measured anew and without, goes
// through JSON and bakes the same bytes; it holds no weights, and wants the start it was made with.
func TestStaticRecipes(t *testing.T) {
	models, start := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...), gatetest.Open(t, "cnn_bn/start.onnx")[0]
	p := planOf(t, models, ByLayer)
	d := gatetest.Data(t, "val.npz", Fields(models[0])).Head(128)
	e := evaluatorOf(t, d, objectiveOf(t, models[0], d), 64)
	for i, named := range method.All() {
		from := start
		if i%2 == 1 {
			from = nil
		}
		m := staticOf(t, p, []float64{3, 1, 2}, from, named.Name, nil)
		if i%3 == 0 {
			m = gatetest.Must(m.Recalibrate(t.Context(), e))(t)
		}
		data := gatetest.Must(json.Marshal(gatetest.Must(m.Recipe(RecipeOptions{Method: Method(named.Name), Seed: 5}))(t)))(t)
		if len(data) > 20_000 {
			t.Errorf("%s: a recipe of %d bytes", named.Name, len(data))
		}
		r := gatetest.Must(ParseRecipe(data))(t)
		if from != nil {
			if _, err := r.Bake(p.selection.Alignment); !errors.Is(err, graphmatch.ErrAlign) {
				t.Errorf("%s: without its start the recipe bakes, or %v", named.Name, err)
			}
			if _, err := r.StartAmong(models); !errors.Is(err, graphmatch.ErrAlign) {
				t.Errorf("%s: the start is found among the parents, or %v", named.Name, err)
			}
		}
		r = gatetest.Must(r.StartAmong([]*onnx.Model{models[1], start}))(t)
		again := gatetest.Must(r.Bake(p.selection.Alignment))(t)
		if !bytes.Equal(gatetest.Bytes(t, again), gatetest.Bytes(t, gatetest.Must(m.Bake())(t))) {
			t.Errorf("%s: the recipe bakes other bytes", named.Name)
		}
	}
}

// TestStaticRecipesRefused: what contradicts itself is an error of kind ErrRecipe.
func TestStaticRecipesRefused(t *testing.T) {
	p := planOf(t, gatetest.Open(t, gatetest.FineTunes("mlp", 3)...), ByLayer)
	for want, change := range map[string]func(*Recipe){
		`there is no method "tees"`:        func(r *Recipe) { r.Static.Method = "tees" },
		"lambda of ties is 1e+06":          func(r *Recipe) { r.Static.Params["lambda"] = 1e6 },
		"a source or repairs that go":      func(r *Recipe) { r.Repairs = []Repair{{Layer: r.Layers[0].Layer}} },
		"wants one of at least 0 a parent": func(r *Recipe) { r.Layers[0].Coefficients = [][]float64{{-1}, {1}, {1}} },
	} {
		r := gatetest.Must(staticOf(t, p, nil, nil, "ties", nil).Recipe(RecipeOptions{}))(t)
		change(r)
		if _, err := r.Bake(p.selection.Alignment); !errors.Is(err, ErrRecipe) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to say %q", err, want)
		}
	}
}

// TestStartsThatDoNotFit: a layer that the start lacks, or has no numbers in, takes the parents' mean for its start; a
// start without any layer is refused, and so are weights of which there is no mean.
func TestStartsThatDoNotFit(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...)
	p := planOf(t, models, ByLayer)
	broken := gatetest.Open(t, "broken/nan.onnx")[0]
	m := staticOf(t, p, nil, broken, "task_arithmetic", nil)
	if len(m.Unstarted()) == 0 || len(m.Unstarted()) == len(p.layers) {
		t.Fatalf("the start has no numbers in %v", m.Unstarted())
	}
	average := gatetest.Must(p.Bake(p.Average(nil)))(t)
	merged := gatetest.Must(m.Bake())(t)
	for _, l := range p.layers {
		if !slices.Contains(m.Unstarted(), l.layer.Name) {
			continue
		}
		for _, param := range l.layer.Params {
			allNear(t, param.Uses[0].Name, valuesOf(t, merged, param.Uses[0].Name), valuesOf(t, average,
				param.Uses[0].Name), 1e-6)
		}
	}
	linear := gatetest.Must(gatetest.Must(method.Named("linear"))(t).With(nil))(t)
	other := gatetest.Open(t, "families/lstm/ft0.onnx")[0]
	if _, err := NewStaticMixture(p, nil, Static{Merge: linear, Start: other}); !errors.Is(err, graphmatch.ErrAlign) {
		t.Errorf("a start of another network: %v", err)
	}
	for _, w := range [][]float64{{1, 1}, {1, -1, 1}, {0, 0, 0}, {1, 1, math.NaN()}, {math.MaxFloat64, math.MaxFloat64, 1}} {
		if _, err := NewStaticMixture(p, w, Static{Merge: linear}); !errors.Is(err, ErrOption) {
			t.Errorf("weights %v: %v", w, err)
		}
	}
	p = planOf(t, append(models[:2:2], broken), ByLayer)
	if _, err := NewStaticMixture(p, []float64{0, 0, 1}, Static{Merge: linear}); !errors.Is(err, ErrOption) ||
		!strings.Contains(err.Error(), "has finite numbers at") {
		t.Errorf("only a broken model counts: %v", err)
	}
}
