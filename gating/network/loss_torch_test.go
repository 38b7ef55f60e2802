package network

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
	"gonum.org/v1/gonum/diff/fd"
)

// torchLoss is a case of fixtures/golden_losses.py.
type torchLoss struct {
	Name, Loss, Form string
	Axis             int
	Delta            float64
	Shape            []int
	X                []float64
	TargetShape      []int `json:"target_shape"`
	Target           []float64
	Integer          bool
	Value            float64
	Gradient         []float64
}

// loss is the loss of the case.
func (c *torchLoss) loss() Loss {
	form := map[string]Form{"probabilities": Probabilities, "log_probabilities": LogProbabilities}[c.Form]
	switch c.Loss {
	case "cross_entropy":
		return CrossEntropy{Form: form, Axis: c.Axis}
	case "distill":
		return Distill{CrossEntropy{Form: form, Axis: c.Axis}}
	case "entropy":
		return Entropy{Form: form, Axis: c.Axis}
	case "bce":
		return BCE{Form: form}
	case "mae":
		return MAE{}
	case "huber":
		return Huber{c.Delta}
	}
	return MSE{}
}

// tensors are the output and the target of the case.
func (c *torchLoss) tensors() (out, target *op.Tensor) {
	out = &op.Tensor{Type: onnx.Float32, Shape: c.Shape}
	for _, v := range c.X {
		out.F = append(out.F, float32(v))
	}
	if c.TargetShape == nil {
		return out, nil
	}
	target = &op.Tensor{Type: onnx.Float32, Shape: c.TargetShape}
	for _, v := range c.Target {
		if c.Integer {
			target.I = append(target.I, int64(v))
		} else {
			target.F = append(target.F, float32(v))
		}
	}
	return out, target
}

// TestLossesAsInTorch compares every loss, for every form of output and label, with PyTorch's value
// and gradient, and the gradient with central differences of the value.
func TestLossesAsInTorch(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "fixtures", "golden", "losses.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []torchLoss
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) { c.check(t) })
	}
}

func (c *torchLoss) check(t *testing.T) {
	loss := c.loss()
	if loss.Name() != c.Loss {
		t.Fatalf("loss %q, want %q", loss.Name(), c.Loss)
	}
	out, target := c.tensors()
	got, err := Mean(loss, out, target)
	if err != nil || math.Abs(got-c.Value) > 1e-6 {
		t.Errorf("%v, want %v: %v", got, c.Value, err)
	}
	dx := make([]float32, out.Len())
	for i := range dx {
		dx[i] = float32(math.NaN()) // every element must be written
	}
	if err := loss.Gradient(out, target, 2, dx); err != nil {
		t.Fatal(err)
	}
	for i := range dx {
		if want := 2 * c.Gradient[i]; !(math.Abs(float64(dx[i])-want) <= 1e-6*math.Max(1, math.Abs(want))) {
			t.Errorf("gradient %d is %v, want %v", i, dx[i], want)
		}
	}
	c.differences(t, loss, target)
}

// differences compares PyTorch's gradient with central differences of our value, in steps of float32.
func (c *torchLoss) differences(t *testing.T, loss Loss, target *op.Tensor) {
	value := func(x []float64) float64 {
		out := &op.Tensor{Type: onnx.Float32, Shape: c.Shape}
		for _, v := range x {
			out.F = append(out.F, float32(v))
		}
		v, err := Mean(loss, out, target)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	want := fd.Gradient(nil, value, c.X, &fd.Settings{Formula: fd.Central, Step: 1.0 / 4096})
	for i := range want {
		if scale := math.Max(1, math.Abs(want[i])); math.Abs(c.Gradient[i]-want[i]) > 2e-2*scale {
			t.Errorf("gradient %d by differences %v, by PyTorch %v", i, want[i], c.Gradient[i])
		}
	}
}

// TestDistillOfEqualsIsZero: who answers as the others do has nothing to learn from them.
func TestDistillOfEqualsIsZero(t *testing.T) {
	p := &op.Tensor{Type: onnx.Float32, Shape: []int{2, 2}, F: []float32{0.25, 0.75, 1, 0}}
	for _, of := range []Loss{CrossEntropy{Form: Probabilities, Axis: 1}, BCE{Form: Probabilities}, MSE{}} {
		if v, err := Mean(Distill{of}, p, p); err != nil || math.Abs(v) > 1e-12 {
			t.Errorf("%#v: %v, %v", of, v, err)
		}
	}
}

// TestNothingCounts: a batch of which every label is ignored has no loss and moves nothing.
func TestNothingCounts(t *testing.T) {
	out := &op.Tensor{Type: onnx.Float32, Shape: []int{1, 2}, F: []float32{1, 2}}
	label := &op.Tensor{Type: onnx.Int64, Shape: []int{1}, I: []int64{Ignored}}
	dx := []float32{7, 7}
	v, err := Mean(CrossEntropy{Axis: 1}, out, label)
	if gradErr := (CrossEntropy{Axis: 1}).Gradient(out, label, 1, dx); v != 0 || err != nil || gradErr != nil ||
		dx[0] != 0 || dx[1] != 0 {
		t.Errorf("%v, %v, %v, gradient %v", v, err, gradErr, dx)
	}
}
