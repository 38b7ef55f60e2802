package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/method"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// mergesByStep are merges of each kind, and the trial that each chooses.
var mergesByStep = []struct {
	parents string
	flags   []string
	options search.Options
	trial   search.Trial // that the merge chooses
}{
	{parents: "mlp/ft*.onnx", flags: []string{"--method", "soft", "--granularity", "layer"},
		options: search.Options{Method: gating.Soft, Granularity: []gating.Granularity{gating.ByLayer}},
		trial:   search.Trial{Method: gating.Soft, Granularity: gating.ByLayer}},
	{parents: "cnn_bn/ft*.onnx", flags: []string{"--method", "soft", "--granularity", "channel"},
		options: search.Options{Method: gating.Soft, Granularity: []gating.Granularity{gating.ByChannel}},
		trial:   search.Trial{Method: gating.Soft, Granularity: gating.ByChannel}},
	{parents: "mlp_matmul/ft*.onnx", flags: []string{"--method", "soft", "--granularity", "layer"},
		options: search.Options{Method: gating.Soft, Granularity: []gating.Granularity{gating.ByLayer}},
		trial:   search.Trial{Method: gating.Soft, Granularity: gating.ByLayer, Rounded: true}},
	{parents: "seeds/mlp/seed*.onnx", flags: []string{"--method", "soft", "--granularity", "channel", "--permute",
		"activations", "--combine", "convex"},
		options: search.Options{Method: gating.Soft, Granularity: []gating.Granularity{gating.ByChannel},
			Permute: gating.PermuteActivations,
			Learn:   gating.LearnOptions{Combine: gating.Convex}},
		trial: search.Trial{Method: gating.Soft, Granularity: gating.ByChannel, Place: search.Warm,
			Repaired: true}},
	{parents: "cnn_bn/ft*.onnx", trial: search.Trial{Method: gating.Soft, Granularity: gating.ByChannel, Source: true}},
	{parents: "mlp_matmul/ft*.onnx", flags: []string{"--method", "karcher", "--param", "steps=50"},
		options: search.Options{Method: "karcher", Static: search.StaticOptions{Params: map[string]float64{"steps": 50}}},
		trial:   search.Trial{Method: "karcher"}},
	{parents: "families/lstm/ft*.onnx", flags: []string{"--rounds", "2"}, options: search.Options{Rounds: 2},
		trial: search.Trial{Method: gating.FineTuned, Source: true}},
}

// TestStepByStepGivesTheBytesOfTheCommand makes the steps of a merge one by one, each an
// exported call, for trials of every kind: what is written is what "softmerge merge" and
// search.Merge write.
func TestStepByStepGivesTheBytesOfTheCommand(t *testing.T) {
	for _, c := range mergesByStep {
		t.Run(c.parents, func(t *testing.T) {
			paths, err := filepath.Glob(filepath.Join(fixtures(), c.parents))
			if err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "command.onnx")
			args := append([]string{"merge", "-q", "-o", out, "--data", filepath.Join(fixtures(), "val.npz")},
				append(c.flags, paths...)...)
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), args, &stdout, &stderr); code != 0 {
				t.Fatalf("exit code %d: %s", code, stderr.String())
			}
			command, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			p := program{paths: paths, trial: c.trial, options: c.options}
			if steps := p.merge(t); !bytes.Equal(steps, command) {
				t.Errorf("the steps of %s give other bytes than the command, which says:\n%s", c.trial.Name(),
					stdout.String())
			}
			if !strings.Contains(stdout.String(), c.trial.Name()) {
				t.Errorf("the command did not try %s", c.trial.Name())
			}
		})
	}
}

// program is a Go program that merges step by step.
type program struct {
	paths   []string
	trial   search.Trial
	options search.Options

	learn  *gating.Evaluator // on all data, as what is written was learned
	losses []float64
}

