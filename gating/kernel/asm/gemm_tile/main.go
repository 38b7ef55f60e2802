// Command gemm_tile generates the register tiles of the matrix product: for every height up to the tallest that fits
// the register file and for one and two vectors of width, a function that multiplies an h×k packed panel by a k×w
// panel, whose rows may lie anywhere.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is what differs between instruction sets: names, vector length, registers and the stride of packed panels of A.
type isa struct {
	suffix   string
	lanes    int
	tallest  int
	unroll   int
	register func() reg.VecVirtual
}

func main() {
	for _, s := range []isa{
		{suffix: "AVX512", lanes: 16, tallest: 14, unroll: 2, register: ZMM},
		{suffix: "AVX2", lanes: 8, tallest: 6, unroll: 4, register: YMM},
	} {
		for _, vectors := range []int{1, 2} {
			for h := 1; h <= s.tallest; h++ {
				tile(s, h, vectors)
			}
		}
	}
	Generate()
}

// frame is the registers of one tile function.
type frame struct {
	isa
	h, vectors   int
	a, b, rows   reg.GPVirtual
	step         reg.GPVirtual
	acc          [][]reg.VecVirtual
	row, scratch []reg.VecVirtual
}

func tile(s isa, h, vectors int) {
	name := fmt.Sprintf("tile%dx%d%s", h, vectors*s.lanes, s.suffix)
	TEXT(name, NOSPLIT,
		"func(k int, a *float32, step int, b *float32, rows *int, c *float32, ldc, mode int, bias *float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s multiplies a panel of %d rows, step apart, by %d columns, whose rows begin at b[rows[p]].",
		name, h, vectors*s.lanes))
	k := Load(Param("k"), GP64()).(reg.GPVirtual)
	f := frame{isa: s, h: h, vectors: vectors,
		a:    Load(Param("a"), GP64()).(reg.GPVirtual),
		step: Load(Param("step"), GP64()).(reg.GPVirtual),
		b:    Load(Param("b"), GP64()).(reg.GPVirtual),
		rows: Load(Param("rows"), GP64()).(reg.GPVirtual)}
	c := Load(Param("c"), GP64()).(reg.GPVirtual)
	ldc := Load(Param("ldc"), GP64()).(reg.GPVirtual)
	SHLQ(operand.Imm(2), ldc)
	SHLQ(operand.Imm(2), f.step)
	f.clearAccumulators(c, ldc)

	CMPQ(k, operand.Imm(uint64(s.unroll)))
	JLT(operand.LabelRef("rest"))
	Label("blocks")
	for u := range s.unroll {
		f.sumUp(u)
	}
	ADDQ(operand.Imm(uint64(8*s.unroll)), f.rows)
	SUBQ(operand.Imm(uint64(s.unroll)), k)
	CMPQ(k, operand.Imm(uint64(s.unroll)))
	JGE(operand.LabelRef("blocks"))
	Label("rest")
	TESTQ(k, k)
	JZ(operand.LabelRef("write"))
	Label("single")
	f.sumUp(0)
	ADDQ(operand.Imm(8), f.rows)
	DECQ(k)
	JNZ(operand.LabelRef("single"))
	Label("write")
	f.write(c, ldc)
}

// clearAccumulators also asks for the lines of C early: they are needed only after the whole sum.
func (f *frame) clearAccumulators(c, ldc reg.GPVirtual) {
	at := GP64()
	MOVQ(c, at)
	for range f.h {
		var accs []reg.VecVirtual
		PREFETCHT0(operand.Mem{Base: at})
		if f.vectors*f.lanes > 16 {
			PREFETCHT0(operand.Mem{Base: at, Disp: 64})
		}
		ADDQ(ldc, at)
		for range f.vectors {
			v := f.register()
			VXORPS(v.AsY(), v.AsY(), v.AsY())
			accs = append(accs, v)
		}
		f.acc = append(f.acc, accs)
	}
	for range f.vectors {
		f.row = append(f.row, f.register())
	}
	f.scratch = []reg.VecVirtual{f.register(), f.register()}
}

// sumUp adds one k: every row's element of A, broadcast, times the row of B.
func (f *frame) sumUp(u int) {
	row := GP64()
	MOVQ(operand.Mem{Base: f.rows, Disp: 8 * u}, row)
	for v, r := range f.row {
		VMOVUPS(operand.Mem{Base: f.b, Index: row, Scale: 4, Disp: 4 * f.lanes * v}, r)
	}
	for i := range f.h {
		x := f.scratch[i%2]
		VBROADCASTSS(operand.Mem{Base: f.a, Disp: 4 * i}, x)
		for v, r := range f.row {
			VFMADD231PS(r, x, f.acc[i][v])
		}
	}
	ADDQ(f.step, f.a)
}

// write ends the function in one of three ways: mode 0 stores, 1 adds to C, 2 adds bias[i] to row i.
func (f *frame) write(c, ldc reg.GPVirtual) {
	mode := Load(Param("mode"), GP64()).(reg.GPVirtual)
	CMPQ(mode, operand.Imm(1))
	JLT(operand.LabelRef("store"))
	JGT(operand.LabelRef("biased"))
	at := GP64()
	MOVQ(c, at)
	for i := range f.h {
		for v, acc := range f.acc[i] {
			VADDPS(operand.Mem{Base: at, Disp: 4 * f.lanes * v}, acc, acc)
		}
		ADDQ(ldc, at)
	}
	JMP(operand.LabelRef("store"))
	Label("biased")
	bias := Load(Param("bias"), GP64()).(reg.GPVirtual)
	for i := range f.h {
		VBROADCASTSS(operand.Mem{Base: bias, Disp: 4 * i}, f.scratch[0])
		for _, acc := range f.acc[i] {
			VADDPS(f.scratch[0], acc, acc)
		}
	}
	Label("store")
	for i := range f.h {
		for v, acc := range f.acc[i] {
			VMOVUPS(acc, operand.Mem{Base: c, Disp: 4 * f.lanes * v})
		}
		ADDQ(ldc, c)
	}
	VZEROUPPER()
	RET()
}
