package graphmatch

import (
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/random"
)

// splitName splits a name at dots and slashes; PyTorch's repeated parents are left out of the names used here.
func splitName(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == '.' || r == '/' })
}

// matchWord matches a component against a pattern of letters, * and ?, by trying everything.
func matchWord(pattern, word string) bool {
	switch {
	case pattern == "":
		return word == ""
	case pattern[0] == '*':
		return matchWord(pattern[1:], word) || word != "" && matchWord(pattern, word[1:])
	case word == "":
		return false
	}
	return (pattern[0] == '?' || pattern[0] == word[0]) && matchWord(pattern[1:], word[1:])
}

// matchFront matches components at the front of a name; ** stands for any number of them.
func matchFront(pattern, name []string) bool {
	switch {
	case len(pattern) == 0:
		return true
	case pattern[0] == "**":
		return matchFront(pattern[1:], name) || len(name) > 0 && matchFront(pattern, name[1:])
	case len(name) == 0:
		return false
	}
	return matchWord(pattern[0], name[0]) && matchFront(pattern[1:], name[1:])
}

// matches is what the documentation of Select says: a pattern fits any run of whole components, or the first ones
// where it starts with a separator.
func matches(pattern, name string) bool {
	parts := splitName(name)
	for start := range parts {
		if matchFront(splitName(pattern), parts[start:]) {
			return true
		}
		if strings.HasPrefix(pattern, "/") || strings.HasPrefix(pattern, ".") {
			return false
		}
	}
	return false
}

// randomPattern makes a pattern of some of a name's components, with letters replaced.
func randomPattern(g *random.Generator, name string) string {
	parts := splitName(name)
	from := g.IntN(len(parts))
	parts = slices.Clone(parts[from : from+1+g.IntN(len(parts)-from)])
	for i, p := range parts {
		switch at := g.IntN(len(p)); g.IntN(6) {
		case 0:
			parts[i] = p[:at] + "*"
		case 1:
			parts[i] = "*" + p[at:]
		case 2:
			parts[i] = p[:at] + "?" + p[at+1:]
		case 3:
			parts[i] = "**"
		case 4:
			parts[i] = p[:at] + "x" + p[at+1:]
		}
	}
	pattern := strings.Join(parts, []string{".", "/"}[g.IntN(2)])
	if g.IntN(4) == 0 {
		pattern = "/" + pattern
	}
	return pattern
}

// Patterns choose the layers that the definition says, for random patterns over random names.
func TestSelectAgainstDefinition(t *testing.T) {
	words := []string{"layer", "block1", "block12", "conv", "conv2", "0", "1", "weight", "attn"}
	found, none := 0, 0
	for seed := range uint64(4000) {
		g := random.New(seed, 1)
		a := &Alignment{}
		for range 2 + g.IntN(8) {
			var parts []string
			for range 1 + g.IntN(4) {
				parts = append(parts, words[g.IntN(len(words))])
			}
			a.Layers = append(a.Layers, Layer{Name: strings.Join(parts, ".")})
		}
		pattern := randomPattern(g, a.Layers[g.IntN(len(a.Layers))].Name)
		var want []int
		for i, l := range a.Layers {
			if matches(pattern, l.Name) {
				want = append(want, i)
			}
		}
		s, err := a.Select([]string{pattern}, nil)
		switch {
		case (err != nil) != (want == nil):
			t.Fatalf("seed %d: %q: error %v, want layers %v", seed, pattern, err, want)
		case err != nil:
			none++
		case !slices.Equal(s.Layers, want):
			t.Fatalf("seed %d: %q: layers %v of %v, want %v", seed, pattern, s.Layers, a.Layers, want)
		default:
			found++
		}
		except, err := a.Select(nil, []string{pattern})
		if err == nil && len(except.Layers)+len(want) != len(a.Layers) {
			t.Fatalf("seed %d: %q leaves %d of %d layers and finds %d",
				seed, pattern, len(except.Layers), len(a.Layers), len(want))
		}
	}
	if found < 1000 || none < 200 {
		t.Errorf("%d patterns found layers, %d none", found, none)
	}
}
