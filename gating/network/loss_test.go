package network

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/network/internal/optest"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"gonum.org/v1/gonum/diff/fd"
)

// probabilities turns random numbers into rows along the axis that add up to 1, or into sigmoids.
func probabilities(out *op.Tensor, rows bool, axis int) {
	for i, v := range out.F {
		out.F[i] = float32(1 / (1 + math.Exp(-float64(v))))
	}
	if !rows {
		return
	}
	classes, stride := out.Shape[axis], op.SizeOf(out.Shape[axis+1:])
	for p := range out.Len() / classes {
		var sum float32
		for c := range classes {
			sum += out.F[p/stride*stride*classes+p%stride+c*stride]
		}
		for c := range classes {
			out.F[p/stride*stride*classes+p%stride+c*stride] /= sum
		}
	}
}

// TestLosses compares every loss in every form with its definition in float64
// and its gradient with central differences of that.
func TestLosses(t *testing.T) {
	classes := &op.Tensor{Type: onnx.Int64, Shape: []int{4}, I: []int64{0, 2, 1, 2}}
	positions := &op.Tensor{Type: onnx.Int64, Shape: []int{2, 4}, I: []int64{0, 2, 1, 2, 1, 1, 0, 0}}
	floats := optest.RandomTensor(8, 4, 3)
	bits := &op.Tensor{Type: onnx.Int64, Shape: []int{4, 3}, I: []int64{0, 1, 1, 0, 0, 1, 0, 1, 1, 1, 0, 0}}
	for _, c := range []struct {
		name   string
		loss   Loss
		shape  []int
		target *op.Tensor
		value  func(x []float64) float64
	}{
		{"cross_entropy of logits", CrossEntropy{Axis: 1}, []int{4, 3}, classes,
			crossEntropyOf(Logits, []int{4, 3}, 1, classes)},
		{"cross_entropy of probabilities", CrossEntropy{Form: Probabilities, Axis: 1}, []int{4, 3}, classes,
			crossEntropyOf(Probabilities, []int{4, 3}, 1, classes)},
		{"cross_entropy of log probabilities", CrossEntropy{Form: LogProbabilities, Axis: 1}, []int{4, 3}, classes,
			crossEntropyOf(LogProbabilities, []int{4, 3}, 1, classes)},
		{"cross_entropy, classes second", CrossEntropy{Axis: 1}, []int{2, 3, 4}, positions,
			crossEntropyOf(Logits, []int{2, 3, 4}, 1, positions)},
		{"cross_entropy, classes last", CrossEntropy{Axis: 2}, []int{2, 4, 3}, positions,
			crossEntropyOf(Logits, []int{2, 4, 3}, 2, positions)},
		{"mse", MSE{}, []int{4, 3}, floats, mseOf(floats)},
		{"mse of integers", MSE{}, []int{4, 3}, bits, mseOf(bits)},
		{"bce of logits", BCE{}, []int{4, 3}, bits, bceOf(bits,
			func(v float64) float64 { return 1 / (1 + math.Exp(-v)) })},
		{"bce of probabilities", BCE{Form: Probabilities}, []int{4, 3}, bits,
			bceOf(bits, func(v float64) float64 { return v })},
	} {
		out := optest.RandomTensor(7, c.shape...)
		if ce, ok := c.loss.(CrossEntropy); ok && ce.Form == Probabilities {
			probabilities(out, true, ce.Axis)
		}
		if c.loss == (BCE{Form: Probabilities}) {
			probabilities(out, false, 0)
		}
		checkLoss(t, c.name, c.loss, out, c.target, c.value)
	}
}

// checkLoss compares a loss at an output, and twice its gradient, with a definition.
func checkLoss(t *testing.T, name string, loss Loss, out, target *op.Tensor, value func([]float64) float64) {
	t.Helper()
	x := make([]float64, out.Len())
	for i, v := range out.F {
		x[i] = float64(v)
	}
	got, err := Mean(loss, out, target)
	if want := value(x); err != nil || math.Abs(got-want) > 1e-9 {
		t.Errorf("%s: %v, want %v: %v", name, got, want, err)
	}
	dx := make([]float32, out.Len())
	for i := range dx {
		dx[i] = float32(math.NaN()) // every element must be written
	}
	if err := loss.Gradient(out, target, 2, dx); err != nil {
		t.Fatal(err)
	}
	want := fd.Gradient(nil, value, x, &fd.Settings{Formula: fd.Central})
	for i := range dx {
		if !(math.Abs(float64(dx[i])-2*want[i]) <= 1e-5) {
			t.Errorf("%s: gradient %d is %v, want %v", name, i, dx[i], 2*want[i])
		}
	}
}

