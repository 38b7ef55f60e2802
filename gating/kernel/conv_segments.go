package kernel

// findSegments cuts a list of targets into segments whose elements are step apart.
func findSegments(at []int, step int, segments []segment) []segment {
	for i := 0; i < len(at); {
		end := i + 1
		for end < len(at) && at[end] == at[end-1]+step {
			end++
		}
		segments = append(segments, segment{to: at[i], from: i, n: end - i})
		i = end
	}
	return segments
}

// scatterSegments copies segments to targets whose elements are step apart.
func scatterSegments(dst, src []float32, segments []segment, step int) {
	switch step {
	case 1:
		simd.copySegments(dst, src, segments)
	case 2:
		simd.scatterStride2(dst, src, segments)
	default:
		for _, l := range segments {
			for i, v := range src[l.from : l.from+l.n] {
				dst[l.to+i*step] = v
			}
		}
	}
}
