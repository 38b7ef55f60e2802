package network

import (
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
)

// MSE is the mean squared error over all elements.
type MSE struct{}

// Name returns "mse".
func (MSE) Name() string { return "mse" }

// Terms gives (out-target)^2 of every element.
func (l MSE) Terms(out, target *op.Tensor, add func(sample int, loss, weight float64)) error {
	return differences(l.Name(), out, target, add, func(d float64) float64 { return d * d })
}

// Gradient is 2 (out-target) / n.
func (l MSE) Gradient(out, target *op.Tensor, scale float32, dx []float32) error {
	return slopes(l.Name(), out, target, scale, dx, func(d float64) float64 { return 2 * d })
}

// MAE is the mean absolute error over all elements, torch.nn.L1Loss.
type MAE struct{}

// Name returns "mae".
func (MAE) Name() string { return "mae" }

// Terms gives |out-target| of every element.
func (l MAE) Terms(out, target *op.Tensor, add func(sample int, loss, weight float64)) error {
	return differences(l.Name(), out, target, add, math.Abs)
}

// Gradient is the sign of out-target over n, 0 where they are equal.
func (l MAE) Gradient(out, target *op.Tensor, scale float32, dx []float32) error {
	return slopes(l.Name(), out, target, scale, dx, func(d float64) float64 {
		switch {
		case d > 0:
			return 1
		case d < 0:
			return -1
		}
		return 0
	})
}

// Huber is the mean over all elements of d^2/2 for differences d up to Delta and of Delta (|d| - Delta/2)
// beyond, torch.nn.HuberLoss.
type Huber struct{ Delta float64 }

// Name returns "huber".
func (Huber) Name() string { return "huber" }

// Terms gives one term an element.
func (l Huber) Terms(out, target *op.Tensor, add func(sample int, loss, weight float64)) error {
	return differences(l.Name(), out, target, add, func(d float64) float64 {
		if a := math.Abs(d); a > l.Delta {
			return l.Delta * (a - l.Delta/2)
		}
		return d * d / 2
	})
}

// Gradient is the difference, no larger than Delta, over n.
func (l Huber) Gradient(out, target *op.Tensor, scale float32, dx []float32) error {
	return slopes(l.Name(), out, target, scale, dx, func(d float64) float64 {
		return math.Max(-l.Delta, math.Min(l.Delta, d))
	})
}

// differences adds a function of each element's distance from its target.
func differences(name string, out, target *op.Tensor, add func(sample int, loss, weight float64),
	of func(d float64) float64) error {
	if err := sameLen(name, out, target); err != nil {
		return err
	}
	size := perSample(out.Len(), out)
	for i, x := range out.F {
		add(i/size, of(float64(x)-number(target, i)), 1)
	}
	return nil
}

// slopes writes the mean's gradient for a function of each element's distance, whose slope is given.
func slopes(name string, out, target *op.Tensor, scale float32, dx []float32, of func(d float64) float64) error {
	if err := sameLen(name, out, target); err != nil {
		return err
	}
	g := float64(scale) / float64(out.Len())
	for i, x := range out.F {
		dx[i] = float32(g * of(float64(x)-number(target, i)))
	}
	return nil
}
