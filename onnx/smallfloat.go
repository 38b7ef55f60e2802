package onnx

import (
	"math"
	"sync"
)

// smallFloat describes a floating-point format of at most 16 bits: from the
// top a sign, exp exponent and man fraction bits, the value of a normal code
// being 2^(E-bias) times 1.F.
type smallFloat struct {
	exp, man, bias int
	unsigned       bool // no sign bit, no zero, no fraction: a bare power of two
	kind           specials
	decoded        func() []float32
}

// specials says which codes are not finite numbers.
type specials uint8

const (
	ieee       specials = iota // exponent all ones: infinity and NaN
	onlyNaN                    // everything all ones is NaN, either sign; no infinity
	unsignedZ                  // the code of -0 is the only NaN; no infinity
	finiteOnly                 // neither
)

// smallFloats are the formats by type. Sources: IEEE 754 (float16), the upper
// half of float32 (bfloat16), arXiv 2209.05433 (E4M3FN, E5M2), arXiv 2206.02915
// (the FNUZ types), OCP microscaling formats 1.0 (E2M1, E8M0).
var smallFloats = map[DataType]*smallFloat{
	Float16:        newSmallFloat(smallFloat{exp: 5, man: 10, bias: 15, kind: ieee}),
	BFloat16:       newSmallFloat(smallFloat{exp: 8, man: 7, bias: 127, kind: ieee}),
	Float8E4M3FN:   newSmallFloat(smallFloat{exp: 4, man: 3, bias: 7, kind: onlyNaN}),
	Float8E4M3FNUZ: newSmallFloat(smallFloat{exp: 4, man: 3, bias: 8, kind: unsignedZ}),
	Float8E5M2:     newSmallFloat(smallFloat{exp: 5, man: 2, bias: 15, kind: ieee}),
	Float8E5M2FNUZ: newSmallFloat(smallFloat{exp: 5, man: 2, bias: 16, kind: unsignedZ}),
	Float4E2M1:     newSmallFloat(smallFloat{exp: 2, man: 1, bias: 1, kind: finiteOnly}),
	Float8E8M0:     newSmallFloat(smallFloat{exp: 8, man: 0, bias: 127, unsigned: true, kind: onlyNaN}),
}

func newSmallFloat(f smallFloat) *smallFloat {
	p := &f
	p.decoded = sync.OnceValue(p.decodeAll)
	return p
}

// table returns the value of every code; all are exact in float32.
func (f *smallFloat) table() []float32 { return f.decoded() }

func (f *smallFloat) decodeAll() []float32 {
	bits := f.exp + f.man
	if !f.unsigned {
		bits++
	}
	table := make([]float32, 1<<bits)
	for c := range table {
		table[c] = float32(f.decode(uint16(c)))
	}
	return table
}

// decode returns the value of a code.
func (f *smallFloat) decode(code uint16) float64 {
	sign := 1.0
	top := uint16(1) << (f.exp + f.man)
	magnitude := code
	if !f.unsigned {
		magnitude = code &^ top
		if code&top != 0 {
			sign = -1
		}
	}
	if f.isNaN(code, magnitude, top) {
		return math.NaN()
	}
	if f.kind == ieee && magnitude == f.infinity() {
		return math.Inf(int(sign))
	}
	e, m := int(magnitude>>f.man), float64(magnitude&(1<<f.man-1))
	switch {
	case f.unsigned:
		return math.Ldexp(1, e-f.bias)
	case e == 0:
		return math.Copysign(math.Ldexp(m, 1-f.bias-f.man), sign)
	default:
		return sign * math.Ldexp(m+float64(int(1)<<f.man), e-f.bias-f.man)
	}
}

func (f *smallFloat) isNaN(code, magnitude, top uint16) bool {
	switch f.kind {
	case ieee:
		return magnitude > f.infinity()
	case onlyNaN:
		return magnitude == top-1
	case unsignedZ:
		return code == top
	default:
		return false
	}
}

// infinity is the code of +Inf in an ieee format.
func (f *smallFloat) infinity() uint16 { return (1<<f.exp - 1) << f.man }

// largest is the code of the greatest finite number.
func (f *smallFloat) largest() uint16 {
	all := uint16(1)<<(f.exp+f.man) - 1
	switch f.kind {
	case ieee:
		return f.infinity() - 1
	case onlyNaN:
		return all - 1
	default:
		return all
	}
}
