package network

import (
	"fmt"
	"math"

	"github.com/softmerge/softmerge/gating/network/op"
)

// Ignored is the class index of a position that does not count, as PyTorch has it.
const Ignored = -100

// CrossEntropy is the mean negative log-likelihood of the target's classes,
// torch.nn.functional.cross_entropy for logits. Out is [batch, ...] with classes along Axis. The target
// holds class indices, one for each position, or Ignored; or it has the output's shape and holds for each
// position the probabilities of the classes, which add up to one.
type CrossEntropy struct {
	Form Form
	Axis int
}

// Name returns "cross_entropy".
func (CrossEntropy) Name() string { return "cross_entropy" }

// Terms gives one term a position.
func (l CrossEntropy) Terms(out, target *op.Tensor, add func(sample int, loss, weight float64)) error {
	c, err := l.classes(out, target)
	if err != nil {
		return err
	}
	perSample := max(1, c.positions/max(1, out.Shape[0]))
	for i := range c.positions {
		first := c.first(i)
		switch {
		case target.F != nil:
			add(i/perSample, l.soft(out.F, target.F, first, c), 1)
		case target.I[i] == Ignored:
			add(i/perSample, 0, 0)
		default:
			add(i/perSample, l.one(out.F, first, c, int(target.I[i])), 1)
		}
	}
	return nil
}

// one is the loss at one position, whose class scores begin at first.
func (l CrossEntropy) one(f []float32, first int, c classes, label int) float64 {
	x := float64(f[first+label*c.stride])
	switch l.Form {
	case Probabilities:
		return -math.Log(math.Max(x, tiny))
	case LogProbabilities:
		return -x
	}
	return c.logSumExp(f, first) - x
}

// soft is the loss at a position for probabilities of classes.
func (l CrossEntropy) soft(f, target []float32, first int, c classes) float64 {
	lse := 0.0
	if l.Form == Logits {
		lse = c.logSumExp(f, first)
	}
	var sum float64
	for k := range c.count {
		at := first + k*c.stride
		t := float64(target[at])
		if t == 0 {
			continue // also where the score is an infinity
		}
		x := float64(f[at])
		if l.Form == Probabilities {
			x = math.Log(math.Max(x, tiny))
		}
		sum += t * (lse - x)
	}
	return sum
}

// Gradient of logits is softmax minus the probabilities, over the number of positions that count.
func (l CrossEntropy) Gradient(out, target *op.Tensor, scale float32, dx []float32) error {
	clear(dx)
	c, err := l.classes(out, target)
	if err != nil {
		return err
	}
	g := float64(scale) / float64(max(1, c.counted(target)))
	for i := range c.positions {
		first := c.first(i)
		switch {
		case target.F != nil:
			l.softGradient(out.F, target.F, first, c, g, dx)
		case target.I[i] != Ignored:
			l.oneGradient(out.F, first, c, int(target.I[i]), g, dx)
		}
	}
	return nil
}

// oneGradient writes g times the gradient at one position.
func (l CrossEntropy) oneGradient(f []float32, first int, c classes, label int, g float64, dx []float32) {
	at := first + label*c.stride
	switch l.Form {
	case Probabilities:
		if p := float64(f[at]); p > tiny {
			dx[at] = float32(-g / p)
		}
		return
	case LogProbabilities:
		dx[at] = float32(-g)
		return
	}
	c.softmax(f, first, g, dx)
	dx[at] -= float32(g)
}

// softGradient writes g times the gradient at a position with probabilities of classes.
func (l CrossEntropy) softGradient(f, target []float32, first int, c classes, g float64, dx []float32) {
	total := 0.0
	for k := range c.count {
		at := first + k*c.stride
		t := float64(target[at])
		total += t
		switch p := float64(f[at]); {
		case l.Form == LogProbabilities:
			dx[at] = float32(-g * t)
		case l.Form == Probabilities && p > tiny:
			dx[at] = float32(-g * t / p)
		}
	}
	if l.Form != Logits {
		return
	}
	c.softmax(f, first, g*total, dx)
	for k := range c.count {
		dx[first+k*c.stride] -= float32(g * float64(target[first+k*c.stride]))
	}
}

// classes is where the class scores of each position of an output are.
type classes struct{ positions, count, stride int }

// first is where the scores of a position begin; they are stride apart.
func (c classes) first(position int) int {
	return position/c.stride*c.stride*c.count + position%c.stride
}

// counted is the number of positions that are not ignored.
func (c classes) counted(target *op.Tensor) int {
	n := c.positions
	for _, label := range target.I {
		if label == Ignored {
			n--
		}
	}
	return n
}

// logSumExp is the logarithm of the sum of the exponentials at a position.
func (c classes) logSumExp(f []float32, first int) float64 {
	top := math.Inf(-1)
	for k := range c.count {
		top = math.Max(top, float64(f[first+k*c.stride]))
	}
	var sum float64
	for k := range c.count {
		sum += math.Exp(float64(f[first+k*c.stride]) - top)
	}
	return top + math.Log(sum)
}

// softmax writes g times the probabilities at a position.
func (c classes) softmax(f []float32, first int, g float64, dx []float32) {
	lse := c.logSumExp(f, first)
	for k := range c.count {
		i := first + k*c.stride
		dx[i] = float32(g * math.Exp(float64(f[i])-lse))
	}
}

// classesAlong divides an output into positions.
func classesAlong(name string, out *op.Tensor, axis int) (classes, error) {
	if axis < 0 || axis >= len(out.Shape) {
		return classes{}, fmt.Errorf("%s: the output has shape %v and no axis %d for its classes: %w", name, out.Shape,
			axis, op.ErrShape)
	}
	count := out.Shape[axis]
	return classes{out.Len() / max(1, count), count, op.SizeOf(out.Shape[axis+1:])}, nil
}

// classes divides the output into positions, and checks the target.
func (l CrossEntropy) classes(out, target *op.Tensor) (classes, error) {
	c, err := classesAlong("cross_entropy", out, l.Axis)
	if err != nil || target.F != nil && target.Len() == out.Len() {
		return c, err
	}
	if c.positions != target.Len() || target.I == nil {
		return c, fmt.Errorf("cross_entropy: an output of shape %v wants %d class indices, the labels are %s: %w",
			out.Shape, c.positions, target.Spec(), op.ErrShape)
	}
	for i, label := range target.I {
		if (label < 0 || label >= int64(c.count)) && label != Ignored {
			return c, fmt.Errorf("cross_entropy: label %d at position %d, the model has classes 0 to %d: %w", label, i,
				c.count-1, op.ErrShape)
		}
	}
	return c, nil
}
