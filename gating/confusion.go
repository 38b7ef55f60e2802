package gating

import (
	"context"

	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// Confusion counts answers by label: Confusion[label][answer], where the answer is the
// class of the largest score.
type Confusion [][]int

// Confusion counts a model's answers over all samples, or over all positions where
// labels belong to those. It is nil for an objective that counts no classes.
func (e *Evaluator) Confusion(ctx context.Context, m *onnx.Model) (Confusion, error) {
	loss, ok := e.objective.Loss.(network.CrossEntropy)
	if !ok || !e.objective.Indexed() {
		return nil, nil
	}
	f, err := e.forward(m, nil, e.batch)
	if err != nil {
		return nil, err
	}
	c := make(Confusion, e.objective.Classes)
	for i := range c {
		c[i] = make([]int, e.objective.Classes)
	}
	f.evenOut()
	for rows := range f.data.InOrder(f.sizes...) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		out, err := f.run(rows, Coefficients{})
		if err != nil {
			return nil, err
		}
		for label, answer := range metric.Answers(out, f.target(rows), loss.Axis) {
			if answer >= 0 {
				c[label][answer]++
			}
		}
	}
	return c, nil
}
