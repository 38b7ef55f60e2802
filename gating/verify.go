package gating

import (
	"context"
	"fmt"
	"math"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/onnx"
)

// Verify checks a model that was read back from its file against the result: it
// breaks no rule of ONNX, and where there is data to judge on it has the score
// that the chosen candidate had.
func (r *Result) Verify(ctx context.Context, back *onnx.Model) error {
	if err := onnx.Validate(back); err != nil {
		return err
	}
	if r.Held == nil {
		return nil
	}
	w := kernel.NewWorkers(r.options.Learn.Workers.Threads())
	defer w.Close()
	s, err := Evaluate(ctx, back, r.Held, r.Objective, max(r.options.Learn.BatchSize, 64), w)
	if err != nil {
		return err
	}
	want := r.Chosen.Score
	if math.Abs(s.Loss-want.Loss) > 1e-6*math.Max(1, math.Abs(want.Loss)) || s.Metric != want.Metric {
		return fmt.Errorf("loss %v and metric %v, the candidate had %v and %v", s.Loss, s.Metric, want.Loss, want.Metric)
	}
	return nil
}
