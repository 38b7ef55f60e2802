package onnx

import (
	"container/heap"

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
	waits, readers := make([]int, len(nodes)), make([][]int, len(nodes))
	for i, n := range nodes {
		freeNames(n, func(name string) {
			if p, ok := producer[name]; ok {
				waits[i]++
				readers[p] = append(readers[p], i)
			}
		})
	}
	ready := &indexHeap{}
	for i := range nodes {
		if waits[i] == 0 {
			heap.Push(ready, i)
		}
	}
	sorted := make([]*onnxpb.NodeProto, 0, len(nodes))
	for ready.Len() > 0 {
		i := heap.Pop(ready).(int)
		sorted = append(sorted, nodes[i])
		for _, r := range readers[i] {
			if waits[r]--; waits[r] == 0 {
				heap.Push(ready, r)
			}
		}
	}
	for i, n := range nodes {
		if waits[i] > 0 {
			return nil, invalidf("node %s is in or behind a cycle", NodeLabel(n))
		}
	}
	return sorted, nil
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
