package rebasin

import (
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/symmetry"
	"github.com/softmerge/softmerge/graphmatch/random"
)

// permutations lists all orders of n.
func permutations(n int) (list [][]int) {
	if n == 0 {
		return [][]int{{}}
	}
	for _, rest := range permutations(n - 1) {
		for at := range n {
			list = append(list, slices.Insert(slices.Clone(rest), at, n-1))
		}
	}
	return list
}

// headOrders lists the orders of a set that move heads whole, in one order of the heads, and units within a head
// unless the set is rigid.
func headOrders(heads []int, size int, rigid bool) (list [][]int) {
	within := size / len(heads)
	inner := permutations(within)
	if rigid {
		inner = [][]int{Identity(within)}
	}
	list = [][]int{{}}
	for _, from := range heads {
		var longer [][]int
		for _, start := range list {
			for _, order := range inner {
				next := slices.Clone(start)
				for _, i := range order {
					next = append(next, from*within+i)
				}
				longer = append(longer, next)
			}
		}
		list = longer
	}
	return list
}

// gain is what an order gives by scores.
func gain(scores []float64, order []int) (sum float64) {
	for to, from := range order {
		sum += scores[to*len(order)+from]
	}
	return sum
}

// bestGain tries all orders of sets whose heads have one order.
func bestGain(sets []*symmetry.Set, scores [][]float64, frozen bool) float64 {
	best := math.Inf(-1)
	for _, heads := range permutations(sets[0].Heads) {
		if frozen && !slices.IsSorted(heads) {
			continue
		}
		sum := 0.0
		for i, set := range sets {
			top := math.Inf(-1)
			for _, order := range headOrders(heads, set.Size, set.Rigid) {
				top = max(top, gain(scores[i], order))
			}
			sum += top
		}
		best = max(best, sum)
	}
	return best
}

// Sets whose heads have one order are matched together, and as well as by trying everything: heads move whole, units
// within them, where they may.
func TestHeadsAgainstBruteForce(t *testing.T) {
	for seed := range uint64(200) {
		g := random.New(seed, 1)
		order := &symmetry.HeadOrder{Frozen: g.IntN(4) == 0}
		heads := 2 + g.IntN(2)
		sym := &symmetry.Symmetry{}
		for range 1 + g.IntN(3) {
			sym.Sets = append(sym.Sets, &symmetry.Set{
				Size: heads * (1 + g.IntN(3)), Heads: heads, HeadOrder: order, Rigid: g.IntN(3) == 0,
			})
		}
		var scores [][]float64
		for _, set := range sym.Sets {
			list := make([]float64, set.Size*set.Size)
			for i := range list {
				list[i] = g.Normal()
			}
			scores = append(scores, list)
		}
		m := NewMatcher(sym)
		if err := m.AssignAll(t.Context(), scores); err != nil {
			t.Fatal(err)
		}
		got := 0.0
		for i, o := range m.Order {
			if !isPermutation(o) {
				t.Fatalf("seed %d: %v is no permutation", seed, o)
			}
			got += gain(scores[i], o)
		}
		if want := bestGain(sym.Sets, scores, order.Frozen); math.Abs(got-want) > 1e-9 {
			t.Fatalf("seed %d: %v, want %v", seed, got, want)
		}
	}
}

// positions moves all positions of a unit together and leaves all others where they are.
func TestPositions(t *testing.T) {
	for seed := range uint64(300) {
		g := random.New(seed, 2)
		before, n, repeat := g.IntN(3), 1+g.IntN(4), 1+g.IntN(3)
		stride := repeat * (1 + g.IntN(2))
		length := before + n*stride + g.IntN(3)
		order := g.Perm(n)
		got := positions(length, []symmetry.Span{{Set: 0, Start: before, N: n, Repeat: repeat, Stride: stride}},
			[][]int{order})
		want := Identity(length)
		for p := range length {
			unit, inside := (p-before)/stride, (p-before)%stride
			if p >= before && unit < n && inside < repeat {
				want[p] = before + order[unit]*stride + inside
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %v, want %v", seed, got, want)
		}
	}
}

// gather takes positions along an axis, element by element.
func TestGather(t *testing.T) {
	g := random.New(3, 0)
	for range 200 {
		outer, n, inner := 1+g.IntN(3), 1+g.IntN(4), 1+g.IntN(3)
		x := g.Perm(outer * n * inner)
		order := g.Perm(n)
		got := gather(x, outer, n, order)
		for i := range got {
			o, p, k := i/(n*inner), i/inner%n, i%inner
			if got[i] != x[(o*n+order[p])*inner+k] {
				t.Fatalf("%v of [%d %d %d] by %v: %v", x, outer, n, inner, order, got)
			}
		}
	}
}
