package onnx

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// AddInput adds an input to a graph, behind those it has. The name must be new to the graph or that of an initializer
// that an edit before added: from IR version 4 on the initializer then is what the input is where a client gives none.
// The message is copied.
func AddInput(g *onnxpb.GraphProto, in *onnxpb.ValueInfoProto) Edit {
	in = proto.CloneOf(in)
	return Edit{func(e *edits) error {
		graph, ok := e.element(g)
		if !ok {
			return fmt.Errorf("graph %q is not of this model", g.GetName())
		}
		name := in.GetName()
		isDefault := slices.ContainsFunc(e.added, func(a addition) bool {
			return a.graph == graph && a.proto.GetName() == name
		}) && !e.initializersAreInputs()
		again := slices.ContainsFunc(e.graphInputs, func(n newInput) bool {
			return n.graph == graph && n.proto.GetName() == name
		})
		if name == "" || again || !isDefault && e.definedIn(graph, name) {
			return fmt.Errorf("input %q: the name is not new to graph %q", name, g.GetName())
		}
		e.graphInputs = append(e.graphInputs, newInput{graph, in})
		return nil
	}}
}

// newInput is an input of a graph that is not in the file.
type newInput struct {
	graph int32 // element of the graph
	proto *onnxpb.ValueInfoProto
}

// graphInputPatches inserts new inputs at the ends of their graphs.
func (e *edits) graphInputPatches() ([]patch, error) {
	var patches []patch
	for _, in := range e.graphInputs {
		end := e.base.elements[in.graph].end
		body, err := proto.MarshalOptions{Deterministic: true}.Marshal(in.proto)
		if err != nil {
			return nil, err
		}
		patches = append(patches, literal(in.graph, end, end, appendBytesField(nil, fieldGraphInput, body)))
	}
	return patches, nil
}

// DropInitializer removes an initializer of the file, which nothing may read any more. An input of its name stays.
// Elements in a data file stay there until that is written anew.
func DropInitializer(t *onnxpb.TensorProto) Edit {
	return Edit{func(e *edits) error {
		i, ok := e.element(t)
		if !ok || e.base.elements[i].field != fieldGraphInitializer {
			return fmt.Errorf("tensor %q is no initializer of this model's file", t.GetName())
		}
		if _, ok := e.base.messages[e.base.elements[i].parent].(*onnxpb.GraphProto); !ok {
			return fmt.Errorf("tensor %q is no initializer of this model's file", t.GetName())
		}
		if e.dropped == nil {
			e.dropped = map[int32]bool{}
		}
		e.dropped[i] = true
		return nil
	}}
}

// dropInitializers takes those that are dropped out of a graph's copy.
func (e *edits) dropInitializers(c *onnxpb.GraphProto) {
	if len(e.dropped) == 0 {
		return
	}
	c.Initializer = slices.DeleteFunc(slices.Clone(c.Initializer), func(t *onnxpb.TensorProto) bool {
		i, ok := e.element(t)
		return ok && e.dropped[i]
	})
}

// dropPatches removes initializers with their tags and lengths.
func (e *edits) dropPatches() []patch {
	var patches []patch
	for i := range e.dropped {
		el := e.base.elements[i]
		patches = append(patches, literal(el.parent, el.tag, el.end, nil))
	}
	return patches
}