// at is an element of a tensor as a number.
func at(t *op.Tensor, i int) float64 {
	if t.F != nil {
		return float64(t.F[i])
	}
	return float64(t.I[i])
}

// mseOf is the mean of squared differences, by its definition.
func mseOf(target *op.Tensor) func([]float64) float64 {
	return func(x []float64) (s float64) {
		for i, v := range x {
			s += (v - at(target, i)) * (v - at(target, i)) / float64(len(x))
		}
		return s
	}
}

// bceOf is the mean of -log of the probability that the label's bit has, by its definition.
func bceOf(target *op.Tensor, probability func(float64) float64) func([]float64) float64 {
	return func(x []float64) (s float64) {
		for i, v := range x {
			p := probability(v)
			s -= (at(target, i)*math.Log(p) + (1-at(target, i))*math.Log(1-p)) / float64(len(x))
		}
		return s
	}
}

// crossEntropyOf is the mean of -log p(label), by its definition.
func crossEntropyOf(form Form, shape []int, axis int, target *op.Tensor) func([]float64) float64 {
	classes, stride := shape[axis], op.SizeOf(shape[axis+1:])
	return func(x []float64) (sum float64) {
		for p, label := range target.I {
			first := p/stride*stride*classes + p%stride
			at := x[first+int(label)*stride]
			switch form {
			case Probabilities:
				sum -= math.Log(at)
			case LogProbabilities:
				sum -= at
			default:
				var total float64
				for c := range classes {
					total += math.Exp(x[first+c*stride])
				}
				sum += math.Log(total) - at
			}
		}
		return sum / float64(len(target.I))
	}
}

// TestLossesAtTheEdge stay finite where a probability is 0 or 1 or a logit is huge.
func TestLossesAtTheEdge(t *testing.T) {
	edge := &op.Tensor{Type: onnx.Float32, Shape: []int{2, 2}, F: []float32{0, 1, 1, 0}}
	huge := &op.Tensor{Type: onnx.Float32, Shape: []int{2, 2}, F: []float32{-1e30, 1e30, 1e30, -1e30}}
	class := &op.Tensor{Type: onnx.Int64, Shape: []int{2}, I: []int64{0, 0}}
	bits := &op.Tensor{Type: onnx.Int64, Shape: []int{2, 2}, I: []int64{1, 1, 0, 0}}
	for _, c := range []struct {
		loss        Loss
		out, target *op.Tensor
	}{
		{CrossEntropy{Form: Probabilities, Axis: 1}, edge, class}, {CrossEntropy{Axis: 1}, huge, class},
		{BCE{Form: Probabilities}, edge, bits}, {BCE{}, huge, bits},
	} {
		v, err := Mean(c.loss, c.out, c.target)
		dx := make([]float32, 4)
		if gradErr := c.loss.Gradient(c.out, c.target, 1, dx); err != nil || gradErr != nil || math.IsNaN(v) ||
			math.IsInf(v, 0) {
			t.Errorf("%#v: %v, %v, %v", c.loss, v, err, gradErr)
		}
		for _, d := range dx {
			if d-d != 0 {
				t.Errorf("%#v: gradient %v", c.loss, dx)
			}
		}
	}
}

// TestLossesRefuse what does not fit, in value and gradient.
func TestLossesRefuse(t *testing.T) {
	out := optest.RandomTensor(1, 2, 3)
	ints := func(v ...int64) *op.Tensor { return optest.IntTensor(v...) }
	for _, c := range []struct {
		loss   Loss
		target *op.Tensor
		want   string
	}{
		{CrossEntropy{Axis: 1}, ints(0, 3), "label 3 at position 1"}, {CrossEntropy{Axis: 1}, ints(-1, 0), "label -1"},
		{CrossEntropy{Axis: 1}, ints(0), "wants 2 class indices"},
		{CrossEntropy{Axis: 1}, optest.RandomTensor(1, 2), "wants 2 class indices"},
		{CrossEntropy{Axis: 2}, ints(0, 0), "no axis 2"}, {CrossEntropy{Axis: -1}, ints(0, 0), "no axis -1"},
		{MSE{}, ints(0), "mse"}, {BCE{}, ints(0), "bce"},
	} {
		_, err := Mean(c.loss, out, c.target)
		gradErr := c.loss.Gradient(out, c.target, 1, make([]float32, 6))
		for _, err := range []error{err, gradErr} {
			if !errors.Is(err, op.ErrShape) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want it to say %q", err, c.want)
			}
		}
	}
}
