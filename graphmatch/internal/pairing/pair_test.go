package pairing_test

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/graphmatch/internal/pairing"
	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// network is a chain of residual blocks; the widths of blocks differ, so that layers can be told apart by shape. Names
// start with prefix; skip leaves a block out.
func network(t testing.TB, prefix string, seed uint64, skip int) *graphtest.Builder {
	d := graphtest.New(t, seed)
	x := d.Linear(prefix+"stem", d.Shaped("x", 2, 3), 3, 8)
	for i, width := range []int{4, 5, 6, 7} {
		if i == skip {
			continue
		}
		name := fmt.Sprint(prefix, "block", i)
		up := d.Node(name+".relu", "Relu", []string{d.Linear(name+".up", x, 8, width)})
		x = d.Node(name+".sum", "Add", []string{x, d.Linear(name+".down", up, width, 8)})
	}
	d.Output(d.Linear(prefix+"head", x, 8, 2))
	return d
}

// shuffled puts the nodes of a model into a random order; readers find them all the same.
func shuffled(m *onnxpb.ModelProto, seed uint64) {
	g := random.New(seed, 1)
	g.Shuffle(len(m.Graph.Node), func(i, j int) { m.Graph.Node[i], m.Graph.Node[j] = m.Graph.Node[j], m.Graph.Node[i] })
}

func read(t testing.TB, d *graphtest.Builder) *flow.Network {
	t.Helper()
	v, err := flow.Read(d.Load())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// names are a pairing as names.
func names(p pairing.Pairs, _ pairing.Ends) map[string]string {
	out := map[string]string{}
	for u, w := range p {
		out[u.Params[0].C.Name()] = w.Params[0].C.Name()
	}
	return out
}

// Networks of one architecture pair layer by layer, whatever the names and the order of nodes; backwards too.
func TestPairSameArchitecture(t *testing.T) {
	for seed := range uint64(20) {
		a, b := network(t, "", 1, -1), network(t, "z.", 2, -1)
		shuffled(b.Model, seed)
		va, vb := read(t, a), read(t, b)
		got := names(pairing.Pair(va, vb))
		if len(got) != 10 {
			t.Fatalf("%d of 10 layers", len(got))
		}
		for x, y := range got {
			if y != "z."+x {
				t.Fatalf("%s is paired with %s", x, y)
			}
		}
		for y, x := range names(pairing.Pair(vb, va)) {
			if got[x] != y {
				t.Fatalf("backwards, %s is paired with %s", y, x)
			}
		}
	}
}

// A block that one network lacks leaves all others paired.
func TestPairWithoutABlock(t *testing.T) {
	for skip := range 4 {
		for _, prefix := range []string{"", "z."} {
			got := names(pairing.Pair(read(t, network(t, "", 1, -1)), read(t, network(t, prefix, 2, skip))))
			if len(got) != 8 {
				t.Errorf("without block %d, prefix %q: %d of 8 layers", skip, prefix, len(got))
			}
			for x, y := range got {
				if y != prefix+x {
					t.Errorf("without block %d, prefix %q: %s is paired with %s", skip, prefix, x, y)
				}
			}
		}
	}
}

// twins is a network with two branches that nothing but names, weights and order tells apart.
func twins(t testing.TB, first, second string, seed uint64) *graphtest.Builder {
	d := graphtest.New(t, seed)
	x := d.Shaped("x", 2, 3)
	a, b := d.Linear(first, x, 3, 4), d.Linear(second, x, 3, 4)
	d.Output(d.Node("sum", "Add", []string{a, b}))
	return d
}

// Names break ties; where they say nothing, weights that are alike do.
func TestPairTies(t *testing.T) {
	byName := names(pairing.Pair(read(t, twins(t, "left", "right", 1)), read(t, twins(t, "right", "left", 2))))
	for x, y := range byName {
		if x != y {
			t.Errorf("%s is paired with %s", x, y)
		}
	}
	if len(byName) != 2 {
		t.Errorf("%d of 2 layers", len(byName))
	}
	// The same weights under names that exporters make up, with the branches exchanged.
	a, b := twins(t, "onnx::1", "onnx::2", 1), twins(t, "onnx::1", "onnx::2", 1)
	for _, n := range b.Model.Graph.Node {
		n.Name = proto.String("")
		if n.GetOpType() == "Add" && n.GetOutput()[0] == "sum_out" {
			slices.Reverse(n.Input)
		}
	}
	slices.Reverse(b.Model.Graph.Node)
	for x, y := range names(pairing.Pair(read(t, a), read(t, b))) {
		if x != y {
			t.Errorf("weights of %s are paired with those of %s", x, y)
		}
	}
}

// Networks of nothing in common pair no layers of different kinds, and no layer twice.
func TestPairDifferentNetworks(t *testing.T) {
	d := graphtest.New(t, 1)
	x := d.Conv("conv1", d.Shaped("x", 1, 3, 4, 4), 3, 4, 3, 1)
	x = d.Node("flat", "Flatten", []string{d.Node("relu", "Relu", []string{d.Conv("conv2", x, 4, 4, 3, 1)})})
	d.Output(d.Linear("head", x, 64, 2))
	va, vb := read(t, network(t, "", 1, -1)), read(t, d)
	pairs, _ := pairing.Pair(va, vb)
	seen := map[*flow.Unit]bool{}
	for u, w := range pairs {
		if u.Kind != w.Kind || seen[w] {
			t.Errorf("%s %s is paired with %s %s", u.Kind, u.Name, w.Kind, w.Name)
		}
		seen[w] = true
	}
	if pairs[va.Units[len(va.Units)-1]] == nil {
		t.Error("the last layers share name and place and are not paired")
	}
}

// Names that say otherwise than the structure do not mislead: layers of one shape along a chain, whose names are those
// of other layers of the chain, are paired by their places; also where one network has preprocessing of its own.
func TestPairMisleadingNames(t *testing.T) {
	chain := func(seed uint64, begin bool, layers ...string) *graphtest.Builder {
		d := graphtest.New(t, seed)
		x := d.Shaped("x", 2, 4)
		if begin {
			x = d.Node("norm", "Sub", []string{x, d.Weight("mean", 4)})
		}
		for i, name := range layers {
			x = d.Node(fmt.Sprint("act", i), "Relu", []string{d.Linear(name, x, 4, 4)})
		}
		d.Output(x)
		return d
	}
	a := []string{"one", "two", "three", "four"}
	for _, b := range [][]string{{"two", "one", "three", "four"}, {"two", "three", "four", "one"},
		{"four", "three", "two", "one"}} {
		for _, begin := range []bool{false, true} {
			got := names(pairing.Pair(read(t, chain(1, false, a...)), read(t, chain(2, begin, b...))))
			for i := range a {
				if y := got[a[i]+".weight"]; y != b[i]+".weight" {
					t.Errorf("%v, preprocessing %v: %s is paired with %s", b, begin, a[i], y)
				}
			}
		}
	}
}
