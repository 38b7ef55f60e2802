package symmetry_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx"
)

// chain is a network x -> units -> any number of random operators -> outputs, as it is drawn: an array whose shape is
// known, one axis of which counts the units. The steps know which axes of their parameters count the units too, so that
// an order can be tried without asking the rules.
type chain struct {
	*graphtest.Builder
	g       *random.Generator
	version int64
	h       string
	shape   []int
	axis    int // of the units
	size    int // number of units
	count   []countedAxis
	nodes   int
	steps   []string
}

// countedAxis is an axis of a tensor that counts the units.
type countedAxis struct {
	tensor string
	axis   int
}

// newChain draws the first layer, whose units are the last axis.
func newChain(t *testing.T, seed uint64) *chain {
	g := random.New(seed, 21)
	c := &chain{Builder: graphtest.New(t, seed+1), g: g, size: 2 + g.IntN(4)}
	c.version = []int64{11, 13, 18, 21}[g.IntN(4)]
	c.Model.OpsetImport[0].Version = proto.Int64(c.version)
	outer := []int64{}
	for range 1 + g.IntN(3) {
		outer = append(outer, int64(1+g.IntN(3)))
		c.shape = append(c.shape, int(outer[len(outer)-1]))
	}
	c.axis, c.shape = len(c.shape), append(c.shape, c.size)
	x := c.Shaped("x", append(outer, 3)...)
	c.h = c.Node("first", "MatMul", []string{x, c.counted("w1", 1, 3, c.size)})
	return c
}

// counted is a weight with an axis that counts the units.
func (c *chain) counted(name string, axis int, shape ...int) string {
	c.count = append(c.count, countedAxis{name, axis})
	return c.Weight(name, shape...)
}

// name is one that no other node or tensor has.
func (c *chain) name(of string) string {
	c.nodes++
	return join(of, ".", c.nodes)
}

// put makes the result of an operator the array that the next step works on.
func (c *chain) put(op string, inputs []string, attributes ...any) {
	c.h = c.Node(c.name(op), op, inputs, attributes...)
}

// signed is an axis as files give it: counted from the front or, since opset 11, from the end.
func (c *chain) signed(axis, rank int) int {
	if c.g.IntN(2) == 0 {
		return axis - rank
	}
	return axis
}

// other is an axis that does not count the units, -1 if there is none.
func (c *chain) other() int {
	if len(c.shape) < 2 {
		return -1
	}
	k := c.g.IntN(len(c.shape) - 1)
	if k >= c.axis {
		k++
	}
	return k
}

// finish makes the units the last axis again and adds the last layer.
func (c *chain) finish() *onnx.Model {
	perm := []int64{}
	for k := range c.shape {
		if k != c.axis {
			perm = append(perm, int64(k))
		}
	}
	c.put("Transpose", []string{c.h}, "perm", append(perm, int64(c.axis)))
	c.Output(c.Node("last", "MatMul", []string{c.h, c.counted("w2", 0, c.size, 3)}))
	return c.Load()
}

// keeps tells whether random orders of all axes that count the units leave the outputs alone.
func (c *chain) keeps(t *testing.T, m *onnx.Model) bool {
	for range 3 {
		order := c.g.Perm(c.size)
		for slices.IsSorted(order) {
			order = c.g.Perm(c.size)
		}
		moved := m
		for _, x := range c.count {
			moved = reordered(t, moved, map[string]int{x.tensor: x.axis}, order)
		}
		if difference(t, m, moved) > 1e-4 {
			return false
		}
	}
	return true
}

// step is one random operator. fits tells whether it can follow what there is.
type step struct {
	fits func(c *chain) bool
	add  func(c *chain)
}

func always(*chain) bool { return true }

// hasOther tells whether there is an axis besides that of the units.
func hasOther(c *chain) bool { return len(c.shape) > 1 }

// follow draws a number of steps by name from a table; steps that do not fit are left out.
func (c *chain) follow(table map[string]step, number int) {
	names := sortedNames(table)
	for range number {
		name := names[c.g.IntN(len(names))]
		if table[name].fits(c) {
			c.steps = append(c.steps, name)
			table[name].add(c)
		}
	}
}

func sortedNames(table map[string]step) (names []string) {
	for name := range table {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Operators that keep the order free do so whatever follows them, at any rank and with the units along any axis: random
// orders leave the outputs alone, and the rules find the set.
func TestRandomChainsOfFreeOperators(t *testing.T) {
	number := uint64(2000)
	if testing.Short() {
		number = 1000
	}
	used := map[string]bool{}
	for seed := range number {
		c := newChain(t, seed)
		c.follow(keeping, 1+c.g.IntN(5))
		m := c.finish()
		if !c.keeps(t, m) {
			t.Fatalf("seed %d: brute force: orders change the outputs behind %v", seed, c.steps)
		}
		if got := setSizes(t, m); !slices.Equal(got, []int{c.size}) {
			t.Fatalf("seed %d: sets of %v units are free behind %v, want %d", seed, got, c.steps, c.size)
		}
		checkScrambled(t, m, seed)
		for _, s := range c.steps {
			used[s] = true
		}
	}
	if len(used) != len(keeping) {
		t.Errorf("%d of %d operators were drawn", len(used), len(keeping))
	}
}

// One operator that tells units apart fixes the order, whatever stands before and behind it.
func TestRandomChainsWithAFixingOperator(t *testing.T) {
	around := map[string]step{} // these lose nothing of the array, so that a changed order shows in the end
	for _, name := range []string{"elementwise", "parameter", "transpose", "unsqueeze"} {
		around[name] = keeping[name]
	}
	for _, name := range sortedNames(fixing) {
		found := false
		for seed := range uint64(25) {
			c := newChain(t, seed)
			c.follow(around, c.g.IntN(3))
			if !fixing[name].fits(c) {
				continue
			}
			found = true
			c.steps = append(c.steps, name)
			fixing[name].add(c)
			c.follow(around, c.g.IntN(3))
			m := c.finish()
			if c.keeps(t, m) {
				t.Fatalf("seed %d: brute force: no order changes the outputs behind %v", seed, c.steps)
			}
			if got := setSizes(t, m); len(got) > 0 {
				t.Fatalf("seed %d: sets of %v units are free behind %v", seed, got, c.steps)
			}
		}
		if !found {
			t.Errorf("%s was never drawn", name)
		}
	}
}

// checkScrambled checks that a random order of all free sets, as the rules have them, leaves the outputs alone.
func checkScrambled(t *testing.T, m *onnx.Model, seed uint64) {
	t.Helper()
	moved, _, err := graphtest.Scramble(m, seed)
	if err != nil {
		t.Fatal(err)
	}
	graphtest.SameOutputs(t, m, moved)
}
