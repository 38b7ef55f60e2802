package graphmatch

import (
	"errors"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/onnx/advice"
)

// ErrPattern is the kind of errors about patterns: bad syntax, or nothing matched.
var ErrPattern = errors.New("pattern")

// Selection is a choice of layers.
type Selection struct {
	Alignment *Alignment
	Layers    []int // indices into Alignment.Layers, ascending
}

// Select chooses the layers that match any pattern of only (all layers if there is none) and no pattern
// of except; never those that are [Layer.Aside].
//
// A pattern is a glob (*, ?, [a-z], {a,b}, ** for any number of name components) over the names that the
// base gives a layer: its name and scope, its tensors' names, its nodes' names. Names are split at dots
// and slashes, which count as the same separator, and a pattern matches if it fits any run of whole
// components: conv* finds conv1.weight, layer1.0.conv2 and /layer1/layer1.0/conv2/Conv; layer1 finds all
// below layer1, and layer1.0 all of its first block. A leading separator ties the pattern to the start:
// /conv1 finds conv1.weight and not layer1.0.conv1. Layers are chosen whole: a pattern that finds a bias
// chooses its layer. op:Conv matches operator types instead, op:*Normalization several of them.
// between:A,B chooses the layers on paths from tensor A to tensor B.
//
// The error is of kind [ErrPattern] for a pattern that is malformed or matches nothing; it then has a
// hint with the nearest names.
func (a *Alignment) Select(only, except []string) (*Selection, error) {
	chosen := make([]bool, len(a.Layers))
	if len(only) == 0 {
		for i := range chosen {
			chosen[i] = true
		}
	}
	for _, list := range []struct {
		patterns []string
		to       bool
	}{{only, true}, {except, false}} {
		for _, p := range list.patterns {
			found, err := a.find(p)
			if err != nil {
				return nil, err
			}
			for _, i := range found {
				chosen[i] = list.to
			}
		}
	}
	s := &Selection{Alignment: a}
	for i, in := range chosen {
		if in && !a.Layers[i].Aside {
			s.Layers = append(s.Layers, i)
		}
	}
	return s, nil
}

// find lists the layers that a pattern matches; none is an error.
func (a *Alignment) find(pattern string) ([]int, error) {
	match, err := a.matcher(pattern)
	if err != nil {
		return nil, err
	}
	var found []int
	for i := range a.Layers {
		if match(&a.Layers[i]) {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		return nil, patternError(pattern, "matches no layer", a.nearest(pattern))
	}
	return found, nil
}

// matcher compiles a pattern.
func (a *Alignment) matcher(pattern string) (func(*Layer) bool, error) {
	if ends, ok := strings.CutPrefix(pattern, "between:"); ok {
		return a.between(pattern, ends)
	}
	op, isOp := strings.CutPrefix(pattern, "op:")
	if len(flow.Components(pattern)) == 0 || op == "" {
		return nil, patternError(pattern, "is not a valid glob", nil)
	}
	globs, of := asGlobs(pattern), (*Layer).paths
	if isOp {
		globs, of = []string{op}, func(l *Layer) []string { return l.ops }
	}
	if !doublestar.ValidatePattern(globs[0]) {
		return nil, patternError(pattern, "is not a valid glob", nil)
	}
	return func(l *Layer) bool {
		return slices.ContainsFunc(of(l), func(s string) bool {
			return slices.ContainsFunc(globs, func(glob string) bool { return doublestar.MatchUnvalidated(glob, s) })
		})
	}, nil
}

// asGlobs turns a pattern over name components into globs over slash-separated paths: what it fits, and what lies
// below. They are two, and ** is never doubled, since for doublestar neither "x*/**" nor "x/**/**" fits x.
func asGlobs(pattern string) []string {
	parts := flow.Components(pattern)
	for len(parts) > 1 && parts[len(parts)-1] == "**" {
		parts = parts[:len(parts)-1]
	}
	if !strings.HasPrefix(pattern, "/") && !strings.HasPrefix(pattern, ".") && parts[0] != "**" {
		parts = append([]string{"**"}, parts...)
	}
	glob := strings.Join(slices.CompactFunc(parts, func(a, b string) bool { return a == "**" && b == "**" }), "/")
	return []string{glob, glob + "/**"}
}

// paths are all names of a layer that a pattern may match, as components between slashes.
func (l *Layer) paths() []string {
	list := []string{strings.Join(flow.Components(l.Name), "/")}
	for _, tag := range l.tags {
		list = append(list, strings.Join(flow.Components(tag), "/"))
	}
	return list
}

// patternError is an error about a pattern that cannot be used; near are names that the user may have meant.
func patternError(pattern, problem string, near []string) error {
	hint := `quote globs such as 'conv*'; op:Conv matches operators; "softmerge inspect" lists all names`
	if len(near) > 0 {
		hint = "did you mean " + strings.Join(near, ", ") + `? "softmerge inspect" lists all names`
	}
	return advice.Errorf(ErrPattern, hint, "pattern %q %s", pattern, problem)
}
