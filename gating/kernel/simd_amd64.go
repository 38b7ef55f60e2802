package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// available returns what this processor can run, fastest first.
func available() []*instructions {
	all := []*instructions{generic}
	x := cpu.X86
	if x.HasAVX2 && x.HasFMA {
		all = append([]*instructions{avx2()}, all...)
		if x.HasAVX512F && x.HasAVX512VL && x.HasAVX512DQ && x.HasAVX512BW {
			all = append([]*instructions{avx512()}, all...)
		}
	}
	return all
}

// tileFunc is the signature of the generated tiles.
type tileFunc func(k int, a *float32, step int, b *float32, rows *int, c *float32, ldc, mode int, bias *float32)

func avx512() *instructions {
	tiles := [2][15]tileFunc{
		{nil,
			tile1x16AVX512, tile2x16AVX512, tile3x16AVX512, tile4x16AVX512, tile5x16AVX512,
			tile6x16AVX512, tile7x16AVX512, tile8x16AVX512, tile9x16AVX512, tile10x16AVX512,
			tile11x16AVX512, tile12x16AVX512, tile13x16AVX512, tile14x16AVX512},
		{nil,
			tile1x32AVX512, tile2x32AVX512, tile3x32AVX512, tile4x32AVX512, tile5x32AVX512,
			tile6x32AVX512, tile7x32AVX512, tile8x32AVX512, tile9x32AVX512, tile10x32AVX512,
			tile11x32AVX512, tile12x32AVX512, tile13x32AVX512, tile14x32AVX512},
	}
	return &instructions{
		name: "avx512", lanes: 16, tall: 14, stride: 16, narrow: 16, wide: 32,
		tile: func(c []float32, ldc int, a []float32, step int, b []float32, rows []int, bias []float32, h, w int,
			mode tileMode) {
			tiles[w>>5][h](len(rows), &a[0], step, &b[0], &rows[0], &c[0], ldc, int(mode), unsafe.SliceData(bias))
		},
		gather: func(dst []float32, stride int, src []float32, rows []int, moves [][2]int) {
			gatherAVX512(&dst[0], stride, &src[0], &rows[0], len(rows), &moves[0][0], len(moves))
		},
		transpose8: transposeAVX2,
		transpose16: func(dst []float32, stride int, src []float32, rows *[16]int, n int) {
			transpose16AVX512(&dst[0], stride, &src[0], &rows[0], n)
		},
		copySegments: copySegments, gatherStride2: gatherSegments, scatterStride2: scatterStride2,
		axpy: func(y, x []float32, alpha float32) { axpyAVX512(len(y), alpha, &x[0], &y[0]) },
		mix: func(lo, hi int, dst, coefs []float32, ws [][]float32) {
			mixAVX512(lo, hi, &dst[0], &coefs[0], &ws[0], len(coefs))
		},
		dot:     func(lanes *[16]float32, x, y []float32) { dotAVX512(len(x), &x[0], &y[0], &lanes[0]) },
		sum:     func(lanes *[16]float32, x []float32) { sumAVX512(len(x), &x[0], &lanes[0]) },
		maxTaps: maxTaps,
		taps: func(n int, dst, src []float32, offsets []int, weights []float32, bias float32) {
			tapsAVX512(n, &dst[0], &src[0], &offsets[0], &weights[0], len(weights), bias)
		},
	}
}

func avx2() *instructions {
	tiles := [2][7]tileFunc{
		{nil, tile1x8AVX2, tile2x8AVX2, tile3x8AVX2, tile4x8AVX2, tile5x8AVX2, tile6x8AVX2},
		{nil, tile1x16AVX2, tile2x16AVX2, tile3x16AVX2, tile4x16AVX2, tile5x16AVX2, tile6x16AVX2},
	}
	return &instructions{
		name: "avx2", lanes: 8, tall: 6, stride: 8, narrow: 8, wide: 16,
		tile: func(c []float32, ldc int, a []float32, step int, b []float32, rows []int, bias []float32, h, w int,
			mode tileMode) {
			tiles[w>>4][h](len(rows), &a[0], step, &b[0], &rows[0], &c[0], ldc, int(mode), unsafe.SliceData(bias))
		},
		gather: func(dst []float32, stride int, src []float32, rows []int, moves [][2]int) {
			gatherAVX2(&dst[0], stride, &src[0], &rows[0], len(rows), &moves[0][0], len(moves))
		},
		transpose8:   transposeAVX2,
		copySegments: copySegments, gatherStride2: gatherSegments, scatterStride2: scatterStride2,
		axpy: func(y, x []float32, alpha float32) { axpyAVX2(len(y), alpha, &x[0], &y[0]) },
		mix: func(lo, hi int, dst, coefs []float32, ws [][]float32) {
			mixAVX2(lo, hi, &dst[0], &coefs[0], &ws[0], len(coefs))
		},
		dot:     func(lanes *[16]float32, x, y []float32) { dotAVX2(len(x), &x[0], &y[0], &lanes[0]) },
		sum:     func(lanes *[16]float32, x []float32) { sumAVX2(len(x), &x[0], &lanes[0]) },
		maxTaps: maxTaps,
		taps: func(n int, dst, src []float32, offsets []int, weights []float32, bias float32) {
			tapsAVX2(n, &dst[0], &src[0], &offsets[0], &weights[0], len(weights), bias)
		},
	}
}

func maxTaps(n int, best []float32, tap []int32, src []float32, offsets []int) {
	maxTapsAVX2(n, &best[0], &tap[0], &src[0], &offsets[0], len(offsets))
}

func copySegments(dst, src []float32, list []segment) {
	copySegmentsAVX2(&dst[0], &src[0], &list[0].to, len(list))
}

func gatherSegments(dst, src []float32, list []segment) {
	gatherStride2AVX2(&dst[0], &src[0], &list[0].to, len(list))
}

func scatterStride2(dst, src []float32, list []segment) {
	scatterStride2AVX2(&dst[0], &src[0], &list[0].to, len(list))
}

func transposeAVX2(dst []float32, stride int, src []float32, rows *[8]int, n int) {
	transpose8AVX2(&dst[0], stride, &src[0], &rows[0], n)
}
