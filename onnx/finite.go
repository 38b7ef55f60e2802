package onnx

// Finite says whether a number is neither NaN nor infinite.
func Finite[T float32 | float64](v T) bool { return v-v == 0 }

// AllFinite says whether a list holds no NaN and no infinity.
func AllFinite[T float32 | float64](list []T) bool { return FirstNonFinite(list) < 0 }

// FirstNonFinite returns the index of the first NaN or infinity, -1 if there is none. It reads a list at the
// speed of memory.
func FirstNonFinite[T float32 | float64](list []T) int {
	for i, v := range list {
		if !Finite(v) {
			return i
		}
	}
	return -1
}
