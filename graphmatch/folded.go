package graphmatch

import (
	"fmt"
	"math"
	"slices"

	"github.com/softmerge/softmerge/onnx"
)

// fold is a BatchNormalization y = s x + t that is taken for part of the layer before it, where
// s = scale/sqrt(var + epsilon) and t = bias - mean s. With it the layer's weight is s W and its bias
// s b + t.
type fold struct {
	norm *unit
	bias *param // the layer's own, nil when it has none
	axis int    // of the stored weight that counts output channels
}

// Reset is a tensor of the base that a merged layer needs at a fixed number, all of its elements alike.
// Where the base keeps a BatchNormalization that another model has folded into the layer before it, the
// merged weights are the folded ones, the merged bias is the normalisation's, and the rest is reset so that
// the node adds that bias and does nothing else: scale 1, mean 0, and variance 1 - epsilon, whose sum with
// epsilon rounds to exactly 1 in float32.
type Reset struct {
	Use    Use
	Shape  []int
	Type   onnx.DataType
	Number float64
}

// folded is a layer with the normalisation behind it folded in. Its bias is read where the normalisation's is.
func (u *unit) folded(norm *unit) *unit {
	w := *u
	weight, bias := u.param("weight"), norm.param("bias")
	w.fold = &fold{norm: norm, bias: u.param("bias"), axis: u.channelAxis(weight)}
	w.source = u
	w.params = []*param{weight, {role: "bias", at: bias.at, c: bias.c}}
	w.members = append(slices.Clone(u.members), norm.members...)
	return &w
}

// resets are the tensors that have no part in a folded layer.
func (u *unit) resets() []Reset {
	if u.fold == nil {
		return nil
	}
	list := []Reset{
		newReset(u.fold.norm.param("scale"), 1),
		newReset(u.fold.norm.param("mean"), 0),
		newReset(u.fold.norm.param("var"), 1-u.fold.norm.anchor.epsilon()),
	}
	if u.fold.bias != nil {
		list = append(list, newReset(u.fold.bias, 0))
	}
	return list
}

func newReset(p *param, number float64) Reset {
	return Reset{Use: p.use(), Shape: p.c.fileShape(), Type: p.c.dataType(), Number: number}
}

// apply folds the normalisation into a layer's weight, or makes the folded bias of that of the normalisation.
func (f *fold) apply(role string, shape []int, values []float64) error {
	s, t, err := f.affine()
	if err != nil {
		return err
	}
	if role != "weight" {
		own := make([]float64, len(t))
		if f.bias != nil {
			if own, err = f.norm.model.Tensor(f.bias.c.tensor).Doubles(nil); err != nil {
				return err
			}
		}
		if len(own) != len(values) || len(s) != len(values) {
			return fmt.Errorf("%w: a folded bias of %d values, want %d", ErrAlign, len(values), len(s))
		}
		for i := range values {
			values[i] = s[i]*own[i] + t[i]
		}
		return nil
	}
	inner := 1
	for _, d := range shape[f.axis+1:] {
		inner *= d
	}
	if len(values) == 0 || len(values)%(inner*len(s)) != 0 {
		return fmt.Errorf("%w: %d weights for %d folded channels", ErrAlign, len(values), len(s))
	}
	for i := range values {
		values[i] *= s[i/inner%len(s)]
	}
	return nil
}

// affine is the normalisation's s and t.
func (f *fold) affine() (s, t []float64, err error) {
	var v [4][]float64
	for i, role := range []string{"scale", "bias", "mean", "var"} {
		if v[i], err = f.norm.model.Tensor(f.norm.param(role).c.tensor).Doubles(nil); err != nil {
			return nil, nil, err
		}
		if len(v[i]) == 0 || len(v[i]) != len(v[0]) {
			return nil, nil, fmt.Errorf("%w: %s of BatchNormalization %q has %d values, want %d", ErrAlign, role, f.norm.nodeName(), len(v[i]), len(v[0]))
		}
	}
	epsilon := f.norm.anchor.epsilon()
	s, t = v[0], v[1]
	for i := range s {
		s[i] /= math.Sqrt(v[3][i] + epsilon)
		t[i] -= v[2][i] * s[i]
	}
	return s, t, nil
}

// doubles reads a use's values as the model stores them, with a normalisation folded in where one is.
func (u *Use) doubles(m *onnx.Model, role string, dst []float64) ([]float64, error) {
	start := len(dst)
	out, err := m.Tensor(u.Tensor).Doubles(dst)
	if err != nil || u.fold == nil {
		return out, err
	}
	return out, u.fold.apply(role, u.from.fileShape(), out[start:])
}

// floats is doubles rounded to float32.
func (u *Use) floats(m *onnx.Model, role string, dst []float32) ([]float32, error) {
	if u.fold == nil {
		return m.Tensor(u.Tensor).Floats(dst)
	}
	values, err := u.doubles(m, role, nil)
	for _, v := range values {
		dst = append(dst, float32(v))
	}
	return dst, err
}
