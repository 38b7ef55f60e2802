package pairing_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/graphmatch/internal/pairing"
	"github.com/softmerge/softmerge/graphmatch/random"
)

// plan is a network of blocks of two layers, each reading the sum of one or two arrays: the input or earlier blocks'
// results. All arrays have four columns.
type plan []block

type block struct {
	from  []int // arrays: 0 is the input, i+1 the result of block i
	width int   // between the block's layers
	act   string
}

// drawPlan draws a network in which many blocks look alike.
func drawPlan(g *random.Generator) plan {
	p := plan{}
	for i := range 2 + g.IntN(6) {
		b := block{from: []int{g.IntN(i + 1)}, width: 4 + g.IntN(2), act: []string{"Relu", "Tanh"}[g.IntN(2)]}
		if second := g.IntN(i + 1); second != b.from[0] && g.IntN(2) == 0 {
			b.from = append(b.from, second)
		}
		p = append(p, b)
	}
	return p
}

// build draws the network with weights from a seed; name gives each block its name, "" leaving the block out, so that
// its readers read what it reads first.
func (p plan) build(t testing.TB, seed uint64, name func(int) string) *graphtest.Builder {
	d := graphtest.New(t, seed)
	arrays, read := []string{d.Shaped("x", 2, 4)}, map[string]bool{}
	for i, b := range p {
		n := name(i)
		if n == "" {
			arrays = append(arrays, arrays[b.from[0]])
			continue
		}
		x := arrays[b.from[0]]
		read[x] = true
		for _, k := range b.from[1:] {
			read[arrays[k]] = true
			x = d.Node(n+".sum", "Add", []string{x, arrays[k]})
		}
		h := d.Node(n+".act", b.act, []string{d.Linear(n+".up", x, 4, b.width)})
		arrays = append(arrays, d.Linear(n+".down", h, b.width, 4))
	}
	// What nothing reads is summed, in order.
	x := ""
	for i, a := range slices.Compact(slices.Clone(arrays)) {
		switch {
		case read[a]:
		case x == "":
			x = a
		default:
			x = d.Node(fmt.Sprint("total", i), "Add", []string{x, a})
		}
	}
	d.Output(d.Node("end", "Sigmoid", []string{x}))
	return d
}

// disguised puts a model's nodes into a random order and exchanges the inputs of sums.
func disguised(d *graphtest.Builder, seed uint64) *graphtest.Builder {
	g := random.New(seed, 42)
	for _, n := range d.Model.Graph.Node {
		if n.GetOpType() == "Add" && g.IntN(2) == 0 {
			slices.Reverse(n.Input)
		}
	}
	shuffled(d.Model, seed)
	return d
}

// plain names blocks by their numbers.
func plain(i int) string { return fmt.Sprint("block", i) }

// renamed names blocks by other numbers, which say nothing.
func renamed(g *random.Generator, n int) func(int) string {
	order := g.Perm(n)
	return func(i int) string { return fmt.Sprint("part", order[i]) }
}

// A network and the same in disguise, with other names and nodes in another order: each layer is paired with the one
// that has its weights, both ways.
func TestPairDisguisedModels(t *testing.T) {
	for seed := range uint64(120) {
		g := random.New(seed, 41)
		p := drawPlan(g)
		other := renamed(g, len(p))
		a, b := read(t, p.build(t, 1, plain)), read(t, disguised(p.build(t, 1, other), seed))
		there, back := names(pairing.Pair(a, b)), names(pairing.Pair(b, a))
		if len(there) != 2*len(p) {
			t.Fatalf("seed %d: %d of %d layers", seed, len(there), 2*len(p))
		}
		for i := range p {
			for _, layer := range []string{".up.weight", ".down.weight"} {
				x, y := plain(i)+layer, other(i)+layer
				if there[x] != y || back[y] != x {
					t.Fatalf("seed %d: %s is paired with %s, want %s, which is paired with %s", seed, x, there[x], y,
						back[y])
				}
			}
		}
	}
}

