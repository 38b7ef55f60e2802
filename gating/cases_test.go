package gating

import (
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/onnx"
)

var granularities = []Granularity{ByModel, ByModule, ByLayer, ByChannel, ByTensor, ByElement}

// planOf is the plan of every layer of the models.
func planOf(t testing.TB, models []*onnx.Model, g Granularity, only ...string) *Plan {
	t.Helper()
	return gatetest.Must(NewPlan(gatetest.Must(LoadWeights(gatetest.Select(t, models, only...)))(t), g))(t)
}

// excluding is a plan without a parent in a group.
func excluding(p *Plan, group int, parents ...int) *Plan {
	for _, j := range parents {
		p = p.Excluding(Exclusion{group, j})
	}
	return p
}

// numbersOf are numbers for the gates of a plan, one list a group, parent by parent.
func numbersOf(p *Plan, groups ...[]float64) numbers { return numbers{p.parents(), groups} }

// equalNumbers says whether all numbers are the same.
func equalNumbers(a, b numbers) bool {
	return a.parents == b.parents && slices.EqualFunc(a.groups, b.groups, equalFloats)
}

func equalFloats(a, b []float64) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// randomCoefficients draws convex coefficients for every gate of a plan; unit 0
// of every group takes one parent alone.
func randomCoefficients(p *Plan, seed uint64) Coefficients {
	a := LogAlpha{newNumbers(p)}
	for g := range a.groups {
		a.groups[g] = gatetest.Random(seed+uint64(g), len(a.groups[g]))
		for j := range p.parents() {
			a.of(g, j)[0] = map[bool]float64{true: 3, false: -3}[j == g%p.parents()]
		}
	}
	return p.Coefficients(a, Convex)
}

// objectiveOf fits the objective of a model and data by itself.
func objectiveOf(t testing.TB, m *onnx.Model, d *dataset.Data) Objective {
	t.Helper()
	return gatetest.Must(FitObjective(m, d, ObjectiveOptions{}))(t)
}

// evaluatorOf scores on data, on one thread.
func evaluatorOf(t testing.TB, d *dataset.Data, objective Objective, batch int) *Evaluator {
	t.Helper()
	return onThreads(t, d, objective, batch, 1)
}

// onThreads scores on data, on some threads.
func onThreads(t testing.TB, d *dataset.Data, objective Objective, batch, threads int) *Evaluator {
	t.Helper()
	e := gatetest.Must(NewEvaluator(d, objective, EvaluatorOptions{BatchSize: batch, Threads: threads}))(t)
	t.Cleanup(e.Close)
	return e
}

// scoreOf scores a model.
func scoreOf(t testing.TB, e *Evaluator, m *onnx.Model) Score {
	t.Helper()
	return gatetest.Must(e.Score(t.Context(), m))(t)
}

// unlabelled computes an output over data that has no labels, in one thread.
func unlabelled(d *dataset.Data, output string, batch int) *Evaluator {
	return &Evaluator{data: d, objective: reading(output), batch: batch}
}

// upTo is the slice 0, 1, ..., n-1.
func upTo(n int) []int { return between(0, n) }

// between is the slice from, from+1, ..., to-1.
func between(from, to int) (list []int) {
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}

// reading is an objective that reads an output and compares it with nothing.
func reading(output string) Objective {
	return Objective{Heads: []objective.Head{{Output: output, Weight: 1}}}
}

// logits computes an output for all samples of the data; the plan may be nil.
func logits(t testing.TB, m *onnx.Model, d *dataset.Data, p *Plan, c Coefficients) []float32 {
	t.Helper()
	e := unlabelled(d, m.Proto().GetGraph().GetOutput()[0].GetName(), d.Len())
	f := gatetest.Must(e.forward(m, p, d.Len()))(t)
	return slices.Clone(gatetest.Must(f.run(upTo(d.Len()), c))(t)[0].F)
}

// ungated computes the output of a model as it is.
func ungated(t testing.TB, m *onnx.Model, d *dataset.Data) []float32 {
	t.Helper()
	return logits(t, m, d, nil, Coefficients{})
}

// wantSameLogits bakes, writes and reads back, and compares with the network whose weights are mixtures.
func wantSameLogits(t testing.TB, p *Plan, c Coefficients, d *dataset.Data, tol float64) *onnx.Model {
	t.Helper()
	back := gatetest.Written(t, gatetest.Must(p.Bake(c))(t))
	wantClose(t, ungated(t, back, d), logits(t, p.base(), d, p, c), tol)
	return back
}

// wantClose fails unless two outputs agree to a part of the largest element.
func wantClose(t testing.TB, got, want []float32, tol float64) {
	t.Helper()
	var scale float64
	for _, v := range want {
		scale = math.Max(scale, math.Abs(float64(v)))
	}
	for i := range want {
		if !(math.Abs(float64(got[i])-float64(want[i])) <= tol*scale) {
			t.Fatalf("element %d: got %v, want %v", i, got[i], want[i])
		}
	}
}

func wantFinite(t testing.TB, v []float32) {
	t.Helper()
	if !onnx.AllFinite(v) {
		t.Errorf("not all of %v are finite", v)
	}
}

// learnCase is a place to start learning at, with data.
type learnCase struct {
	plan  *Plan
	obj   Objective
	data  *dataset.Data // with labels as the objective reads them
	start Start
}

func newLearnCase(t testing.TB, models []*onnx.Model, d *dataset.Data, g Granularity, only ...string) *learnCase {
	t.Helper()
	obj := objectiveOf(t, models[0], d)
	c := &learnCase{plan: planOf(t, models, g, only...), obj: obj, data: gatetest.Must(obj.Prepare(d))(t)}
	e := evaluatorOf(t, d, obj, 64)
	o := StartOptions{Init: InitOpen, Seed: 1}
	c.start = gatetest.Must(NewStart(t.Context(), c.plan, e, make([]float64, len(models)), o))(t)
	return c
}

// evaluator is one of the case's data, on one thread.
func (c *learnCase) evaluator(t testing.TB) *Evaluator {
	t.Helper()
	return evaluatorOf(t, c.data, c.obj, 64)
}

func (c *learnCase) learn(t testing.TB, o LearnOptions) *Learned {
	t.Helper()
	return gatetest.Must(Learn(t.Context(), c.start, c.evaluator(t), o))(t)
}

// trainer is a trainer on one thread.
func (c *learnCase) trainer(t testing.TB, o LearnOptions) *trainer {
	t.Helper()
	return c.trainerOn(t, c.evaluator(t), o)
}

// trainerOn is a trainer on the evaluator's data, with the options' defaults filled in.
func (c *learnCase) trainerOn(t testing.TB, e *Evaluator, o LearnOptions) *trainer {
	t.Helper()
	tr := gatetest.Must(newTrainer(c.plan, e, c.start.LogAlpha, gatetest.Must(o.Validate())(t)))(t)
	t.Cleanup(tr.close)
	return tr
}

// quick is a short run.
func quick() LearnOptions {
	return LearnOptions{Epochs: 2, MaxSteps: 6, BatchSize: 32, Rate: 0.1, L0: new(0.01), Combine: Convex, Seed: 1}
}

// firstUpdates are the batches of the first n updates of seed 1.
func firstUpdates(tr *trainer, n int) (list [][][]int) {
	for batches := range updates(tr.forward.data.Batches(1, tr.forward.sizes...), tr.samples) {
		if list = append(list, batches); len(list) == n {
			break
		}
	}
	return list
}
