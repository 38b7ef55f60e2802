package dataset

import "fmt"

// didYouMean returns a hint that names the candidate closest to name, or otherwise when none is close.
func didYouMean(name string, candidates []string, otherwise string) string {
	best, distance := "", len(name)/2+1
	for _, c := range candidates {
		if d := edits(name, c); d <= distance && (best == "" || d < distance) {
			best, distance = c, d
		}
	}
	if best == "" {
		return otherwise
	}
	return fmt.Sprintf("did you mean %q? otherwise %s", best, otherwise)
}

// edits is the Levenshtein distance in bytes, each name cut to 100 bytes.
func edits(a, b string) int {
	const longest = 100
	a, b = a[:min(len(a), longest)], b[:min(len(b), longest)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
