package routed

import (
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// heads finds the layers that outputs of the base come from: those behind which no weights of two axes follow. The
// papers keep them whole for each task, as what their rows mean differs from task to task. An output of which one such
// layer feeds another, as the ends of residual blocks do, or that an input reaches without any, has none.
func (w *walk) heads() map[*graphmatch.Layer]bool {
	out := map[*graphmatch.Layer]bool{}
	for _, v := range w.graph.GetOutput() {
		last := w.from(v.GetName())
		if last == nil || w.feeds(last) {
			continue
		}
		for n := range last {
			out[w.layers[n]] = true
		}
	}
	return out
}

// walk goes through the base's main graph against its direction.
type walk struct {
	graph    *onnxpb.GraphProto
	producer map[string]*onnxpb.NodeProto
	given    map[string]bool                         // inputs that are no initializers
	layers   map[*onnxpb.NodeProto]*graphmatch.Layer // by the nodes that read their matrices
}

// newWalk reads the base.
func newWalk(a *graphmatch.Alignment) *walk {
	w := &walk{graph: a.Models[a.Base].Proto().GetGraph(), producer: map[string]*onnxpb.NodeProto{},
		given: map[string]bool{}, layers: map[*onnxpb.NodeProto]*graphmatch.Layer{}}
	for _, n := range w.graph.GetNode() {
		for _, name := range n.GetOutput() {
			w.producer[name] = n
		}
	}
	for _, in := range w.graph.GetInput() {
		w.given[in.GetName()] = true
	}
	for _, t := range w.graph.GetInitializer() {
		delete(w.given, t.GetName())
	}
	for i := range a.Layers {
		l := &a.Layers[i]
		for k := range l.Params {
			if p := &l.Params[k]; p.Uses[a.Base].Reader != nil && matrix(p.Shape) {
				w.layers[p.Uses[a.Base].Reader] = l
			}
		}
	}
	return w
}

// from returns the last nodes that read a matrix before a value, nil where an input reaches it without any.
func (w *walk) from(name string) map[*onnxpb.NodeProto]bool {
	last := map[*onnxpb.NodeProto]bool{}
	reached := w.back([]string{name}, func(n *onnxpb.NodeProto) bool {
		if w.layers[n] != nil {
			last[n] = true
		}
		return w.layers[n] == nil
	})
	if reached || len(last) == 0 {
		return nil
	}
	return last
}

// feeds says whether one of some nodes comes before another.
func (w *walk) feeds(nodes map[*onnxpb.NodeProto]bool) bool {
	found := false
	for n := range nodes {
		w.back(n.GetInput(), func(before *onnxpb.NodeProto) bool {
			found = found || nodes[before]
			return !found
		})
	}
	return found
}

// back visits the nodes that values come from, each once, and goes on behind those for which visit says so. It says
// whether it came to an input.
func (w *walk) back(names []string, visit func(*onnxpb.NodeProto) bool) (reached bool) {
	seen := map[*onnxpb.NodeProto]bool{}
	names = append([]string{}, names...)
	for len(names) > 0 {
		name := names[len(names)-1]
		names = names[:len(names)-1]
		reached = reached || w.given[name]
		n := w.producer[name]
		if n == nil || seen[n] {
			continue
		}
		seen[n] = true
		if visit(n) {
			names = append(names, n.GetInput()...)
			for _, g := range onnx.Subgraphs(n) {
				for _, inner := range g.GetNode() {
					names = append(names, inner.GetInput()...)
				}
			}
		}
	}
	return reached
}
