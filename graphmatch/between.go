package graphmatch

import (
	"strings"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// between matches the layers on paths from one tensor of the base to another, both given by name.
func (a *Alignment) between(pattern, ends string) (func(*Layer) bool, error) {
	from, to, ok := strings.Cut(ends, ",")
	if !ok || from == "" || to == "" {
		return nil, patternError(pattern, "needs two tensors: between:FROM,TO", nil)
	}
	v := a.views[a.Base]
	start, end := v.Named[strings.TrimSpace(from)], v.Named[strings.TrimSpace(to)]
	for _, x := range []struct {
		name  string
		value *flow.Value
	}{{from, start}, {to, end}} {
		if x.value == nil {
			return nil, patternError(pattern, "names no tensor "+x.name, nearestValues(v, x.name))
		}
	}
	below, above := reach(start, true), reach(end, false)
	on := map[*flow.Unit]bool{}
	for _, u := range v.Units {
		for _, n := range u.Members {
			on[u] = on[u] || below[n] && above[n]
		}
	}
	return func(l *Layer) bool { return l.row[a.Base] != nil && on[l.row[a.Base]] }, nil
}

// reach is the set of nodes that a value flows into, or that it is made by.
func reach(v *flow.Value, forward bool) map[*flow.Node]bool {
	seen := map[*flow.Node]bool{}
	stack := []*flow.Value{v}
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if v == nil {
			continue
		}
		if !forward {
			if n := v.From; n != nil && !seen[n] {
				seen[n] = true
				stack = append(stack, n.In...)
			}
			continue
		}
		for _, r := range v.Readers {
			if !seen[r.Node] {
				seen[r.Node] = true
				stack = append(stack, r.Node.Out...)
			}
		}
	}
	return seen
}
