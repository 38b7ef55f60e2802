package onnx

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
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
		e.drop(i)
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

// dropPatches removes initializers and nodes with their tags and lengths.
func (e *edits) dropPatches() []patch {
	var patches []patch
	for i := range e.dropped {
		el := e.base.elements[i]
		patches = append(patches, literal(el.parent, el.tag, el.end, nil))
	}
	return patches
}

// SetValueInfo replaces what a graph declares of a value: its outputs and value_info of the name that v has. The
// message is copied.
func SetValueInfo(g *onnxpb.GraphProto, v *onnxpb.ValueInfoProto) Edit {
	v = proto.CloneOf(v)
	return Edit{func(e *edits) error {
		graph, ok := e.element(g)
		if !ok {
			return fmt.Errorf("graph %q is not of this model", g.GetName())
		}
		e.declared = append(e.declared, newInput{graph, v})
		return nil
	}}
}

// declaration is what a value of a graph at an element was declared anew as, nil where it was not.
func (e *edits) declaration(graph int32, name string) *onnxpb.ValueInfoProto {
	for _, d := range slices.Backward(e.declared) {
		if d.graph == graph && d.proto.GetName() == name {
			return d.proto
		}
	}
	return nil
}

// redeclare replaces declarations in a graph's copy.
func (e *edits) redeclare(i int32, c *onnxpb.GraphProto) {
	for _, list := range []*[]*onnxpb.ValueInfoProto{&c.Output, &c.ValueInfo} {
		*list = slices.Clone(*list)
		for k, v := range *list {
			if d := e.declaration(i, v.GetName()); d != nil {
				(*list)[k] = d
			}
		}
	}
}

// declarationPatches replaces declarations where they stand.
func (e *edits) declarationPatches() ([]patch, error) {
	var patches []patch
	seen := map[int32]bool{}
	for _, d := range e.declared {
		if seen[d.graph] {
			continue
		}
		seen[d.graph] = true
		g := e.base.messages[d.graph].(*onnxpb.GraphProto)
		fields := map[protowire.Number][]*onnxpb.ValueInfoProto{fieldGraphOutput: g.GetOutput(),
			fieldGraphValueInfo: g.GetValueInfo()}
		at := map[protowire.Number]int{}
		for _, r := range e.base.records(d.graph) {
			list, ok := fields[r.num]
			if !ok {
				continue
			}
			v := e.declaration(d.graph, list[at[r.num]].GetName())
			at[r.num]++
			if v == nil {
				continue
			}
			body, err := proto.MarshalOptions{Deterministic: true}.Marshal(v)
			if err != nil {
				return nil, err
			}
			patches = append(patches, literal(d.graph, r.start, r.end, appendBytesField(nil, r.num, body)))
		}
	}
	return patches, nil
}
