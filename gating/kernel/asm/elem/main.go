// Command elem generates the element-wise kernels: activation functions, their gradients and broadcast arithmetic.
//
// Every function has the signature of a loop over n elements, n any number: whole vectors first, then one masked
// vector. Both instruction sets run the same operations in the same order, so that they round alike.
package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	masks := maskTable()
	for _, s := range []isa{{suffix: "AVX512", lanes: 16, register: ZMM},
		{suffix: "AVX2", lanes: 8, register: YMM, masks: masks}} {
		s.arithmetic()
		s.arithmeticRows()
		s.rectifiers()
		s.exponentials()
		s.rates()
		s.bells()
	}
	Generate()
}

// isa is what differs between instruction sets.
type isa struct {
	suffix   string
	lanes    int
	register func() reg.VecVirtual
	masks    operand.Mem // AVX2: a run of ones, then of zeros
}

// vec is a vector register.
type vec = reg.VecVirtual

// args are the vectors and numbers that a body computes with: elements of a and b, and p and q in every lane.
type args struct{ a, b, p, q vec }

// loop generates a function that writes body of every element to dst. uses says which arguments body reads.
func (s isa) loop(name, uses, doc string, body func(x args) vec) {
	TEXT(name+s.suffix, NOSPLIT, "func(n int, dst, a, b *float32, p, q float32)")
	Pragma("noescape")
	Doc(name + s.suffix + " " + doc)
	n, dst, a, b := Load(Param("n"), GP64()), Load(Param("dst"), GP64()), Load(Param("a"), GP64()),
		Load(Param("b"), GP64())
	var x args
	for _, c := range uses {
		switch c {
		case 'p':
			x.p = s.parameter("p")
		case 'q':
			x.q = s.parameter("q")
		}
	}
	i := GP64()
	XORQ(i, i)
	SUBQ(operand.Imm(uint64(s.lanes)), n)
	JLT(operand.LabelRef("rest"))
	Label("whole")
	s.step(x, uses, body, s.load, s.store, a, b, dst, i)
	ADDQ(operand.Imm(uint64(s.lanes)), i)
	SUBQ(operand.Imm(uint64(s.lanes)), n)
	JGE(operand.LabelRef("whole"))
	Label("rest")
	ADDQ(operand.Imm(uint64(s.lanes)), n)
	JEQ(operand.LabelRef("done"))
	load, store := s.masked(n)
	s.step(x, uses, body, load, store, a, b, dst, i)
	Label("done")
	VZEROUPPER()
	RET()
}

