package gating

import (
	"context"
	"slices"

	"github.com/softmerge/softmerge/onnx"
)

// Confusion counts answers by label: Confusion[label][answer], where the answer is the
// class of the largest score.
type Confusion [][]int

// Confusion counts a model's answers by one of the objective's heads over all samples, over all positions where
// labels belong to those, or over all objects that a detector finds somewhere. It is nil for a head that counts no
// classes.
func (e *Evaluator) Confusion(ctx context.Context, m *onnx.Model, head int) (Confusion, error) {
	h := e.objective.Heads[head]
	answers := h.Answers()
	if answers == nil {
		return nil, nil
	}
	f, err := e.forward(m, nil, e.batch)
	if err != nil {
		return nil, err
	}
	c := make(Confusion, h.Classes)
	for i := range c {
		c[i] = make([]int, h.Classes)
	}
	f.evenOut()
	for rows := range f.data.InOrder(f.sizes...) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		outs, err := f.run(rows, Coefficients{})
		if err != nil {
			return nil, err
		}
		for label, answer := range answers(outs[head], f.targets(rows)[head]) {
			if answer >= 0 {
				c[label][answer]++
			}
		}
	}
	return c, nil
}

// Plus is the sum of two counts of as many classes; nil counts nothing.
func (c Confusion) Plus(other Confusion) Confusion {
	sum := make(Confusion, len(other))
	for label := range other {
		sum[label] = slices.Clone(other[label])
		if c == nil {
			continue
		}
		for answer, n := range c[label] {
			sum[label][answer] += n
		}
	}
	return sum
}
