package network

import (
	"container/heap"
	"sort"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// inOrder returns the nodes with every one behind those that compute what it reads. ONNX wants files in this order,
// and most are; some exporters' are not, and ONNX Runtime takes those too. Nodes that wait for each other stay last.
func inOrder(list []*onnxpb.NodeProto) []*onnxpb.NodeProto {
	maker := map[string]int{}
	for i, n := range list {
		for _, out := range n.GetOutput() {
			if out != "" {
				maker[out] = i
			}
		}
	}
	reads := make([][]int, len(list))
	sorted := true
	for i, n := range list {
		names := map[string]bool{}
		addReads(names, n, 0)
		for name := range names {
			if from, ok := maker[name]; ok && from != i {
				reads[i] = append(reads[i], from)
				sorted = sorted && from < i
			}
		}
	}
	if sorted {
		return list
	}
	return sortedNodes(list, reads)
}

// sortedNodes takes the first node that waits for none, again and again.
func sortedNodes(list []*onnxpb.NodeProto, reads [][]int) []*onnxpb.NodeProto {
	readers := make([][]int, len(list))
	waits := make([]int, len(list))
	ready := &indexHeap{}
	for i, from := range reads {
		waits[i] = len(from)
		for _, k := range from {
			readers[k] = append(readers[k], i)
		}
		if len(from) == 0 {
			heap.Push(ready, i)
		}
	}
	out := make([]*onnxpb.NodeProto, 0, len(list))
	for ready.Len() > 0 {
		i := heap.Pop(ready).(int)
		out = append(out, list[i])
		for _, k := range readers[i] {
			if waits[k]--; waits[k] == 0 {
				heap.Push(ready, k)
			}
		}
	}
	for i, n := range list {
		if waits[i] > 0 {
			out = append(out, n)
		}
	}
	return out
}

// indexHeap gives the least of its numbers first.
type indexHeap struct{ sort.IntSlice }

// Push adds a number; it is called by package heap.
func (h *indexHeap) Push(v any) { h.IntSlice = append(h.IntSlice, v.(int)) }

// Pop removes the last number; it is called by package heap.
func (h *indexHeap) Pop() any {
	n := h.Len() - 1
	v := h.IntSlice[n]
	h.IntSlice = h.IntSlice[:n]
	return v
}
