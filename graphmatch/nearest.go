package graphmatch

import (
	"slices"
	"strings"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// maxNear is how many names an error suggests.
const maxNear = 3

// nearest lists the names closest to a pattern by edit distance: whole names, their components, and
// operator types for op: patterns.
func (a *Alignment) nearest(pattern string) []string {
	op, isOp := strings.CutPrefix(pattern, "op:")
	word, _, _ := strings.Cut(strings.ToLower(strings.Trim(op, "*/.")), "*")
	distance := map[string]int{}
	for i := range a.Layers {
		l := &a.Layers[i]
		candidates := append([]string{l.Name, l.Scope}, flow.Components(l.Name)...)
		if isOp {
			candidates = l.ops
		}
		for _, c := range candidates {
			if c == "" {
				continue
			}
			if isOp {
				c = "op:" + c
			}
			distance[c] = editDistance(word, strings.ToLower(strings.TrimPrefix(c, "op:")))
		}
	}
	return closest(distance, max(2, len(word)*2/3))
}

// nearestValues lists the tensors of the main graph whose names are closest to a name.
func nearestValues(f *flow.Network, name string) []string {
	distance := map[string]int{}
	for n := range f.Named {
		distance[n] = editDistance(name, n)
	}
	return closest(distance, len(name))
}

// closest lists the names within a distance, nearest first.
func closest(distance map[string]int, limit int) []string {
	var names []string
	for n, d := range distance {
		if d <= limit {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, func(x, y string) int {
		if d := distance[x] - distance[y]; d != 0 {
			return d
		}
		return strings.Compare(x, y)
	})
	return names[:min(maxNear, len(names))]
}

// editDistance is Levenshtein's distance in bytes, each string cut at 200.
func editDistance(a, b string) int {
	a, b = a[:min(len(a), 200)], b[:min(len(b), 200)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
