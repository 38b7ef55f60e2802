package kernel

// Permute writes src, a dense tensor of the given shape, to dst with its axes in the order perm, as ONNX Transpose does:
// axis i of dst is axis perm[i] of src.
func Permute[T any](w *Workers, dst, src []T, shape, perm []int) {
	strides := make([]int, len(shape))
	s := 1
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = s
		s *= shape[i]
	}
	w.For(s, 1024, func(lo, hi int) {
		for o := lo; o < hi; o++ {
			rest, at := o, 0
			for i := len(perm) - 1; i >= 0; i-- {
				at += rest % shape[perm[i]] * strides[perm[i]]
				rest /= shape[perm[i]]
			}
			dst[o] = src[at]
		}
	})
}
