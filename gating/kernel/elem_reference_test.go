package kernel

import "math"

// The definitions of all element-wise loops in double precision.

// loopReference is the definition of a loop, with the error that is allowed: relative, or absolute where results
// vanish.
type loopReference struct {
	name       string
	f          func(a, b, p, q float64) float64
	rel, floor float64
}

const exact = 6e-8 // half a unit in the last place of float32

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func softplus64(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

func mish64(x float64) float64 { return x * math.Tanh(softplus64(x)) }

func gelu64(x float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) }

func density(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }

func when(c bool, yes, no float64) float64 {
	if c {
		return yes
	}
	return no
}

// slope64 is dy·d where d is the slope; where that is 0 nothing comes back whatever dy is.
func slope64(dy, d float64) float64 { return when(d == 0, 0, dy*d) }

func swishSlope64(x, alpha float64) float64 {
	s := logistic(alpha * x)
	return s + alpha*x*s*(1-s)
}

func mishSlope64(x float64) float64 {
	t := math.Tanh(softplus64(x))
	return t + x*(1-t*t)*logistic(x)
}

func geluTanhSlope64(x float64) float64 {
	u, du := 2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x), 2*math.Sqrt(2/math.Pi)*(1+3*0.044715*x*x)
	return logistic(u) + x*logistic(u)*logistic(-u)*du
}

// loopReferences are the definitions by kind of loop.
var loopReferences = [loopCount]loopReference{
	loopAdd:     {"add", func(a, b, _, _ float64) float64 { return a + b }, exact, 0},
	loopAddOne:  {"add one", func(a, _, p, _ float64) float64 { return a + p }, exact, 0},
	loopSub:     {"sub", func(a, b, _, _ float64) float64 { return a - b }, exact, 0},
	loopSubOne:  {"sub one", func(a, _, p, _ float64) float64 { return a - p }, exact, 0},
	loopSubFrom: {"sub from", func(a, _, p, _ float64) float64 { return p - a }, exact, 0},
	loopMul:     {"mul", func(a, b, _, _ float64) float64 { return a * b }, exact, 1e-44},
	loopMulOne:  {"mul one", func(a, _, p, _ float64) float64 { return a * p }, exact, 1e-44},
	loopDiv:     {"div", func(a, b, _, _ float64) float64 { return a / b }, exact, 1e-44},
	loopDivOne:  {"div one", func(a, _, p, _ float64) float64 { return a / p }, exact, 1e-44},
	loopDivInto: {"div into", func(a, _, p, _ float64) float64 { return p / a }, exact, 1e-44},

	loopSqrt:         {"sqrt", func(a, _, _, _ float64) float64 { return math.Sqrt(a) }, exact, 0},
	loopSqrtBackward: {"sqrt backward", func(a, b, _, _ float64) float64 { return a / (2 * b) }, exact, 1e-44},
	loopReciprocalBackward: {"reciprocal backward", func(a, b, _, _ float64) float64 { return slope64(a, -b*b) },
		3e-7, 1e-37},

	loopRelu:         {"relu", func(a, _, _, _ float64) float64 { return max(a, 0) }, 0, 0},
	loopReluBackward: {"relu backward", func(a, b, _, _ float64) float64 { return when(b > 0, a, 0) }, 0, 0},
	loopClip:         {"clip", func(a, _, p, q float64) float64 { return min(max(a, p), q) }, 0, 0},
	loopClipBackward: {"clip backward", func(a, b, p, q float64) float64 { return when(b >= p && b <= q, a, 0) }, 0, 0},
	loopLeakyRelu:    {"leaky relu", func(a, _, p, _ float64) float64 { return when(a < 0, a*p, a) }, exact, 1e-44},
	loopLeakyReluBackward: {"leaky relu backward",
		func(a, b, p, _ float64) float64 { return when(b > 0, a, a*p) }, exact, 1e-44},
	loopHardSigmoid: {"hard sigmoid",
		func(a, _, p, q float64) float64 { return max(0, min(1, p*a+q)) }, 3e-7, 2e-7},
	loopHardSigmoidBackward: {"hard sigmoid backward",
		func(a, b, p, _ float64) float64 { return when(b > 0 && b < 1, a*p, 0) }, exact, 1e-44},
	loopHardSwish: {"hard swish",
		func(a, _, _, _ float64) float64 { return a * max(0, min(1, a/6+0.5)) }, 3e-7, 5e-7},
	loopHardSwishBackward: {"hard swish backward", func(a, b, _, _ float64) float64 {
		return when(b < -3, 0, when(b > 3, a, a*(b/3+0.5)))
	}, 3e-7, 5e-7},

	loopExp:     {"exp", func(a, _, _, _ float64) float64 { return math.Exp(a) }, 2.5e-7, 1e-37},
	loopSigmoid: {"sigmoid", func(a, _, _, _ float64) float64 { return logistic(a) }, 4e-7, 1e-37},
	loopSigmoidBackward: {"sigmoid backward", func(a, b, _, _ float64) float64 { return a * (b * (1 - b)) }, 4e-7,
		1e-37},
	loopTanh:         {"tanh", func(a, _, _, _ float64) float64 { return math.Tanh(a) }, 4e-7, 0},
	loopTanhBackward: {"tanh backward", func(a, b, _, _ float64) float64 { return a * (1 - b*b) }, 4e-7, 1e-6},
	loopSwish:        {"swish", func(a, _, p, _ float64) float64 { return a * logistic(p*a) }, 4e-6, 1e-35},
	loopSwishBackward: {"swish backward", func(a, b, p, _ float64) float64 { return a * swishSlope64(b, p) }, 4e-6,
		2e-6},
	loopMish:         {"mish", func(a, _, _, _ float64) float64 { return mish64(a) }, 1e-6, 1e-35},
	loopMishBackward: {"mish backward", func(a, b, _, _ float64) float64 { return a * mishSlope64(b) }, 1e-6, 2e-6},
	loopSoftplus:     {"softplus", func(a, _, _, _ float64) float64 { return softplus64(a) }, 3e-7, 1e-37},
	loopElu: {"elu",
		func(a, _, p, q float64) float64 { return when(a > 0, a, p*math.Expm1(q*a)) }, 6e-7, 1e-44},
	loopEluBackward: {"elu backward",
		func(a, b, p, q float64) float64 { return when(b > 0, a, a*p*math.Exp(q*b)) }, 2e-6, 1e-37},
	loopErf: {"erf", func(a, _, _, _ float64) float64 { return math.Erf(a) }, 4e-7, 1e-44},
	loopErfBackward: {"erf backward",
		func(a, b, _, _ float64) float64 { return a * (2 / math.SqrtPi * math.Exp(-b*b)) }, 2e-5, 1e-37},
	loopGelu: {"gelu", func(a, _, _, _ float64) float64 { return gelu64(a) }, 1e-6, 1e-9},
	loopGeluBackward: {"gelu backward",
		func(a, b, _, _ float64) float64 { return a * (math.Erfc(-b/math.Sqrt2)/2 + b*density(b)) }, 1e-6, 2e-6},
	loopGeluTanh: {"gelu tanh", func(a, _, _, _ float64) float64 { return geluTanhReference(a) }, 2e-6, 4e-9},
	loopGeluTanhBackward: {"gelu tanh backward",
		func(a, b, _, _ float64) float64 { return a * geluTanhSlope64(b) }, 2e-6, 4e-6},
}

func geluTanhReference(x float64) float64 {
	return x / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}
