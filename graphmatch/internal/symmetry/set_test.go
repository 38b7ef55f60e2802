package symmetry

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestHiddenJoin(t *testing.T) {
	for name, test := range map[string]struct {
		a, b   func(*Set)
		frozen bool
		leaves []int
	}{
		"plain":               {nil, nil, false, []int{12}},
		"one frozen":          {(*Set).freeze, nil, true, []int{12}},
		"split on one side":   {nil, func(h *Set) { h.split([]int{4, 8}) }, false, []int{4, 8}},
		"split alike":         {func(h *Set) { h.split([]int{4, 8}) }, func(h *Set) { h.split([]int{4, 8}) }, false, []int{4, 8}},
		"split otherwise":     {func(h *Set) { h.split([]int{4, 8}) }, func(h *Set) { h.split([]int{6, 6}) }, true, []int{4, 8}},
		"heads on one side":   {func(h *Set) { h.cut(3) }, nil, false, []int{12}},
		"heads alike":         {func(h *Set) { h.cut(3) }, func(h *Set) { h.cut(3) }, false, []int{12}},
		"heads otherwise":     {func(h *Set) { h.cut(3) }, func(h *Set) { h.cut(4) }, true, []int{12}},
		"heads against parts": {func(h *Set) { h.cut(3) }, func(h *Set) { h.split([]int{4, 8}) }, true, []int{12}},
	} {
		for _, swap := range []bool{false, true} {
			a, b := &Set{Size: 12}, &Set{Size: 12}
			if test.a != nil {
				test.a(a)
			}
			if test.b != nil {
				test.b(b)
			}
			if swap {
				a, b = b, a
			}
			a.join(b)
			if a.root().frozen != test.frozen || b.root().frozen != test.frozen {
				t.Errorf("%s, swapped %v: frozen %v and %v, want %v", name, swap, a.root().frozen, b.root().frozen, test.frozen)
			}
			if !test.frozen && a.root() != b.root() {
				t.Errorf("%s, swapped %v: not one set", name, swap)
			}
			if !test.frozen && !slices.Equal(sizes(a.leaves()), test.leaves) {
				t.Errorf("%s, swapped %v: leaves %v, want %v", name, swap, sizes(a.leaves()), test.leaves)
			}
			if test.frozen && slices.ContainsFunc(append(a.leaves(), b.leaves()...), func(h *Set) bool { return !h.frozen }) {
				t.Errorf("%s, swapped %v: a leaf of a frozen set is free", name, swap)
			}
		}
	}
}

func TestHiddenOfOtherSizeIsFrozen(t *testing.T) {
	a, b := &Set{Size: 3}, &Set{Size: 4}
	a.join(b)
	if !a.root().frozen || !b.root().frozen {
		t.Error("sets of different sizes were joined")
	}
}

func TestAxisSized(t *testing.T) {
	h := &Set{Size: 4}
	flat := axis{segments: []segment{{set: h, repeat: 0}}}
	if got := flat.sized(36); got.segments[0].repeat != 9 || h.frozen {
		t.Errorf("4 units along 36 positions: %+v", got)
	}
	if got := flat.sized(37); len(got.segments) != 0 || !h.root().frozen {
		t.Errorf("4 units along 37 positions: %+v, frozen %v", got, h.frozen)
	}
}

func TestAxisCutOut(t *testing.T) {
	a, b := &Set{Size: 4}, &Set{Size: 6}
	whole := axis{size: 12, segments: []segment{{set: a, repeat: 1}, {fixed: 2}, {set: b, repeat: 1}}}
	part, ok := whole.cutOut(4, 5)
	if !ok || part.extent() != 5 || len(part.segments) != 2 || part.segments[0].fixed != 2 || !slices.Equal(sizes(b.leaves()), []int{3, 3}) {
		t.Errorf("got %+v, %v; leaves %v", part, ok, sizes(b.leaves()))
	}
	if len(a.parts) != 0 {
		t.Error("a run outside the piece was divided")
	}
}

// Axis numbers come from files: what no array has is no axis.
func TestFormFromEnd(t *testing.T) {
	for _, test := range []struct{ rank, axis, want int }{
		{4, 0, 4}, {4, 3, 1}, {4, 4, 0}, {4, -1, 1}, {4, -4, 4}, {4, -5, 0}, {-1, -2, 2}, {-1, 0, 0}, {-1, -1 << 60, 0}, {-1, 1 << 60, 0}, {2, -1 << 63, 0},
	} {
		if got := ranked(max(0, test.rank)).withRank(test.rank).fromEnd(test.axis); got != test.want {
			t.Errorf("axis %d of rank %d: %d from the end, want %d", test.axis, test.rank, got, test.want)
		}
	}
}

func (f *layout) withRank(rank int) *layout {
	f.rank = rank
	return f
}

// spell lists the units that an axis counts, position by position: a set's letter and the unit's number.
func (a axis) spell(letters map[*Set]string) (list []string) {
	for _, s := range a.segments {
		var woven [][]string
		for _, runs := range s.interleaved {
			woven = append(woven, axis{segments: runs}.spell(letters))
		}
		for p := 0; woven != nil && p/len(woven) < len(woven[p%len(woven)]); p++ {
			list = append(list, woven[p%len(woven)][p/len(woven)])
		}
		if s.set == nil {
			continue
		}
		for _, h := range s.set.leaves() {
			from := 0
			fmt.Sscan(letters[h][1:], &from)
			for i := range h.Size {
				list = append(list, fmt.Sprint(letters[h][:1], from+i))
			}
		}
	}
	return list
}

// Any piece of woven runs, and any piece of that woven again with others, counts the units that it should.
func TestWovenPieces(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 5))
		sets := []*Set{{Size: 6}, {Size: 6}, {Size: 6}, {Size: 6}}
		woven := func(a, b axis) axis {
			return axis{size: a.extent() + b.extent(), segments: []segment{{interleaved: [][]segment{a.segments, b.segments}}}}
		}
		plain := func(k int) axis { return axis{size: 6, segments: []segment{{set: sets[k], repeat: 1}}} }
		x := woven(plain(0), plain(1))
		from := rng.IntN(6)
		x, ok := x.cutOut(from, 6)
		if !ok {
			t.Fatalf("seed %d: no piece", seed)
		}
		x = woven(plain(2), x)
		first := rng.IntN(12)
		length := 1 + rng.IntN(12-first)
		y, ok := x.cutOut(first, length)
		if !ok {
			t.Fatalf("seed %d: no piece of a piece", seed)
		}
		letters := map[*Set]string{}
		for k, h := range sets {
			at := 0
			for _, leaf := range h.leaves() {
				letters[leaf] = fmt.Sprint(string(rune('a'+k)), at)
				at += leaf.Size
			}
		}
		var want []string
		for p := first; p < first+length; p++ {
			if q := p / 2; p%2 == 0 {
				want = append(want, fmt.Sprint("c", q))
			} else {
				want = append(want, fmt.Sprint(string(rune('a'+(from+q)%2)), (from+q)/2))
			}
		}
		if got := y.spell(letters); !slices.Equal(got, want) || y.extent() != length {
			t.Fatalf("seed %d, from %d, then %d to %d: got %v of %d, want %v", seed, from, first, first+length, got, y.extent(), want)
		}
	}
}
