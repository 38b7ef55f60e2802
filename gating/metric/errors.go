package metric

import (
	"math"

	"github.com/softmerge/softmerge/gating/network"
)

// MSE is the mean squared error over all elements.
func MSE() Metric { return elementwise("mse", func(d float64) float64 { return d * d }) }

// MAE is the mean absolute error over all elements.
func MAE() Metric { return elementwise("mae", math.Abs) }

// elementwise is the mean of what a function makes of every difference; smaller is better.
func elementwise(name string, of func(difference float64) float64) Metric {
	return Metric{Name: name, Smaller: true, tally: func() Tally {
		return &ratio{name: name, one: func(out, target *network.Tensor, sample int) (sum, n float64) {
			from, to := elements(out, sample)
			for i := from; i < to; i++ {
				sum += of(float64(out.F[i]) - number(target, i))
			}
			return sum, float64(to - from)
		}}
	}}
}
