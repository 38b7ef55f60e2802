package element

import (
	"math"
	"testing"

	"github.com/softmerge/softmerge/gating/network/op"
)

// TestHalfBits takes every float16 to its bits and back.
func TestHalfBits(t *testing.T) {
	for b := range 1 << 16 {
		v := fromHalf(uint16(b))
		if w := half(uint16(b)); !op.SameNumber(v, w) || math.Signbit(float64(v)) != math.Signbit(float64(w)) &&
			v == v {
			t.Fatalf("%#04x is %g, want %g", b, v, w)
		}
		if got := halfOf(v); v == v && got != uint16(b) {
			t.Fatalf("%#04x is %g and comes back as %#04x", b, v, got)
		}
	}
}

// half is the float16 of these bits.
func half(b uint16) float32 {
	sign, exponent, fraction := float64(1), int(b>>10&31), float64(b&1023)
	if b>>15 != 0 {
		sign = -1
	}
	switch exponent {
	case 0:
		return float32(sign * math.Ldexp(fraction, -24))
	case 31:
		if fraction != 0 {
			return op.Nan32
		}
		return float32(math.Inf(int(sign)))
	}
	return float32(sign * math.Ldexp(1024+fraction, exponent-25))
}
