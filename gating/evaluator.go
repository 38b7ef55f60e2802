package gating

import (
	"context"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/option"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/onnx"
)

// Evaluator runs models over one data set and scores them by one objective, some
// samples at a time, on some threads. Every step of a merge that looks at data takes one.
// It is used by one goroutine at a time.
type Evaluator struct {
	data      *dataset.Data
	objective Objective
	batch     int
	workers   *kernel.Workers
	base      *onnx.Model             // that the data and the objective are for; may be nil
	bound     map[*onnx.Model]binding // of models that have other names, see bind
}

// EvaluatorOptions says how an Evaluator computes. The zero value of a field means its default.
type EvaluatorOptions struct {
	BatchSize int // samples a run; default DefaultBatchSize
	Threads   int // default GOMAXPROCS. Results do not depend on it

	// Base is the model that the data was read and the objective fitted for. Models with other inputs and outputs are
	// aligned with it; without it theirs are taken by name, else by place.
	Base *onnx.Model
}

// Validate returns the options with defaults filled in, or an error of kind ErrOption.
func (o EvaluatorOptions) Validate() (EvaluatorOptions, error) {
	option.Default(&o.BatchSize, DefaultBatchSize)
	switch {
	case o.BatchSize < 1:
		return o, option.Errorf("batch size %d: want at least 1", o.BatchSize)
	case o.Threads < 0:
		return o, option.Errorf("%d threads: want at least 1", o.Threads)
	}
	return o, nil
}

// NewEvaluator prepares the data's labels for the objective. Close ends its threads.
// Errors are of kind dataset.ErrData, for labels that do not fit, or ErrOption.
func NewEvaluator(d *dataset.Data, objective Objective, o EvaluatorOptions) (*Evaluator, error) {
	o, err := o.Validate()
	if err != nil {
		return nil, err
	}
	d, err = objective.Prepare(d)
	if err != nil {
		return nil, err
	}
	return &Evaluator{d, objective, o.BatchSize, kernel.NewWorkers(o.Threads), o.Base, map[*onnx.Model]binding{}}, nil
}

// Close ends the threads of this evaluator and of those derived from it.
func (e *Evaluator) Close() { e.workers.Close() }

// Data returns the samples with labels as the objective reads them.
func (e *Evaluator) Data() *dataset.Data { return e.data }

// Objective returns what is scored.
func (e *Evaluator) Objective() Objective { return e.objective }

// On returns an evaluator of other data that shares the threads. Errors are of kind dataset.ErrData.
func (e *Evaluator) On(d *dataset.Data) (*Evaluator, error) {
	d, err := e.objective.Prepare(d)
	if err != nil {
		return nil, err
	}
	return e.over(d), nil
}

// JudgedBy returns an evaluator of the same samples with another metric for one of the objective's heads; false where
// that does not fit the head's labels.
func (e *Evaluator) JudgedBy(head int, name string) (*Evaluator, bool) {
	o, ok := e.objective.JudgedBy(head, name)
	return &Evaluator{e.data, o, e.batch, e.workers, e.base, e.bound}, ok
}

// over returns an evaluator of data that is prepared already.
func (e *Evaluator) over(d *dataset.Data) *Evaluator {
	return &Evaluator{d, e.objective, e.batch, e.workers, e.base, e.bound}
}

// Head returns an evaluator of the first n samples.
func (e *Evaluator) Head(n int) *Evaluator { return e.over(e.data.Head(n)) }

// Split returns evaluators of two parts of the data: one to learn on, and one to judge
// on, which has the share of the samples given (see dataset.Data.Split).
func (e *Evaluator) Split(share float64, seed uint64) (learn, judge *Evaluator, err error) {
	first, second, err := e.data.Split(share, seed)
	if err != nil {
		return nil, nil, err
	}
	return e.over(first), e.over(second), nil
}

// Fold returns evaluators of two parts of the data, as Split does: one to learn on, and
// the i-th of k to judge on (see dataset.Data.Fold).
func (e *Evaluator) Fold(i, k int, seed uint64) (learn, judge *Evaluator, err error) {
	first, second, err := e.data.Fold(i, k, seed)
	if err != nil {
		return nil, nil, err
	}
	return e.over(first), e.over(second), nil
}

// Score runs a model over all samples. Errors come from lowering
// (network.ErrUnsupported, network.ErrShape), from labels that do not fit, or
// from the context.
func (e *Evaluator) Score(ctx context.Context, m *onnx.Model) (Score, error) {
	f, err := e.forward(m, nil, e.batch)
	if err != nil {
		return Score{}, err
	}
	return f.score(ctx, Coefficients{})
}

// Mixtures scores mixtures of one plan by their coefficients: the network is lowered once.
type Mixtures struct{ forward *forward }

// Mixtures prepares to score mixtures of a plan over all samples.
func (e *Evaluator) Mixtures(p *Plan) (*Mixtures, error) {
	f, err := e.forward(p.base(), p, e.batch)
	if err != nil {
		return nil, err
	}
	return &Mixtures{f}, nil
}

// Score runs the plan's network with coefficients over all samples.
func (m *Mixtures) Score(ctx context.Context, c Coefficients) (Score, error) {
	return m.forward.score(ctx, c)
}
