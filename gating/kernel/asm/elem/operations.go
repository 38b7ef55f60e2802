package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
)

// The operations of bodies. Every one writes a register of its own. An operand named m may be memory.

func (s isa) constant(v float64) vec { return s.load(number(v)) }

func (s isa) add(a vec, m operand.Op) vec {
	d := s.register()
	VADDPS(m, a, d)
	return d
}

// sub is a - m.
func (s isa) sub(a vec, m operand.Op) vec {
	d := s.register()
	VSUBPS(m, a, d)
	return d
}

func (s isa) mul(a vec, m operand.Op) vec {
	d := s.register()
	VMULPS(m, a, d)
	return d
}

// div is a / m.
func (s isa) div(a vec, m operand.Op) vec {
	d := s.register()
	VDIVPS(m, a, d)
	return d
}

// least is min(bound, x), NaN where x is.
func (s isa) least(bound, x vec) vec {
	d := s.register()
	VMINPS(x, bound, d)
	return d
}

// most is max(bound, x), NaN where x is.
func (s isa) most(bound, x vec) vec {
	d := s.register()
	VMAXPS(x, bound, d)
	return d
}

// fma is a·b + m.
func (s isa) fma(a, b vec, m operand.Op) vec {
	d := s.register()
	VMOVAPS(a, d)
	VFMADD213PS(m, b, d)
	return d
}

// fms is c - a·m.
func (s isa) fms(c, a vec, m operand.Op) vec {
	d := s.register()
	VMOVAPS(c, d)
	VFNMADD231PS(m, a, d)
	return d
}

// and keeps the bits that both have.
func (s isa) and(a vec, m operand.Op) vec {
	d := s.register()
	if s.suffix == "AVX512" {
		VPANDD(m, a, d)
	} else {
		VPAND(m, a, d)
	}
	return d
}

func (s isa) or(a vec, m operand.Op) vec {
	d := s.register()
	if s.suffix == "AVX512" {
		VPORD(m, a, d)
	} else {
		VPOR(m, a, d)
	}
	return d
}

func (s isa) size(a vec) vec { return s.and(a, bits(0x7fffffff)) }
func (s isa) sign(a vec) vec { return s.and(a, bits(0x80000000)) }
func (s isa) neg(a vec) vec {
	d := s.register()
	if s.suffix == "AVX512" {
		VPXORD(bits(0x80000000), a, d)
	} else {
		VPXOR(bits(0x80000000), a, d)
	}
	return d
}

// Predicates of choose; none holds for NaN.
const (
	less    = 17
	atLeast = 29
	greater = 30
	atMost  = 18
)

// choose is yes where x stands in the relation to y, else no.
func (s isa) choose(relation uint8, x vec, y, yes, no vec) vec {
	d := s.register()
	if s.suffix == "AVX512" {
		k := K()
		VCMPPS(operand.Imm(uint64(relation)), y, x, k)
		VBLENDMPS(yes, no, k, d)
		return d
	}
	mask := s.register()
	VCMPPS(operand.Imm(uint64(relation)), y, x, mask)
	VBLENDVPS(mask, yes, no, d)
	return d
}

// polynomial is the sum of coefficients[i]·x^i.
func (s isa) polynomial(x vec, coefficients ...float64) vec {
	n := len(coefficients) - 1
	y := s.constant(coefficients[n])
	for i := n - 1; i >= 0; i-- {
		VFMADD213PS(number(coefficients[i]), x, y)
	}
	return y
}
