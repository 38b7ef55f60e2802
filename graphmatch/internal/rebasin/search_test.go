package rebasin_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/graphmatch/internal/rebasin"
	"github.com/softmerge/softmerge/graphmatch/internal/symmetry"
	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx"
)

// chain is a network of linear layers with a residual sum, of small sets of hidden units.
func chain(t testing.TB, seed uint64) *onnx.Model {
	d := graphtest.New(t, seed)
	h := d.Node("relu", "Relu", []string{d.Linear("first", d.Shaped("x", 2, 3), 3, 4)})
	up := d.Node("gate", "Sigmoid", []string{d.Linear("up", h, 4, 3)})
	h = d.Node("sum", "Add", []string{h, d.Linear("down", up, 3, 4)})
	d.Output(d.Linear("last", h, 4, 2))
	return d.Load()
}

// matching reads two models of one architecture into a matcher.
func matching(t testing.TB, base, model *onnx.Model) (*flow.Network, *symmetry.Symmetry, *rebasin.Matcher) {
	t.Helper()
	v, err := flow.Read(model)
	if err != nil {
		t.Fatal(err)
	}
	sym := symmetry.Trace(v)
	m := rebasin.NewMatcher(sym)
	for _, b := range sym.Blocks {
		name := b.Param.C.Name()
		if b.Movable() && !m.Add(b, stored(t, base, name), stored(t, model, name)) {
			t.Fatalf("%s has too few values", name)
		}
	}
	return v, sym, m
}

