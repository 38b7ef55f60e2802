package symmetry

import (
	"slices"
	"testing"
)

func TestSetJoin(t *testing.T) {
	for name, test := range map[string]struct {
		a, b   func(*Set)
		frozen bool
		leaves []int
	}{
		"plain":               {nil, nil, false, []int{12}},
		"one frozen":          {(*Set).freeze, nil, true, []int{12}},
		"split on one side":   {nil, splitUnequally, false, []int{4, 8}},
		"split alike":         {splitUnequally, splitUnequally, false, []int{4, 8}},
		"split otherwise":     {splitUnequally, func(h *Set) { h.split([]int{6, 6}) }, true, []int{4, 8}},
		"heads on one side":   {func(h *Set) { h.cut(3) }, nil, false, []int{12}},
		"heads alike":         {func(h *Set) { h.cut(3) }, func(h *Set) { h.cut(3) }, false, []int{12}},
		"heads otherwise":     {func(h *Set) { h.cut(3) }, func(h *Set) { h.cut(4) }, true, []int{12}},
		"heads against parts": {func(h *Set) { h.cut(3) }, splitUnequally, true, []int{12}},
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
				t.Errorf("%s, swapped %v: frozen %v and %v, want %v", name, swap, a.root().frozen, b.root().frozen,
					test.frozen)
			}
			if !test.frozen && a.root() != b.root() {
				t.Errorf("%s, swapped %v: not one set", name, swap)
			}
			if !test.frozen && !slices.Equal(sizes(a.leaves()), test.leaves) {
				t.Errorf("%s, swapped %v: leaves %v, want %v", name, swap, sizes(a.leaves()), test.leaves)
			}
			if test.frozen && slices.ContainsFunc(append(a.leaves(), b.leaves()...),
				func(h *Set) bool { return !h.frozen }) {
				t.Errorf("%s, swapped %v: a leaf of a frozen set is free", name, swap)
			}
		}
	}
}

func TestSetOfOtherSizeIsFrozen(t *testing.T) {
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
	if !ok || part.extent() != 5 || len(part.segments) != 2 || part.segments[0].fixed != 2 ||
		!slices.Equal(sizes(b.leaves()), []int{3, 3}) {
		t.Errorf("got %+v, %v; leaves %v", part, ok, sizes(b.leaves()))
	}
	if len(a.parts) != 0 {
		t.Error("a run outside the piece was divided")
	}
}

// Axis numbers come from files: what no array has is no axis.
func TestLayoutFromEnd(t *testing.T) {
	for _, test := range []struct{ rank, axis, want int }{
		{4, 0, 4}, {4, 3, 1}, {4, 4, 0}, {4, -1, 1}, {4, -4, 4}, {4, -5, 0}, {-1, -2, 2}, {-1, 0, 0}, {-1, -1 << 60, 0},
		{-1, 1 << 60, 0}, {2, -1 << 63, 0},
	} {
		if got := (&layout{rank: test.rank}).fromEnd(test.axis); got != test.want {
			t.Errorf("axis %d of rank %d: %d from the end, want %d", test.axis, test.rank, got, test.want)
		}
	}
}

func splitUnequally(h *Set) { h.split([]int{4, 8}) }
