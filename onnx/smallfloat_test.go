package onnx

import (
	"math"
	"testing"
)

// Every code of every format survives decoding and encoding; NaN stays NaN.
func TestSmallFloatsRoundTrip(t *testing.T) {
	for dt, f := range smallFloats {
		for code, v := range f.table() {
			got := f.encode(float64(v))
			if math.IsNaN(float64(v)) {
				if !math.IsNaN(f.decode(got)) {
					t.Fatalf("%s: NaN %#x became %#x", dt, code, got)
				}
				continue
			}
			if math.IsInf(float64(v), 0) && dt == Float8E5M2 {
				continue // ONNX saturates infinity
			}
			if int(got) != code {
				t.Fatalf("%s: %#x is %g, encoded as %#x", dt, code, v, got)
			}
		}
	}
}

// Between any two neighbouring numbers the encoder picks the nearer one, and
// of the exact middle the one with an even code; just beside the middle, a
// distance that float32 cannot express, it does not round twice.
func TestSmallFloatsRoundToNearestEven(t *testing.T) {
	for dt, f := range smallFloats {
		if f.unsigned {
			continue
		}
		for code := range f.largest() {
			low, high := f.decode(code), f.decode(code+1)
			middle := low + (high-low)/2
			even := code + code&1
			for _, test := range []struct {
				v    float64
				want uint16
			}{{middle, even}, {math.Nextafter(middle, low), code}, {math.Nextafter(middle, high), code + 1}} {
				if got := f.encode(test.v); got != test.want {
					t.Fatalf("%s: %.20g between %g and %g: got code %#x, want %#x", dt, test.v, low, high, got,
						test.want)
				}
				sign := uint16(1) << (f.exp + f.man)
				want := test.want | sign
				if test.want == 0 && f.kind == unsignedZ {
					want = 0
				}
				if got := f.encode(-test.v); got != want {
					t.Fatalf("%s: %.20g: got code %#x, want %#x", dt, -test.v, got, want)
				}
			}
		}
	}
}

// The formats' landmarks, from their specifications.
func TestSmallFloatLandmarks(t *testing.T) {
	tests := []struct {
		dt   DataType
		code uint16
		v    float64
	}{
		{Float16, 0x3c00, 1}, {Float16, 0x7bff, 65504}, {Float16, 0x0001, math.Ldexp(1, -24)},
		{Float16, 0xfc00, math.Inf(-1)},
		{BFloat16, 0x3f80, 1}, {BFloat16, 0x7f7f, math.Ldexp(255, 120)}, {BFloat16, 0x4049, 3.140625},
		{Float8E4M3FN, 0x38, 1}, {Float8E4M3FN, 0x7e, 448}, {Float8E4M3FN, 0x01, math.Ldexp(1, -9)},
		{Float8E4M3FN, 0xff, math.NaN()},
		{Float8E4M3FNUZ, 0x40, 1}, {Float8E4M3FNUZ, 0x7f, 240}, {Float8E4M3FNUZ, 0x80, math.NaN()},
		{Float8E5M2, 0x3c, 1}, {Float8E5M2, 0x7b, 57344}, {Float8E5M2, 0x7c, math.Inf(1)},
		{Float8E5M2, 0x7d, math.NaN()},
		{Float8E5M2FNUZ, 0x40, 1}, {Float8E5M2FNUZ, 0x7f, 57344}, {Float8E5M2FNUZ, 0x80, math.NaN()},
		{Float4E2M1, 0x7, 6}, {Float4E2M1, 0x1, 0.5}, {Float4E2M1, 0xf, -6},
		{Float8E8M0, 0, math.Ldexp(1, -127)}, {Float8E8M0, 127, 1}, {Float8E8M0, 255, math.NaN()},
	}
	for _, test := range tests {
		got := smallFloats[test.dt].decode(test.code)
		if got != test.v && !(math.IsNaN(got) && math.IsNaN(test.v)) {
			t.Errorf("%s %#x: got %g, want %g", test.dt, test.code, got, test.v)
		}
	}
}

// Beyond the range: IEEE formats of 16 bits go to infinity at the point where
// the next number would be nearer, the others saturate.
func TestSmallFloatOverflow(t *testing.T) {
	tests := []struct {
		dt   DataType
		v    float64
		want float64
	}{
		{Float16, 65519.99, 65504}, {Float16, 65520, math.Inf(1)}, {Float16, -1e300, math.Inf(-1)},
		{Float16, math.Inf(1), math.Inf(1)},
		{BFloat16, math.MaxFloat32, math.Inf(1)}, {BFloat16, math.Ldexp(255, 120), math.Ldexp(255, 120)},
		{Float8E4M3FN, 1e9, 448}, {Float8E4M3FN, math.Inf(-1), -448},
		{Float8E5M2, 1e9, 57344}, {Float8E5M2FNUZ, -1e9, -57344}, {Float8E4M3FNUZ, 1e9, 240},
		{Float4E2M1, 100, 6}, {Float4E2M1, -100, -6},
		{Float16, 1e-300, 0}, {Float16, 5e-324, 0}, {BFloat16, math.SmallestNonzeroFloat64, 0},
		{Float8E8M0, 0, math.Ldexp(1, -127)}, {Float8E8M0, 1e300, math.Ldexp(1, 127)}, {Float8E8M0, 1.4, 1},
		{Float8E8M0, 1.5, 2}, {Float8E8M0, -3, math.Ldexp(1, -127)},
	}
	for _, test := range tests {
		f := smallFloats[test.dt]
		if got := f.decode(f.encode(test.v)); got != test.want {
			t.Errorf("%s of %g: got %g, want %g", test.dt, test.v, got, test.want)
		}
	}
	zero := smallFloats[Float16].encode(math.Copysign(0, -1))
	if zero != 0x8000 {
		t.Errorf("-0 as float16 is %#x", zero)
	}
}