// Networks of one structure and different weights: whatever ties there are, a pairing maps each block onto one of the
// same form that reads the counterparts of what it reads.
func TestPairsKeepTheStructure(t *testing.T) {
	for seed := range uint64(120) {
		g := random.New(seed, 43)
		p := drawPlan(g)
		other := renamed(g, len(p))
		got := names(pairing.Pair(read(t, p.build(t, 1, plain)), read(t, disguised(p.build(t, 2, other), seed))))
		to := []int{0} // the counterpart of each array
		for i := range p {
			k := -1
			for j := range p {
				if got[plain(i)+".up.weight"] == other(j)+".up.weight" {
					k = j
				}
			}
			if k < 0 || got[plain(i)+".down.weight"] != other(k)+".down.weight" {
				t.Fatalf("seed %d: block %d is taken apart: %v", seed, i, got)
			}
			to = append(to, k+1)
		}
		for i, b := range p {
			var from []int
			for _, k := range b.from {
				from = append(from, to[k])
			}
			image := p[to[i+1]-1]
			want := slices.Sorted(slices.Values(image.from))
			if slices.Sort(from); !slices.Equal(from, want) || b.width != image.width || b.act != image.act {
				t.Fatalf("seed %d: block %d %v is paired with block %d %v, arrays with %v", seed, i, b, to[i+1]-1,
					image,
					to)
			}
		}
		if list := slices.Sorted(slices.Values(to)); len(slices.Compact(list)) != len(to) {
			t.Fatalf("seed %d: two blocks are paired with one: %v", seed, to)
		}
	}
}

// Networks that differ in one block, under the same names: all other layers are paired with their namesakes, and the
// one that differs is seen by its shape or has no counterpart.
func TestPairModelsThatDifferInOneBlock(t *testing.T) {
	for seed := range uint64(120) {
		g := random.New(seed, 44)
		p := drawPlan(g)
		at := g.IntN(len(p))
		q, name := slices.Clone(p), plain
		change := []string{"width", "activation", "gone"}[g.IntN(3)]
		switch change {
		case "width":
			q[at].width = 9
		case "activation":
			q[at].act = "Softplus"
		case "gone":
			name = func(i int) string {
				if i == at {
					return ""
				}
				return plain(i)
			}
		}
		a, b := read(t, p.build(t, 1, plain)), read(t, disguised(q.build(t, 2, name), seed))
		pairs, _ := pairing.Pair(a, b)
		for u, w := range pairs {
			x, y := u.Params[0].C.Name(), w.Params[0].C.Name()
			differs := !slices.Equal(u.CanonicalShape(u.Params[0]), w.CanonicalShape(w.Params[0]))
			if x != y || differs != (change == "width" && strings.HasPrefix(x, plain(at)+".")) {
				t.Fatalf("seed %d, %s of %d: %s is paired with %s, shapes differ: %v", seed, change, at, x, y, differs)
			}
		}
		want := 2 * len(p)
		if change == "gone" {
			want -= 2
		}
		if len(pairs) != want {
			t.Fatalf("seed %d, %s of %d: %d of %d layers", seed, change, at, len(pairs), want)
		}
	}
}

// Two branches that only the weights of their first layers tell apart: the second layers follow the first ones.
func TestPairsOfOneBranchStayTogether(t *testing.T) {
	build := func(seed uint64, prefix string, exchanged bool) *graphtest.Builder {
		d := graphtest.New(t, 1)
		x := d.Shaped("x", 2, 4)
		// The first layers have the same weights whatever the seed.
		ups := []string{d.Linear(prefix+"1.up", x, 4, 5), d.Linear(prefix+"2.up", x, 4, 5)}
		d.Rng = graphtest.New(t, seed).Rng
		var downs []string
		for i, up := range ups {
			name := fmt.Sprint(prefix, i+1)
			downs = append(downs, d.Linear(name+".down", d.Node(name+".act", "Relu", []string{up}), 5, 4))
		}
		if exchanged {
			slices.Reverse(downs)
		}
		d.Output(d.Node("sum", "Add", downs))
		return d
	}
	for seed := range uint64(20) {
		for _, exchanged := range []bool{false, true} {
			a, b := build(100+seed, "p", false), build(200+seed, "q", exchanged)
			got := names(pairing.Pair(read(t, a), read(t, b)))
			for _, layer := range []string{"1.up", "2.up", "1.down", "2.down"} {
				if y := got["p"+layer+".weight"]; y != "q"+layer+".weight" {
					t.Errorf("seed %d, exchanged %v: p%s is paired with %s", seed, exchanged, layer, y)
				}
			}
		}
	}
}
