package flow_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx"
)

// viewer draws nodes that look at a weight in other ways. The shapes are the test's own account of what they make.
type viewer struct {
	*graphtest.Builder
	g     *random.Generator
	name  string
	shape []int
	nodes int
}

func (d *viewer) put(op string, numbers []int64, attributes ...any) {
	d.nodes++
	name := fmt.Sprint("view", d.nodes)
	in := []string{d.name}
	if numbers != nil {
		in = append(in, d.Ints(name+".numbers", numbers...))
	}
	d.name = d.Node(name, op, in, attributes...)
}

// elements is the number of elements of an array of a shape.
func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// signed is an axis as files give it: counted from the front or from the end.
func (d *viewer) signed(axis, rank int) int64 {
	if d.g.IntN(2) == 0 {
		return int64(axis - rank)
	}
	return int64(axis)
}

// view adds one random node.
func (d *viewer) view() {
	switch d.g.IntN(6) {
	case 0:
		d.put("Identity", nil)
	case 1:
		perm, shape := []int64{}, []int{}
		for _, p := range d.g.Perm(len(d.shape)) {
			perm, shape = append(perm, int64(p)), append(shape, d.shape[p])
		}
		d.put("Transpose", nil, "perm", perm)
		d.shape = shape
	case 2:
		d.reshape()
	case 3:
		k := d.g.IntN(len(d.shape) + 1)
		d.put("Flatten", nil, "axis", k)
		d.shape = []int{elements(d.shape[:k]), elements(d.shape[k:])}
	case 4:
		k := d.g.IntN(len(d.shape) + 1)
		d.put("Unsqueeze", []int64{d.signed(k, len(d.shape)+1)})
		d.shape = slices.Insert(slices.Clone(d.shape), k, 1)
	case 5:
		if k := slices.Index(d.shape, 1); k >= 0 && len(d.shape) > 1 {
			d.put("Squeeze", []int64{d.signed(k, len(d.shape))})
			d.shape = slices.Delete(slices.Clone(d.shape), k, k+1)
		}
	}
}

// reshape merges two axes or cuts one in two; a length may be given as 0 or -1.
func (d *viewer) reshape() {
	shape := slices.Clone(d.shape)
	if k := d.g.IntN(len(shape)); k+1 < len(shape) {
		shape = slices.Replace(shape, k, k+2, shape[k]*shape[k+1])
	} else if shape[k]%2 == 0 {
		shape = slices.Replace(shape, k, k+1, 2, shape[k]/2)
	}
	to := []int64{}
	for _, n := range shape {
		to = append(to, int64(n))
	}
	if to[0] == int64(d.shape[0]) && d.g.IntN(2) == 0 {
		to[0] = 0
	}
	if d.g.IntN(2) == 0 {
		to[len(to)-1] = -1
	}
	d.put("Reshape", to)
	d.shape = shape
}

// drawViews is a network x * view(weight), with the shape that the weight has there.
func drawViews(t *testing.T, seed uint64) (*onnx.Model, []int) {
	d := &viewer{Builder: graphtest.New(t, seed+1), g: random.New(seed, 31)}
	for range 1 + d.g.IntN(3) {
		d.shape = append(d.shape, 1+d.g.IntN(4))
	}
	d.name = d.Weight("weight", d.shape...)
	for range d.g.IntN(6) {
		d.view()
	}
	dims := []int64{}
	for _, n := range d.shape {
		dims = append(dims, int64(n))
	}
	d.Output(d.Node("y", "Mul", []string{d.Shaped("x", dims...), d.name}))
	return d.Load(), d.shape
}

// A weight is seen through any chain of nodes that turn it, in the shape that the network computes with; where an axis
// of it is said to be one of the tensor's, changing the tensor at one position changes the outputs at that position.
func TestRandomViewsAgainstTheNetwork(t *testing.T) {
	followed := 0
	for seed := range uint64(250) {
		m, shape := drawViews(t, seed)
		v := read(t, m)
		if len(v.Units) != 1 || len(v.Units[0].Params) != 1 {
			t.Fatalf("seed %d: layers %s", seed, describe(v))
		}
		p := v.Units[0].Params[0]
		before := graphtest.Outputs(t, m)[0]
		if p.C.Name() != "weight" || !slices.Equal(p.C.Shape, shape) || !slices.Equal(before.Shape, shape) {
			t.Fatalf("seed %d: %s is seen as %v, the network computes %v, want %v", seed, p.C.Name(), p.C.Shape,
				before.Shape, shape)
		}
		for k := range shape {
			if axis := p.C.TensorAxis(k); axis >= 0 && p.C.TensorAxis(k-len(shape)) == axis {
				followed++
				checkAxis(t, m, p, axis, before.F, k)
			}
		}
	}
	if followed < 250 {
		t.Errorf("%d axes were followed", followed)
	}
}

// checkAxis changes a parameter at each position of an axis of the stored tensor; the outputs must change at the same
// position of axis k of what its reader sees.
func checkAxis(t *testing.T, m *onnx.Model, p *flow.Param, axis int, before []float32, k int) {
	t.Helper()
	if p.C.FileShape()[axis] != p.C.Shape[k] {
		t.Fatalf("axis %d of %v is said to be axis %d of the tensor %v", k, p.C.Shape, axis, p.C.FileShape())
	}
	for i := range p.C.Shape[k] {
		after := graphtest.Outputs(t, changed(t, m, p, axis, i))[0]
		if got := changedAlong(before, after.F, p.C.Shape, k); !slices.Equal(got, []int{i}) {
			t.Fatalf("position %d of axis %d of %v changes %v of axis %d of %v", i, axis, p.C.FileShape(), got, k,
				p.C.Shape)
		}
	}
}
