package kernel

// transpose writes the first h of sixteen rows of n floats as n rows of h. Where room, the number of elements of an
// output row that may be overwritten, allows it, it writes eight or sixteen at a time.
func transpose(dst []float32, stride, room int, src []float32, rows *[16]int, h, n int) {
	if simd.transpose16 != nil && (h == 16 || room >= 16) && n >= 16 {
		whole := n &^ 15
		simd.transpose16(dst, stride, src, rows, whole)
		if whole < n { // once more over the end, which is faster than going over the rest singly
			simd.transpose16(dst[(n-16)*stride:], stride, src[n-16:], rows, 16)
		}
		return
	}
	for half := 0; half < h; half += 8 {
		transposeHalf(dst[half:], stride, room-half, src, (*[8]int)(rows[half:]), min(h-half, 8), n)
	}
}

// transposeHalf is transpose for eight rows.
func transposeHalf(dst []float32, stride, room int, src []float32, rows *[8]int, h, n int) {
	if (h == 8 || room >= 8) && n >= 8 {
		whole := n &^ 7
		simd.transpose8(dst, stride, src, rows, whole)
		if whole < n {
			simd.transpose8(dst[(n-8)*stride:], stride, src[n-8:], rows, 8)
		}
		return
	}
	for i := range h {
		for p, v := range src[rows[i] : rows[i]+n] {
			dst[p*stride+i] = v
		}
	}
}
