// Command gemm_pack generates the copies that bring operands into the order in which register tiles read them.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	gather("AVX512", 16, ZMM)
	gather("AVX2", 8, YMM)
	transpose8()
	transpose16()
	copySegments()
	gatherStride2()
	scatterStride2()
	Generate()
}

// gatherArgs are the registers of gather's parameters.
type gatherArgs struct{ dst, stride, src, rows, n, moves, count reg.Register }

// gather copies, for every row offset, the same list of whole vectors: vectors may overlap, later ones win. One and
// two vectors, the usual numbers, keep their offsets in registers.
func gather(suffix string, lanes int, register func() reg.VecVirtual) {
	TEXT("gather"+suffix, NOSPLIT,
		"func(dst *float32, stride int, src *float32, rows *int, n int, moves *int, count int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("gather%s copies count vectors of %d floats, given as pairs of source and target offset, "+
		"for each of n rows.", suffix, lanes))
	a := gatherArgs{
		dst:    Load(Param("dst"), GP64()),
		stride: Load(Param("stride"), GP64()),
		src:    Load(Param("src"), GP64()),
		rows:   Load(Param("rows"), GP64()),
		n:      Load(Param("n"), GP64()),
		moves:  Load(Param("moves"), GP64()),
		count:  Load(Param("count"), GP64()),
	}
	SHLQ(operand.Imm(2), a.stride)
	CMPQ(a.count, operand.Imm(2))
	JEQ(operand.LabelRef("two"))
	JLT(operand.LabelRef("one"))
	from, to, move, left, v := GP64(), GP64(), GP64(), GP64(), register()
	a.eachRow("rows", func(row reg.GPVirtual) {
		MOVQ(a.moves, move)
		MOVQ(a.count, left)
		Label("moves")
		MOVQ(operand.Mem{Base: move}, from)
		MOVQ(operand.Mem{Base: move, Disp: 8}, to)
		VMOVUPS(operand.Mem{Base: row, Index: from, Scale: 4}, v)
		VMOVUPS(v, operand.Mem{Base: a.dst, Index: to, Scale: 4})
		ADDQ(operand.Imm(16), move)
		DECQ(left)
		JNZ(operand.LabelRef("moves"))
	})
	Label("two")
	a.fixedMoves("pairs", 2, register)
	Label("one")
	a.fixedMoves("singles", 1, register)
}

// eachRow loops over the row offsets and returns.
func (a *gatherArgs) eachRow(label string, body func(row reg.GPVirtual)) {
	row := GP64()
	Label(label)
	MOVQ(operand.Mem{Base: a.rows}, row)
	LEAQ(operand.Mem{Base: a.src, Index: row, Scale: 4}, row)
	body(row)
	ADDQ(operand.Imm(8), a.rows)
	ADDQ(a.stride, a.dst)
	DECQ(a.n)
	JNZ(operand.LabelRef(label))
	VZEROUPPER()
	RET()
}

// fixedMoves is eachRow for a known number of vectors.
func (a *gatherArgs) fixedMoves(label string, count int, register func() reg.VecVirtual) {
	var from, to []reg.GPVirtual
	var v []reg.VecVirtual
	for i := range count {
		from, to, v = append(from, GP64()), append(to, GP64()), append(v, register())
		MOVQ(operand.Mem{Base: a.moves, Disp: 16 * i}, from[i])
		MOVQ(operand.Mem{Base: a.moves, Disp: 16*i + 8}, to[i])
	}
	a.eachRow(label, func(row reg.GPVirtual) {
		for i := range v {
			VMOVUPS(operand.Mem{Base: row, Index: from[i], Scale: 4}, v[i])
		}
		for i := range v {
			VMOVUPS(v[i], operand.Mem{Base: a.dst, Index: to[i], Scale: 4})
		}
	})
}

