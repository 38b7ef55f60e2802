package pairing

import (
	"maps"
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// Pairs gives each unit of the base its counterpart in another model; units without one are absent.
type Pairs map[*flow.Unit]*flow.Unit

// maxChoices bounds the ties that are settled one at a time; networks with more equal branches than that
// are settled in canonical order at once.
const maxChoices = 512

// Pair finds which layers of one model stand for which of another, and which inputs and outputs. Whole graphs are
// compared first: all operators with their shapes, without shapes, the layers alone, the layers without what stands
// before the first of them, and the layers without normalisations that another exporter may have folded into the
// layers before them. If no reading makes the graphs equal, what can be told apart is paired one by one.
func Pair(a, b *flow.Network) (Pairs, Ends) {
	for _, read := range []func(*flow.Canonical) *flow.Canonical{whole, layersOnly, withoutEnds, withoutFoldable} {
		ga, gb := read(a.Canonical), read(b.Canonical)
		for _, shapes := range []bool{true, false} {
			if t := pairEqual(ga, gb, shapes); t != nil {
				return t.pairs().withNorms(), t.ends()
			}
		}
	}
	pairs := pairPartly(a, b)
	return pairs, likelyEnds(layersOnly(a.Canonical), layersOnly(b.Canonical), pairs)
}

func whole(g *flow.Canonical) *flow.Canonical { return g }

func layersOnly(g *flow.Canonical) *flow.Canonical {
	return skeleton(g, func(*flow.CanonicalNode) bool { return false })
}

func withoutEnds(g *flow.Canonical) *flow.Canonical {
	return skeleton(g, func(c *flow.CanonicalNode) bool { return c.Unit.AtEnd })
}

func withoutFoldable(g *flow.Canonical) *flow.Canonical {
	return skeleton(g, func(c *flow.CanonicalNode) bool { return c.Unit.Foldable || c.Unit.AtEnd })
}

// withNorms pairs the normalisations behind paired layers, where both have one.
func (p Pairs) withNorms() Pairs {
	for u, w := range maps.Clone(p) {
		if n, m := u.NormBehind(), w.NormBehind(); n != nil && m != nil && n.Foldable && m.Foldable && p[n] == nil {
			p[n] = m
		}
	}
	return p
}

// pairEqual tells the nodes of two graphs apart that refinement finds equal; nil when it does not.
func pairEqual(a, b *flow.Canonical, shapes bool) *ties {
	if len(a.Nodes) != len(b.Nodes) {
		return nil
	}
	t := &ties{a: a, b: b}
	t.ca, t.cb = refineBoth(a, b, labels(a, shapes), labels(b, shapes))
	if !t.balanced() {
		return nil
	}
	for _, key := range evidence {
		t.splitBy(key)
	}
	t.choose()
	return t
}

// ties is the state of telling equal nodes of two graphs apart.
type ties struct {
	a, b   *flow.Canonical
	ca, cb colours
}

// class is a set of nodes with one signature.
type class struct {
	a, b []*flow.CanonicalNode
}

// classes groups the nodes of both graphs by signature, in the first graph's order.
func (t *ties) classes() []*class {
	byColour := map[uint64]*class{}
	var list []*class
	for _, n := range t.a.Nodes {
		k := byColour[t.ca[n]]
		if k == nil {
			k = &class{}
			byColour[t.ca[n]] = k
			list = append(list, k)
		}
		k.a = append(k.a, n)
	}
	for _, n := range t.b.Nodes {
		k := byColour[t.cb[n]]
		if k == nil {
			k = &class{}
			byColour[t.cb[n]] = k
			list = append(list, k)
		}
		k.b = append(k.b, n)
	}
	return list
}

// balanced tells whether both graphs have as many nodes of every signature.
func (t *ties) balanced() bool {
	for _, k := range t.classes() {
		if len(k.a) != len(k.b) {
			return false
		}
	}
	return true
}

// evidence lists what tells layers of equal structure apart, the strongest first: shapes (when the
// signatures leave them out), then names. Empty strings are no evidence.
var evidence = []func(*flow.CanonicalNode) string{
	func(n *flow.CanonicalNode) string { return ended(n, func(e *flow.End) string { return e.Spec }) },
	func(n *flow.CanonicalNode) string { return ended(n, func(e *flow.End) string { return e.Name }) },
	func(n *flow.CanonicalNode) string { return n.Shape },
	func(n *flow.CanonicalNode) string {
		return named(n, func(u *flow.Unit) string { return u.GivenName() })
	},
	func(n *flow.CanonicalNode) string {
		return named(n, func(u *flow.Unit) string { return u.Params[0].C.GivenName() })
	},
	func(n *flow.CanonicalNode) string {
		return named(n, func(u *flow.Unit) string { return u.Anchor.Proto.GetName() })
	},
}

func ended(n *flow.CanonicalNode, of func(*flow.End) string) string {
	if n.End == nil {
		return ""
	}
	return of(n.End)
}

func named(n *flow.CanonicalNode, of func(*flow.Unit) string) string {
	if n.Unit == nil {
		return ""
	}
	return of(n.Unit)
}

// splitBy separates tied nodes by one kind of evidence wherever both graphs give the same evidence, and
// refines. A split that makes the graphs differ contradicts the structure and is taken back: then, and where there is
// nothing to separate, the result is false.
func (t *ties) splitBy(key func(*flow.CanonicalNode) string) bool {
	before := *t
	changed := false
	t.ca, t.cb = cloneColours(t.ca), cloneColours(t.cb)
	for _, k := range before.classes() {
		if len(k.a) < 2 || !sameKeys(k, key) {
			continue
		}
		changed = true
		for _, n := range k.a {
			t.ca[n] = mix(t.ca[n], hashString(key(n)))
		}
		for _, n := range k.b {
			t.cb[n] = mix(t.cb[n], hashString(key(n)))
		}
	}
	if !changed {
		*t = before
		return false
	}
	t.ca, t.cb = refineBoth(t.a, t.b, t.ca, t.cb)
	if !t.balanced() {
		*t = before
		return false
	}
	return true
}

// sameKeys tells whether both sides of a class give the same keys, and more than one.
func sameKeys(k *class, key func(*flow.CanonicalNode) string) bool {
	list := func(nodes []*flow.CanonicalNode) (keys []string) {
		for _, n := range nodes {
			keys = append(keys, key(n))
		}
		slices.Sort(keys)
		return keys
	}
	a := list(k.a)
	return a[0] != "" && a[0] != a[len(a)-1] && slices.Equal(a, list(k.b))
}

// choose settles the remaining ties one by one: by weights that are alike beyond chance, else by the places of the
// graph's inputs and outputs, else in canonical order. It refines after each choice so that what hangs together stays
// together.
func (t *ties) choose() {
	for range maxChoices {
		k := t.firstTie()
		if k == nil {
			return
		}
		place, clear := k.mostSimilar()
		if !clear && t.endsTied() {
			if other, at := t.firstClear(); other != nil {
				k, place = other, at
			} else if t.splitBy(endPlace) {
				continue
			}
		}
		before := *t
		t.ca, t.cb = cloneColours(t.ca), cloneColours(t.cb)
		partner := k.b[place]
		t.ca[k.a[0]] = mix(t.ca[k.a[0]], 1)
		t.cb[partner] = mix(t.cb[partner], 1)
		t.ca, t.cb = refineBoth(t.a, t.b, t.ca, t.cb)
		if !t.balanced() {
			*t = before
			return
		}
	}
}

// firstTie is the first class with more than one layer a side, else the first with more than one node,
// nil when there is none.
func (t *ties) firstTie() *class {
	var first *class
	for _, k := range t.classes() {
		if len(k.a) < 2 {
			continue
		}
		if k.a[0].Unit != nil {
			return k
		}
		if first == nil {
			first = k
		}
	}
	return first
}

// pairs reads the pairing off the signatures; nodes still tied are paired in canonical order.
func (t *ties) pairs() Pairs {
	p := Pairs{}
	for _, k := range t.classes() {
		for i, n := range k.a {
			if n.Unit != nil && i < len(k.b) {
				p[n.Unit] = k.b[i].Unit
			}
		}
	}
	return p
}

func cloneColours(c colours) colours {
	d := make(colours, len(c))
	for n, h := range c {
		d[n] = h
	}
	return d
}
