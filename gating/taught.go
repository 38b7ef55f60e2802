package gating

import (
	"context"

	"github.com/softmerge/softmerge/gating/dataset"
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
// nil where there are no such labels: of boxes, of several outputs, where some do not count, of other losses, and where
// they would take much memory. Errors are those of running the models, or of kind dataset.ErrData where there is no
// room.
func (e *Evaluator) Taught(ctx context.Context, models []*onnx.Model) (*Evaluator, error) {
	if len(e.objective.Heads) != 1 || e.objective.Unlabelled() || !e.objective.Only().Linear() {
		return nil, nil
	}
	weights, err := e.competence(ctx, models)
	if err != nil {
		return nil, err
	}
	shapes, err := e.answerShapes(models[0])
	if err != nil || !roomFor(shapes, e.data) {
		return nil, err
	}
	labelled, err := e.data.Labelled(e.data.Label.Name, shapes)
	if err != nil {
		return nil, err
	}
	head := e.objective.Only()
	for i, p := range e.data.Parts() {
		head.Spread(p.Label, 1-taughtShare, labelled.Parts()[i].Label)
	}
	for j, m := range models {
		share := func(row int, _ []float32) float64 { return taughtShare * weights[row][j] }
		if err := e.addAnswers(ctx, m, labelled, share); err != nil {
			return nil, err
		}
	}
	return e.over(labelled), nil
}

// roomFor says whether labels of some shapes take no more memory than they may.
func roomFor(shapes [][]int, d *dataset.Data) bool {
	bytes := 0
	for i, p := range d.Parts() {
		bytes += 4 * sizeOf(shapes[i]) * p.Label.Len()
	}
	return bytes <= taughtBytes
}
