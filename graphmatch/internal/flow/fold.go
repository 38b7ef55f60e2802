package flow

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrAlign is the kind of errors about tensors of a folded layer that do not fit each other.
var ErrAlign = errors.New("models do not align")

// Fold is a BatchNormalization y = s x + t that is taken for part of the layer before it, where
// s = scale/sqrt(var + epsilon) and t = bias - mean s; or the Mul and Add that a converter wrote for one. With it
// the layer's weight is s W and its bias s b + t.
type Fold struct {
	Norm *Unit
	Bias *Param // the layer's own, nil when it has none
	axis int    // of the stored weight that counts output channels
}

// Folded is a layer with the normalisation behind it folded in. Its bias is read where the normalisation's is.
func (u *Unit) Folded(norm *Unit) *Unit {
	w := *u
	weight, bias := u.Param("weight"), norm.Param("bias")
	w.Fold = &Fold{Norm: norm, Bias: u.Param("bias"), axis: u.ChannelAxis(weight)}
	w.Source = u
	w.Params = []*Param{weight, {Role: "bias", At: bias.At, C: bias.C}}
	w.Members = append(slices.Clone(u.Members), norm.Members...)
	return &w
}

// Apply folds the normalisation into a layer's weight, or makes the folded bias of that of the normalisation.
func (f *Fold) Apply(role string, shape []int, values []float64) error {
	s, t, err := f.affine()
	if err != nil {
		return err
	}
	if role != "weight" {
		own := make([]float64, len(t))
		if f.Bias != nil {
			if own, err = f.Norm.Model.Tensor(f.Bias.C.Tensor).Doubles(nil); err != nil {
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
func (f *Fold) affine() (s, t []float64, err error) {
	var v [4][]float64
	roles := []string{"scale", "bias", "mean", "var"}
	if !f.Norm.normalises() {
		roles = roles[:2]
	}
	for i, role := range roles {
		if v[i], err = f.Norm.Model.Tensor(f.Norm.Param(role).C.Tensor).Doubles(nil); err != nil {
			return nil, nil, err
		}
		if len(v[i]) == 0 || len(v[i]) != len(v[0]) {
			return nil, nil, fmt.Errorf("%w: %s of %q has %d values, want %d",
				ErrAlign, role, f.Norm.NodeName(), len(v[i]), len(v[0]))
		}
	}
	if !f.Norm.normalises() {
		return v[0], v[1], nil
	}
	epsilon := f.Norm.Anchor.Epsilon()
	s, t = v[0], v[1]
	for i := range s {
		s[i] /= math.Sqrt(v[3][i] + epsilon)
		t[i] -= v[2][i] * s[i]
	}
	return s, t, nil
}