// transpose8 turns 8×8 blocks in registers: halves of two rows are joined while loading, then two rounds of shuffles.
func transpose8() {
	TEXT("transpose8AVX2", NOSPLIT, "func(dst *float32, stride int, src *float32, rows *int, n int)")
	Pragma("noescape")
	Doc("transpose8AVX2 writes 8 rows of n floats, n a positive multiple of 8, as n rows of 8.")
	dst := Load(Param("dst"), GP64())
	stride := Load(Param("stride"), GP64())
	src := Load(Param("src"), GP64())
	rows := Load(Param("rows"), GP64())
	n := Load(Param("n"), GP64())
	SHLQ(operand.Imm(2), stride)
	var row [8]reg.GPVirtual
	for i := range row {
		row[i] = GP64()
		MOVQ(operand.Mem{Base: rows, Disp: 8 * i}, row[i])
		LEAQ(operand.Mem{Base: src, Index: row[i], Scale: 4}, row[i])
	}
	Label("blocks")
	for half := range 2 {
		var in [4]reg.VecVirtual
		for i := range in {
			in[i] = YMM()
			VMOVUPS(operand.Mem{Base: row[i], Disp: 16 * half}, in[i].AsX())
			VINSERTF128(operand.Imm(1), operand.Mem{Base: row[i+4], Disp: 16 * half}, in[i], in[i])
		}
		for _, out := range transpose4(in, YMM) {
			VMOVUPS(out, operand.Mem{Base: dst})
			ADDQ(stride, dst)
		}
	}
	for i := range row {
		ADDQ(operand.Imm(32), row[i])
	}
	SUBQ(operand.Imm(8), n)
	JNZ(operand.LabelRef("blocks"))
	VZEROUPPER()
	RET()
}

// transpose4 transposes the 4×4 block in each 128-bit part of four registers.
func transpose4(in [4]reg.VecVirtual, register func() reg.VecVirtual) (out [4]reg.VecVirtual) {
	var pair [4]reg.VecVirtual
	for i := range pair {
		pair[i], out[i] = register(), register()
	}
	VUNPCKLPS(in[1], in[0], pair[0])
	VUNPCKHPS(in[1], in[0], pair[1])
	VUNPCKLPS(in[3], in[2], pair[2])
	VUNPCKHPS(in[3], in[2], pair[3])
	VUNPCKLPD(pair[2], pair[0], out[0])
	VUNPCKHPD(pair[2], pair[0], out[1])
	VUNPCKLPD(pair[3], pair[1], out[2])
	VUNPCKHPD(pair[3], pair[1], out[3])
	return out
}

// transpose16 turns 16×16 blocks: 4×4 inside each quarter register, then the quarters of four registers.
func transpose16() {
	TEXT("transpose16AVX512", NOSPLIT, "func(dst *float32, stride int, src *float32, rows *int, n int)")
	Pragma("noescape")
	Doc("transpose16AVX512 writes 16 rows of n floats, n a positive multiple of 16, as n rows of 16.")
	dst := Load(Param("dst"), GP64())
	stride := Load(Param("stride"), GP64())
	src := Load(Param("src"), GP64())
	rows := Load(Param("rows"), GP64())
	n := Load(Param("n"), GP64())
	SHLQ(operand.Imm(2), stride)
	four, twelve, next := GP64(), GP64(), GP64()
	LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 1}, four)
	LEAQ(operand.Mem{Base: four, Index: four, Scale: 1}, four)
	LEAQ(operand.Mem{Base: four, Index: four, Scale: 2}, twelve)
	MOVQ(twelve, next)
	ADDQ(four, next)
	Label("blocks")
	var quads [4][4]reg.VecVirtual
	for g := range quads {
		var in [4]reg.VecVirtual
		for i := range in {
			in[i] = ZMM()
			row := GP64()
			MOVQ(operand.Mem{Base: rows, Disp: 8 * (4*g + i)}, row)
			VMOVUPS(operand.Mem{Base: src, Index: row, Scale: 4}, in[i])
		}
		quads[g] = transpose4(in, ZMM)
	}
	storeQuarters(quads, dst, stride, four, twelve)
	ADDQ(next, dst)
	ADDQ(operand.Imm(64), src)
	SUBQ(operand.Imm(16), n)
	JNZ(operand.LabelRef("blocks"))
	VZEROUPPER()
	RET()
}

