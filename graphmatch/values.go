package graphmatch

import (
	"fmt"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/onnx"
)

// Floats appends model j's values of a parameter to dst, in the order of Param.Shape: a tensor that the
// model stores transposed is turned, and one that its node scales otherwise than the base's does (alpha and beta of
// Gemm) is read as the base's node would need it. The error wraps what reading the tensor returned; a model that lacks
// the parameter is an error of kind [ErrAlign].
func (a *Alignment) Floats(p *Param, j int, dst []float32) ([]float32, error) {
	return oriented(a, p, j, dst, func() ([]float32, error) {
		return p.Uses[j].floats(a.Models[j], p.Role, dst)
	})
}

// Doubles is [Alignment.Floats] in double precision.
func (a *Alignment) Doubles(p *Param, j int, dst []float64) ([]float64, error) {
	return oriented(a, p, j, dst, func() ([]float64, error) {
		return p.Uses[j].doubles(a.Models[j], p.Role, dst)
	})
}

// oriented reads values behind dst and turns them if they are stored transposed.
func oriented[T any](a *Alignment, p *Param, j int, dst []T, read func() ([]T, error)) ([]T, error) {
	if !p.Uses[j].Reads() {
		return nil, fmt.Errorf("%s: %w: no tensor for this %s", a.labels[j], ErrAlign, p.Role)
	}
	start := len(dst)
	out, err := read()
	if err != nil || !p.Uses[j].Transposed {
		return out, err
	}
	rows, cols := p.Shape[0], p.Shape[1]
	if len(out)-start != rows*cols {
		return nil, fmt.Errorf("%s: %w: %s has %d values, want shape %v",
			a.labels[j], ErrAlign, p.Role, len(out)-start, p.Shape)
	}
	copy(out[start:], flow.TransposedMatrix(out[start:], cols, rows))
	return out, nil
}

// doubles reads a use's values as the model stores them, with its factor, and a normalisation folded in where one is.
func (u *Use) doubles(m *onnx.Model, role string, dst []float64) ([]float64, error) {
	start := len(dst)
	out, err := m.Tensor(u.Tensor).Doubles(dst)
	if err == nil && u.factor != 1 {
		for i := range out[start:] {
			out[start+i] *= u.factor
		}
	}
	if err != nil || u.fold == nil {
		return out, err
	}
	return out, u.fold.Apply(role, u.from.FileShape(), out[start:])
}

// floats is doubles rounded to float32.
func (u *Use) floats(m *onnx.Model, role string, dst []float32) ([]float32, error) {
	if u.fold == nil && u.factor == 1 {
		return m.Tensor(u.Tensor).Floats(dst)
	}
	values, err := u.doubles(m, role, nil)
	for _, v := range values {
		dst = append(dst, float32(v))
	}
	return dst, err
}
