package gating

import (
	"context"
	"math"
	"slices"

	"github.com/softmerge/softmerge/onnx"
)

// StatisticsGap says how far the data is from what a model was trained on, as its first
// BatchNormalization remembers it.
type StatisticsGap struct {
	Node  string  // its first output
	Shift float64 // median over the channels of the distance between the means, in the model's own deviations
	Ratio float64 // median over the channels of the data's variance by the model's own
}

// StatisticsGap measures the data at a model's first BatchNormalization. It is nil for a
// model that has none, or takes one sample at a time.
func (e *Evaluator) StatisticsGap(ctx context.Context, m *onnx.Model) (*StatisticsGap, error) {
	nodes := normNodes(m)
	if len(nodes) == 0 || fixedBatch(m) == 1 {
		return nil, nil
	}
	measured, err := e.measure(ctx, m)
	if err != nil || len(measured) == 0 {
		return nil, err
	}
	tensors := initializers(m)
	in := nodes[0].GetInput()
	mean, err := m.Tensor(tensors[in[3]]).Doubles(nil)
	if err != nil {
		return nil, err
	}
	variance, err := m.Tensor(tensors[in[4]]).Doubles(nil)
	if err != nil {
		return nil, err
	}
	eps := epsilon(nodes[0])
	shift, ratio := make([]float64, len(mean)), make([]float64, len(mean))
	for c := range mean {
		shift[c] = math.Abs(measured[0].Mean[c]-mean[c]) / math.Sqrt(variance[c]+eps)
		ratio[c] = (measured[0].Variance[c] + eps) / (variance[c] + eps)
	}
	return &StatisticsGap{nodes[0].GetOutput()[0], median(shift), median(ratio)}, nil
}

// median sorts numbers, of which there is at least one, and returns the middle one.
func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}
