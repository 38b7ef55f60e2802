package graphmatch

import (
	"fmt"
	"strings"

	"github.com/softmerge/softmerge/onnx/advice"
)

// maxListed is how many layers an error message lists.
const maxListed = 5

// alignHint says what to do about layers that do not align.
const alignHint = "leave them out with %s, merge only what matches with --intersection, " +
	"or see all with \"softmerge match\""

// Strict returns an error of kind [ErrAlign] that names the selected layers which cannot be merged and
// why, nil when all can.
func (s *Selection) Strict() error {
	var bad, except []string
	for _, i := range s.Layers {
		if l := &s.Alignment.Layers[i]; !l.Mergeable() {
			except = append(except, fmt.Sprintf("--except %q", l.Name))
			bad = append(bad, fmt.Sprintf("layer %q: %s: %s", l.Name, l.Status, l.Reason))
		}
	}
	if len(bad) == 0 {
		return nil
	}
	count := len(bad)
	if count > maxListed {
		except = []string{"--except"}
		bad = append(bad[:maxListed], fmt.Sprintf("and %d more", count-maxListed))
	}
	hint := fmt.Sprintf(alignHint, strings.Join(except, " "))
	return advice.Errorf(ErrAlign, hint, "%d of %d selected layers do not align:\n  %s", count, len(s.Layers),
		strings.Join(bad, "\n  "))
}

// Intersection is the part of a selection that can be merged.
func (s *Selection) Intersection() *Selection {
	t := &Selection{Alignment: s.Alignment}
	for _, i := range s.Layers {
		if s.Alignment.Layers[i].Mergeable() {
			t.Layers = append(t.Layers, i)
		}
	}
	return t
}
