package network

import "github.com/softmerge/softmerge/gating/network/op"

// Distill is how far an output is from what other models answer (G. Hinton and others, Distilling the Knowledge in
// a Neural Network, arXiv 1503.02531): the divergence KL(target || out), which is 0 where both agree, for targets
// that are probabilities.
type Distill struct {
	// Of is the loss against the answers: CrossEntropy for probabilities of classes, BCE for
	// probabilities of single things, MSE for numbers.
	Of Loss
}

// Name returns "distill", "distill_bce" or "distill_mse", by what is taught.
func (l Distill) Name() string {
	if _, ok := l.Of.(CrossEntropy); ok {
		return "distill"
	}
	return "distill_" + l.Of.Name()
}

// Terms gives the terms of the loss less what they are for the target itself, its entropy.
func (l Distill) Terms(out, target *op.Tensor, add func(sample int, loss, weight float64)) error {
	var own []float64
	err := perfect(l.Of).Terms(target, target, func(_ int, loss, _ float64) { own = append(own, loss) })
	if err != nil {
		return err
	}
	i := 0
	return l.Of.Terms(out, target, func(sample int, loss, weight float64) {
		add(sample, loss-own[i], weight)
		i++
	})
}

// Gradient is that of the loss: the target's entropy does not depend on the output.
func (l Distill) Gradient(out, target *op.Tensor, scale float32, dx []float32) error {
	return l.Of.Gradient(out, target, scale, dx)
}

// perfect is the loss of an output that has the form of the target.
func perfect(l Loss) Loss {
	switch l := l.(type) {
	case CrossEntropy:
		return CrossEntropy{Form: Probabilities, Axis: l.Axis}
	case BCE:
		return BCE{Form: Probabilities}
	}
	return l
}
