package kernel

// transpose writes the first h of sixteen rows of n floats as n rows of h. Where room, the number of elements of an
// output row that may be overwritten, allows it, it writes eight or sixteen at a time.
func transpose(dst []float32, stride, room int, src []float32, rows *[16]int, h, n int) {
	whole := 0
	if simd.transpose16 != nil && (h == 16 || room >= 16) {
		if whole = n &^ 15; whole > 0 {
			simd.transpose16(dst, stride, src, rows, whole)
		}
	}
	if whole == n {
		return
	}
	for half := 0; half < h; half += 8 {
		transposeHalf(dst[whole*stride+half:], stride, room-half, src[whole:], (*[8]int)(rows[half:]), min(h-half, 8), n-whole)
	}
}

// transposeHalf is transpose for eight rows.
func transposeHalf(dst []float32, stride, room int, src []float32, rows *[8]int, h, n int) {
	whole := 0
	if h == 8 || room >= 8 {
		if whole = n &^ 7; whole > 0 {
			simd.transpose8(dst, stride, src, rows, whole)
		}
	}
	for i := range h {
		for p, v := range src[rows[i]+whole : rows[i]+n] {
			dst[(whole+p)*stride+i] = v
		}
	}
}
