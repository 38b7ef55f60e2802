package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
)

func (s isa) arithmetic() {
	s.loop("add", "ab", "writes a + b.", func(x args) vec { return s.add(x.a, x.b) })
	s.loop("addOne", "ap", "writes a + p.", func(x args) vec { return s.add(x.a, x.p) })
	s.loop("sub", "ab", "writes a - b.", func(x args) vec { return s.sub(x.a, x.b) })
	s.loop("subOne", "ap", "writes a - p.", func(x args) vec { return s.sub(x.a, x.p) })
	s.loop("subFrom", "ap", "writes p - a.", func(x args) vec { return s.sub(x.p, x.a) })
	s.loop("mul", "ab", "writes a·b.", func(x args) vec { return s.mul(x.a, x.b) })
	s.loop("mulOne", "ap", "writes a·p.", func(x args) vec { return s.mul(x.a, x.p) })
	s.loop("div", "ab", "writes a / b.", func(x args) vec { return s.div(x.a, x.b) })
	s.loop("divOne", "ap", "writes a / p.", func(x args) vec { return s.div(x.a, x.p) })
	s.loop("divInto", "ap", "writes p / a.", func(x args) vec { return s.div(x.p, x.a) })
	s.loop("sqrt", "a", "writes the square root of a.", func(x args) vec {
		d := s.register()
		VSQRTPS(x.a, d)
		return d
	})
	s.loop("sqrtBackward", "ab", "writes a / 2b.", func(x args) vec { return s.div(x.a, s.add(x.b, x.b)) })
	s.loop("reciprocalBackward", "ab", "writes -a·b².", func(x args) vec { return s.neg(s.mul(s.mul(x.a, x.b), x.b)) })
}

// arithmeticRows generates arithmetic of operands that are broadcast to each other.
func (s isa) arithmeticRows() {
	s.rows("add", false, func(a, b vec) vec { return s.add(a, b) })
	s.rows("addOne", true, func(a, b vec) vec { return s.add(a, b) })
	s.rows("sub", false, func(a, b vec) vec { return s.sub(a, b) })
	s.rows("subOne", true, func(a, b vec) vec { return s.sub(a, b) })
	s.rows("subFrom", true, func(a, b vec) vec { return s.sub(b, a) })
	s.rows("mul", false, func(a, b vec) vec { return s.mul(a, b) })
	s.rows("mulOne", true, func(a, b vec) vec { return s.mul(a, b) })
	s.rows("div", false, func(a, b vec) vec { return s.div(a, b) })
	s.rows("divOne", true, func(a, b vec) vec { return s.div(a, b) })
	s.rows("divInto", true, func(a, b vec) vec { return s.div(b, a) })
}

func (s isa) rectifiers() {
	s.loop("relu", "a", "writes max(a, 0).", func(x args) vec { return s.most(s.constant(0), x.a) })
	s.loop("reluBackward", "ab", "writes a where b > 0, else 0.", func(x args) vec {
		zero := s.constant(0)
		return s.choose(greater, x.b, zero, x.a, zero)
	})
	s.loop("clip", "apq", "writes min(max(a, p), q).", func(x args) vec { return s.least(x.q, s.most(x.p, x.a)) })
	s.loop("clipBackward", "abpq", "writes a where p <= b <= q, else 0.", func(x args) vec {
		zero := s.constant(0)
		return s.choose(atLeast, x.b, x.p, s.choose(atMost, x.b, x.q, x.a, zero), zero)
	})
	s.loop("leakyRelu", "ap", "writes a where a >= 0, else p·a.", func(x args) vec {
		return s.choose(less, x.a, s.constant(0), s.mul(x.a, x.p), x.a)
	})
	s.loop("leakyReluBackward", "abp", "writes a where b > 0, else p·a.", func(x args) vec {
		return s.choose(greater, x.b, s.constant(0), x.a, s.mul(x.a, x.p))
	})
	s.loop("hardSigmoid", "apq", "writes max(0, min(1, p·a + q)).", func(x args) vec {
		return s.most(s.constant(0), s.least(s.constant(1), s.fma(x.a, x.p, x.q)))
	})
	s.loop("hardSigmoidBackward", "abp", "writes p·a where 0 < b < 1, else 0.", func(x args) vec {
		zero := s.constant(0)
		return s.choose(greater, x.b, zero, s.choose(less, x.b, s.constant(1), s.mul(x.a, x.p), zero), zero)
	})
	s.loop("hardSwish", "a", "writes a·max(0, min(1, a/6 + 1/2)).", func(x args) vec {
		gate := s.most(s.constant(0), s.least(s.constant(1), s.fma(x.a, s.constant(1./6), number(0.5))))
		return s.mul(x.a, gate)
	})
	s.loop("hardSwishBackward", "ab", "writes a times the slope of hardSwish at b.", func(x args) vec {
		slope := s.fma(x.b, s.constant(1./3), number(0.5))
		slope = s.choose(greater, x.b, s.constant(3), s.constant(1), slope)
		return s.choose(less, x.b, s.constant(-3), s.constant(0), s.mul(slope, x.a))
	})
}

