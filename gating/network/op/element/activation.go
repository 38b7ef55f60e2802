package element

import (
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// activationOps are the activation functions of ONNX: element-wise, of one float input.
var activationOps = op.Family{
	op.WithGradient("Relu", 1,
		buildUnary(&unary{f: kernel.Relu, d: ofOutput(reluGradient), ints: func(v int64) int64 { return max(v, 0) }})),
	op.WithGradient("Sigmoid", 1, buildUnary(&unary{f: kernel.Sigmoid, d: ofOutput(kernel.SigmoidBackward)})),
	op.WithGradient("Tanh", 1, buildUnary(&unary{f: kernel.Tanh, d: ofOutput(kernel.TanhBackward)})),
	op.WithGradient("Softplus", 1, buildUnary(&unary{f: kernel.Softplus, d: ofInput(softplusGradient)})),
	op.WithGradient("Softsign", 1, buildUnary(softsign)),
	op.WithGradient("Mish", 18, buildUnary(&unary{f: kernel.Mish, d: ofInput(kernel.MishBackward)})),
	op.WithGradient("HardSwish", 14, buildUnary(&unary{f: kernel.HardSwish, d: ofInput(kernel.HardSwishBackward)})),
	op.WithGradient("LeakyRelu", 1, buildWith(leakyRelu)),
	op.WithGradient("ThresholdedRelu", 1, buildWith(thresholdedRelu)),
	op.WithGradient("HardSigmoid", 1, buildWith(hardSigmoid)),
	op.WithGradient("Elu", 1, buildWith(elu)),
	op.WithGradient("Selu", 1, buildWith(selu)),
	op.WithGradient("Celu", 12, buildWith(celu)),
	op.WithGradient("Shrink", 9, buildWith(shrink)),
	op.WithGradient("Swish", 24, buildWith(swish)),
	op.WithGradient("Gelu", 20, buildGelu),
	op.WithGradient("com.microsoft.Gelu", 1, buildUnary(exactGelu)),
	op.WithGradient("com.microsoft.QuickGelu", 1, buildWith(quickGelu)),
}

// softsign is x/(1+|x|).
var softsign = &unary{
	f: mapped(func(x float32) float32 { return x / (1 + op.Abs32(x)) }),
	d: slope(func(x, _ float32) float32 { return 1 / ((1 + op.Abs32(x)) * (1 + op.Abs32(x))) }),
}

var (
	exactGelu = &unary{f: kernel.Gelu, d: ofInput(kernel.GeluBackward)}
	tanhGelu  = &unary{f: kernel.GeluTanh, d: ofInput(kernel.GeluTanhBackward)}
)

// reluGradient finds the slope in the output, which lives on anyway as the input of what follows.
func reluGradient(w *kernel.Workers, dx, dy, y []float32) { kernel.ReluBackward(w, dx, dy, y) }

func softplusGradient(w *kernel.Workers, dx, dy, x []float32) {
	kernel.Sigmoid(w, dx, x)
	kernel.Product(w, dx, dx, dy)
}

// leakyRelu is x where x > 0, else alpha·x (default 0.01).
func leakyRelu(c *op.Call) *unary {
	alpha := c.Float("alpha", 0.01)
	return &unary{
		f: func(w *kernel.Workers, y, x []float32) { kernel.LeakyRelu(w, y, x, alpha) },
		d: ofInput(func(w *kernel.Workers, dx, dy, x []float32) { kernel.LeakyReluBackward(w, dx, dy, x, alpha) }),
	}
}

// thresholdedRelu is x where x > alpha (default 1), else 0.
func thresholdedRelu(c *op.Call) *unary {
	alpha := c.Float("alpha", 1)
	return &unary{
		f: mapped(func(x float32) float32 {
			if x > alpha {
				return x
			}
			return 0
		}),
		d: slope(func(x, _ float32) float32 { return op.When(x > alpha) }),
	}
}

// hardSigmoid is min(1, max(0, alpha·x + beta)) with defaults 0.2 and 0.5; flat at the kinks.
func hardSigmoid(c *op.Call) *unary {
	alpha, beta := c.Float("alpha", 0.2), c.Float("beta", 0.5)
	return &unary{
		f: func(w *kernel.Workers, y, x []float32) { kernel.HardSigmoid(w, y, x, alpha, beta) },
		d: ofOutput(func(w *kernel.Workers, dx, dy, y []float32) { kernel.HardSigmoidBackward(w, dx, dy, y, alpha) }),
	}
}

// elu is x where x > 0, else alpha·(e^x - 1), alpha defaulting to 1.
func elu(c *op.Call) *unary { return eluOf(c.Float("alpha", 1), 1) }

// celu is x where x > 0, else alpha·(e^(x/alpha) - 1), alpha defaulting to 1 (arXiv 1704.07483).
func celu(c *op.Call) *unary {
	alpha := c.Float("alpha", 1)
	return eluOf(alpha, 1/alpha)
}

func eluOf(alpha, rate float32) *unary {
	return &unary{
		f: func(w *kernel.Workers, y, x []float32) { kernel.Elu(w, y, x, alpha, rate) },
		d: ofInput(func(w *kernel.Workers, dx, dy, x []float32) { kernel.EluBackward(w, dx, dy, x, alpha, rate) }),
	}
}

// selu is gamma times elu (arXiv 1706.02515).
func selu(c *op.Call) *unary {
	alpha, gamma := c.Float("alpha", 1.67326319217681884765625), c.Float("gamma", 1.05070102214813232421875)
	return &unary{
		f: func(w *kernel.Workers, y, x []float32) {
			kernel.Elu(w, y, x, alpha, 1)
			kernel.Scale(w, y, y, gamma)
		},
		d: ofInput(func(w *kernel.Workers, dx, dy, x []float32) {
			kernel.EluBackward(w, dx, dy, x, alpha, 1)
			kernel.Scale(w, dx, dx, gamma)
		}),
	}
}

// shrink moves x towards 0 by bias (default 0) beyond ±lambd (default 0.5) and is 0 between.
func shrink(c *op.Call) *unary {
	lambda, bias := c.Float("lambd", 0.5), c.Float("bias", 0)
	move := func(x, lambda, bias float32) float32 {
		switch {
		case x < -lambda:
			return x + bias
		case x > lambda:
			return x - bias
		}
		return 0
	}
	return &unary{
		f:    mapped(func(x float32) float32 { return move(x, lambda, bias) }),
		ints: func(v int64) int64 { return int64(move(float32(v), lambda, bias)) },
		d:    slope(func(x, _ float32) float32 { return op.When(x < -lambda || x > lambda) }),
	}
}

// swish is x·sigmoid(alpha·x), alpha defaulting to 1.
func swish(c *op.Call) *unary { return swishOf(c.Float("alpha", 1)) }

// quickGelu is Swish with a default of 1.702 for alpha.
func quickGelu(c *op.Call) *unary { return swishOf(c.Float("alpha", 1.702)) }

func swishOf(alpha float32) *unary {
	return &unary{
		f: func(w *kernel.Workers, y, x []float32) { kernel.Swish(w, y, x, alpha) },
		d: ofInput(func(w *kernel.Workers, dx, dy, x []float32) { kernel.SwishBackward(w, dx, dy, x, alpha) }),
	}
}

// buildGelu follows Gelu of opset 20: exact, or with tanh in place of erf.
func buildGelu(c *op.Call) (op.Operator, []op.Spec, error) {
	switch how := c.Text("approximate", "none"); how {
	case "none":
		return buildUnary(exactGelu)(c)
	case "tanh":
		return buildUnary(tanhGelu)(c)
	default:
		return nil, nil, c.Unsupported("attribute approximate is %q, want none or tanh", how)
	}
}
