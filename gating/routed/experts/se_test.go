package experts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/internal/runtest"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/routed"
	"github.com/softmerge/softmerge/gating/routed/experts"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// evaluator scores models on the fixtures' data.
func evaluator(t *testing.T, m *onnx.Model, samples int) *gating.Evaluator {
	t.Helper()
	d := gatetest.Data(t, "val.npz", gating.Fields(m)).Head(samples)
	o := gatetest.Must(gating.FitObjective(m, d, gating.ObjectiveOptions{}))(t)
	e := gatetest.Must(gating.NewEvaluator(d, o, gating.EvaluatorOptions{Base: m, Threads: 1}))(t)
	t.Cleanup(e.Close)
	return e
}

// TestGatesOfTheGraph: the file mixes each sample by the softmax of its squared distances to the prototypes, or of a linear
// map of it normalised: given those gates it computes the same.
func TestGatesOfTheGraph(t *testing.T) {
	for _, c := range []struct {
		method gating.Method
		router string
	}{{experts.SE, ""}, {experts.SE, "stages.1.conv1"}, {experts.SE, "fc"}, {experts.SMEAR, "stem"}, {experts.SMEAR, "fc"}} {
		router := c.router
		models := gatetest.Open(t, gatetest.FineTunes("resnet", 3)...)
		ev := evaluator(t, models[0], 120)
		files := func(d *dataset.Data) []int {
			of := make([]int, d.Len())
			for b := range of {
				of[b] = b % 3
			}
			return of
		}
		e := gatetest.Must(experts.Make(context.Background(), c.method, gatetest.Select(t, models), ev,
			experts.Options{Router: router, Files: files, Learn: gating.LearnOptions{MaxSteps: 3}}))(t)
		g := e.Gates()
		if router != "" && g.Router != router {
			t.Errorf("the router is %q, want %q", g.Router, router)
		}
		value := readBy(t, e, models)
		rows := make([][]float32, 120)
		mean := gatetest.Must(e.Task(0))(t)
		err := ev.Values(context.Background(), mean, []string{value}, func(at []int, values []*network.Tensor) error {
			for i, b := range at {
				n := values[0].Len() / len(at)
				rows[b] = slices.Clone(values[0].F[i*n : (i+1)*n])
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		given, input, err := e.Given()
		if err != nil {
			t.Fatal(err)
		}
		inputs := runtest.Samples(t, models[0], 2)
		in := ev.Data().Inputs[0]
		in.Gather([]int{5, 9}, inputs["input"].F, nil)
		want := runtest.Evaluate(t, gatetest.Must(e.All())(t), inputs)
		inputs[input] = &network.Tensor{Type: onnx.Float32, Shape: []int{2, 3}, F: append(gatesOf(g, rows[5]), gatesOf(g, rows[9])...)}
		if d := runtest.Apart(runtest.Evaluate(t, given, inputs), want); !(d <= 1e-5*runtest.Largest(want)) {
			t.Errorf("%s, router %q: %g apart from the gates of the formula", c.method, router, d)
		}
	}
}

// readBy is the value that the router of a merge reads: the first input of the node that the layer is.
func readBy(t *testing.T, e *experts.Experts, models []*onnx.Model) string {
	t.Helper()
	for _, l := range gatetest.Must(graphmatch.Align(models, 0))(t).Layers {
		if l.Name == e.Gates().Router {
			return l.Params[0].Uses[0].Reader.GetInput()[0]
		}
	}
	t.Fatalf("no layer %q", e.Gates().Router)
	return ""
}

// gatesOf are softmax(-||h-p||^2/tau), or softmax(LayerNorm(h) R + b), of all elements or of the means over positions.
func gatesOf(g gating.RecipeGates, values []float32) (gates []float32) {
	rows := append(slices.Clone(g.Prototypes), g.Weights...)
	width := len(rows[0])
	h := make([]float64, width)
	var mean, square float64
	for i, v := range values {
		h[i/(len(values)/width)] += float64(v) / float64(len(values)/width)
	}
	for _, v := range h {
		mean, square = mean+v/float64(width), square+v*v/float64(width)
	}
	var scores []float64
	var sum float64
	for j, row := range rows {
		var score float64
		for i := range h {
			if g.Weights != nil {
				score += (h[i] - mean) / math.Sqrt(square-mean*mean+1e-5) * row[i]
			} else {
				score -= (h[i] - row[i]) * (h[i] - row[i]) / g.Temperature
			}
		}
		if g.Weights != nil {
			score += g.Bias[j]
		}
		scores = append(scores, math.Exp(score))
		sum += scores[j]
	}
	for _, s := range scores {
		gates = append(gates, float32(s/sum))
	}
	return gates
}

// made is a merge of fine-tunes by the fixtures' data.
func made(t *testing.T, method gating.Method, family string, models int) (*experts.Experts, []*onnx.Model) {
	t.Helper()
	list := gatetest.Open(t, gatetest.FineTunes(family, models)...)
	e := gatetest.Must(experts.Make(context.Background(), method, gatetest.Select(t, list), evaluator(t, list[0], 120),
		experts.Options{Learn: gating.LearnOptions{MaxSteps: 3}}))(t)
	return e, list
}

// TestSmearLearns: the more steps a router takes, the less is the loss of the file, and the same steps make the same file.
func TestSmearLearns(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("cnn", 3)...)
	ev := evaluator(t, models[0], 200)
	var losses []float64
	var files [][]byte
	for _, steps := range []int{1, 60, 60} {
		e := gatetest.Must(experts.Smear(context.Background(), gatetest.Select(t, models), ev, experts.Options{Router: "conv1",
			Learn: gating.LearnOptions{MaxSteps: steps}}))(t)
		m := gatetest.Must(e.All())(t)
		losses = append(losses, gatetest.Must(ev.Score(context.Background(), m))(t).Loss)
		files = append(files, gatetest.Bytes(t, m))
		if n, _ := e.Learned(); n != steps {
			t.Errorf("%d steps, want %d", n, steps)
		}
		told := e.Told()
		if sum := told.Shares[0] + told.Shares[1] + told.Shares[2]; math.Abs(sum-1) > 1e-9 || !(told.Spread > 0.01) {
			t.Errorf("shares %v, %v nats apart", told.Shares, told.Spread)
		}
	}
	if !(losses[1] < 0.97*losses[0]) || !bytes.Equal(files[1], files[2]) {
		t.Errorf("losses %v", losses)
	}
}

// TestNewerOpsets: from opset 18 on a mean has its axes from an input, and the file computes the same.
func TestNewerOpsets(t *testing.T) {
	ort := runtest.StartRuntime(t)
	for _, method := range []gating.Method{experts.SE, experts.SMEAR} {
		var want []float32
		for _, opset := range []int64{13, 18} {
			var models []*onnx.Model
			for _, m := range gatetest.Open(t, gatetest.FineTunes("mlp_matmul", 2)...) {
				models = append(models, gatetest.Must(m.Rewrite(func(p *onnxpb.ModelProto) error {
					p.OpsetImport[0].Version = &opset
					return nil
				}))(t))
			}
			sample := sampleOf(models[0])
			places := gatetest.Must(experts.Places(selected(t, models), sample))(t)
			e := gatetest.Must(experts.At(method, selected(t, models), sample, places[1], false, 1, prototype))(t)
			m := gatetest.Written(t, gatetest.Must(e.All())(t))
			inputs := samples(t, models[0], 3)
			got := slices.Clone(runtest.Evaluate(t, m, inputs))
			ort.Check(t, runtest.File(t, m), inputs, got)
			if want != nil && runtest.Apart(got, want) != 0 {
				t.Errorf("%s: opset 18 computes other numbers than opset 13", method)
			}
			want = got
		}
	}
}

// TestRecipesGiveTheSameBytes: from the recipe's JSON, models in another order, all of them and one.
func TestRecipesGiveTheSameBytes(t *testing.T) {
	one := 1
	for i, task := range []*int{nil, &one, nil, &one} {
		method := []gating.Method{experts.SE, experts.SMEAR}[i/2]
		e, models := made(t, method, "cnn_bn", 3)
		r := gatetest.Must(e.Recipe(task, false))(t)
		want := gatetest.Must(e.Described(r, "test"))(t)
		back := gatetest.Must(gating.ParseRecipe(gatetest.Must(json.Marshal(r))(t)))(t)
		ordered := gatetest.Must(back.Order([]*onnx.Model{models[2], models[0], models[1]}))(t)
		a := gatetest.Must(graphmatch.Align(ordered, back.Base))(t)
		m := gatetest.Must(experts.Bake(back, a, "test"))(t)
		if !bytes.Equal(gatetest.Bytes(t, m), gatetest.Bytes(t, want)) {
			t.Errorf("task %v: other bytes", task)
		}
		says := routed.TasksOf(m)
		if says == nil || says.Method != string(method) || !slices.Equal(says.Names, []string{"ft0", "ft1", "ft2"}) ||
			says.Several() != (task == nil) || (says.Router == e.Gates().Router) != (task == nil) {
			t.Errorf("task %v: the metadata says %+v", task, says)
		}
		err := routed.Refuse(models[0], m)
		if errors.Is(err, graphmatch.ErrAlign) != (task == nil) || task == nil && !strings.Contains(err.Error(), "mixed for every sample") {
			t.Errorf("task %v as a parent: %v", task, err)
		}
	}
	e, _ := made(t, experts.SE, "cnn_bn", 3)
	if _, err := e.Recipe(new(3), false); !errors.Is(err, gating.ErrOption) {
		t.Errorf("a recipe of task 3: %v", err)
	}
	if _, err := e.Task(-1); !errors.Is(err, gating.ErrOption) {
		t.Errorf("task -1: %v", err)
	}
}

// TestWildRecipes: what a recipe cannot say is refused as a recipe's fault.
func TestWildRecipes(t *testing.T) {
	e, models := made(t, experts.SE, "cnn", 2)
	smear, _ := made(t, experts.SMEAR, "cnn", 2)
	learned := gatetest.Must(smear.Recipe(nil, false))(t)
	for what, change := range map[string]func(r *gating.Recipe){
		"no task of that number": func(r *gating.Recipe) { r.Routed.Task = new(7) },
		"a name twice":           func(r *gating.Recipe) { r.Routed.Tasks = []string{"a", "a"} },
		"no layers":              func(r *gating.Recipe) { r.Routed.Selected = nil },
		"another method":         func(r *gating.Recipe) { r.Method = "emr" },
		"no gates":               func(r *gating.Recipe) { r.Routed.Gates = nil },
		"no router":              func(r *gating.Recipe) { r.Routed.Gates.Router = "nowhere" },
		"no temperature":         func(r *gating.Recipe) { r.Routed.Gates.Temperature = 0 },
		"one prototype":          func(r *gating.Recipe) { r.Routed.Gates.Prototypes = r.Routed.Gates.Prototypes[:1] },
		"a short prototype":      func(r *gating.Recipe) { r.Routed.Gates.Prototypes[1] = []float64{1} },
		"a NaN":                  func(r *gating.Recipe) { r.Routed.Gates.Prototypes[1][0] = math.NaN() },
		"seen otherwise":         func(r *gating.Recipe) { r.Routed.Gates.Flat = !r.Routed.Gates.Flat },
		"weights too":            func(r *gating.Recipe) { r.Routed.Gates.Weights = r.Routed.Gates.Prototypes },
		"smear without weights":  func(r *gating.Recipe) { r.Method = "smear" },
		"smear without a bias":   func(r *gating.Recipe) { *r = *learned; g := *r.Routed.Gates; g.Bias, r.Routed.Gates = nil, &g },
		"smear, an infinity": func(r *gating.Recipe) {
			*r = *learned
			g := *r.Routed.Gates
			g.Bias, r.Routed.Gates = []float64{1, math.Inf(1)}, &g
		},
		"no shapes":    func(r *gating.Recipe) { r.Routed.Gates.Shapes = nil },
		"a wild shape": func(r *gating.Recipe) { r.Routed.Gates.Shapes["input"] = []int{-3, 1 << 40} },
		"a flat shape": func(r *gating.Recipe) { r.Routed.Gates.Shapes["input"] = []int{64} },
	} {
		r := gatetest.Must(e.Recipe(nil, false))(t)
		back := gatetest.Must(gating.ParseRecipe(gatetest.Must(json.Marshal(r))(t)))(t)
		change(back)
		_, err := experts.Bake(back, gatetest.Must(graphmatch.Align(models, 0))(t), "test")
		if !errors.Is(err, gating.ErrRecipe) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestRefusedData: models that no samples are for, a router that is none, models of different starts.
func TestRefusedData(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("mlp", 3)...)
	ev := evaluator(t, models[0], 60)
	ctx := context.Background()
	none := func(d *dataset.Data) []int { return make([]int, d.Len()) }
	_, err := experts.Prototypes(ctx, gatetest.Select(t, models), ev, experts.Options{Files: none})
	if !errors.Is(err, dataset.ErrData) || !strings.Contains(err.Error(), "0 of 60 samples are for ft1.onnx") {
		t.Errorf("no samples of a model: %v", err)
	}
	_, err = experts.Prototypes(ctx, gatetest.Select(t, models), ev, experts.Options{Router: "nowhere"})
	if !errors.Is(err, graphmatch.ErrPattern) {
		t.Errorf("a router that is none: %v", err)
	}
	seeds := gatetest.Open(t, "mlp/seed0.onnx", "mlp/seed1.onnx")
	_, err = experts.Prototypes(ctx, gatetest.Select(t, seeds), ev, experts.Options{})
	if !errors.Is(err, graphmatch.ErrAlign) || !strings.Contains(err.Error(), "do not look like fine-tunes") {
		t.Errorf("models of different starts: %v", err)
	}
	if _, err = experts.Make(ctx, "emr", gatetest.Select(t, models), ev, experts.Options{}); !errors.Is(err, gating.ErrOption) {
		t.Errorf("another method: %v", err)
	}
	same := gatetest.Open(t, "mlp/ft0.onnx", "mlp/ft0.onnx")
	if _, err = experts.Prototypes(ctx, gatetest.Select(t, same), ev, experts.Options{}); !errors.Is(err, graphmatch.ErrAlign) {
		t.Errorf("the same model twice: %v", err)
	}
}

// Several fine-tunes become one file that mixes them for every sample by how near it is to those that each is for.
func Example() {
	var models []*onnx.Model
	for _, name := range []string{"ft0", "ft1", "ft2"} {
		m, err := onnx.Open("../../../fixtures/resnet/" + name + ".onnx")
		if err != nil {
			fmt.Println(err)
			return
		}
		defer m.Close()
		models = append(models, m)
	}
	data, err := dataset.Open("../../../fixtures/val.npz", dataset.Options{Inputs: gating.Fields(models[0])})
	if err != nil {
		fmt.Println(err)
		return
	}
	objective, err := gating.FitObjective(models[0], data, gating.ObjectiveOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	evaluator, err := gating.NewEvaluator(data, objective, gating.EvaluatorOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer evaluator.Close()
	a, err := graphmatch.Align(models, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := a.Select(nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := experts.Prototypes(context.Background(), s, evaluator, experts.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := e.All()
	if err != nil {
		fmt.Println(err)
		return
	}
	score, err := evaluator.Score(context.Background(), m)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q by what %s reads: %.1f %% right\n", e.Tasks(), e.Gates().Router, 100*score.Metric)
	// Output: ["ft0" "ft1" "ft2"] by what stem reads: 94.7 % right
}
