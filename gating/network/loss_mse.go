package network

import "github.com/softmerge/softmerge/gating/network/op"

// MSE is the mean squared error over all elements.
type MSE struct{}

// Name returns "mse".
func (MSE) Name() string { return "mse" }

// Terms gives (out-target)^2 of every element.
func (MSE) Terms(out, target *op.Tensor, add func(sample int, loss, weight float64)) error {
	if err := sameLen("mse", out, target); err != nil {
		return err
	}
	size := perSample(out.Len(), out)
	for i, x := range out.F {
		d := float64(x) - number(target, i)
		add(i/size, d*d, 1)
	}
	return nil
}

// Gradient is 2 (out-target) / n.
func (MSE) Gradient(out, target *op.Tensor, scale float32, dx []float32) error {
	if err := sameLen("mse", out, target); err != nil {
		return err
	}
	g := 2 * float64(scale) / float64(out.Len())
	for i, x := range out.F {
		dx[i] = float32(g * (float64(x) - number(target, i)))
	}
	return nil
}