// must returns v or ends the test.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// merge carries the merge from files to bytes.
func (p *program) merge(t *testing.T) []byte {
	ctx := t.Context()
	selection := p.open(t)
	units := must[*gating.UnitAlignment](t)(gating.AlignUnits(ctx, selection, p.learn,
		gating.UnitOptions{By: p.options.Permute}))
	weights := must[*gating.Weights](t)(gating.LoadWeights(units.Selection))
	mixture := p.soft
	switch {
	case p.trial.Source:
		mixture = p.source
	case p.options.Method == p.trial.Method && p.trial.Method != gating.Soft:
		mixture = p.static
	}
	merged := mixture(ctx, t, weights)
	recipe := must[*gating.Recipe](t)(merged.Recipe(gating.RecipeOptions{Method: p.method(), Chosen: p.trial.Name(),
		Units: units}))
	model := must[*onnx.Model](t)(recipe.Describe(must[*onnx.Model](t)(merged.Bake()), versionString()))
	p.sameAsSearch(ctx, t, selection, model)
	return p.write(ctx, t, model)
}

// method is the search's.
func (p *program) method() gating.Method {
	if p.trial.Source {
		return gating.Auto
	}
	return p.trial.Method
}

// static merges weights alone.
func (p *program) static(_ context.Context, t *testing.T, w *gating.Weights) *gating.Mixture {
	layers := must[*gating.Plan](t)(gating.NewPlan(w, gating.ByLayer))
	named := must[method.Method](t)(method.Named(string(p.trial.Method)))
	merge := must[*method.Merge](t)(named.With(p.options.Static.Params))
	return must[*gating.Mixture](t)(gating.NewStaticMixture(layers, nil, gating.Static{Merge: merge}))
}

// soft learns gates of the parents.
func (p *program) soft(ctx context.Context, t *testing.T, w *gating.Weights) *gating.Mixture {
	plan := must[*gating.Plan](t)(gating.NewPlan(w, p.trial.Granularity))
	learned := must[*gating.Learned](t)(gating.Learn(ctx, p.start(ctx, t, plan), p.learn, p.options.Learn))
	coefficients := learned.Coefficients()
	if p.trial.Rounded {
		coefficients = learned.Rounded()
	}
	return gating.NewMixture(learned.Plan, coefficients)
}

// source computes a transplant and learns gates of the parents and of it, or trains it on labels that it teaches
// together with the parents, in as many rounds as there may be.
func (p *program) source(ctx context.Context, t *testing.T, w *gating.Weights) *gating.Mixture {
	layers := must[*gating.Plan](t)(gating.NewPlan(w, gating.ByLayer))
	transplant := must[*gating.Source](t)(gating.Transplant(ctx, layers, p.learn))
	joined := must[*gating.Weights](t)(transplant.Weights())
	o := gating.LearnOptions{Noiseless: true, L0: new(0.0)}
	if p.trial.Method == gating.Soft {
		plan := must[*gating.Plan](t)(gating.NewPlan(joined, p.trial.Granularity))
		learned := must[*gating.Learned](t)(gating.Learn(ctx, gating.NewSourceStart(plan, p.losses), p.learn, o))
		return gating.NewMixture(learned.Plan, learned.Coefficients())
	}
	plan := must[*gating.Plan](t)(gating.NewPlan(joined, gating.ByElement))
	models := layers.Selection().Alignment.Models
	taught := must[*gating.Evaluator](t)(p.learn.Taught(ctx, append([]*onnx.Model{transplant.Model()}, models...)))
	o.Free = true
	var trained *gating.Source
	for range p.options.Rounds {
		learned := must[*gating.Learned](t)(gating.Learn(ctx, gating.NewFreeStart(plan, len(models)), taught, o))
		model := must[*onnx.Model](t)(gating.NewMixture(learned.Plan, learned.Coefficients()).Bake())
		trained = must[*gating.Source](t)(gating.NewSource(layers, model))
		plan = must[*gating.Plan](t)(gating.NewPlan(must[*gating.Weights](t)(trained.Weights()), gating.ByElement))
	}
	return must[*gating.Mixture](t)(trained.Mixture())
}

