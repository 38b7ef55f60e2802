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
	size, err := predictions(out, target)
	if err != nil {
		return err
	}
	for i := range out.Shape[0] {
		p, objects := sampleOf(out, target, i, size)
		add(i, detection.Loss(p, objects, 0, nil), 1)
	}
	return nil
}

// Gradient is that of the mean over samples.
func (Detection) Gradient(out, target *op.Tensor, scale float32, dx []float32) error {
	size, err := predictions(out, target)
	if err != nil {
		return err
	}
	clear(dx)
	for i := range out.Shape[0] {
		p, objects := sampleOf(out, target, i, size)
		detection.Loss(p, objects, float64(scale)/float64(out.Shape[0]), dx[i*size:(i+1)*size])
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

// sampleOf is one sample's predictions and objects.
func sampleOf(out, target *op.Tensor, i, size int) (detection.Predictions, []detection.Object) {
	rows := target.Shape[1] * target.Shape[2]
	return detection.Predictions{Rows: out.F[i*size : (i+1)*size], Classes: out.Shape[2] - 4},
		detection.Objects(target.F[i*rows : (i+1)*rows])
}
