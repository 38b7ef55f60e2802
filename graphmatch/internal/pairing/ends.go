package pairing

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// Ends gives each input and output of the base its counterpart in another model, by their places; those without one
// are absent.
type Ends struct{ Inputs, Outputs map[int]int }

func newEnds() Ends { return Ends{map[int]int{}, map[int]int{}} }

// add pairs two ends.
func (e Ends) add(a, b *flow.CanonicalNode) {
	if isInput(a) {
		e.Inputs[a.End.At] = b.End.At
	} else {
		e.Outputs[a.End.At] = b.End.At
	}
}

func isInput(n *flow.CanonicalNode) bool { return n.Op == "input" }

// ends reads the pairing of inputs and outputs off the signatures; those still tied are paired by their places.
func (t *ties) ends() Ends {
	e := newEnds()
	for _, k := range t.classes() {
		if k.a[0].End == nil || len(k.a) != len(k.b) {
			continue
		}
		byPlace(k.a)
		byPlace(k.b)
		for i, n := range k.a {
			e.add(n, k.b[i])
		}
	}
	return e
}

func byPlace(list []*flow.CanonicalNode) {
	slices.SortFunc(list, func(x, y *flow.CanonicalNode) int { return cmp.Compare(x.End.At, y.End.At) })
}

// endPlace is the place of an input or output, the weakest evidence: exporters list them in any order.
func endPlace(n *flow.CanonicalNode) string {
	return ended(n, func(e *flow.End) string { return strconv.Itoa(e.At) })
}

// endsTied tells whether some inputs or outputs are not told apart yet.
func (t *ties) endsTied() bool {
	return slices.ContainsFunc(t.classes(), func(k *class) bool { return len(k.a) > 1 && k.a[0].End != nil })
}

// firstClear is the first class of layers whose first is most similar to one of the other side beyond chance, and
// that one's place; nil when there is none.
func (t *ties) firstClear() (*class, int) {
	for _, k := range t.classes() {
		if len(k.a) < 2 || k.a[0].Unit == nil {
			continue
		}
		if place, clear := k.mostSimilar(); clear {
			return k, place
		}
	}
	return nil, 0
}

// likelyEnds pairs the inputs and outputs of networks that differ in structure: those of one name, then those whose
// nearest layers are paired, the most first. Both graphs are skeletons.
func likelyEnds(a, b *flow.Canonical, pairs Pairs) Ends {
	type likely struct {
		a, b  *flow.CanonicalNode
		score int
	}
	var list []likely
	for _, x := range endNodes(a) {
		for _, y := range endNodes(b) {
			if x.Op != y.Op || x.End.Spec != y.End.Spec {
				continue
			}
			l := likely{x, y, shared(x, y, pairs)}
			if x.End.Name == y.End.Name {
				l.score += 1 << 20
			}
			if l.score > 0 {
				list = append(list, l)
			}
		}
	}
	slices.SortStableFunc(list, func(x, y likely) int { return cmp.Compare(y.score, x.score) })
	e, taken := newEnds(), map[*flow.CanonicalNode]bool{}
	for _, l := range list {
		if !taken[l.a] && !taken[l.b] {
			taken[l.a], taken[l.b] = true, true
			e.add(l.a, l.b)
		}
	}
	return e
}

// endNodes lists inputs and outputs by their places.
func endNodes(g *flow.Canonical) (list []*flow.CanonicalNode) {
	for _, n := range g.Nodes {
		if n.End != nil {
			list = append(list, n)
		}
	}
	byPlace(list)
	return list
}

// shared counts the layers beside one end whose counterparts lie beside the other.
func shared(x, y *flow.CanonicalNode, pairs Pairs) (n int) {
	beside := map[*flow.Unit]bool{}
	for _, e := range edges(y) {
		beside[e.Node.Unit] = e.Node.Unit != nil
	}
	for _, e := range edges(x) {
		if w := pairs[e.Node.Unit]; w != nil && beside[w] {
			n++
		}
	}
	return n
}

// edges lead to the layers beside an end.
func edges(n *flow.CanonicalNode) []flow.Edge {
	if isInput(n) {
		return n.Out
	}
	return n.In
}
