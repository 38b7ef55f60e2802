package gating

import (
	"context"
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// eachAnswer calls visit for every run of a model over the data, with the rows that it is of and what the model answers
// for them (objective.Head.Answer); the objective is of one head.
func (e *Evaluator) eachAnswer(ctx context.Context, m *onnx.Model,
	visit func(rows []int, answer *network.Tensor) error) error {
	f, err := e.forward(m, nil, e.batch)
	if err != nil {
		return err
	}
	f.evenOut()
	head := e.objective.Only()
	for rows := range e.data.InOrder(f.sizes...) {
		if err := ctx.Err(); err != nil {
			return err
		}
		outs, err := f.run(rows, Coefficients{})
		if err != nil {
			return err
		}
		if err := visit(rows, head.Answer(outs[0])); err != nil {
			return err
		}
	}
	return nil
}

// answerShapes are those of a model's answer for a sample of each part of the data.
func (e *Evaluator) answerShapes(m *onnx.Model) ([][]int, error) {
	f, err := e.forward(m, nil, 1)
	if err != nil {
		return nil, err
	}
	var list [][]int
	for part := range e.data.Parts() {
		g, err := f.lower(run{part, f.sizes[part]})
		if err != nil {
			return nil, err
		}
		list = append(list, slices.Clone(g.Outputs()[0].Shape[1:]))
	}
	return list, nil
}

// addAnswers adds to the labels of data the answers of a model, each row's by its share. A share of 0 adds nothing,
// be the answer a number or not. Answers of another shape than the labels are an error of kind network.ErrShape.
func (e *Evaluator) addAnswers(ctx context.Context, m *onnx.Model, to *dataset.Data,
	share func(row int, answer []float32) float64) error {
	parts := to.Parts()
	return e.eachAnswer(ctx, m, func(rows []int, answer *network.Tensor) error {
		part, local := e.data.Locate(rows)
		label := parts[part].Label
		size := label.Size()
		if len(answer.F) != len(rows)*size {
			return fmt.Errorf("it answers with the shape %v, others with %v: %w", answer.Shape[1:], label.Shape,
				network.ErrShape)
		}
		for i, row := range rows {
			own := answer.F[i*size : (i+1)*size]
			w := float32(share(row, own))
			if w == 0 {
				continue
			}
			sum := label.Floats[local[i]*size : (local[i]+1)*size]
			for k, v := range own {
				sum[k] += w * v
			}
		}
		return nil
	})
}
