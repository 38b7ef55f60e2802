package network

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// stamp is an operator that writes its number everywhere and remembers what it wrote, so that a reader can tell
// whether the elements it gets are still those of the node that it should read.
type stamp struct {
	number float32
	reads  []float32 // the numbers that its inputs must carry
}

func (s *stamp) Forward(_ *op.Context, in, out []*op.Tensor) error {
	for i, t := range in {
		for _, v := range t.F {
			if v != s.reads[i] {
				return fmt.Errorf("input %d carries %v, want %v", i, v, s.reads[i])
			}
		}
		for _, v := range t.I {
			if v != int64(s.reads[i]) {
				return fmt.Errorf("input %d carries %v, want %v", i, v, s.reads[i])
			}
		}
	}
	for _, t := range out {
		if t == nil {
			continue
		}
		for i := range t.F {
			t.F[i] = s.number
		}
		for i := range t.I {
			t.I[i] = int64(s.number)
		}
	}
	return nil
}

// randomDAG is a graph of stamps: several outputs a node, unread outputs, views, integers, any shape.
func randomDAG(r *rand.Rand, size int) *Graph {
	g := &Graph{&ir.Graph{}}
	var values []*ir.Value
	carries := map[*ir.Value]float32{}
	for k := range size {
		operator := &stamp{number: float32(k + 1)}
		n := &ir.Node{Name: fmt.Sprint(k), Run: operator}
		for range min(r.IntN(4), len(values)) {
			from := max(0, len(values)-1-r.IntN(12)) // mostly near, sometimes far
			if r.IntN(8) == 0 {
				from = r.IntN(len(values))
			}
			v := values[from]
			if r.IntN(4) == 0 {
				v = &ir.Value{Spec: op.Spec{Type: v.Spec.Type, Shape: []int{v.Spec.Len()}}, Param: -1, View: v}
			}
			n.In = append(n.In, v)
			operator.reads = append(operator.reads, carries[v.Root()])
		}
		for o := range 1 + r.IntN(2) {
			v := &ir.Value{Spec: op.Spec{Type: onnx.Float32,
				Shape: []int{r.IntN(5), 1 + r.IntN(40)}}, Param: -1, Node: n, Out: o}
			if r.IntN(4) == 0 {
				v.Spec.Type = onnx.Int64
			}
			n.Out = append(n.Out, v)
			if r.IntN(6) == 0 {
				n.Out[o] = nil // nobody reads it
				continue
			}
			values, carries[v] = append(values, v), operator.number
		}
		g.lowered.Nodes = append(g.lowered.Nodes, n)
	}
	for range 3 {
		if len(values) > 0 {
			v := values[r.IntN(len(values))]
			g.lowered.Outputs = append(g.lowered.Outputs, ir.Output{Spec: v.Spec, Value: v})
		}
	}
	return g
}

// TestLiveValuesShareNoBuffer runs random graphs twice: every node must find its
// inputs as their nodes wrote them, and so must the reader of the outputs.
func TestLiveValuesShareNoBuffer(t *testing.T) {
	shared := 0
	for seed := range uint64(300) {
		g := randomDAG(rand.New(rand.NewPCG(seed, 3)), 2+int(seed%60))
		r := NewRunner(g, nil)
		for range 2 {
			outs, err := r.Run(nil, nil)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for i, o := range outs {
				want := g.lowered.Outputs[i].Value.Node.Run.(*stamp).number
				for e := range o.Len() {
					if number(o, e) != float64(want) {
						t.Fatalf("seed %d: output %d carries %v, want %v", seed, i, number(o, e), want)
					}
				}
			}
		}
		shared += sharing(r)
	}
	if shared == 0 {
		t.Error("no buffer was ever shared")
	}
}

// sharing counts values whose first element is in a buffer with another value's.
func sharing(r *Runner) int {
	seen, shared := map[*float32]bool{}, 0
	for _, t := range r.values {
		if len(t.F) > 0 {
			if seen[&t.F[0]] {
				shared++
			}
			seen[&t.F[0]] = true
		}
	}
	return shared
}

// TestChainNeedsTwoBuffers: however long a chain is, two buffers do.
func TestChainNeedsTwoBuffers(t *testing.T) {
	g := graphOf("x")
	last := "x"
	for i := range 20 {
		next := fmt.Sprint("y", i)
		addNode(g, "Neg", last, next)
		last = next
	}
	lowered, err := Lower(modelOf(t, g, nil, last), Config{Shapes: map[string][]int{"x": {2, 3}}})
	if err != nil {
		t.Fatal(err)
	}
	r := NewRunner(lowered, nil)
	buffers := map[*float32]bool{}
	for v, x := range r.values {
		if v.Node != nil {
			buffers[&x.F[0]] = true
		}
	}
	if len(buffers) != 2 {
		t.Errorf("%d buffers", len(buffers))
	}
}
