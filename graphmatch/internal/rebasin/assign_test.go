package rebasin

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/random"
)

// best is the greatest sum over all permutations.
func best(score []float64, n int) float64 {
	if n == 0 {
		return 0
	}
	top := math.Inf(-1)
	columns := make([]int, n)
	for i := range columns {
		columns[i] = i
	}
	var try func(k int, sum float64)
	try = func(k int, sum float64) {
		if k == n {
			top = max(top, sum)
			return
		}
		for i := k; i < n; i++ {
			columns[k], columns[i] = columns[i], columns[k]
			try(k+1, sum+score[k*n+columns[k]])
			columns[k], columns[i] = columns[i], columns[k]
		}
	}
	try(0, 0)
	return top
}

func total(score []float64, columns []int) (sum float64) {
	for i, j := range columns {
		sum += score[i*len(columns)+j]
	}
	return sum
}

func isPermutation(list []int) bool {
	sorted := slices.Sorted(slices.Values(list))
	for i, x := range sorted {
		if i != x {
			return false
		}
	}
	return true
}

func TestAssignIsOptimal(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 8 {
		for round := range 60 {
			score := make([]float64, n*n)
			for i := range score {
				score[i] = rng.NormFloat64()
				if round%3 == 0 {
					score[i] = float64(rng.IntN(3)) // many ties
				}
			}
			got := linearAssignment(t.Context(), score, n)
			if !isPermutation(got) {
				t.Fatalf("n=%d: %v is no permutation", n, got)
			}
			if s, want := total(score, got), best(score, n); math.Abs(s-want) > 1e-9 {
				t.Fatalf("n=%d: sum %v, want %v for %v", n, s, want, score)
			}
		}
	}
}

func TestAssignTiesGoToIdentity(t *testing.T) {
	if got := linearAssignment(t.Context(), make([]float64, 25), 5); !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
		t.Errorf("got %v", got)
	}
}

func TestAssignSurvivesWhatIsNoNumber(t *testing.T) {
	got := linearAssignment(t.Context(), []float64{math.NaN(), 1, math.Inf(1), math.Inf(-1)}, 2)
	if !isPermutation(got) {
		t.Errorf("got %v", got)
	}
	if got := linearAssignment(t.Context(), []float64{math.NaN(), math.NaN(), math.NaN(), math.NaN()}, 2); !isPermutation(got) {
		t.Errorf("all NaN: got %v", got)
	}
}

// A hidden permutation of a large matrix is found.
func TestAssignFindsHiddenPermutation(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const n = 200
	hidden := rng.Perm(n)
	score := make([]float64, n*n)
	for i := range score {
		score[i] = rng.Float64()
	}
	for i, j := range hidden {
		score[i*n+j] += 1
	}
	if got := linearAssignment(t.Context(), score, n); !slices.Equal(got, hidden) {
		t.Error("the permutation was not found")
	}
}

// Assignments too large for brute force are optimal by duality: no dual variables exceed a cost, and their sum is the
// sum of the assigned costs, which no other assignment can be below.
func TestAssignByDuality(t *testing.T) {
	for seed := range uint64(40) {
		g := random.New(seed, 1)
		n := 8 + g.IntN(90)
		cost := make([]float64, n*n)
		for i := range cost {
			if cost[i] = g.Float64(); seed%4 == 0 {
				cost[i] = float64(g.IntN(4)) // many ties
			}
		}
		a := solve(t.Context(), slices.Clone(cost), n)
		if !isPermutation(a.column) {
			t.Fatalf("seed %d: %v is no permutation", seed, a.column)
		}
		primal, dual := 0.0, 0.0
		for i := range n {
			primal += cost[i*n+a.column[i]]
			dual += a.u[i] + a.v[i]
			for j := range n {
				if slack := cost[i*n+j] - a.u[i] - a.v[j]; slack < -1e-9 {
					t.Fatalf("seed %d: dual variables of %d and %d exceed their cost by %v", seed, i, j, -slack)
				}
			}
			if a.row[a.column[i]] != i {
				t.Fatalf("seed %d: row and column %d disagree", seed, i)
			}
		}
		if math.Abs(primal-dual) > 1e-9*(1+math.Abs(primal)) {
			t.Fatalf("seed %d: cost %v, bound %v", seed, primal, dual)
		}
	}
}

func BenchmarkAssign(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 6))
	const n = 512
	score := make([]float64, n*n)
	for i := range score {
		score[i] = rng.NormFloat64()
	}
	for b.Loop() {
		linearAssignment(b.Context(), score, n)
	}
}

// A context that ends while a wide layer is matched ends the matching: the search says so, and its order is not used.
func TestAssignmentEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a := solve(ctx, make([]float64, 9), 3); a != nil {
		t.Errorf("assigned %v", a.column)
	}
	if got := linearAssignment(ctx, []float64{0, 1, 1, 0}, 2); !slices.Equal(got, Identity(2)) {
		t.Errorf("order %v, want the identity", got)
	}
}
