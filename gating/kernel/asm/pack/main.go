// Command pack generates the copies that bring operands into the order in which register tiles read them.
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
	transpose()
	Generate()
}

// gather copies, for every row offset, the same list of whole vectors: vectors may overlap, later ones win.
func gather(suffix string, lanes int, register func() reg.VecVirtual) {
	TEXT("gather"+suffix, NOSPLIT, "func(dst *float32, stride int, src *float32, rows *int, n int, moves *int, count int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("gather%s copies count vectors of %d floats, given as pairs of source and target offset, for each of n rows.", suffix, lanes))
	dst := Load(Param("dst"), GP64())
	stride := Load(Param("stride"), GP64())
	src := Load(Param("src"), GP64())
	rows := Load(Param("rows"), GP64())
	n := Load(Param("n"), GP64())
	moves := Load(Param("moves"), GP64())
	count := Load(Param("count"), GP64())
	SHLQ(operand.Imm(2), stride)
	CMPQ(count, operand.Imm(2))
	JEQ(operand.LabelRef("two"))
	JLT(operand.LabelRef("one"))

	row, move, left, from, to := GP64(), GP64(), GP64(), GP64(), GP64()
	v, u := register(), register()
	Label("rows")
	MOVQ(operand.Mem{Base: rows}, row)
	LEAQ(operand.Mem{Base: src, Index: row, Scale: 4}, row)
	MOVQ(moves, move)
	MOVQ(count, left)
	Label("moves")
	MOVQ(operand.Mem{Base: move}, from)
	MOVQ(operand.Mem{Base: move, Disp: 8}, to)
	VMOVUPS(operand.Mem{Base: row, Index: from, Scale: 4}, v)
	VMOVUPS(v, operand.Mem{Base: dst, Index: to, Scale: 4})
	ADDQ(operand.Imm(16), move)
	DECQ(left)
	JNZ(operand.LabelRef("moves"))
	ADDQ(operand.Imm(8), rows)
	ADDQ(stride, dst)
	DECQ(n)
	JNZ(operand.LabelRef("rows"))
	VZEROUPPER()
	RET()

	from2, to2 := GP64(), GP64()
	Label("two")
	MOVQ(operand.Mem{Base: moves}, from)
	MOVQ(operand.Mem{Base: moves, Disp: 8}, to)
	MOVQ(operand.Mem{Base: moves, Disp: 16}, from2)
	MOVQ(operand.Mem{Base: moves, Disp: 24}, to2)
	Label("pairs")
	MOVQ(operand.Mem{Base: rows}, row)
	LEAQ(operand.Mem{Base: src, Index: row, Scale: 4}, row)
	VMOVUPS(operand.Mem{Base: row, Index: from, Scale: 4}, v)
	VMOVUPS(operand.Mem{Base: row, Index: from2, Scale: 4}, u)
	VMOVUPS(v, operand.Mem{Base: dst, Index: to, Scale: 4})
	VMOVUPS(u, operand.Mem{Base: dst, Index: to2, Scale: 4})
	ADDQ(operand.Imm(8), rows)
	ADDQ(stride, dst)
	DECQ(n)
	JNZ(operand.LabelRef("pairs"))
	VZEROUPPER()
	RET()

	Label("one")
	MOVQ(operand.Mem{Base: moves}, from)
	MOVQ(operand.Mem{Base: moves, Disp: 8}, to)
	Label("singles")
	MOVQ(operand.Mem{Base: rows}, row)
	LEAQ(operand.Mem{Base: src, Index: row, Scale: 4}, row)
	VMOVUPS(operand.Mem{Base: row, Index: from, Scale: 4}, v)
	VMOVUPS(v, operand.Mem{Base: dst, Index: to, Scale: 4})
	ADDQ(operand.Imm(8), rows)
	ADDQ(stride, dst)
	DECQ(n)
	JNZ(operand.LabelRef("singles"))
	VZEROUPPER()
	RET()
}

// transpose turns 8×8 blocks in registers: halves of two rows are joined while loading, then two rounds of shuffles.
func transpose() {
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
		var in, pair, out [4]reg.VecVirtual
		for i := range in {
			in[i] = YMM()
			VMOVUPS(operand.Mem{Base: row[i], Disp: 16 * half}, in[i].AsX())
			VINSERTF128(operand.Imm(1), operand.Mem{Base: row[i+4], Disp: 16 * half}, in[i], in[i])
		}
		for i := range pair {
			pair[i] = YMM()
		}
		VUNPCKLPS(in[1], in[0], pair[0])
		VUNPCKHPS(in[1], in[0], pair[1])
		VUNPCKLPS(in[3], in[2], pair[2])
		VUNPCKHPS(in[3], in[2], pair[3])
		for i := range out {
			out[i] = YMM()
		}
		VUNPCKLPD(pair[2], pair[0], out[0])
		VUNPCKHPD(pair[2], pair[0], out[1])
		VUNPCKLPD(pair[3], pair[1], out[2])
		VUNPCKHPD(pair[3], pair[1], out[3])
		for i := range out {
			VMOVUPS(out[i], operand.Mem{Base: dst})
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
