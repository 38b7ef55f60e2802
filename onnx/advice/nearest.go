package advice

import (
	"cmp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// longest is how many bytes of a name are compared: names come from untrusted files and the time to compare
// two grows with the product of their lengths.
const longest = 200

// Nearest returns the candidates that a user may have meant by name: those within a Levenshtein distance, at
// most so many, nearest first and equally near ones in alphabetical order. Case does not count.
// Candidates may repeat; empty ones are left out.
func Nearest(name string, candidates []string, within, most int) []string {
	type near struct {
		name     string
		distance int
	}
	var found []near
	name = folded(name)
	for _, c := range candidates {
		if d := levenshtein.ComputeDistance(name, folded(c)); d <= within && c != "" {
			found = append(found, near{c, d})
		}
	}
	slices.SortFunc(found, func(a, b near) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), strings.Compare(a.name, b.name))
	})
	found = slices.Compact(found)
	names := make([]string, min(len(found), most))
	for i := range names {
		names[i] = found[i].name
	}
	return names
}

// folded is what counts of a name.
func folded(name string) string {
	return strings.ToLower(name[:min(len(name), longest)])
}
