package gating

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// Method is how a merge looks for coefficients.
type Method string

const (
	Soft        Method = "soft"    // learn gates; uniform and greedy are candidates too
	GreedySoup  Method = "greedy"  // average the parents that help, best first
	UniformMean Method = "uniform" // average all parents
)

// Options says how to merge. The zero value of a field means its default.
type Options struct {
	Method      Method
	Granularity []Granularity // tried in this order; default layer and channel
	Init        Init          // where gates start; default auto
	Loss        string        // auto, cross_entropy, mse, bce
	Metric      string        // auto, accuracy, mse, mae, r2
	Output      string        // graph output the loss reads; default the first that fits
	Learn       LearnConfig   // Workers and Seed count for the whole merge
	Holdout     float64       // share of the data that judges; default 0.2
	HeldOut     *dataset.Data // judges in place of a share of the data
	Permute     Permutation   // how hidden units are brought into one order; default auto
	Progress    func(Event)   // may be nil
}

// Defaults, chosen on the fixtures.
const (
	DefaultHoldout   = 0.2
	DefaultEpochs    = 30
	DefaultMaxSteps  = 400
	DefaultBatchSize = 64
	DefaultRate      = 0.1
	DefaultL0        = 0.01
)

// Event is news of a merge under way.
type Event struct {
	Stage       string // "learn" or "candidate"
	Granularity Granularity
	Step, Steps int
	Loss        float64
	Candidate   *Candidate
}

// Result is a finished merge.
type Result struct {
	Alignment  *graphmatch.Alignment
	Selection  *graphmatch.Selection
	Objective  Objective
	Candidates []Candidate
	Chosen     *Candidate
	Steps      int
	Learning   time.Duration // time spent in Learn
	Identical  bool          // every selected layer is identical: the base is the result
	Held       *dataset.Data // what judged
	parents    []*onnx.Model
	arranged   *arrangement
	weights    *Weights
	options    Options
}

// merge is the state of one Merge.
type merge struct {
	Options
	alignment   *graphmatch.Alignment // hidden units in the base's order
	parents     []*onnx.Model         // as they were opened
	arranged    *arrangement          // how hidden units came into that order
	moments     [][]moments           // per parent and repairable layer; measured for the first repair
	objective   Objective
	train, held *dataset.Data
	workers     *kernel.Workers
	candidates  []Candidate
	weights     *Weights
	steps       int
	learning    time.Duration
}

// Merge merges the selected layers of aligned models on the data and judges all
// candidates. The best is Result.Chosen, which may be a parent: then no merge
// beats it, see Result.Gained. Errors are of the kinds of this package, network,
// dataset and onnx.
func Merge(ctx context.Context, s *graphmatch.Selection, d *dataset.Data, o Options) (*Result, error) {
	o.setDefaults()
	m := &merge{Options: o, alignment: s.Alignment, parents: s.Alignment.Models, workers: o.Learn.Workers, arranged: unmoved(s)}
	var err error
	if err := m.divide(d); err != nil {
		return nil, err
	}
	if m.weights, err = LoadWeights(s); err != nil {
		return nil, err
	}
	if len(m.weights.layers) == 0 {
		return m.withoutGates(s)
	}
	losses, err := m.judgeParents(ctx)
	if err != nil {
		return nil, err
	}
	if s, err = m.rearrange(ctx, s, losses); err != nil {
		return nil, err
	}
	if err := m.judgeAverages(ctx, losses); err != nil {
		return nil, err
	}
	if m.Method == Soft {
		for _, g := range m.Granularity {
			if err := m.judgeSoft(ctx, g, losses); err != nil {
				return nil, err
			}
		}
	}
	chosen := m.choose()
	if chosen == nil {
		return nil, &hinted{ErrNoGain, "no model, parent or merged, has a finite loss on the held-out data", "check the data and the parents with softmerge eval"}
	}
	chosen.Chosen = true
	return m.result(s, chosen), nil
}

