// Command row generates the loops that reduce rows of floats in double precision.
//
// All of them take lengths that are positive multiples of 32. There are 32 partial sums whatever the register
// length, folded to 8 in the same order, so AVX2 and AVX-512 round alike. Products are never fused with sums where
// that would round differently from two operations.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const block = 32 // floats a round

// isa is what differs between instruction sets.
type isa struct {
	suffix   string
	doubles  int // float64 lanes of a register
	register func() reg.VecVirtual
}

func main() {
	for _, s := range []isa{{"AVX512", 8, ZMM}, {"AVX2", 4, YMM}} {
		s.sum()
		s.dot()
		s.squares()
		s.greatest()
		s.accumulate()
	}
	Generate()
}

func (s isa) text(name, signature, doc string) {
	TEXT(name+s.suffix, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + s.suffix + " " + doc)
}

// floats is the v-th group of as many floats as a register holds doubles.
func (s isa) floats(base, index reg.Register, v int) operand.Mem {
	return operand.Mem{Base: base, Index: index, Scale: 4, Disp: 4 * s.doubles * v}
}

// rounds runs body for i = 0, 32, ... below n.
func rounds(n reg.Register, body func(i reg.GPVirtual)) {
	i := GP64()
	XORQ(i, i)
	Label("rounds")
	body(i)
	ADDQ(operand.Imm(block), i)
	CMPQ(i, n)
	JLT(operand.LabelRef("rounds"))
}

// reduce runs add for every register of every block and writes the sums of the 32 lanes, folded to 8, to lanes.
func (s isa) reduce(n, lanes reg.Register, add func(i reg.GPVirtual, v int, acc reg.VecVirtual)) {
	var acc []reg.VecVirtual
	for range block / s.doubles {
		a := s.register()
		VXORPD(a.AsY(), a.AsY(), a.AsY())
		acc = append(acc, a)
	}
	rounds(n, func(i reg.GPVirtual) {
		for v, a := range acc {
			add(i, v, a)
		}
	})
	eight := 8 / s.doubles // registers that hold eight lanes
	for half := len(acc) / 2; half >= eight; half /= 2 {
		for v := range half {
			VADDPD(acc[v+half], acc[v], acc[v])
		}
	}
	for v := range eight {
		VMOVUPD(acc[v], operand.Mem{Base: lanes, Disp: 8 * s.doubles * v})
	}
	VZEROUPPER()
	RET()
}

func (s isa) sum() {
	s.text("rowSum", "func(n int, x *float32, lanes *float64)", "writes 8 partial sums of x to lanes.")
	n, x, lanes := Load(Param("n"), GP64()), Load(Param("x"), GP64()), Load(Param("lanes"), GP64())
	t := s.register()
	s.reduce(n, lanes, func(i reg.GPVirtual, v int, acc reg.VecVirtual) {
		VCVTPS2PD(s.floats(x, i, v), t)
		VADDPD(t, acc, acc)
	})
}

// dot may fuse: a product of two floats is exact in double precision.
func (s isa) dot() {
	s.text("rowDot", "func(n int, x, y *float32, lanes *float64)", "writes 8 partial sums of x·y to lanes.")
	n, x, y, lanes := Load(Param("n"), GP64()), Load(Param("x"), GP64()), Load(Param("y"), GP64()),
		Load(Param("lanes"), GP64())
	t, u := s.register(), s.register()
	s.reduce(n, lanes, func(i reg.GPVirtual, v int, acc reg.VecVirtual) {
		VCVTPS2PD(s.floats(x, i, v), t)
		VCVTPS2PD(s.floats(y, i, v), u)
		VFMADD231PD(t, u, acc)
	})
}

func (s isa) squares() {
	s.text("rowSquares", "func(n int, x *float32, mean float64, lanes *float64)",
		"writes 8 partial sums of (x-mean)² to lanes.")
	n, x, lanes := Load(Param("n"), GP64()), Load(Param("x"), GP64()), Load(Param("lanes"), GP64())
	mean, t := s.register(), s.register()
	p, err := Param("mean").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSD(p.Addr, mean)
	s.reduce(n, lanes, func(i reg.GPVirtual, v int, acc reg.VecVirtual) {
		VCVTPS2PD(s.floats(x, i, v), t)
		VSUBPD(mean, t, t)
		VMULPD(t, t, t)
		VADDPD(t, acc, acc)
	})
}

// greatest works on single precision, so a register holds twice as many lanes.
func (s isa) greatest() {
	s.text("rowMax", "func(n int, x, lanes *float32)",
		"writes the greatest of x in each of 8 lanes to lanes. What NaN gives is undefined.")
	n, x, lanes := Load(Param("n"), GP64()), Load(Param("x"), GP64()), Load(Param("lanes"), GP64())
	at := func(base, index reg.Register, v int) operand.Mem {
		return operand.Mem{Base: base, Index: index, Scale: 4, Disp: 8 * s.doubles * v}
	}
	var acc []reg.VecVirtual
	for v := range block / s.doubles / 2 {
		a := s.register()
		VMOVUPS(operand.Mem{Base: x, Disp: 8 * s.doubles * v}, a)
		acc = append(acc, a)
	}
	rounds(n, func(i reg.GPVirtual) {
		for v, a := range acc {
			VMAXPS(at(x, i, v), a, a)
		}
	})
	for half := len(acc) / 2; half >= 1; half /= 2 {
		for v := range half {
			VMAXPS(acc[v+half], acc[v], acc[v])
		}
	}
	eight := acc[0].AsY()
	if s.doubles == 8 {
		upper := YMM()
		VEXTRACTF64X4(operand.Imm(1), acc[0], upper)
		VMAXPS(upper, eight, eight)
	}
	VMOVUPS(eight, operand.Mem{Base: lanes})
	VZEROUPPER()
	RET()
}

func (s isa) accumulate() {
	s.text("rowAdd", "func(n int, x *float32, acc *float64)", "adds x to acc.")
	n, x, acc := Load(Param("n"), GP64()), Load(Param("x"), GP64()), Load(Param("acc"), GP64())
	rounds(n, func(i reg.GPVirtual) {
		for v := range block / s.doubles {
			t := s.register()
			VCVTPS2PD(s.floats(x, i, v), t)
			m := operand.Mem{Base: acc, Index: i, Scale: 8, Disp: 8 * s.doubles * v}
			VADDPD(m, t, t)
			VMOVUPD(t, m)
		}
	})
	VZEROUPPER()
	RET()
}
