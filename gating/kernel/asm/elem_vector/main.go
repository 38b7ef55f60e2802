// Command elem_vector generates the streaming kernels: sums, products and combinations of long vectors.
//
// All of them take lengths that are positive multiples of 64. Where lanes are summed, there are 64 of them whatever
// the register length, so AVX2 and AVX-512 round alike.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const block = 64 // floats a round

// isa is what differs between instruction sets.
type isa struct {
	suffix   string
	lanes    int
	register func() reg.VecVirtual
}

func main() {
	for _, s := range []isa{{"AVX512", 16, ZMM}, {"AVX2", 8, YMM}} {
		s.axpy()
		s.mix()
		s.dot()
		s.sum()
		s.taps()
		s.maxTaps()
	}
	Generate()
}

func (s isa) text(name, signature, doc string) {
	TEXT(name+s.suffix, NOSPLIT, signature)
	Pragma("noescape")
	Doc(fmt.Sprintf("%s%s %s", name, s.suffix, doc))
}

// registers returns enough registers for one block.
func (s isa) registers() []reg.VecVirtual {
	var out []reg.VecVirtual
	for range block / s.lanes {
		out = append(out, s.register())
	}
	return out
}

func (s isa) at(base, index reg.Register, v int) operand.Mem {
	return operand.Mem{Base: base, Index: index, Scale: 4, Disp: 4 * s.lanes * v}
}

// rounds runs body for i = 0, 64, ... below n.
func rounds(n reg.Register, body func(i reg.GPVirtual)) {
	i := GP64()
	XORQ(i, i)
	Label("rounds")
	body(i)
	ADDQ(operand.Imm(block), i)
	CMPQ(i, n)
	JLT(operand.LabelRef("rounds"))
}

func (s isa) axpy() {
	s.text("axpy", "func(n int, alpha float32, x, y *float32)", "adds alpha·x to y.")
	n := Load(Param("n"), GP64())
	alpha := s.register()
	p, err := Param("alpha").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(p.Addr, alpha)
	x := Load(Param("x"), GP64())
	y := Load(Param("y"), GP64())
	rounds(n, func(i reg.GPVirtual) {
		for v, acc := range s.registers() {
			VMOVUPS(s.at(y, i, v), acc)
			VFMADD231PS(s.at(x, i, v), alpha, acc)
			VMOVUPS(acc, s.at(y, i, v))
		}
	})
	VZEROUPPER()
	RET()
}

// mix reads the data pointers straight out of a slice of slices.
func (s isa) mix() {
	s.text("mix", "func(lo, hi int, dst, coefs *float32, ws *[]float32, count int)",
		"writes the sum of coefs[j]·ws[j] to dst for elements lo to hi.")
	i := Load(Param("lo"), GP64())
	hi := Load(Param("hi"), GP64())
	dst := Load(Param("dst"), GP64())
	coefs := Load(Param("coefs"), GP64())
	ws := Load(Param("ws"), GP64())
	count := Load(Param("count"), GP64())
	acc := s.registers()
	c, w, left, data := GP64(), GP64(), GP64(), GP64()
	scale := s.register()
	Label("rounds")
	for _, a := range acc {
		VXORPS(a.AsY(), a.AsY(), a.AsY())
	}
	MOVQ(coefs, c)
	MOVQ(ws, w)
	MOVQ(count, left)
	Label("terms")
	MOVQ(operand.Mem{Base: w}, data)
	VBROADCASTSS(operand.Mem{Base: c}, scale)
	for v, a := range acc {
		VFMADD231PS(s.at(data, i, v), scale, a)
	}
	ADDQ(operand.Imm(4), c)
	ADDQ(operand.Imm(24), w)
	DECQ(left)
	JNZ(operand.LabelRef("terms"))
	for v, a := range acc {
		VMOVUPS(a, s.at(dst, i, v))
	}
	ADDQ(operand.Imm(block), i)
	CMPQ(i, hi)
	JLT(operand.LabelRef("rounds"))
	VZEROUPPER()
	RET()
}

func (s isa) dot() {
	s.text("dot", "func(n int, x, y, lanes *float32)", "adds 16 partial sums of x·y to lanes.")
	n := Load(Param("n"), GP64())
	x := Load(Param("x"), GP64())
	y := Load(Param("y"), GP64())
	t := s.register()
	s.reduce(n, func(i reg.GPVirtual, v int, acc reg.VecVirtual) {
		VMOVUPS(s.at(x, i, v), t)
		VFMADD231PS(s.at(y, i, v), t, acc)
	})
}

func (s isa) sum() {
	s.text("sum", "func(n int, x, lanes *float32)", "adds 16 partial sums of x to lanes.")
	n := Load(Param("n"), GP64())
	x := Load(Param("x"), GP64())
	s.reduce(n, func(i reg.GPVirtual, v int, acc reg.VecVirtual) {
		VADDPS(s.at(x, i, v), acc, acc)
	})
}

