package reduction

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// lossOps are the losses over classes that training graphs end in.
var lossOps = op.Family{
	op.WithGradient("NegativeLogLikelihoodLoss", 12, buildClassLoss(false)),
	op.WithGradient("SoftmaxCrossEntropyLoss", 12, buildClassLoss(true)),
}

// classLoss is -w[label] logp[label] at every position of inputs [N,C,d...] and labels [N,d...], reduced or not.
// NegativeLogLikelihoodLoss is given log probabilities, SoftmaxCrossEntropyLoss scores.
type classLoss struct {
	batch, classes, inner int
	softmax               bool
	reduction             string
	ignore                *int64    // the label whose positions count for nothing, nil where there is none
	logp, dlogp           []float32 // scratch over the input's shape
	weight                []float64 // of every position in the last Forward
	total                 float64   // what their sum is divided by
}

// buildClassLoss follows NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss of opsets 12 and 13.
func buildClassLoss(softmax bool) op.Builder {
	return func(c *op.Call) (op.Operator, []op.Spec, error) {
		if err := c.Need(2); err != nil {
			return nil, nil, err
		}
		x, labels := c.In[0].Spec, c.In[1].Spec
		if !x.IsFloat() || labels.IsFloat() || len(x.Shape) < 2 ||
			!slices.Equal(labels.Shape, slices.Delete(slices.Clone(x.Shape), 1, 2)) {
			return nil, nil,
				c.ShapeError("inputs are %s and %s, want floats [N,C,...] and class indices [N,...]", x, labels)
		}
		if err := c.CheckBias(2, x.Shape[1]); err != nil {
			return nil, nil, err
		}
		l := &classLoss{
			batch: x.Shape[0], classes: x.Shape[1], inner: op.SizeOf(x.Shape[2:]),
			softmax: softmax, reduction: c.Text("reduction", "mean"),
		}
		if c.Attr("ignore_index") != nil {
			ignore := c.Int("ignore_index", 0)
			l.ignore = &ignore
		}
		shape := []int{}
		switch l.reduction {
		case "mean", "sum":
		case "none":
			shape = labels.Shape
		default:
			return nil, nil, c.ShapeError("reduction is %q, want none, sum or mean", l.reduction)
		}
		specs := []op.Spec{{Type: x.Type, Shape: shape}}
		if softmax && c.Outs > 1 {
			specs = append(specs, x)
		}
		return l, specs, nil
	}
}

// Forward computes the loss and, where it is read, the log probabilities.
func (l *classLoss) Forward(x *op.Context, in, out []*op.Tensor) error {
	logp := in[0].F
	if l.softmax {
		l.logp = op.Resize(l.logp, in[0].Len())
		logp = l.logp
		kernel.LogSoftmax(x.Workers, logp, in[0].F, l.batch, l.classes, l.inner)
		if len(out) > 1 && out[1] != nil {
			copy(out[1].F, logp)
		}
	}
	if err := l.weigh(in[1].I, op.Optional(in, 2)); err != nil || out[0] == nil {
		return err
	}
	var sum float64
	for p, w := range l.weight {
		v := 0.0
		if w != 0 {
			v = -w * float64(logp[l.at(p, in[1].I[p])])
		}
		sum += v
		if l.reduction == "none" {
			out[0].F[p] = float32(v)
		}
	}
	if l.reduction != "none" {
		out[0].F[0] = float32(sum / l.total)
	}
	return nil
}

// weigh sets every position's weight and what their sum is divided by. The mean over nothing is NaN.
func (l *classLoss) weigh(labels []int64, weights []float32) error {
	l.weight = op.Resize(l.weight, len(labels))
	l.total = 0
	for p, label := range labels {
		switch {
		case l.ignore != nil && label == *l.ignore:
			l.weight[p] = 0
		case label < 0 || label >= int64(l.classes):
			return fmt.Errorf("label %d at position %d, want 0 to %d", label, p, l.classes-1)
		case weights != nil:
			l.weight[p] = float64(weights[label])
		default:
			l.weight[p] = 1
		}
		l.total += l.weight[p]
	}
	if l.reduction != "mean" {
		l.total = 1
	}
	return nil
}

// at is the place of a label's number among the inputs.
func (l *classLoss) at(position int, label int64) int {
	return (position/l.inner*l.classes+int(label))*l.inner + position%l.inner
}

// Backward computes the gradient of the scores or log probabilities, or of the classes' weights.
func (l *classLoss) Backward(x *op.Context, i, k int, in, out []*op.Tensor, dy, dx *op.Tensor) error {
	if i != 0 {
		clear(dx.F)
		if k == 0 {
			l.weightGradient(in, out[0], dy, dx)
		}
		return nil
	}
	dlogp := dy.F
	if k == 0 {
		dlogp = dx.F
		if l.softmax {
			l.dlogp = op.Resize(l.dlogp, dx.Len())
			dlogp = l.dlogp
		}
		clear(dlogp)
		for p, w := range l.weight {
			if w == 0 {
				continue
			}
			g := dy.F[0]
			if l.reduction == "none" {
				g = dy.F[p]
			}
			dlogp[l.at(p, in[1].I[p])] = float32(-w * float64(g) / l.total)
		}
	}
	if l.softmax {
		kernel.LogSoftmaxBackward(x.Workers, dx.F, dlogp, l.logp, l.batch, l.classes, l.inner)
	}
	return nil
}

// weightGradient adds up what each class's weight does to the loss: its positions' shares, and to the mean's divisor.
func (l *classLoss) weightGradient(in []*op.Tensor, loss, dy, dx *op.Tensor) {
	logp := in[0].F
	if l.softmax {
		logp = l.logp
	}
	sums := make([]float64, l.classes)
	for p, label := range in[1].I {
		if l.ignore != nil && label == *l.ignore {
			continue
		}
		v, g := -float64(logp[l.at(p, label)]), float64(dy.F[0])
		switch l.reduction {
		case "none":
			g = float64(dy.F[p])
		case "mean":
			v -= float64(loss.F[0])
		}
		sums[label] += g * v / l.total
	}
	op.Narrow(dx.F, sums)
}
