package kernel

// findRuns cuts a list of targets into lines whose elements are step apart.
func findRuns(at []int, step int, lines []line) []line {
	for i := 0; i < len(at); {
		end := i + 1
		for end < len(at) && at[end] == at[end-1]+step {
			end++
		}
		lines = append(lines, line{to: at[i], from: i, n: end - i})
		i = end
	}
	return lines
}

// deal copies lines to targets whose elements are step apart.
func deal(dst, src []float32, lines []line, step int) {
	switch step {
	case 1:
		simd.copyLines(dst, src, lines)
	case 2:
		simd.dealLines(dst, src, lines)
	default:
		for _, l := range lines {
			for i, v := range src[l.from : l.from+l.n] {
				dst[l.to+i*step] = v
			}
		}
	}
}
