package symmetry

import (
	"fmt"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/random"
)

// names are the letters of sets, for labels.
type names map[*Set]string

// labels names what every position of an axis counts: a set's letter and the unit's number, or a dot.
func (n names) labels(segments []segment) (list []string) {
	first := n.firstUnits()
	for _, s := range segments {
		if s.interleaved != nil {
			list = append(list, n.turns(s.interleaved)...)
			continue
		}
		if s.set == nil {
			list = append(list, slices.Repeat([]string{"."}, s.fixed)...)
			continue
		}
		for _, leaf := range s.set.leaves() {
			letter, number := first[leaf][:1], 0
			fmt.Sscan(first[leaf][1:], &number)
			for i := range leaf.Size {
				list = append(list, slices.Repeat([]string{fmt.Sprint(letter, number+i)}, s.repeat)...)
			}
		}
	}
	return list
}

// turns takes one label of each list in turn.
func (n names) turns(lists [][]segment) (list []string) {
	var labels [][]string
	for _, segments := range lists {
		labels = append(labels, n.labels(segments))
	}
	for p := 0; p/len(labels) < len(labels[p%len(labels)]); p++ {
		list = append(list, labels[p%len(labels)][p/len(labels)])
	}
	return list
}

// firstUnits are letter and number of the first unit of every part of the sets.
func (n names) firstUnits() map[*Set]string {
	first := map[*Set]string{}
	for set, letter := range n {
		at := 0
		for _, leaf := range set.leaves() {
			first[leaf] = fmt.Sprint(letter, at)
			at += leaf.Size
		}
	}
	return first
}

// randomAxis strings sets, repeated sets, fixed positions and interleaved sets together.
func randomAxis(g *random.Generator) (axis, names) {
	n, a := names{}, axis{}
	set := func(size int) *Set {
		h := &Set{Size: size}
		n[h] = string(rune('a' + len(n)))
		return h
	}
	for range 1 + g.IntN(4) {
		switch g.IntN(4) {
		case 0:
			a.segments = append(a.segments, segment{fixed: 1 + g.IntN(3)})
		case 1:
			a.segments = append(a.segments, segment{set: set(1 + g.IntN(4)), repeat: 2})
		case 2:
			a.segments = append(a.segments, once(set(1+g.IntN(6))))
		case 3:
			size := 1 + g.IntN(4)
			a.segments = append(a.segments, segment{interleaved: [][]segment{{once(set(size))}, {once(set(size))}}})
		}
	}
	a.size = lengthOf(a.segments)
	return a, n
}

// Pieces, groups, repetitions and blocks count what the same operation on labels gives, and leave the axis as it was.
func TestAxisAgainstLabels(t *testing.T) {
	done := map[string]int{}
	for seed := range uint64(3000) {
		g := random.New(seed, 1)
		a, n := randomAxis(g)
		before := n.labels(a.segments)
		if len(before) != a.extent() {
			t.Fatalf("%d positions, %d labels", a.extent(), len(before))
		}
		check := func(what string, got axis, ok bool, want []string) {
			if !ok {
				return
			}
			done[what]++
			if labels := n.labels(got.segments); !slices.Equal(labels, want) || got.extent() != len(want) {
				t.Fatalf("seed %d: %s of %v: %v of %d, want %v", seed, what, before, labels, got.extent(), want)
			}
		}
		start := g.IntN(len(before))
		length := 1 + g.IntN(len(before)-start)
		piece, ok := a.cutOut(start, length)
		check("piece", piece, ok, before[start:start+length])
		check("whole", a, true, before)
		check("blocks", a.blocks(3), true, slices.Repeat(before, 3))
		for _, groups := range []int{2, 3} {
			if len(before)%groups != 0 {
				continue
			}
			size := len(before) / groups
			parts, ok := a.divided(groups, size)
			for i, p := range parts {
				check("group", p, ok, before[i*size:(i+1)*size])
			}
			if mixed, ok := a.interleave(groups, size); ok {
				var want []string
				for p := range before {
					want = append(want, before[p%groups*size+p/groups])
				}
				check("interleaved", mixed, ok, want)
			}
		}
	}
	for _, what := range []string{"piece", "group", "interleaved"} {
		if done[what] < 300 {
			t.Errorf("%s was possible %d times of 3000", what, done[what])
		}
	}
}

