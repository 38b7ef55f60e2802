package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// gemm follows Gemm with a weight as its second matrix.
func (t *tracer) gemm(n *flow.Node) bool {
	w, data := t.param(n, 1), t.input(n, 0)
	if w == nil || len(w.C.Shape) != 2 || n.Attributes().Int("transA", 0) != 0 {
		return false
	}
	in, out := 0, 1
	if n.Attributes().Int("transB", 0) != 0 {
		in, out = 1, 0
	}
	made := t.newSet(n, w.C.Shape[out], 1)
	seen := make([]axis, 2)
	seen[in], seen[out] = data.at(1).sized(w.C.Shape[in]), made
	t.record(w, seen)
	sum := &layout{rank: 2, axes: []axis{data.at(2), made}}
	if b := t.param(n, 2); b != nil {
		t.recordVector(b, sum)
	} else if len(n.In) > 2 && n.In[2] != nil {
		sum = broadcast(sum, t.input(n, 2))
	}
	return t.result(n, sum)
}

// matMul follows a product of data with a weight, or of data with data (attention).
func (t *tracer) matMul(n *flow.Node) bool {
	w, data := t.param(n, 1), t.input(n, 0)
	switch {
	case len(n.In) != 2:
		return false
	case w != nil && len(w.C.Shape) == 2:
		out := data.copy()
		out.set(1, t.newSet(n, w.C.Shape[1], 1))
		t.record(w, []axis{data.at(1).sized(w.C.Shape[0]), out.at(1)})
		return t.result(n, out)
	case w != nil || n.In[0] == nil || n.In[1] == nil || n.In[0].Fixed != nil || n.In[1].Fixed != nil:
		return false
	}
	other := t.input(n, 1)
	unify(data.at(1), other.at(2))
	out := broadcast(data.outer(), other.outer())
	out.set(1, other.at(1))
	out.set(2, data.at(2))
	return t.result(n, out)
}

// outer is a layout with its last two axes emptied, so that only batch axes are broadcast.
func (f *layout) outer() *layout {
	g := f.copy()
	g.set(1, axis{size: 1})
	g.set(2, axis{size: 1})
	return g
}
