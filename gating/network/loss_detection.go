package network

import (
	"fmt"

	"github.com/softmerge/softmerge/gating/detection"
	"github.com/softmerge/softmerge/gating/network/op"
)

// Detection is how far a detector's boxes and probabilities are from the objects of a picture (see detection.Loss).
// The output is [N,K,4+C]: for each of K predictions x1, y1, x2, y2 and a probability for each class. The target is
// [N,M,5]: class, x1, y1, x2, y2 of each object; a class below 0 pads.
type Detection struct{}

// Name returns "detection".
func (Detection) Name() string { return "detection" }

// Terms gives one term a sample.
func (Detection) Terms(out, target *op.Tensor, add func(sample int, loss, weight float64)) error {
	sample := 0
	return EachPicture(out, target, func(p detection.Predictions, objects []detection.Object) {
		add(sample, detection.Loss(p, objects, 0, nil), 1)
		sample++
	})
}

// Gradient is that of the mean over samples.
func (Detection) Gradient(out, target *op.Tensor, scale float32, dx []float32) error {
	clear(dx)
	return EachPicture(out, target, func(p detection.Predictions, objects []detection.Object) {
		detection.Loss(p, objects, float64(scale)/float64(out.Shape[0]), dx[:len(p.Rows)])
		dx = dx[len(p.Rows):]
	})
}

// EachPicture calls visit for each sample of an output [N,K,4+classes] with labels [N,M,5]. Errors are of kind
// ErrShape, for shapes that do not go together and classes that the output has not.
func EachPicture(out, target *op.Tensor, visit func(detection.Predictions, []detection.Object)) error {
	size, err := predictions(out, target)
	if err != nil {
		return err
	}
	rows := target.Shape[1] * target.Shape[2]
	for i := range out.Shape[0] {
		visit(detection.Predictions{Rows: out.F[i*size : (i+1)*size], Classes: out.Shape[2] - 4},
			detection.Objects(target.F[i*rows:(i+1)*rows]))
	}
	return nil
}

// predictions checks shapes, and that classes exist, and returns how many numbers a sample's output has.
func predictions(out, target *op.Tensor) (size int, err error) {
	if len(out.Shape) != 3 || len(target.Shape) != 3 || out.Shape[2] < 5 || target.Shape[2] != 5 || target.F == nil ||
		out.Shape[0] != target.Shape[0] {
		return 0, fmt.Errorf("detection: the output has shape %v, the labels %v; want [N,K,4+classes] and [N,M,5]: %w",
			out.Shape, target.Shape, op.ErrShape)
	}
	for i := 0; i < len(target.F); i += 5 {
		if classes := out.Shape[2] - 4; int(target.F[i]) >= classes {
			return 0, fmt.Errorf("detection: class %v is outside of the output's %d classes: %w", target.F[i], classes,
				op.ErrShape)
		}
	}
	return out.Shape[1] * out.Shape[2], nil
}