// reduce runs add for every register of every block, folds the 64 lanes to 16, in the same order for both
// register lengths, and adds those to the memory at lanes.
func (s isa) reduce(n reg.Register, add func(i reg.GPVirtual, v int, acc reg.VecVirtual)) {
	acc := s.registers()
	for _, a := range acc {
		VXORPS(a.AsY(), a.AsY(), a.AsY())
	}
	rounds(n, func(i reg.GPVirtual) {
		for v, a := range acc {
			add(i, v, a)
		}
	})
	lanes := Load(Param("lanes"), GP64())
	parts := 16 / s.lanes // registers for 16 lanes
	for v := range parts {
		VADDPS(acc[v+parts], acc[v], acc[v])
		VADDPS(acc[v+3*parts], acc[v+2*parts], acc[v+2*parts])
		VADDPS(acc[v+2*parts], acc[v], acc[v])
		m := operand.Mem{Base: lanes, Disp: 4 * s.lanes * v}
		VADDPS(m, acc[v], acc[v])
		VMOVUPS(acc[v], m)
	}
	VZEROUPPER()
	RET()
}

// taps is a convolution of one plane: every output is a short sum over shifted copies of the input.
func (s isa) taps() {
	s.text("taps", "func(n int, dst, src *float32, offsets *int, weights *float32, count int, bias float32)",
		"writes bias plus the sum over t of weights[t]·src[i+offsets[t]] to dst[i].")
	n := Load(Param("n"), GP64())
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	offsets := Load(Param("offsets"), GP64())
	weights := Load(Param("weights"), GP64())
	count := Load(Param("count"), GP64())
	p, err := Param("bias").Resolve()
	if err != nil {
		panic(err)
	}
	acc := s.registers()
	t, from := GP64(), GP64()
	scale := s.register()
	rounds(n, func(i reg.GPVirtual) {
		for _, a := range acc {
			VBROADCASTSS(p.Addr, a)
		}
		XORQ(t, t)
		Label("terms")
		MOVQ(operand.Mem{Base: offsets, Index: t, Scale: 8}, from)
		ADDQ(i, from)
		VBROADCASTSS(operand.Mem{Base: weights, Index: t, Scale: 4}, scale)
		for v, a := range acc {
			VFMADD231PS(s.at(src, from, v), scale, a)
		}
		INCQ(t)
		CMPQ(t, count)
		JLT(operand.LabelRef("terms"))
		for v, a := range acc {
			VMOVUPS(a, s.at(dst, i, v))
		}
	})
	VZEROUPPER()
	RET()
}

// maxTaps is generated for AVX2 only: it is bound by loads, and AVX-512's masks would gain nothing. A value replaces
// the best so far when it is greater or NaN, unless the best is NaN already.
func (s isa) maxTaps() {
	if s.lanes != 8 {
		return
	}
	s.text("maxTaps", "func(n int, best *float32, tap *int32, src *float32, offsets *int, count int)",
		"writes the greatest of src[i+offsets[t]] over t to best[i] and the first such t to tap[i], "+
			"n a multiple of 32.")
	n := Load(Param("n"), GP64())
	best := Load(Param("best"), GP64())
	tap := Load(Param("tap"), GP64())
	src := Load(Param("src"), GP64())
	offsets := Load(Param("offsets"), GP64())
	count := Load(Param("count"), GP64())
	m := newMaxLoop(s, src)
	i, t, from := GP64(), GP64(), GP64()
	XORQ(i, i)
	Label("rounds")
	MOVQ(operand.Mem{Base: offsets}, from)
	ADDQ(i, from)
	m.first(from)
	MOVQ(operand.U32(1), t)
	JMP(operand.LabelRef("more"))
	Label("taps")
	MOVQ(operand.Mem{Base: offsets, Index: t, Scale: 8}, from)
	ADDQ(i, from)
	m.next(from)
	INCQ(t)
	Label("more")
	CMPQ(t, count)
	JLT(operand.LabelRef("taps"))
	for v := range m.top {
		VMOVUPS(m.top[v], s.at(best, i, v))
		VMOVUPS(m.index[v], s.at(tap, i, v))
	}
	ADDQ(operand.Imm(8*uint64(len(m.top))), i)
	CMPQ(i, n)
	JLT(operand.LabelRef("rounds"))
	VZEROUPPER()
	RET()
}

// maxLoop is the state of maxTaps: the best values so far, their taps, and the number of the tap now looked at.
type maxLoop struct {
	isa
	src        reg.Register
	top, index [4]reg.VecVirtual
	one, now   reg.VecVirtual
}

// newMaxLoop sets one to 1 in every lane.
func newMaxLoop(s isa, src reg.Register) *maxLoop {
	m := &maxLoop{isa: s, src: src, one: YMM(), now: YMM()}
	for v := range m.top {
		m.top[v], m.index[v] = YMM(), YMM()
	}
	VPCMPEQD(m.one, m.one, m.one)
	VPSRLD(operand.Imm(31), m.one, m.one)
	return m
}

// first takes tap 0 as it is.
func (m *maxLoop) first(from reg.Register) {
	for v := range m.top {
		VMOVUPS(m.at(m.src, from, v), m.top[v])
		VPXOR(m.index[v], m.index[v], m.index[v])
	}
	VPXOR(m.now, m.now, m.now)
}

// next lets one more tap replace what is worse.
func (m *maxLoop) next(from reg.Register) {
	const notLessOrEqual, ordered = 6, 7 // predicates of VCMPPS; the first is true of NaN
	VPADDD(m.one, m.now, m.now)
	for v, top := range m.top {
		value, better, number := YMM(), YMM(), YMM()
		VMOVUPS(m.at(m.src, from, v), value)
		VCMPPS(operand.Imm(notLessOrEqual), top, value, better)
		VCMPPS(operand.Imm(ordered), top, top, number)
		VANDPS(number, better, better)
		VBLENDVPS(better, value, top, top)
		VBLENDVPS(better, m.now, m.index[v], m.index[v])
	}
}
