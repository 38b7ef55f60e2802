package graphmatch

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// errAlign is the kind of errors about tensors of a folded layer that do not fit each other.
var errAlign = errors.New("models do not align")

// fold is a BatchNormalization y = s x + t that is taken for part of the layer before it, where
// s = scale/sqrt(var + epsilon) and t = bias - mean s. With it the layer's weight is s W and its bias
// s b + t.
type fold struct {
	norm *unit
	bias *param // the layer's own, nil when it has none
	axis int    // of the stored weight that counts output channels
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
			return fmt.Errorf("%w: a folded bias of %d values, want %d", errAlign, len(values), len(s))
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
		return fmt.Errorf("%w: %d weights for %d folded channels", errAlign, len(values), len(s))
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
			return nil, nil, fmt.Errorf("%w: %s of BatchNormalization %q has %d values, want %d", errAlign, role, f.norm.nodeName(), len(v[i]), len(v[0]))
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