func stored(t testing.TB, m *onnx.Model, name string) []float32 {
	t.Helper()
	for _, x := range m.Proto().GetGraph().GetInitializer() {
		if x.GetName() == name {
			list, err := m.Tensor(x).Floats(nil)
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
	}
	t.Fatalf("no tensor %s", name)
	return nil
}

// cosine is that of all weights of two models that some set counts.
func cosine(t testing.TB, sym *symmetry.Symmetry, a, b *onnx.Model) float64 {
	var ab, aa, bb float64
	for _, block := range sym.Blocks {
		if !block.Movable() {
			continue
		}
		x, y := stored(t, a, block.Param.C.Name()), stored(t, b, block.Param.C.Name())
		for i := range x {
			ab += float64(x[i]) * float64(y[i])
			aa += float64(x[i]) * float64(x[i])
			bb += float64(y[i]) * float64(y[i])
		}
	}
	return ab / math.Sqrt(aa*bb)
}

// The search ends no worse than it began, where no order of a single set is better, and the reordered file has the
// cosine that the matcher says and computes what it did.
func TestSearchEndsAtAnOptimum(t *testing.T) {
	for seed := range uint64(20) {
		base, model := chain(t, 2*seed), chain(t, 2*seed+1)
		v, sym, m := matching(t, base, model)
		if got := fmt.Sprint(len(m.Order[0]), len(m.Order[1])); len(m.Order) != 2 || got != "4 3" {
			t.Fatalf("orders %v", m.Order)
		}
		before := m.Cosine()
		if want := cosine(t, sym, base, model); math.Abs(before-want) > 1e-6 {
			t.Fatalf("seed %d: cosine %v before, want %v", seed, before, want)
		}
		if err := m.Search(t.Context(), seed, 2, 50); err != nil {
			t.Fatal(err)
		}
		best := m.Cosine()
		if best < before-1e-9 {
			t.Errorf("seed %d: cosine fell from %v to %v", seed, before, best)
		}
		moved, err := model.With(rebasin.Reorder(v, sym, m.Order)...)
		if err != nil {
			t.Fatal(err)
		}
		graphtest.SameOutputs(t, model, moved)
		if got := cosine(t, sym, base, moved); math.Abs(got-best) > 1e-6 {
			t.Errorf("seed %d: the file has cosine %v, the matcher says %v", seed, got, best)
		}
		for set, order := range m.Order {
			found, g := slices.Clone(order), random.New(seed, uint64(set))
			for range 60 {
				m.Order[set] = g.Perm(len(order))
				if m.Cosine() > best+1e-5 {
					t.Errorf("seed %d: set %d in order %v has cosine %v, found %v", seed, set, m.Order[set], m.Cosine(),
						best)
				}
			}
			m.Order[set] = found
		}
	}
}

// A model whose units were put into another order is brought back exactly, from any seed.
func TestSearchUndoesAnOrder(t *testing.T) {
	base := chain(t, 5)
	for seed := range uint64(20) {
		model, _, err := graphtest.Scramble(base, seed)
		if err != nil {
			t.Fatal(err)
		}
		v, sym, m := matching(t, base, model)
		if err := m.Search(t.Context(), seed, 2, 50); err != nil {
			t.Fatal(err)
		}
		if m.Cosine() < 1-1e-6 {
			t.Errorf("seed %d: cosine %v", seed, m.Cosine())
		}
		back, err := model.With(rebasin.Reorder(v, sym, m.Order)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"first.weight", "up.bias", "down.weight", "last.weight"} {
			if !slices.Equal(stored(t, base, name), stored(t, back, name)) {
				t.Errorf("seed %d: %s is not as it was", seed, name)
			}
		}
	}
}

// The same seed gives the same orders.
func TestSearchIsReproducible(t *testing.T) {
	base, model := chain(t, 1), chain(t, 2)
	_, _, a := matching(t, base, model)
	_, _, b := matching(t, base, model)
	if err := a.Search(t.Context(), 9, 3, 50); err != nil {
		t.Fatal(err)
	}
	if err := b.Search(t.Context(), 9, 3, 50); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(a.Order) != fmt.Sprint(b.Order) {
		t.Errorf("%v and %v", a.Order, b.Order)
	}
}

// A tensor that two layers read in different orders is copied for the one; one that both read in one order is not.
func TestSharedTensors(t *testing.T) {
	build := func(summed bool) *onnx.Model {
		d := graphtest.New(t, 3)
		x, bias := d.Shaped("x", 2, 3), d.Weight("bias", 4)
		layer := func(name string) string {
			return d.Node(name, "Add", []string{d.Node(name+".m", "MatMul",
				[]string{x, d.Weight(name+".weight", 3, 4)}), bias})
		}
		a, b := layer("a"), layer("b")
		if summed {
			d.Output(d.Linear("last", d.Node("sum", "Mul", []string{a, b}), 4, 2))
		} else {
			d.Output(d.Node("sum", "Add", []string{d.Linear("left", a, 4, 2), d.Linear("right", b, 4, 2)}))
		}
		return d.Load()
	}
	for summed, copies := range map[bool]int{true: 0, false: 1} {
		m := build(summed)
		v, err := flow.Read(m)
		if err != nil {
			t.Fatal(err)
		}
		sym := symmetry.Trace(v)
		var order [][]int
		for i, set := range sym.Sets {
			o := rebasin.Identity(set.Size)
			slices.Reverse(o[i:]) // another for every set
			order = append(order, o)
		}
		moved, err := m.With(rebasin.Reorder(v, sym, order)...)
		if err != nil {
			t.Fatal(err)
		}
		graphtest.SameOutputs(t, m, moved)
		count := func(m *onnx.Model) int { return len(m.Proto().GetGraph().GetInitializer()) }
		if got := count(moved) - count(m); got < copies || got > 2*copies {
			t.Errorf("read in one order %v: %d copies", summed, got)
		}
	}
}

// Orders that move nothing need no edits.
func TestIdentityNeedsNoEdits(t *testing.T) {
	m := chain(t, 1)
	v, sym, match := matching(t, m, m)
	if edits := rebasin.Reorder(v, sym, match.Order); len(edits) != 0 {
		t.Errorf("%d edits", len(edits))
	}
	if c := match.Cosine(); math.Abs(c-1) > 1e-6 {
		t.Errorf("cosine %v of a model with itself", c)
	}
}

// A search ends with its context.
func TestSearchStopsWhenCancelled(t *testing.T) {
	_, _, m := matching(t, chain(t, 1), chain(t, 2))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Search(ctx, 1, 2, 50); err != context.Canceled {
		t.Errorf("got %v", err)
	}
}