// expParts returns e^x - 1 of what is left of x after k·ln 2, and k as an integer. x is at most 89 and at least
// -104 in size.
func (s isa) expParts(x vec) (m, k vec) {
	const round = 3 << 22 // adding it leaves no bits for a fraction, and k in the lowest bits
	shifted := s.fma(x, s.constant(math.Log2E), number(round))
	whole := s.sub(shifted, number(round))
	r := s.fms(x, whole, number(0.693145751953125))
	r = s.fms(r, whole, number(1.428606765330187e-06))
	// The Chebyshev approximation of (e^r-1-r)/r², to 8e-9 of e^r.
	p := s.polynomial(r, 0.5, 0.166665769897, 0.0416665546172, 0.00836317905272, 0.00139261835877)
	k = s.register()
	VPSUBD(bits(math.Float32bits(round)), shifted, k)
	return s.fma(s.mul(r, r), p, r), k
}

// power is 2^k for -126 <= k <= 127.
func (s isa) power(k vec) vec {
	d := s.register()
	VPADDD(bits(127), k, d)
	VPSLLD(operand.Imm(23), d, d)
	return d
}

// exp is e^x, 0 and infinity beyond the range.
func (s isa) exp(x vec) vec {
	m, k := s.expParts(s.least(s.constant(89), s.most(s.constant(-104), x)))
	half, rest := s.register(), s.register()
	VPSRAD(operand.Imm(1), k, half)
	VPSUBD(half, k, rest)
	scale := s.power(half)
	return s.mul(s.fma(scale, m, scale), s.power(rest))
}

// logistic returns t = e^-|x|, 1 + t, and the numerator of 1/(1+e^-x) over 1 + t: 1, or t where x < 0.
func (s isa) logistic(x vec) (t, sum, top vec) {
	one := s.constant(1)
	t = s.exp(s.or(x, bits(0x80000000)))
	return t, s.add(t, one), s.choose(less, x, s.constant(0), t, one)
}

func (s isa) sigmoid(x vec) vec {
	_, sum, top := s.logistic(x)
	return s.div(top, sum)
}

func (s isa) exponentials() {
	s.loop("exp", "a", "writes e^a.", func(x args) vec { return s.exp(x.a) })
	s.loop("sigmoid", "a", "writes 1/(1+e^-a).", func(x args) vec { return s.sigmoid(x.a) })
	s.loop("sigmoidBackward", "ab", "writes a·b·(1-b).", func(x args) vec {
		return s.mul(s.mul(s.sub(s.constant(1), x.b), x.b), x.a)
	})
	s.loop("tanh", "a", "writes the hyperbolic tangent of a.", func(x args) vec {
		size := s.least(s.constant(20), s.size(x.a))
		m, k := s.expParts(s.add(size, size))
		scale := s.power(k)
		e := s.fma(scale, m, s.sub(scale, number(1)))
		return s.or(s.div(e, s.add(e, number(2))), s.sign(x.a))
	})
	s.loop("tanhBackward", "ab", "writes a·(1-b²).",
		func(x args) vec { return s.mul(s.fms(s.constant(1), x.b, x.b), x.a) })
	s.loop("swish", "ap", "writes a/(1+e^(-p·a)).", func(x args) vec {
		return s.mul(s.sigmoid(s.mul(x.a, x.p)), x.a)
	})
	s.loop("swishBackward", "abp", "writes a times the slope of swish at b.", func(x args) vec {
		u := s.mul(x.b, x.p)
		return s.mul(s.gateSlope(u, u), x.a)
	})
	s.loop("mish", "a", "writes a·tanh(ln(1+e^a)).", func(x args) vec {
		gate, _ := s.mishGate(x.a)
		return s.mul(gate, x.a)
	})
	s.loop("mishBackward", "ab", "writes a times the slope of mish at b.", func(x args) vec {
		gate, rest := s.mishGate(x.b)
		slope := s.mul(s.mul(s.sigmoid(x.b), rest), s.add(gate, number(1)))
		return s.mul(s.fma(x.b, slope, gate), x.a)
	})
}

// rates generates the functions of e^x that grow like x above 0.
func (s isa) rates() {
	s.loop("softplus", "a", "writes ln(1+e^a).", func(x args) vec {
		t := s.exp(s.or(x.a, bits(0x80000000)))
		// The Chebyshev approximation of ln(1+t)/t on [0, 1], of relative error 5e-9.
		p := s.polynomial(t, 0.999999994656, -0.499998926481, 0.333297104989, -0.249516162629, 0.196632742572,
			-0.152696670744, 0.105436237954, -0.0563736128301, 0.019542527261, -0.00317605701843)
		return s.fma(p, t, s.most(s.constant(0), x.a))
	})
	s.loop("elu", "apq", "writes a where a > 0, else p·(e^(q·a) - 1).", func(x args) vec {
		m, k := s.expParts(s.least(s.constant(0), s.most(s.constant(-40), s.mul(x.a, x.q))))
		scale := s.power(k)
		return s.choose(greater, x.a, s.constant(0), x.a, s.mul(s.fma(scale, m, s.sub(scale, number(1))), x.p))
	})
	s.loop("eluBackward", "abpq", "writes a where b > 0, else a·p·e^(q·b).", func(x args) vec {
		return s.choose(greater, x.b, s.constant(0), x.a, s.mul(s.mul(s.exp(s.mul(x.b, x.q)), x.p), x.a))
	})
}

