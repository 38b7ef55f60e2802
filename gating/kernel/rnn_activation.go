package kernel

import (
	"fmt"
	"math"
	"strings"
)

// Activation is a function of a recurrent cell.
type Activation struct {
	apply func(dst, src []float32)
	slope func(x, y float32) float32 // derivative at x, where the function is y
}

// activationRule makes an activation from its parameters, given their defaults.
type activationRule struct {
	alpha, beta float32
	takes       int // how many of alpha and beta the function has
	make        func(alpha, beta float32) Activation
}

// activationRules are the functions of ONNX's RNN, GRU and LSTM, by lower-case name.
var activationRules = map[string]activationRule{
	"sigmoid":         {make: vectored(Sigmoid, func(_, y float32) float32 { return y * (1 - y) })},
	"tanh":            {make: vectored(Tanh, func(_, y float32) float32 { return 1 - y*y })},
	"softplus":        {make: vectored(Softplus, func(_, y float32) float32 { return 1 - exp(-y) })},
	"softsign":        {make: softsign},
	"relu":            {make: func(_, _ float32) Activation { return leaky(0) }},
	"affine":          {1, 0, 2, affine},
	"leakyrelu":       {0.01, 0, 1, func(alpha, _ float32) Activation { return leaky(alpha) }},
	"thresholdedrelu": {1, 0, 1, thresholded},
	"scaledtanh":      {1, 1, 2, scaledTanh},
	"hardsigmoid":     {0.2, 0.5, 2, hardSigmoid},
	"elu":             {1, 0, 1, elu},
}

// vectored is a function without parameters that has a kernel.
func vectored(f func(w *Workers, dst, src []float32), slope func(x, y float32) float32) func(_, _ float32) Activation {
	return func(_, _ float32) Activation {
		return Activation{func(dst, src []float32) { f(nil, dst, src) }, slope}
	}
}

func pointwise(f func(x float32) float32, slope func(x, y float32) float32) Activation {
	return Activation{func(dst, src []float32) {
		for i, v := range src {
			dst[i] = f(v)
		}
	}, slope}
}

func softsign(_, _ float32) Activation {
	size := func(x float32) float32 { return float32(math.Abs(float64(x))) }
	return pointwise(func(x float32) float32 { return x / (1 + size(x)) },
		func(_, y float32) float32 { return (1 - size(y)) * (1 - size(y)) })
}

func affine(alpha, beta float32) Activation {
	return pointwise(func(x float32) float32 { return alpha*x + beta }, func(_, _ float32) float32 { return alpha })
}

func leaky(alpha float32) Activation {
	return pointwise(func(x float32) float32 {
		if x < 0 {
			return alpha * x
		}
		return x
	}, func(x, _ float32) float32 {
		if x > 0 {
			return 1
		}
		return alpha
	})
}

func thresholded(alpha, _ float32) Activation {
	return pointwise(func(x float32) float32 {
		if x > alpha {
			return x
		}
		return 0
	}, func(x, _ float32) float32 {
		if x > alpha {
			return 1
		}
		return 0
	})
}

func scaledTanh(alpha, beta float32) Activation {
	f := func(x float32) float64 { return math.Tanh(float64(beta) * float64(x)) }
	return pointwise(func(x float32) float32 { return alpha * float32(f(x)) }, func(x, _ float32) float32 {
		y := f(x)
		return alpha * beta * float32(1-y*y)
	})
}

func hardSigmoid(alpha, beta float32) Activation {
	return pointwise(func(x float32) float32 { return max(0, min(1, alpha*x+beta)) }, func(x, _ float32) float32 {
		if y := alpha*x + beta; y > 0 && y < 1 {
			return alpha
		}
		return 0
	})
}

func elu(alpha, _ float32) Activation {
	return pointwise(func(x float32) float32 {
		if x < 0 {
			return alpha * Expm1Of(x)
		}
		return x
	}, func(x, y float32) float32 {
		if x > 0 {
			return 1
		}
		return y + alpha
	})
}

// Activations returns the functions of the names (of ONNX, in any case). Parameters are taken from alphas and betas in
// order, by the functions that have them; functions that find none left use their defaults.
func Activations(names []string, alphas, betas []float32) ([]Activation, error) {
	list := make([]Activation, len(names))
	for i, name := range names {
		rule, ok := activationRules[strings.ToLower(name)]
		if !ok {
			return nil, fmt.Errorf("there is no activation %q", name)
		}
		alpha, beta := rule.alpha, rule.beta
		if rule.takes > 0 && len(alphas) > 0 {
			alpha, alphas = alphas[0], alphas[1:]
		}
		if rule.takes > 1 && len(betas) > 0 {
			beta, betas = betas[0], betas[1:]
		}
		list[i] = rule.make(alpha, beta)
	}
	return list, nil
}

// run applies the activation to src, first clipped to [-clip, clip] where clip is positive.
func (a *Activation) run(dst, src []float32, clip float32) {
	if clip <= 0 {
		a.apply(dst, src)
		return
	}
	for i, v := range src {
		dst[i] = max(-clip, min(clip, v))
	}
	a.apply(dst, dst)
}

// slopeAt is the derivative of run.
func (a *Activation) slopeAt(clip, x, y float32) float32 {
	if clip > 0 && (x < -clip || x > clip) {
		return 0
	}
	return a.slope(x, y)
}
