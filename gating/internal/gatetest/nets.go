package gatetest

import (
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// Broken is x -> MatMul -> Log: with a weight below zero every output is NaN.
func Broken(t testing.TB, weight float64) *onnx.Model {
	t.Helper()
	b := NewBuilder()
	b.In("x", -1, 2)
	b.Tensor(t, "w", onnx.Float32, []float64{weight, weight, weight, weight}, 2, 2)
	b.Node("Abs", "a", []string{"x"})
	b.Node("MatMul", "h", []string{"a", "w"})
	b.Node("Log", "y", []string{"h"})
	b.Out("y")
	return b.Model(t)
}

// Convolved scores three classes for every position, x [N,4,T] to y [N,3,T], with a
// normalisation between its layers (see ChannelsFirst for data).
func Convolved(t testing.TB, seed uint64) *onnx.Model {
	t.Helper()
	b := NewBuilder()
	b.In("x", -1, 4, -1)
	b.Weight(t, "w1", onnx.Float32, seed, 6, 4, 1)
	b.Weight(t, "scale", onnx.Float32, seed+10, 6)
	b.Weight(t, "bias", onnx.Float32, seed+20, 6)
	b.Weight(t, "mean", onnx.Float32, seed+30, 6)
	b.Tensor(t, "var", onnx.Float32, []float64{1, 2, 3, 1, 2, 3}, 6)
	b.Weight(t, "w2", onnx.Float32, seed+40, 3, 6, 1)
	b.Node("Conv", "h", []string{"x", "w1"})
	b.Node("BatchNormalization", "n", []string{"h", "scale", "bias", "mean", "var"})
	b.Node("Relu", "r", []string{"n"})
	b.Node("Conv", "y", []string{"r", "w2"})
	b.Out("y")
	return b.Model(t)
}

// Dense is two layers with biases, every weight drawn by the seed: x [N,T,4] to y
// [N,T,3], for samples of any length T (see Sequences).
func Dense(t testing.TB, seed uint64) *onnx.Model {
	t.Helper()
	b := NewBuilder()
	b.In("x", -1, -1, 4)
	b.Weight(t, "w1", onnx.Float32, seed, 4, 6)
	b.Weight(t, "b1", onnx.Float32, seed+50, 6)
	b.Weight(t, "w2", onnx.Float32, seed+100, 6, 3)
	b.Weight(t, "b2", onnx.Float32, seed+150, 3)
	b.Node("MatMul", "h", []string{"x", "w1"})
	b.Node("Add", "s", []string{"h", "b1"})
	b.Node("Tanh", "r", []string{"s"})
	b.Node("MatMul", "o", []string{"r", "w2"})
	b.Node("Add", "y", []string{"o", "b2"})
	b.Out("y")
	return b.Model(t)
}