// storeQuarters joins the first, second, ... quarters of four registers and stores them as rows 0, 4, 8, 12 from each
// of the first four rows on.
func storeQuarters(quads [4][4]reg.VecVirtual, dst, stride, four, twelve reg.Register) {
	at := GP64()
	MOVQ(dst, at)
	for c := range 4 {
		low, high := [2]reg.VecVirtual{ZMM(), ZMM()}, [2]reg.VecVirtual{ZMM(), ZMM()}
		for h := range 2 {
			VSHUFF32X4(operand.Imm(0x44), quads[2*h+1][c], quads[2*h][c], low[h])
			VSHUFF32X4(operand.Imm(0xee), quads[2*h+1][c], quads[2*h][c], high[h])
		}
		out := ZMM()
		VSHUFF32X4(operand.Imm(0x88), low[1], low[0], out)
		VMOVUPS(out, operand.Mem{Base: at})
		VSHUFF32X4(operand.Imm(0xdd), low[1], low[0], out)
		VMOVUPS(out, operand.Mem{Base: at, Index: four, Scale: 1})
		VSHUFF32X4(operand.Imm(0x88), high[1], high[0], out)
		VMOVUPS(out, operand.Mem{Base: at, Index: four, Scale: 2})
		VSHUFF32X4(operand.Imm(0xdd), high[1], high[0], out)
		VMOVUPS(out, operand.Mem{Base: at, Index: twelve, Scale: 1})
		ADDQ(stride, at)
	}
}

// segments begins a function that works through a list of (to, from, n) and returns registers for them; close ends it.
func segments(name, doc string) (to, from, n reg.GPVirtual, end func()) {
	TEXT(name, NOSPLIT, "func(dst, src *float32, list *int, count int)")
	Pragma("noescape")
	Doc(name + " " + doc)
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	list := Load(Param("list"), GP64())
	count := Load(Param("count"), GP64())
	to, from, n = GP64(), GP64(), GP64()
	Label("segments")
	MOVQ(operand.Mem{Base: list}, to)
	MOVQ(operand.Mem{Base: list, Disp: 8}, from)
	MOVQ(operand.Mem{Base: list, Disp: 16}, n)
	LEAQ(operand.Mem{Base: dst, Index: to, Scale: 4}, to)
	LEAQ(operand.Mem{Base: src, Index: from, Scale: 4}, from)
	return to, from, n, func() {
		Label("next")
		ADDQ(operand.Imm(24), list)
		DECQ(count)
		JNZ(operand.LabelRef("segments"))
		VZEROUPPER()
		RET()
	}
}

// copySegments copies the end of a segment by a whole vector that overlaps what came before.
func copySegments() {
	to, from, n, end := segments("copySegmentsAVX2",
		"copies dst[to:to+n] = src[from:from+n] for a list of to, from and n, none 0.")
	v, u := YMM(), YMM()
	CMPQ(n, operand.Imm(8))
	JLT(operand.LabelRef("short"))
	Label("eights")
	VMOVUPS(operand.Mem{Base: from}, v)
	VMOVUPS(v, operand.Mem{Base: to})
	ADDQ(operand.Imm(32), from)
	ADDQ(operand.Imm(32), to)
	SUBQ(operand.Imm(8), n)
	CMPQ(n, operand.Imm(8))
	JGE(operand.LabelRef("eights"))
	TESTQ(n, n)
	JZ(operand.LabelRef("next"))
	VMOVUPS(operand.Mem{Base: from, Index: n, Scale: 4, Disp: -32}, v)
	VMOVUPS(v, operand.Mem{Base: to, Index: n, Scale: 4, Disp: -32})
	JMP(operand.LabelRef("next"))
	copyShort(to, from, n, v, u)
	end()
}

