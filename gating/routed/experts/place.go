package experts

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// place is where gates can be computed from: what a layer reads.
type place struct {
	layer string // that reads it first
	value string
	after int // number of the node that makes it; -1 of an input of the graph
	rank  int // of the value, with the axis of samples
	// first says that channels are the second axis, as convolutions have them, and positions follow; else the last.
	first  bool
	shape  []int // of one sample
	static bool  // the graph says so: it does not depend on the data
}

// width is how many numbers a sample has there: all, or a mean over positions for each channel.
func (p *place) width(flat bool) int {
	switch n := 1; {
	case flat:
		for _, d := range p.shape {
			n *= d
		}
		return n
	case p.first:
		return p.shape[0]
	}
	return p.shape[len(p.shape)-1]
}

// channelsFirst are operators whose channels are the second axis.
var channelsFirst = []string{"Conv", "ConvTranspose", "BatchNormalization", "InstanceNormalization"}

// places lists where gates can be computed from, in the graph's order: the values that layers read, each once.
func (e *Experts) places(layers []int) (list []*place) {
	a := e.selection.Alignment
	seen := map[string]bool{}
	sites := []*site{}
	for _, i := range layers {
		if own, err := sitesOf(a, []int{i}); err == nil {
			sites = append(sites, own...)
		}
	}
	slices.SortStableFunc(sites, func(x, y *site) int { return x.at - y.at })
	for _, s := range sites {
		value := s.reads()
		rank, ok := e.shapes.perSample(value)
		if !ok || rank < 2 || seen[value] || !e.shapes.float(value) {
			continue
		}
		seen[value] = true
		list = append(list, &place{layer: s.layer.Name, value: value, after: producer(base(a), value), rank: rank,
			first: rank > 2 && slices.Contains(channelsFirst, s.node.GetOpType()), shape: e.shapes.few[value].Shape[1:],
			static: e.static})
	}
	return list
}

// reads is the value that a node applies its parameters to: its first input that is none of them.
func (s *site) reads() string {
	for slot, name := range s.node.GetInput() {
		if _, own := s.params[slot]; !own {
			return name
		}
	}
	return ""
}

// base is the model that gives the graph.
func base(a *graphmatch.Alignment) *onnx.Model { return a.Models[a.Base] }

// producer is the number of the node of the main graph that makes a value, -1 where none does.
func producer(m *onnx.Model, value string) int {
	return slices.IndexFunc(m.Proto().GetGraph().GetNode(), func(n *onnxpb.NodeProto) bool {
		return slices.Contains(n.GetOutput(), value)
	})
}

// divide says which of the selected layers are shared and which are mixed, where gates come from a place: those that
// the graph lists behind it throughout are mixed. Layers that are equal in all models are neither.
func (e *Experts) divide(p *place) (shared, routed []int) {
	a := e.selection.Alignment
	number := map[*onnxpb.NodeProto]int{}
	for i, n := range base(a).Proto().GetGraph().GetNode() {
		number[n] = i + 1
	}
	for _, i := range e.selection.Layers {
		l := &a.Layers[i]
		if l.Status == graphmatch.Identical {
			continue
		}
		behind := true
		for k := range l.Params {
			for _, s := range l.Params[k].Uses[a.Base].Sites {
				n := number[s.Node] // 0 in bodies, which are refused when they are mixed
				behind = behind && (n == 0 || n-1 > p.after)
			}
		}
		if behind {
			routed = append(routed, i)
		} else {
			shared = append(shared, i)
		}
	}
	return shared, routed
}
