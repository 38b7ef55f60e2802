package symmetry_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/graphmatch/internal/symmetry"
	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx"
)

// A network with one set of hidden units whose order may be free or not. The truth is found by brute force: the tensors
// that count the units are put into random orders, by the test's own code, and the network is run.
type network struct {
	build func(d *graphtest.Builder)
	count map[string]int // the axes that count the units, by tensor
	both  string         // a tensor whose second axis counts them too
	size  int
	free  bool
}

// units is how many hidden units the small networks have.
const units = 6

// dense is a network x [2, 3] -> units -> operator -> 4 outputs, of linear layers. more are axes of the operator's own
// parameters.
func dense(free bool, operator func(d *graphtest.Builder, h string) string, more map[string]int) network {
	n := network{size: units, free: free, count: map[string]int{"w1": 1, "w2": 0}}
	for name, axis := range more {
		n.count[name] = axis
	}
	n.build = func(d *graphtest.Builder) {
		d.Model.OpsetImport[0].Version = proto.Int64(21)
		h := d.Node("first", "MatMul", []string{d.Shaped("x", 2, 3), d.Weight("w1", 3, units)})
		d.Output(d.Node("last", "MatMul", []string{operator(d, h), d.Weight("w2", units, 4)}))
	}
	return n
}

// image is the same with an image x [1, 3, 4, 4] and convolutions.
func image(free bool, operator func(d *graphtest.Builder, h string) string, more map[string]int) network {
	n := network{size: units, free: free, count: map[string]int{"w1": 0, "w2": 1}}
	for name, axis := range more {
		n.count[name] = axis
	}
	n.build = func(d *graphtest.Builder) {
		d.Model.OpsetImport[0].Version = proto.Int64(21)
		h := d.Node("first", "Conv", []string{d.Shaped("x", 1, 3, 4, 4), d.Weight("w1", units, 3, 1, 1)})
		d.Output(d.Node("last", "Conv", []string{operator(d, h), d.Weight("w2", 4, units, 1, 1)}))
	}
	return n
}

// check compares what the rules derive with the truth.
func (n network) check(t *testing.T) {
	d := graphtest.New(t, 1)
	n.build(d)
	m := d.Load()
	if kept := n.keepsOutputs(t, m); kept != n.free {
		t.Fatalf("brute force: any order keeps the outputs: %v, want %v", kept, n.free)
	}
	want := []int{}
	if n.free {
		want = []int{n.size}
	}
	if got := setSizes(t, m); !slices.Equal(got, want) {
		t.Errorf("sets of %v units are free, want %v", got, want)
	}
	for seed := range uint64(3) {
		moved, _, err := graphtest.Scramble(m, seed)
		if err != nil {
			t.Fatal(err)
		}
		graphtest.SameOutputs(t, m, moved)
	}
}

// setSizes are the sizes of the sets that may be reordered.
func setSizes(t *testing.T, m *onnx.Model) []int {
	t.Helper()
	v, err := flow.Read(m)
	if err != nil {
		t.Fatal(err)
	}
	sizes := []int{}
	for _, s := range symmetry.Trace(v).Sets {
		sizes = append(sizes, s.Size)
	}
	return sizes
}

// keepsOutputs tells whether the network computes the same with its units in other orders.
func (n network) keepsOutputs(t *testing.T, m *onnx.Model) bool {
	rng := random.New(7, 0)
	for range 4 {
		order := rng.Perm(n.size)
		for slices.IsSorted(order) {
			order = rng.Perm(n.size)
		}
		moved := reordered(t, m, n.count, order)
		if n.both != "" {
			moved = reordered(t, moved, map[string]int{n.both: 1}, order)
		}
		if difference(t, m, moved) > 1e-4 {
			return false
		}
	}
	return true
}

// reordered is a model with axes of some tensors in a new order.
func reordered(t *testing.T, m *onnx.Model, count map[string]int, order []int) *onnx.Model {
	t.Helper()
	var edits []onnx.Edit
	for _, x := range m.Proto().GetGraph().GetInitializer() {
		axis, ok := count[x.GetName()]
		if !ok {
			continue
		}
		edits = append(edits, onnx.SetValues(x, func() ([]float64, error) {
			values, err := m.Tensor(x).Doubles(nil)
			return reorderedAxis(values, x.GetDims(), axis, order), err
		}))
	}
	if len(edits) != len(count) {
		t.Fatalf("%d of the tensors %v", len(edits), count)
	}
	moved, err := m.With(edits...)
	if err != nil {
		t.Fatal(err)
	}
	return moved
}

// reorderedAxis gives an array whose positions along an axis come in a new order, element by element.
func reorderedAxis(x []float64, shape []int64, axis int, order []int) []float64 {
	inner := 1
	for _, d := range shape[axis+1:] {
		inner *= int(d)
	}
	out := make([]float64, len(x))
	for i := range out {
		position := i / inner % int(shape[axis])
		out[i] = x[i+(order[position]-position)*inner]
	}
	return out
}

// difference is the largest difference between the outputs of two models, relative to the largest output.
func difference(t *testing.T, a, b *onnx.Model) float64 {
	x, y := graphtest.Outputs(t, a), graphtest.Outputs(t, b)
	scale, most := 1e-3, 0.0
	for k := range x {
		for i, v := range x[k].F {
			scale = max(scale, math.Abs(float64(v)))
			if d := math.Abs(float64(v) - float64(y[k].F[i])); !(d <= most) {
				most = d
			}
		}
	}
	return most / scale
}

// checkAll checks networks by name.
func checkAll(t *testing.T, list map[string]network) {
	for name, n := range list {
		t.Run(name, n.check)
	}
}

// join makes one name of several.
func join(parts ...any) string { return fmt.Sprint(parts...) }

// opset is an operator set version of ONNX for a model.
func opset(version int64) *int64 { return &version }
