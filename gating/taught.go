package gating

import (
	"context"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/onnx"
)

// Of what labels are made that models teach.
const (
	taughtShare = 0.5     // the share of the models' answers
	taughtBytes = 1 << 28 // memory for the labels, at most
)

// Taught returns an evaluator of the same samples, to learn from: half is the label, and half what the models
// answer together,
//
//	sum over models j of w_nj p_j(x_n),  w_nj = softmax_j(-3 loss_nj),
//
// with p_j the probabilities that model j gives, or its numbers. Cross-entropies are linear in the labels, and the
// gradient of squared errors is: so this is distillation (arXiv 1503.02531) beside the labels' own loss. Answers say
// more of a sample than its class, which keeps what is learned from following few samples too closely. The result is
// nil where there are no such labels: of boxes, of several outputs, where some do not count, and of other losses.
func (e *Evaluator) Taught(ctx context.Context, models []*onnx.Model) (*Evaluator, error) {
	if len(e.objective.Heads) != 1 || e.objective.Unlabelled() || !e.objective.Only().Linear() {
		return nil, nil
	}
	weights, err := e.competence(ctx, models)
	if err != nil {
		return nil, err
	}
	t := &teaching{head: e.objective.Only(), weights: weights, labels: make([]*dataset.Column, len(e.data.Parts()))}
	for j, m := range models {
		f, err := e.forward(m, nil, e.batch)
		if err != nil {
			return nil, err
		}
		if ok, err := t.add(ctx, f, j); err != nil || !ok {
			return nil, err
		}
	}
	return e.over(e.data.WithLabels(t.labels)), nil
}

// teaching is labels in the making.
type teaching struct {
	head    objective.Head
	weights [][]float64       // per sample and model
	labels  []*dataset.Column // per part of the data
}

// add adds what model j answers; with the first model, the labels' own share too. It returns false where there are no
// such labels.
func (t *teaching) add(ctx context.Context, f *forward, j int) (bool, error) {
	for rows := range f.data.InOrder(f.sizes...) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		outs, err := f.run(rows, Coefficients{})
		if err != nil {
			return false, err
		}
		answer := t.head.Answer(outs[0])
		part, local := f.data.Locate(rows)
		if !t.room(f, part, answer) {
			return false, nil
		}
		of := t.rows(part, local, answer.Shape)
		if j == 0 {
			t.head.Spread(f.targets(rows)[0], 1-taughtShare, of)
		}
		size := answer.Len() / len(rows)
		for i, row := range rows {
			w := float32(taughtShare * t.weights[row][j])
			if w == 0 { // what it answers may be no number
				continue
			}
			for k := i * size; k < (i+1)*size; k++ {
				of.F[k] += w * answer.F[k]
			}
		}
	}
	return true, nil
}

// room makes the labels of a part where there are none yet. It returns false where they would take too much memory, or
// an answer has another shape than those before it.
func (t *teaching) room(f *forward, part int, answer *network.Tensor) bool {
	shape := answer.Shape[1:]
	if c := t.labels[part]; c != nil {
		return slices.Equal(c.Shape, shape)
	}
	if sizeOf(shape)*f.data.Len() > taughtBytes/4 {
		return false
	}
	n := f.parts[part].LabelAt(0)
	t.labels[part] = &dataset.Column{Name: n.Name, Type: onnx.Float32, Shape: slices.Clone(shape),
		Floats: make([]float32, n.Len()*sizeOf(shape))}
	return true
}

// rows is the labels of consecutive rows of a part.
func (t *teaching) rows(part int, local, shape []int) *network.Tensor {
	c := t.labels[part]
	size := sizeOf(c.Shape)
	return &network.Tensor{Type: c.Type, Shape: shape,
		F: c.Floats[local[0]*size : (local[len(local)-1]+1)*size]}
}