// copyShort copies a segment of one to seven elements as two pieces that may overlap.
func copyShort(to, from, n reg.Register, v, u reg.VecVirtual) {
	Label("short")
	CMPQ(n, operand.Imm(4))
	JLT(operand.LabelRef("shorter"))
	VMOVUPS(operand.Mem{Base: from}, v.AsX())
	VMOVUPS(operand.Mem{Base: from, Index: n, Scale: 4, Disp: -16}, u.AsX())
	VMOVUPS(v.AsX(), operand.Mem{Base: to})
	VMOVUPS(u.AsX(), operand.Mem{Base: to, Index: n, Scale: 4, Disp: -16})
	JMP(operand.LabelRef("next"))
	Label("shorter")
	first, last := GP64(), GP64()
	CMPQ(n, operand.Imm(2))
	JLT(operand.LabelRef("single"))
	MOVQ(operand.Mem{Base: from}, first)
	MOVQ(operand.Mem{Base: from, Index: n, Scale: 4, Disp: -8}, last)
	MOVQ(first, operand.Mem{Base: to})
	MOVQ(last, operand.Mem{Base: to, Index: n, Scale: 4, Disp: -8})
	JMP(operand.LabelRef("next"))
	Label("single")
	MOVL(operand.Mem{Base: from}, first.As32())
	MOVL(first.As32(), operand.Mem{Base: to})
}

// gatherStride2 takes eight elements from fifteen, so that nothing is read past the last one.
func gatherStride2() {
	to, from, n, end := segments("gatherStride2AVX2",
		"copies dst[to+i] = src[from+2i] for i below n and a list of to, from and n, none 0.")
	v := YMM()
	CMPQ(n, operand.Imm(8))
	JLT(operand.LabelRef("singles"))
	Label("eights")
	VMOVUPS(operand.Mem{Base: from}, v)
	VSHUFPS(operand.Imm(0xd8), operand.Mem{Base: from, Disp: 28}, v, v)
	VPERMPD(operand.Imm(0xd8), v, v)
	VMOVUPS(v, operand.Mem{Base: to})
	ADDQ(operand.Imm(64), from)
	ADDQ(operand.Imm(32), to)
	SUBQ(operand.Imm(8), n)
	CMPQ(n, operand.Imm(8))
	JGE(operand.LabelRef("eights"))
	TESTQ(n, n)
	JZ(operand.LabelRef("next"))
	Label("singles")
	x := GP64()
	MOVL(operand.Mem{Base: from}, x.As32())
	MOVL(x.As32(), operand.Mem{Base: to})
	ADDQ(operand.Imm(8), from)
	ADDQ(operand.Imm(4), to)
	DECQ(n)
	JNZ(operand.LabelRef("singles"))
	end()
}

// scatterStride2 keeps the elements between those that it writes; the last ones of a segment are written singly,
// because what follows them may belong to another goroutine.
func scatterStride2() {
	to, from, n, end := segments("scatterStride2AVX2",
		"copies dst[to+2i] = src[from+i] for i below n and a list of to, from and n, none 0.")
	v, low, high := YMM(), YMM(), YMM()
	CMPQ(n, operand.Imm(8))
	JLE(operand.LabelRef("singles"))
	Label("eights")
	VPERMPD(operand.Imm(0xd8), operand.Mem{Base: from}, v)
	VUNPCKLPS(v, v, low)
	VUNPCKHPS(v, v, high)
	VBLENDPS(operand.Imm(0xaa), operand.Mem{Base: to}, low, low)
	VBLENDPS(operand.Imm(0xaa), operand.Mem{Base: to, Disp: 32}, high, high)
	VMOVUPS(low, operand.Mem{Base: to})
	VMOVUPS(high, operand.Mem{Base: to, Disp: 32})
	ADDQ(operand.Imm(32), from)
	ADDQ(operand.Imm(64), to)
	SUBQ(operand.Imm(8), n)
	CMPQ(n, operand.Imm(8))
	JG(operand.LabelRef("eights"))
	Label("singles")
	x := GP64()
	MOVL(operand.Mem{Base: from}, x.As32())
	MOVL(x.As32(), operand.Mem{Base: to})
	ADDQ(operand.Imm(4), from)
	ADDQ(operand.Imm(8), to)
	DECQ(n)
	JNZ(operand.LabelRef("singles"))
	end()
}