// gateSlope is σ(u) + v·σ(u)·(1-σ(u)): the slope of x·σ(u) for v = x·du/dx.
func (s isa) gateSlope(u, v vec) vec {
	t, sum, top := s.logistic(u)
	return s.fma(s.div(s.div(t, sum), sum), v, s.div(top, sum))
}

// mishGate returns g = tanh(ln(1+e^x)) = n/(n+2) with n = e^x·(e^x+2), and 1 - g = 2/(n+2).
func (s isa) mishGate(x vec) (gate, rest vec) {
	e := s.exp(s.least(s.constant(40), x))
	n := s.mul(e, s.add(e, number(2)))
	rest = s.div(s.constant(2), s.add(n, number(2)))
	return s.mul(s.mul(n, number(0.5)), rest), rest
}

// erf is x·P(x²) up to 1, with P the Chebyshev approximation of relative error 1.2e-9, and beyond it 1 less what the
// normal distribution leaves outside.
func (s isa) erf(x vec) vec {
	size := s.least(s.constant(10), s.size(x))
	square := s.mul(size, size)
	near := s.polynomial(square, 1.12837916585, -0.376126266667, 0.112835947152, -0.0268542120106, 0.00518908742343,
		-0.000801686428717, 7.87587506269e-5)
	outside := s.beyond(s.mul(size, number(math.Sqrt2)), s.exp(s.neg(square)))
	far := s.fms(s.constant(1), outside, number(2))
	return s.or(s.choose(less, size, s.constant(1), s.mul(near, size), far), s.sign(x))
}

// bells generates the functions around the normal distribution.
func (s isa) bells() {
	s.loop("erf", "a", "writes the error function of a.", func(x args) vec { return s.erf(x.a) })
	s.loop("erfBackward", "ab", "writes a·2/√π·e^(-b²).", func(x args) vec {
		return s.mul(s.mul(s.exp(s.neg(s.mul(x.b, x.b))), number(2/math.SqrtPi)), x.a)
	})
	s.loop("gelu", "a", "writes a/2·(1+erf(a/√2)).", func(x args) vec {
		below, _ := s.normal(x.a)
		return s.mul(below, x.a)
	})
	s.loop("geluBackward", "ab", "writes a times the slope of gelu at b.", func(x args) vec {
		b := s.least(s.constant(20), s.most(s.constant(-20), x.b))
		below, bell := s.normal(b)
		return s.mul(s.fma(s.mul(bell, number(0.39894228040143267794)), b, below), x.a)
	})
	s.loop("geluTanh", "a", "writes a/2·(1+tanh(√(2/π)·(a + 0.044715·a³))).", func(x args) vec {
		u, _ := s.cubic(x.a)
		return s.mul(s.sigmoid(u), x.a)
	})
	s.loop("geluTanhBackward", "ab", "writes a times the slope of geluTanh at b.", func(x args) vec {
		b := s.least(s.constant(20), s.most(s.constant(-20), x.b))
		return s.mul(s.gateSlope(s.cubic(b)), x.a)
	})
}

// normal returns Φ(x), the part of the normal distribution below x, and e^(-x²/2). No digits cancel on either side of
// 0.
func (s isa) normal(x vec) (below, bell vec) {
	size := s.least(s.constant(20), s.size(x))
	bell = s.exp(s.mul(s.mul(size, size), number(-0.5)))
	beyond := s.beyond(size, bell)
	return s.choose(less, x, s.constant(0), beyond, s.sub(s.constant(1), beyond)), bell
}

// beyond is the part of the normal distribution above x >= 0, given e^(-x²/2): that times t·G(t) with t = 1/(1+0.35·x)
// and G the polynomial of least relative error, 3.2e-8, up to 14.5, where the exponential ends.
func (s isa) beyond(x, bell vec) vec {
	t := s.div(s.constant(1), s.fma(x, s.constant(0.35), number(1)))
	g := s.polynomial(t, 0.13962130671320144, 0.13986351780494752, 0.11982126965052567, 0.1055525768163643,
		-0.023212536624555868,
		0.15931997015444974, -0.2558392509317055, 0.14403104176011375, -0.02915791132934627)
	return s.mul(s.mul(g, t), bell)
}

// cubic returns u = 2√(2/π)·(x + 0.044715·x³) and x·du/dx.
func (s isa) cubic(x vec) (u, v vec) {
	const scale = 2 * 0.79788456080286535588
	t := s.mul(x, x)
	u = s.mul(s.polynomial(t, scale, scale*0.044715), x)
	v = s.mul(s.polynomial(t, scale, 3*scale*0.044715), x)
	return u, v
}