// The positions of a span are those of its units, in order, with all their repetitions.
func TestSpansAgainstLabels(t *testing.T) {
	for seed := range uint64(2000) {
		g := random.New(seed, 2)
		a, n := randomAxis(g)
		a.cutOut(g.IntN(a.size), 1)
		leaves := a.leaves()
		for i, h := range leaves {
			h.number = i
		}
		labels, first := n.labels(a.segments), n.firstUnits()
		covered := 0
		for _, s := range a.spans() {
			letter, number := first[leaves[s.Set]][:1], 0
			fmt.Sscan(first[leaves[s.Set]][1:], &number)
			for i := range s.N {
				for p := range s.Repeat {
					covered++
					if got, want := labels[s.Start+i*s.Stride+p], fmt.Sprint(letter, number+i); got != want {
						t.Fatalf("seed %d: %+v of %v: unit %d counts %s, want %s", seed, s, labels, i, got, want)
					}
				}
			}
		}
		movable := 0
		for _, label := range labels {
			for leaf, name := range first {
				if label != "." && leaf.Size > 1 && leaf.holds(name, label) {
					movable++
				}
			}
		}
		if covered != movable {
			t.Fatalf("seed %d: spans cover %d positions of %v, want %d", seed, covered, labels, movable)
		}
	}
}

// holds tells whether a label is that of one of a set's units, the first of which has a name.
func (h *Set) holds(first, label string) bool {
	var from, at int
	fmt.Sscan(first[1:], &from)
	fmt.Sscan(label[1:], &at)
	return first[0] == label[0] && at >= from && at < from+h.Size
}

// Repeating every position repeats every label; a set cannot be repeated an unknown number of times beside others.
func TestRepeatEach(t *testing.T) {
	a, b := &Set{Size: 2}, &Set{Size: 1}
	n := names{a: "a", b: "b"}
	x := axis{size: 4, segments: []segment{once(a), {fixed: 1}, once(b)}}
	got := n.labels(x.repeatEach(2).segments)
	if want := []string{"a0", "a0", "a1", "a1", ".", ".", "b0", "b0"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if x.repeatEach(0).free() || !a.frozen || !b.frozen {
		t.Error("an unknown number of repetitions left the order of several sets free")
	}
}

// Unified axes carry one order: equal axes join their sets one by one.
func TestUnifyEqualAxes(t *testing.T) {
	for seed := range uint64(1000) {
		a, _ := randomAxis(random.New(seed, 3))
		b, _ := randomAxis(random.New(seed, 3)) // the same with sets of its own
		if a.size == 1 {
			continue // broadcast
		}
		if !unify(a, b).free() {
			t.Fatalf("seed %d: equal axes were not unified", seed)
		}
		for i, h := range a.sets() {
			if g := b.sets()[i]; h.root() != g.root() || h.root().frozen {
				t.Fatalf("seed %d: set %d was not joined", seed, i)
			}
		}
	}
}

// Whatever two axes of one length are, each position counts one and the same unit on both afterwards, or its order is
// fixed on both.
func TestUnifyIsSound(t *testing.T) {
	compared := 0
	for seed := range uint64(4000) {
		g := random.New(seed, 4)
		a, _ := randomAxis(g)
		b, _ := randomAxis(g)
		if a.size != b.size || a.size == 1 {
			continue
		}
		compared++
		unify(a, b)
		x, y := counted(a.segments), counted(b.segments)
		for p := range x {
			free := x[p].leaf != nil && x[p].leaf.movable() || y[p].leaf != nil && y[p].leaf.movable()
			if free && x[p] != y[p] {
				t.Fatalf("seed %d: position %d counts %+v and %+v", seed, p, x[p], y[p])
			}
		}
	}
	if compared < 200 {
		t.Errorf("only %d pairs of one length", compared)
	}
}

// unit is a unit of an independent part of a set, none for fixed positions.
type unit struct {
	leaf   *Set
	number int
}

// counted are the units that positions count.
func counted(segments []segment) (list []unit) {
	for _, s := range segments {
		switch {
		case s.interleaved != nil:
			x, y := counted(s.interleaved[0]), counted(s.interleaved[1])
			for i := range x {
				list = append(list, x[i], y[i])
			}
		case s.set == nil:
			list = append(list, make([]unit, s.fixed)...)
		default:
			for _, leaf := range s.set.leaves() {
				for i := range leaf.Size * s.repeat {
					list = append(list, unit{leaf, i / s.repeat})
				}
			}
		}
	}
	return list
}

// An axis of length one is broadcast and imposes nothing; one in fixed order fixes the other's.
func TestUnifyBroadcast(t *testing.T) {
	one, many := axis{size: 1}, axisOf(&Set{Size: 3}, 3)
	if !unify(one, many).free() || !unify(many, one).free() || many.segments[0].set.frozen {
		t.Error("an axis of length one fixed the order")
	}
	if unify(many, axis{size: 3}).free() || !many.segments[0].set.frozen {
		t.Error("an axis in fixed order did not fix the other's")
	}
}
