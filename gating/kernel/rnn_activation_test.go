package kernel

import (
	"fmt"
	"math"
	"testing"
)

// activationReferences are the functions of ONNX's RNN, GRU and LSTM as the operators' documents have them.
var activationReferences = map[string]func(x, alpha, beta float64) float64{
	"Relu":            func(x, _, _ float64) float64 { return max(x, 0) },
	"Tanh":            func(x, _, _ float64) float64 { return math.Tanh(x) },
	"Sigmoid":         func(x, _, _ float64) float64 { return logistic(x) },
	"Affine":          func(x, alpha, beta float64) float64 { return alpha*x + beta },
	"LeakyRelu":       func(x, alpha, _ float64) float64 { return when(x < 0, alpha*x, x) },
	"ThresholdedRelu": func(x, alpha, _ float64) float64 { return when(x > alpha, x, 0) },
	"ScaledTanh":      func(x, alpha, beta float64) float64 { return alpha * math.Tanh(beta*x) },
	"HardSigmoid":     func(x, alpha, beta float64) float64 { return min(max(alpha*x+beta, 0), 1) },
	"Elu":             func(x, alpha, _ float64) float64 { return when(x < 0, alpha*math.Expm1(x), x) },
	"Softsign":        func(x, _, _ float64) float64 { return x / (1 + math.Abs(x)) },
	"Softplus":        func(x, _, _ float64) float64 { return softplus64(x) },
}

// TestActivationDefinitions compares all functions, with given parameters and with the operators' defaults.
func TestActivationDefinitions(t *testing.T) {
	if len(activationReferences) != len(activationRules) {
		t.Errorf("%d functions, want the operators' %d", len(activationRules), len(activationReferences))
	}
	for name, want := range activationReferences {
		for _, given := range []bool{true, false} {
			alphas, betas := []float32{0.75}, []float32{0.5}
			if !given {
				alphas, betas = nil, nil
			}
			list, err := Activations([]string{name}, alphas, betas)
			if err != nil {
				t.Fatal(err)
			}
			alpha, beta := 0.75, 0.5
			if !given {
				d := map[string][2]float64{"Affine": {1, 0}, "LeakyRelu": {0.01, 0}, "ThresholdedRelu": {1, 0},
					"ScaledTanh": {1, 1}, "HardSigmoid": {0.2, 0.5}, "Elu": {1, 0}}[name]
				alpha, beta = d[0], d[1]
			}
			src := normals(131, 200)
			dst := make([]float32, len(src))
			list[0].run(dst, src, 0)
			for i, v := range src {
				if w := want(float64(v), alpha, beta); math.Abs(float64(dst[i])-w) > 1e-6 {
					t.Fatalf("%s of %g is %g, want %g", name, v, dst[i], w)
				}
			}
		}
	}
}

// TestActivationClip checks that inputs are clipped first, and that nothing flows back from beyond.
func TestActivationClip(t *testing.T) {
	list, err := Activations([]string{"Tanh"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float32, 3)
	list[0].run(dst, []float32{-2, 0.25, 3}, 0.5)
	for i, x := range []float64{-0.5, 0.25, 0.5} {
		if math.Abs(float64(dst[i])-math.Tanh(x)) > 1e-7 {
			t.Errorf("element %d is %g, want tanh(%g)", i, dst[i], x)
		}
	}
	for x, flows := range map[float32]bool{-2: false, -0.5: true, 0.25: true, 0.5: true, 3: false} {
		if got := list[0].slopeAt(0.5, x, dst[1]) != 0; got != flows {
			t.Errorf("clipped to 0.5, at %g something flows back: %v", x, got)
		}
	}
}

// TestActivationKinks checks the slopes where there is no derivative: those of the operators' gradients, as Relu's at
// 0.
func TestActivationKinks(t *testing.T) {
	list, err := Activations([]string{"Relu", "LeakyRelu", "ThresholdedRelu", "HardSigmoid", "Elu"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct{ x, y, want float32 }{{0, 0, 0}, {0, 0, 0.01}, {1, 0, 0}, {-2.5, 0, 0}, {0, 0, 1}} {
		if got := list[i].slope(c.x, c.y); got != c.want {
			t.Errorf("function %d has slope %g at %g, want %g", i, got, c.x, c.want)
		}
	}
}

// TestActivationsInALayer runs a layer with each function and compares states and gradients with the definition.
func TestActivationsInALayer(t *testing.T) {
	for name, f := range activationReferences {
		list, err := Activations([]string{name}, []float32{0.75}, []float32{0.5})
		if err != nil {
			t.Fatal(err)
		}
		c := &rnnReference{cell: "RNN", steps: 3, batch: 2, input: 2, hidden: 3}
		c.f = func(x float64) float64 { return f(x, 0.75, 0.5) }
		v, dy := c.draw(141), scaledNormals(142, (c.steps+2)*c.batch*c.hidden, 1)
		clear(dy[(c.steps+1)*c.batch*c.hidden:])
		got, grads := c.through(&RNN{F: list[0]}, nil, v, dy)
		near(t, name, got, c.run(doubles(v)), 3e-6)
		near(t, fmt.Sprint("gradient of ", name), grads, slopesOf(c.run, doubles(v), dy, 1e-6), 3e-5)
	}
}
