package optest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// RandomTensor returns a float32 tensor with elements from the standard normal distribution.
func RandomTensor(seed uint64, shape ...int) *op.Tensor {
	t := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: shape})
	Fill(t.F, seed)
	return t
}

// IntTensor returns an int64 vector.
func IntTensor(v ...int64) *op.Tensor {
	return &op.Tensor{Type: onnx.Int64, Shape: []int{len(v)}, I: v}
}

// Fill fills a slice with numbers from the standard normal distribution.
func Fill(f []float32, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range f {
		f[i] = float32(r.NormFloat64())
	}
}

// Each returns f of every element.
func Each[T, U any](list []T, f func(T) U) []U {
	out := make([]U, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}

// BytesTensor is a tensor of all the numbers that an integer type has, drawn alike.
func BytesTensor(r *rand.Rand, dt onnx.DataType, shape ...int) *op.Tensor {
	t := op.NewTensor(op.Spec{Type: dt, Shape: shape})
	low, high := op.IntRange(dt)
	for i := range t.I {
		t.I[i] = low + r.Int64N(high-low+1)
	}
	return t
}

// Drawn returns a tensor with elements between low and high.
func Drawn(r *rand.Rand, low, high float64, shape []int) *op.Tensor {
	t := op.NewTensor(op.Spec{Type: onnx.Float32, Shape: shape})
	for i := range t.F {
		t.F[i] = float32(low + (high-low)*r.Float64())
	}
	return t
}

// Positive makes every element of t at least 0.5.
func Positive(t *op.Tensor) *op.Tensor {
	for i, v := range t.F {
		t.F[i] = 0.5 + v*v
	}
	return t
}

// BatchNormInputs are five inputs for an input of a shape.
func BatchNormInputs(x ...int) []*op.Tensor {
	c := 1
	if len(x) > 1 {
		c = x[1]
	}
	return []*op.Tensor{RandomTensor(1, x...), RandomTensor(2, c), RandomTensor(3, c),
		RandomTensor(4, c), Positive(RandomTensor(5, c))}
}

// Compare returns an error unless got has want's type, shape and, within the tolerances, elements.
func Compare(got, want *op.Tensor, rtol, atol float64) error {
	if got.Type != want.Type || !slices.Equal(got.Shape, want.Shape) {
		return fmt.Errorf("got %s, want %s", got.Spec(), want.Spec())
	}
	if !slices.Equal(got.I, want.I) {
		return fmt.Errorf("got %v, want %v", head(got.I), head(want.I))
	}
	for i, w := range want.F {
		a, b := float64(got.F[i]), float64(w)
		if a == b || math.IsNaN(a) && math.IsNaN(b) {
			continue
		}
		if !(math.Abs(a-b) <= atol+rtol*math.Abs(b)) {
			return fmt.Errorf("element %d of %v: got %g, want %g", i, want.Shape, a, b)
		}
	}
	return nil
}

func head[T any](s []T) []T { return s[:min(len(s), 12)] }
