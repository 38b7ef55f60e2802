package onnx

import (
	"container/heap"
	"slices"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Order returns nodes so that each comes after those whose outputs it or its
// subgraphs read, and otherwise in the order given; sorted nodes stay as they
// are. A cycle is an error of kind ErrInvalid.
func Order(nodes []*onnxpb.NodeProto) ([]*onnxpb.NodeProto, error) {
	producer := map[string]int{}
	for i, n := range nodes {
		for _, out := range n.GetOutput() {
			if _, twice := producer[out]; out != "" && !twice {
				producer[out] = i
			}
		}
	}
	d := newDependencies(len(nodes))
	for i, n := range nodes {
		freeNames(n, func(name string) {
			if p, ok := producer[name]; ok {
				d.add(i, p)
			}
		})
	}
	order, blocked := d.sort()
	if blocked >= 0 {
		return nil, invalidf("node %s is in or behind a cycle", NodeLabel(nodes[blocked]))
	}
	sorted := make([]*onnxpb.NodeProto, len(nodes))
	for k, i := range order {
		sorted[k] = nodes[i]
	}
	return sorted, nil
}

// dependencies say which of some numbered things must come before which.
type dependencies struct {
	waits   []int   // for how many others
	waiting [][]int // on this one
}

func newDependencies(n int) *dependencies {
	return &dependencies{make([]int, n), make([][]int, n)}
}

// add says that i comes after j.
func (d *dependencies) add(i, j int) {
	d.waits[i]++
	d.waiting[j] = append(d.waiting[j], i)
}

// sort returns all things in order, low numbers first where there is a choice,
// and the first that is in or behind a cycle, -1 if none is. It needs no
// recursion: a file may hold a million links of a chain.
func (d *dependencies) sort() (order []int, blocked int) {
	ready := &indexHeap{}
	for i, w := range d.waits {
		if w == 0 {
			heap.Push(ready, i)
		}
	}
	for ready.Len() > 0 {
		i := heap.Pop(ready).(int)
		order = append(order, i)
		for _, r := range d.waiting[i] {
			if d.waits[r]--; d.waits[r] == 0 {
				heap.Push(ready, r)
			}
		}
	}
	return order, slices.IndexFunc(d.waits, func(w int) bool { return w > 0 })
}

// freeNames calls fn for every name that n and its subgraphs read from around.
func freeNames(n *onnxpb.NodeProto, fn func(string)) {
	for _, in := range n.GetInput() {
		if in != "" {
			fn(in)
		}
	}
	for _, sub := range (&Place{}).subgraphs(n) {
		freeGraphNames(sub.Graph, fn)
	}
}

func freeGraphNames(g *onnxpb.GraphProto, fn func(string)) {
	local := map[string]bool{}
	for _, in := range g.GetInput() {
		local[in.GetName()] = true
	}
	for _, t := range g.GetInitializer() {
		local[t.GetName()] = true
	}
	for _, t := range g.GetSparseInitializer() {
		local[t.GetValues().GetName()] = true
	}
	for _, n := range g.GetNode() {
		for _, out := range n.GetOutput() {
			local[out] = true
		}
	}
	free := func(name string) {
		if !local[name] {
			fn(name)
		}
	}
	for _, n := range g.GetNode() {
		freeNames(n, free)
	}
	for _, out := range g.GetOutput() {
		free(out.GetName())
	}
}

// indexHeap gives the least index first.
type indexHeap []int

func (h indexHeap) Len() int           { return len(h) }
func (h indexHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h indexHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *indexHeap) Push(x any)        { *h = append(*h, x.(int)) }
func (h *indexHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