func (o *Options) setDefaults() {
	setDefault(&o.Method, Soft)
	setDefault(&o.Permute, PermuteAuto)
	setDefault(&o.Init, InitAuto)
	if len(o.Granularity) == 0 {
		o.Granularity = []Granularity{ByLayer, ByChannel}
	}
	setDefault(&o.Holdout, DefaultHoldout)
	setDefault(&o.Learn.Epochs, DefaultEpochs)
	setDefault(&o.Learn.MaxSteps, DefaultMaxSteps)
	setDefault(&o.Learn.BatchSize, DefaultBatchSize)
	setDefault(&o.Learn.Rate, DefaultRate)
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// withoutGates is the result where no selected layer can be mixed: fine if all are identical.
func (m *merge) withoutGates(s *graphmatch.Selection) (*Result, error) {
	for _, i := range s.Layers {
		if layer := &s.Alignment.Layers[i]; layer.Status != graphmatch.Identical {
			return nil, &hinted{graphmatch.ErrAlign, fmt.Sprintf("none of the selected layers can be merged; layer %s: %s", layer.Name, m.weights.skipped[layer]),
				"run softmerge match to see what aligns, or choose other layers with --only"}
		}
	}
	base := s.Alignment.Base
	c := Candidate{Name: parentName(s.Alignment, base), Parent: base, Chosen: true, model: m.parents[base], Score: Score{Loss: math.NaN(), Metric: math.NaN()}}
	m.candidates = []Candidate{c}
	r := m.result(s, &m.candidates[0])
	r.Identical, r.Held = true, nil
	return r, nil
}

func (m *merge) result(s *graphmatch.Selection, chosen *Candidate) *Result {
	return &Result{Alignment: s.Alignment, Selection: s, Objective: m.objective, Candidates: m.candidates, Chosen: chosen,
		Steps: m.steps, Learning: m.learning, Held: m.held, parents: m.parents, arranged: m.arranged, weights: m.weights, options: m.Options}
}

// divide fits the objective and splits the data into what learns and what judges.
func (m *merge) divide(d *dataset.Data) (err error) {
	base := m.alignment.Models[m.alignment.Base]
	if m.objective, err = FitObjective(base, d, m.Loss, m.Metric, m.Output); err != nil {
		return err
	}
	if d, err = m.objective.Prepare(d); err != nil {
		return err
	}
	if m.HeldOut != nil {
		m.train = d
		m.held, err = m.objective.Prepare(m.HeldOut)
		return err
	}
	m.train, m.held, err = d.Split(m.Holdout, m.Learn.Seed)
	return err
}

// rearrange makes the merge one of parents whose hidden units are in the base's
// order. The parents' losses may be nil where they are not known.
func (m *merge) rearrange(ctx context.Context, s *graphmatch.Selection, losses []float64) (*graphmatch.Selection, error) {
	a, err := m.arrange(ctx, s, losses)
	if err != nil {
		return nil, err
	}
	m.arranged, m.alignment = a, a.selection.Alignment
	if a.by != PermuteNone {
		m.weights = nil // not twice in memory
		m.weights, err = LoadWeights(a.selection)
	}
	return a.selection, err
}

// evalBatch is the batch size of forward passes.
func (m *merge) evalBatch() int { return max(m.Learn.BatchSize, 64) }

// judgeParents scores every parent on both parts and returns the losses on the training part.
func (m *merge) judgeParents(ctx context.Context) ([]float64, error) {
	losses := make([]float64, len(m.alignment.Models))
	for j, model := range m.parents {
		losses[j] = math.NaN()
		c := Candidate{Name: parentName(m.alignment, j), Parent: j, model: model}
		if err := m.judge(ctx, c); err != nil {
			return nil, err
		}
		if m.candidates[len(m.candidates)-1].failure != nil {
			continue
		}
		s, err := Evaluate(ctx, model, m.train, m.objective, m.evalBatch(), m.workers)
		if err != nil {
			return nil, err
		}
		losses[j] = s.Loss
	}
	return losses, nil
}

func parentName(a *graphmatch.Alignment, j int) string { return "parent:" + a.Models[j].Path() }

// judgeAverages judges the uniform average and the greedy soup.
func (m *merge) judgeAverages(ctx context.Context, losses []float64) error {
	p, err := NewPlan(m.weights, ByLayer)
	if err != nil {
		return err
	}
	if m.Method != GreedySoup {
		if err := m.judgeUniform(ctx, p); err != nil {
			return err
		}
	}
	if m.Method == UniformMean {
		return nil
	}
	in, err := m.greedySoup(ctx, p, losses)
	if err != nil {
		return err
	}
	return m.judgeMerged(ctx, "greedy", p, p.Uniform(in))
}

// judgeUniform judges the uniform average and, where hidden units were reordered, the same repaired.
func (m *merge) judgeUniform(ctx context.Context, p *Plan) error {
	coeffs := p.Uniform(p.everyone())
	if err := m.judgeMerged(ctx, "uniform", p, coeffs); err != nil || m.arranged.by == PermuteNone {
		return err
	}
	repaired, err := m.repaired(ctx, p, coeffs)
	if err != nil || repaired == nil {
		return err
	}
	return m.judgeMerged(ctx, "uniform+repaired", repaired, coeffs)
}

// judgeSoft learns gates of one granularity and judges them as learned and rounded.
func (m *merge) judgeSoft(ctx context.Context, g Granularity, losses []float64) error {
	p, err := NewPlan(m.weights, g)
	if err != nil {
		return err
	}
	if m.arranged.by != PermuteNone && m.Init != InitOpen && len(ascending(losses)) > 0 {
		return m.judgeApproaches(ctx, p, losses)
	}
	start, err := Start(ctx, p, m.Init, m.train, m.objective, losses, m.Learn.Seed, m.workers)
	if err != nil {
		return err
	}
	return m.judgeLearned(ctx, "soft:"+string(g), p, start, m.Learn.Combine, true)
}

// judgeLearned learns gates from start and judges them as learned and, if wanted, rounded.
func (m *merge) judgeLearned(ctx context.Context, name string, p *Plan, start [][]float64, combine Combine, rounded bool) error {
	c := m.Learn
	c.Combine = combine
	c.Progress = func(step, steps int, loss float64) {
		m.report(Event{Stage: "learn", Granularity: p.Granularity, Step: step, Steps: steps, Loss: loss})
	}
	learned, err := Learn(ctx, p, m.train, m.objective, start, c)
	if errors.Is(err, ErrDiverged) {
		m.fail(Candidate{Name: name, Parent: -1}, err)
		return nil
	}
	if err != nil {
		return err
	}
	m.steps += learned.Steps
	m.learning += learned.Elapsed
	if err := m.judgeMerged(ctx, name, p, p.Coefficients(learned.LogAlpha, combine)); err != nil || !rounded {
		return err
	}
	return m.judgeMerged(ctx, name+":rounded", p, p.Rounded(learned.LogAlpha))
}

func (m *merge) report(e Event) {
	if m.Progress != nil {
		m.Progress(e)
	}
}

// Gained says whether the chosen candidate is a merged model.
func (r *Result) Gained() bool { return r.Chosen.Parent < 0 }

// Model returns the chosen model, without metadata.
func (r *Result) Model() *onnx.Model { return r.Chosen.model }
