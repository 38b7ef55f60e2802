package search

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// The loss reads one output, or a few. What a merge does to the others nobody sees: a head of another task would be
// mixed blindly, and a trunk that both share would be mixed for the one and ruined for the other.

// keepUnseen leaves to the base the selected layers that no judged output depends on and, where there are
// any, those that outputs with such layers depend on too, with a warning; unless the options say to merge them. That
// nothing is left is an error of kind dataset.ErrData.
func (m *search) keepUnseen(judged []objective.Source) error {
	a := m.selection.Alignment
	outputs, quoted, seen := m.seenBy(judged)
	others, theirs := m.unseenOutputs(outputs, seen)
	var kept []int
	unseen, shared := 0, 0
	for _, i := range m.selection.Layers {
		switch l := &a.Layers[i]; {
		case !stands(l, a.Base, theirs):
			kept = append(kept, i)
		case stands(l, a.Base, seen):
			shared++
		default:
			unseen++
		}
	}
	if unseen == 0 {
		return nil
	}
	text := fmt.Sprintf("the loss reads output %s alone: %d layers of %s are judged by nothing, and %d are shared "+
		"with them", strings.Join(quoted, " and "), unseen, strings.Join(others, " and "), shared)
	switch {
	case m.Unseen == UnseenMerge:
		m.warnings.Addf(dataset.ErrData, "look at the other outputs of the merge before you use it", "%s: "+
			"they are merged all the same", text)
		return nil
	case len(kept) == 0:
		return advice.Errorf(dataset.ErrData, "choose the output that matters with --model-output, or merge them all "+
			"the same with --unseen merge", "%s: nothing is left to merge", text)
	}
	m.warnings.Addf(dataset.ErrData, "give labels of theirs too (--label OUTPUT=KEY), or merge them all the same "+
		"with --unseen merge", "%s: they stay the base's", text)
	m.unseen = map[string]bool{}
	for _, i := range m.selection.Layers {
		m.unseen[a.Layers[i].Name] = !slices.Contains(kept, i)
	}
	m.selection = &graphmatch.Selection{Alignment: a, Layers: kept}
	m.units = unmoved(m.selection)
	return nil
}

// seenBy names outputs, as they are and quoted, and returns the nodes that they depend on.
func (m *search) seenBy(list []objective.Source) (names, quoted []string, seen map[*onnxpb.NodeProto]bool) {
	seen = map[*onnxpb.NodeProto]bool{}
	for _, s := range list {
		maps.Copy(seen, reaching(m.base().Proto().GetGraph(), s.Name))
		names, quoted = append(names, s.Name), append(quoted, fmt.Sprintf("%q", s.Name))
	}
	return names, quoted, seen
}

// unseenOutputs names the outputs with selected layers that the judged ones do not see, and returns the nodes that
// they depend on.
func (m *search) unseenOutputs(judged []string, seen map[*onnxpb.NodeProto]bool) (names []string,
	nodes map[*onnxpb.NodeProto]bool) {
	a := m.selection.Alignment
	nodes = map[*onnxpb.NodeProto]bool{}
	g := m.base().Proto().GetGraph()
	for _, o := range g.GetOutput() {
		other := reaching(g, o.GetName())
		own := slices.ContainsFunc(m.selection.Layers, func(i int) bool {
			return stands(&a.Layers[i], a.Base, other) && !stands(&a.Layers[i], a.Base, seen)
		})
		if !slices.Contains(judged, o.GetName()) && own {
			names = append(names, fmt.Sprintf("%q", o.GetName()))
			maps.Copy(nodes, other)
		}
	}
	return names, nodes
}

// stands says whether a node that reads the layer in model j is among some; layers in functions, whose nodes stand in
// no graph, count as seen by every output.
func stands(l *graphmatch.Layer, j int, nodes map[*onnxpb.NodeProto]bool) bool {
	return slices.ContainsFunc(l.Params, func(p graphmatch.Param) bool {
		return slices.ContainsFunc(p.Uses[j].Sites, func(s onnx.Site) bool { return nodes[s.Node] })
	})
}

// reaching returns the nodes that a value of a graph depends on, those in bodies included.
func reaching(g *onnxpb.GraphProto, value string) map[*onnxpb.NodeProto]bool {
	found := map[*onnxpb.NodeProto]bool{}
	upstream(g, value, func(n *onnxpb.NodeProto) bool {
		found[n] = true
		return false
	})
	return found
}

// upstream calls visit for the nodes that a value of a graph depends on, those in bodies included; not for those that
// only a node for which visit is true depends on.
func upstream(g *onnxpb.GraphProto, value string, visit func(*onnxpb.NodeProto) bool) {
	producer := map[string]*onnxpb.NodeProto{}
	for _, n := range g.GetNode() {
		for _, name := range n.GetOutput() {
			producer[name] = n
		}
	}
	seen := map[*onnxpb.NodeProto]bool{}
	pending := []string{value}
	for len(pending) > 0 {
		n := producer[pending[len(pending)-1]]
		pending = pending[:len(pending)-1]
		if n == nil || seen[n] {
			continue
		}
		seen[n] = true
		for _, inside := range withBodies(n, nil) {
			if !visit(inside) {
				pending = append(pending, inside.GetInput()...)
			}
		}
	}
}

// withBodies appends a node and those in its bodies.
func withBodies(n *onnxpb.NodeProto, list []*onnxpb.NodeProto) []*onnxpb.NodeProto {
	list = append(list, n)
	for _, attribute := range n.GetAttribute() {
		for _, body := range append(attribute.GetGraphs(), attribute.GetG()) {
			for _, inner := range body.GetNode() {
				list = withBodies(inner, list)
			}
		}
	}
	return list
}