// rows generates a function that writes body of every element of rows lines of n. Lines of dst lie one after
// another; those of a and b begin da and db elements after the one before. With one set, b is one number a line.
func (s isa) rows(name string, one bool, body func(a, b vec) vec) {
	doc := " computes lines of n elements of a and b."
	if one {
		doc = " computes lines of n elements of a and one number of b."
	}
	TEXT(name+"Rows"+s.suffix, NOSPLIT, "func(rows, n int, dst, a, b *float32, da, db int)")
	Pragma("noescape")
	Doc(name + "Rows" + s.suffix + doc)
	rows, n := Load(Param("rows"), GP64()), Load(Param("n"), GP64())
	dst, a, b := Load(Param("dst"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64())
	da, db := Load(Param("da"), GP64()), Load(Param("db"), GP64())
	SHLQ(operand.Imm(2), da)
	SHLQ(operand.Imm(2), db)
	whole, rest := s.split(n)
	i := GP64()
	SHLQ(operand.Imm(2), n)
	load, store := s.masked(rest)
	Label("line")
	var number vec
	if one {
		number = s.register()
		VBROADCASTSS(operand.Mem{Base: b}, number)
	}
	s.line(whole, rest, i, load, store, func(load func(operand.Mem) vec, store func(vec, operand.Mem)) {
		other := number
		if !one {
			other = load(at(b, i))
		}
		store(body(load(at(a, i)), other), at(dst, i))
	})
	ADDQ(n, dst)
	ADDQ(da, a)
	ADDQ(db, b)
	DECQ(rows)
	JNZ(operand.LabelRef("line"))
	VZEROUPPER()
	RET()
}

// split returns how many of n elements whole vectors hold, and how many are left.
func (s isa) split(n reg.Register) (whole, rest reg.GPVirtual) {
	whole, rest = GP64(), GP64()
	MOVQ(n, whole)
	ANDQ(operand.I32(int32(-s.lanes)), whole)
	MOVQ(n, rest)
	SUBQ(whole, rest)
	return whole, rest
}

// line computes one line: step by whole vectors up to element whole, then once more by load and store where rest
// is not 0. Element i is where it has come to.
func (s isa) line(whole, rest, i reg.Register, load func(operand.Mem) vec, store func(vec, operand.Mem),
	step func(func(operand.Mem) vec, func(vec, operand.Mem))) {
	XORQ(i, i)
	CMPQ(i, whole)
	JGE(operand.LabelRef("rest"))
	Label("whole")
	step(s.load, s.store)
	ADDQ(operand.Imm(uint64(s.lanes)), i)
	CMPQ(i, whole)
	JLT(operand.LabelRef("whole"))
	Label("rest")
	TESTQ(rest, rest)
	JEQ(operand.LabelRef("next"))
	step(load, store)
	Label("next")
}

// step computes one vector.
func (s isa) step(x args, uses string, body func(x args) vec, load func(operand.Mem) vec,
	store func(vec, operand.Mem), a, b, dst, i reg.Register) {
	for _, c := range uses {
		switch c {
		case 'a':
			x.a = load(at(a, i))
		case 'b':
			x.b = load(at(b, i))
		}
	}
	store(body(x), at(dst, i))
}

func at(base, index reg.Register) operand.Mem { return operand.Mem{Base: base, Index: index, Scale: 4} }

func (s isa) parameter(name string) vec {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	v := s.register()
	VBROADCASTSS(p.Addr, v)
	return v
}

func (s isa) load(m operand.Mem) vec {
	v := s.register()
	VMOVUPS(m, v)
	return v
}

func (s isa) store(v vec, m operand.Mem) { VMOVUPS(v, m) }

// masked returns loads and stores of the first n lanes; other lanes read as 0.
func (s isa) masked(n reg.Register) (func(operand.Mem) vec, func(vec, operand.Mem)) {
	if s.suffix == "AVX512" {
		ones, k := GP64(), K()
		MOVQ(operand.I64(-1), ones)
		BZHIQ(n, ones, ones)
		KMOVW(ones.As32(), k)
		return func(m operand.Mem) vec {
				v := s.register()
				VMOVUPS_Z(m, k, v)
				return v
			}, func(v vec, m operand.Mem) {
				VMOVUPS(v, k, m)
			}
	}
	base, size, mask := GP64(), GP64(), s.register()
	LEAQ(s.masks, base)
	MOVQ(n, size)
	SHLQ(operand.Imm(2), size)
	SUBQ(size, base)
	VMOVUPS(operand.Mem{Base: base, Disp: 4 * s.lanes}, mask)
	return func(m operand.Mem) vec {
			v := s.register()
			VMASKMOVPS(m, mask, v)
			return v
		}, func(v vec, m operand.Mem) {
			VMASKMOVPS(v, mask, m)
		}
}

// maskTable is eight lanes of ones and eight of zeros.
func maskTable() operand.Mem {
	m := GLOBL("elementMasks", RODATA|NOPTR)
	for i := range 16 {
		v := uint32(math.MaxUint32)
		if i >= 8 {
			v = 0
		}
		DATA(4*i, operand.U32(v))
	}
	return m
}

// constants holds the vectors that bodies read from memory, by their bits.
var constants = map[uint32]operand.Mem{}

// bits is a constant of 16 equal lanes in memory.
func bits(v uint32) operand.Mem {
	if m, ok := constants[v]; ok {
		return m
	}
	m := GLOBL("element"+hex(v), RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, operand.U32(v))
	}
	constants[v] = m
	return m
}

func hex(v uint32) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 8)
	for i := range out {
		out[i] = digits[v>>(28-4*i)&15]
	}
	return string(out)
}

// number is a float constant in memory.
func number(v float64) operand.Mem { return bits(math.Float32bits(float32(v))) }
