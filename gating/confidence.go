package gating

import (
	"context"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/onnx"
)

// Without labels a model's own certainty tells what it knows: parents that were trained on different domains are less
// certain of samples of others'. How certain a model is in general says nothing, as a factor of its scores changes
// that: so its certainty of a sample is compared with its own mean. Means weighted so are right more often than equal
// ones in all nine harder families, by .02 (fixtures/harder.md).

// confidence is a model's weight for a sample, in a mean over models: exp(-3 (u - usual)), where u is the
// uncertainty of its answer (objective.Head.Uncertainty) and usual the mean of that over samples. It is 0 for an answer
// that is no number.
func confidence(u, usual float64) float64 {
	if math.IsNaN(u) {
		return 0
	}
	return math.Exp(-sharpness * (u - usual))
}

// uncertainty is the mean of that of answers for several samples.
func (a *answers) uncertainty(h objective.Head) float64 {
	size, sum, n := sizeOf(a.shape), 0.0, 0
	if size == 0 {
		return 0
	}
	for own := range slices.Chunk(a.values, size) {
		sum += h.Uncertainty(own)
		n++
	}
	return sum / float64(n)
}

// confidences returns each model's share in what is learned of each sample, where an ensemble's answers are the labels:
// as those that are in weigh in the ensemble.
func (e *Evaluator) confidences(ctx context.Context, models []*onnx.Model, in []bool) ([][]float64, error) {
	out := make([][]float64, e.data.Len())
	for n := range out {
		out[n] = make([]float64, len(models))
	}
	for j, m := range models {
		if !in[j] {
			continue
		}
		if err := e.confidencesOf(ctx, m, out, j); err != nil {
			return nil, err
		}
	}
	for _, shares := range out {
		normalise(shares)
	}
	return out, nil
}

// confidencesOf fills column j with the weights of one model.
func (e *Evaluator) confidencesOf(ctx context.Context, m *onnx.Model, out [][]float64, j int) error {
	head, usual := e.objective.Only(), 0.0
	err := e.eachAnswer(ctx, m, func(rows []int, answer *network.Tensor) error {
		size := answer.Len() / len(rows)
		for i, row := range rows {
			out[row][j] = head.Uncertainty(answer.F[i*size : (i+1)*size])
			usual += out[row][j] / float64(len(out))
		}
		return nil
	})
	for n := range out {
		out[n][j] = confidence(out[n][j], usual)
	}
	return err
}
