package experts

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// site is a node of the base's main graph with the parameters that it reads.
type site struct {
	node   *onnxpb.NodeProto
	at     int               // its number in the graph
	params map[int]paramOf   // by input
	layer  *graphmatch.Layer // of one of them
}

// paramOf is a parameter and the layer that it belongs to.
type paramOf struct {
	layer *graphmatch.Layer
	*graphmatch.Param
}

// name is what the file calls what is made of the parameter.
func (p paramOf) name() string { return p.layer.Name + "." + p.Role }

// size is the number of elements.
func (p paramOf) size() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// sitesOf lists the nodes that read layers of an alignment, in the graph's order. Parameters that no node of the main
// graph reads as they are stored are an error of kind network.ErrUnsupported.
func sitesOf(a *graphmatch.Alignment, layers []int) ([]*site, error) {
	number := map[*onnxpb.NodeProto]int{}
	for i, n := range a.Models[a.Base].Proto().GetGraph().GetNode() {
		number[n] = i
	}
	found := map[*onnxpb.NodeProto]*site{}
	var list []*site
	for _, i := range layers {
		l := &a.Layers[i]
		for k := range l.Params {
			p := paramOf{l, &l.Params[k]}
			use := &p.Uses[a.Base]
			for _, s := range use.Sites {
				at, inMain := number[s.Node]
				if !inMain || use.Reader != s.Node && forms[onnx.OpLabel(s.Node)] == nil { // it names one of several
					return nil, unsupported(l, "its %s is read through %s", p.Role, through(s.Node, inMain))
				}
				if found[s.Node] == nil {
					found[s.Node] = &site{node: s.Node, at: at, params: map[int]paramOf{}, layer: l}
					list = append(list, found[s.Node])
				}
				found[s.Node].params[s.Input] = p
			}
		}
	}
	slices.SortFunc(list, func(x, y *site) int { return x.at - y.at })
	return list, nil
}

// through names what stands between a stored tensor and the operator that uses it.
func through(n *onnxpb.NodeProto, inMain bool) string {
	if inMain {
		return onnx.OpLabel(n) + " " + onnx.NodeLabel(n)
	}
	return "a function, a loop or a branch"
}

// folded is the error that the samples of what a node reads are not along its first axis.
func folded(s *site) error {
	return unsupported(s.layer, "the first axis of what %s reads does not count the samples", onnx.NodeLabel(s.node))
}

// unsupported is the error that a layer cannot be mixed sample by sample.
func unsupported(l *graphmatch.Layer, format string, args ...any) error {
	args = append([]any{l.Name}, args...)
	return advice.Errorf(network.ErrUnsupported,
		"--except '"+l.Name+"' leaves it the base's, and a later --router shares it between all models",
		"layer %s cannot be mixed sample by sample: "+format, args...)
}