// open opens the parents and the data.
func (p *program) open(t *testing.T) *graphmatch.Selection {
	var models []*onnx.Model
	for _, path := range p.paths {
		m := must[*onnx.Model](t)(onnx.Open(path))
		t.Cleanup(func() { m.Close() })
		if err := onnx.Validate(m); err != nil {
			t.Fatal(err)
		}
		models = append(models, m)
	}
	selection := must[*graphmatch.Selection](t)(must[*graphmatch.Alignment](t)(graphmatch.Align(models,
		0)).Select(nil, nil))
	if err := selection.Strict(); err != nil {
		t.Fatal(err)
	}
	data := p.data(t, models[0])
	objective := must[gating.Objective](t)(gating.FitObjective(models[0], data, gating.ObjectiveOptions{}))
	p.learn = must[*gating.Evaluator](t)(gating.NewEvaluator(data, objective, gating.EvaluatorOptions{}))
	t.Cleanup(p.learn.Close)
	for _, m := range models {
		p.losses = append(p.losses, must[gating.Score](t)(p.learn.Score(t.Context(), m)).Loss)
	}
	return selection
}

func (p *program) data(t *testing.T, m *onnx.Model) *dataset.Data {
	return must[*dataset.Data](t)(dataset.Open(filepath.Join(fixtures(), "val.npz"),
		dataset.Options{Inputs: gating.Fields(m)}))
}

// start is where the gates of the trial start.
func (p *program) start(ctx context.Context, t *testing.T, plan *gating.Plan) gating.Start {
	if p.trial.Place == search.ByLosses {
		return must[gating.Start](t)(gating.NewStart(ctx, plan, p.learn, p.losses, gating.StartOptions{}))
	}
	best := 0
	for j, loss := range p.losses {
		if loss < p.losses[best] {
			best = j
		}
	}
	repairer := gating.NewRepairer(p.learn)
	var least *gating.WarmStart
	for _, ways := range [][]float64{{1}, {0.5, 0.25}} {
		o := gating.WarmStartOptions{From: best, Ways: ways}
		w := must[*gating.WarmStart](t)(gating.NewWarmStart(ctx, plan, p.learn, repairer, p.losses, o))
		if least == nil || w.Loss < least.Loss {
			least = w
		}
	}
	return must[gating.Start](t)(least.Start(ctx, p.learn, gating.Convex, gating.InitAuto))
}

// sameAsSearch compares with the library's own search.
func (p *program) sameAsSearch(ctx context.Context, t *testing.T, s *graphmatch.Selection, model *onnx.Model) {
	base := s.Alignment.Models[0]
	r := must[*search.Result](t)(search.Merge(ctx, s, p.data(t, base), p.options))
	if !r.Gained() || *r.Chosen.Trial != p.trial {
		t.Errorf("the search chose %s, the steps are those of %s", r.Chosen.Name, p.trial.Name())
	}
	recipe := must[*gating.Recipe](t)(r.Recipe())
	same := must[*onnx.Model](t)(recipe.Describe(r.Model(), versionString()))
	if must[string](t)(same.SHA256()) != must[string](t)(model.SHA256()) {
		t.Error("the steps give another model than the search")
	}
	if err := r.Verify(ctx, model); err != nil {
		t.Errorf("the steps' model is not what the search says: %v", err)
	}
}

// write writes the model with a check and returns the file's bytes.
func (p *program) write(ctx context.Context, t *testing.T, m *onnx.Model) []byte {
	path := filepath.Join(t.TempDir(), "steps.onnx")
	verify := func(path string) error {
		back, err := onnx.Open(path)
		if err != nil {
			return err
		}
		defer back.Close()
		_, err = p.learn.Score(ctx, back)
		return err
	}
	if err := onnx.WriteFile(path, m, onnx.WriteOptions{Inputs: p.paths, Verify: verify}); err != nil {
		t.Fatal(err)
	}
	return must[[]byte](t)(os.ReadFile(path))
}
