package kernel

// generic is plain Go for every processor: 4×4 tiles, whose sixteen sums a compiler can hold in registers.
var generic = &instructions{
	name: "generic", lanes: 4, tall: 4, stride: 4, narrow: 4, wide: 8,
	tile: genericTile, gather: genericGather, transpose8: genericTranspose8,
	copySegments: genericCopySegments, gatherStride2: genericGatherStride2, scatterStride2: genericScatterStride2,
	axpy: genericAxpy, mix: genericMix, dot: genericDot, sum: genericSum, maxTaps: genericMaxTaps, taps: genericTaps,
}

func genericTile(c []float32, ldc int, a []float32, step int, b []float32, rows []int, bias []float32, h, w int,
	mode tileMode) {
	for j := 0; j < w; j += 4 {
		var sums [4][4]float32
		genericTile4(a, step, b[j:], rows, &sums)
		for i := range h {
			row := (*[4]float32)(c[i*ldc+j:])
			switch mode {
			case tileStore:
				*row = sums[i]
			case tileAdd:
				for l, v := range sums[i] {
					row[l] += v
				}
			case tileBias:
				for l, v := range sums[i] {
					row[l] = v + bias[i]
				}
			}
		}
	}
}

// genericTile4 adds outer products of four values of a and four of b.
func genericTile4(a []float32, step int, b []float32, rows []int, sums *[4][4]float32) {
	var c00, c01, c02, c03, c10, c11, c12, c13, c20, c21, c22, c23, c30, c31, c32, c33 float32
	for p, row := range rows {
		x, y := (*[4]float32)(a[p*step:]), (*[4]float32)(b[row:])
		b0, b1, b2, b3 := y[0], y[1], y[2], y[3]
		v := x[0]
		c00 += v * b0
		c01 += v * b1
		c02 += v * b2
		c03 += v * b3
		v = x[1]
		c10 += v * b0
		c11 += v * b1
		c12 += v * b2
		c13 += v * b3
		v = x[2]
		c20 += v * b0
		c21 += v * b1
		c22 += v * b2
		c23 += v * b3
		v = x[3]
		c30 += v * b0
		c31 += v * b1
		c32 += v * b2
		c33 += v * b3
	}
	*sums = [4][4]float32{{c00, c01, c02, c03}, {c10, c11, c12, c13}, {c20, c21, c22, c23}, {c30, c31, c32, c33}}
}

func genericGather(dst []float32, stride int, src []float32, rows []int, moves [][2]int) {
	for i, row := range rows {
		for _, m := range moves {
			*(*[4]float32)(dst[i*stride+m[1]:]) = *(*[4]float32)(src[row+m[0]:])
		}
	}
}

func genericTranspose8(dst []float32, stride int, src []float32, rows *[8]int, n int) {
	for i, row := range rows {
		for p, v := range src[row : row+n] {
			dst[p*stride+i] = v
		}
	}
}

func genericAxpy(y, x []float32, alpha float32) {
	for i, v := range x[:len(y)] {
		y[i] += alpha * v
	}
}

func genericMix(lo, hi int, dst, coefs []float32, ws [][]float32) {
	for ; lo < hi; lo += block {
		var sums [block]float32 // dst may be one of ws
		for j, c := range coefs {
			genericAxpy(sums[:], ws[j][lo:lo+block], c)
		}
		copy(dst[lo:], sums[:])
	}
}

func genericDot(lanes *[16]float32, x, y []float32) {
	for ; len(x) >= 16; x, y = x[16:], y[16:] {
		u, v := (*[16]float32)(x), (*[16]float32)(y)
		for l := range lanes {
			lanes[l] += u[l] * v[l]
		}
	}
}

func genericSum(lanes *[16]float32, x []float32) {
	for ; len(x) >= 16; x = x[16:] {
		for l, v := range (*[16]float32)(x) {
			lanes[l] += v
		}
	}
}

func genericMaxTaps(n int, best []float32, tap []int32, src []float32, offsets []int) {
	for i := range n {
		top, at := src[i+offsets[0]], 0
		for t, o := range offsets {
			if v := src[i+o]; v > top || v != v && top == top {
				top, at = v, t
			}
		}
		best[i], tap[i] = top, int32(at)
	}
}

func genericCopySegments(dst, src []float32, lines []segment) {
	for _, l := range lines {
		copy(dst[l.to:l.to+l.n], src[l.from:])
	}
}

func genericGatherStride2(dst, src []float32, lines []segment) {
	for _, l := range lines {
		from := src[l.from:]
		for i := range l.n {
			dst[l.to+i] = from[2*i]
		}
	}
}

func genericScatterStride2(dst, src []float32, lines []segment) {
	for _, l := range lines {
		to := dst[l.to:]
		for i, v := range src[l.from : l.from+l.n] {
			to[2*i] = v
		}
	}
}

func genericTaps(n int, dst, src []float32, offsets []int, weights []float32, bias float32) {
	dst = dst[:n]
	for i := range dst {
		dst[i] = bias
	}
	for t, c := range weights {
		genericAxpy(dst, src[offsets[t]:offsets[t]+n], c)
	}
}
