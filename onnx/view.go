package onnx

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// With returns a view of m with the edits applied in order; m stays as it is.
// The view shares m's file. Messages that no edit changes are shared too, so
// pointers into m's Proto stay good for the view wherever they still occur in
// its Proto, and edits of the view take them in any case.
func (m *Model) With(list ...Edit) (*Model, error) {
	e := m.edits.clone(m.base)
	for _, edit := range list {
		if err := edit.apply(e); err != nil {
			return nil, err
		}
	}
	return &Model{base: m.base, edits: e, proto: e.rebuild()}, nil
}

// clone copies the edits; of nil it makes the empty edits of a file.
func (e *edits) clone(base *source) *edits {
	if e == nil {
		e = &edits{base: base}
		for _, kv := range base.messages[0].(*onnxpb.ModelProto).GetMetadataProps() {
			e.metadata.entries = append(e.metadata.entries, entry{key: kv.GetKey(), value: kv.GetValue()})
		}
	}
	c := &edits{base: base, values: map[int32]Source{}, inputs: map[int32]map[int]string{},
		addedIndex: map[*onnxpb.TensorProto]int{}, alias: map[proto.Message]int32{}}
	maps.Copy(c.values, e.values)
	for n, slots := range e.inputs {
		c.inputs[n] = maps.Clone(slots)
	}
	c.added, c.nodes = slices.Clone(e.added), slices.Clone(e.nodes)
	c.graphInputs, c.dropped = slices.Clone(e.graphInputs), maps.Clone(e.dropped)
	c.declared = slices.Clone(e.declared)
	maps.Copy(c.addedIndex, e.addedIndex)
	c.metadata = metadata{slices.Clone(e.metadata.entries), e.metadata.changed}
	maps.Copy(c.alias, e.alias)
	return c
}

// replacement is a changed child in a field of a changed message.
type replacement struct {
	field   protowire.Number
	ordinal int
	msg     proto.Message
}

// rebuild returns the file's model message with the changed messages, and
// those around them, replaced by changed copies.
func (e *edits) rebuild() *onnxpb.ModelProto {
	children := map[int32][]replacement{}
	root := e.base.messages[0]
	for _, i := range e.base.withAncestors(e.restructured()) {
		c := shallowCopy(e.base.messages[i])
		e.changeMessage(i, c)
		replaceChildren(c, children[i])
		if g, ok := c.(*onnxpb.GraphProto); ok {
			e.insertNodes(i, g)
			e.dropNodes(g)
			e.dropInitializers(g)
		}
		e.alias[c] = i
		el := e.base.elements[i]
		if i == 0 {
			root = c
			break
		}
		children[el.parent] = append(children[el.parent], replacement{el.field, int(el.ordinal), c})
	}
	return root.(*onnxpb.ModelProto)
}

// restructured lists the elements whose message differs from the file's, which
// those with new values alone do not.
func (e *edits) restructured() []int32 {
	list := slices.Collect(maps.Keys(e.inputs))
	for _, a := range e.added {
		list = append(list, a.graph)
	}
	for _, n := range e.nodes {
		list = append(list, n.graph)
	}
	for _, in := range slices.Concat(e.graphInputs, e.declared) {
		list = append(list, in.graph)
	}
	for i := range e.dropped {
		list = append(list, e.base.elements[i].parent)
	}
	if e.metadata.changed {
		list = append(list, 0)
	}
	return list
}

// withAncestors returns the elements and all around them, inner ones first.
func (s *source) withAncestors(list []int32) []int32 {
	seen := map[int32]bool{}
	for _, i := range list {
		for ; i >= 0 && !seen[i]; i = s.elements[i].parent {
			seen[i] = true
		}
	}
	all := slices.Sorted(maps.Keys(seen))
	slices.Reverse(all)
	return all
}

// changeMessage applies the edits of element i to its copy.
func (e *edits) changeMessage(i int32, c proto.Message) {
	switch c := c.(type) {
	case *onnxpb.NodeProto:
		c.Input = e.newInputs(i, c.Input)
	case *onnxpb.GraphProto:
		c.Initializer, c.Input = slices.Clip(c.Initializer), slices.Clip(c.Input)
		for _, a := range e.added {
			if a.graph == i {
				c.Initializer = append(c.Initializer, a.proto)
				if e.initializersAreInputs() {
					c.Input = append(c.Input, inputOf(a.proto))
				}
			}
		}
		for _, in := range e.graphInputs {
			if in.graph == i {
				c.Input = append(c.Input, in.proto)
			}
		}
		e.redeclare(i, c)
	case *onnxpb.ModelProto:
		if e.metadata.changed {
			c.MetadataProps = e.metadata.protos(c.MetadataProps)
		}
	}
}

// newInputs returns the inputs of node i after the edits.
func (e *edits) newInputs(i int32, old []string) []string {
	list := slices.Clone(old)
	for slot, name := range e.inputs[i] {
		for slot >= len(list) {
			list = append(list, "")
		}
		list[slot] = name
	}
	return list
}

// initializersAreInputs holds before IR version 4.
func (e *edits) initializersAreInputs() bool {
	ir := e.base.messages[0].(*onnxpb.ModelProto).GetIrVersion()
	return ir > 0 && ir < 4
}

// inputOf is the graph input that declares an initializer.
func inputOf(t *onnxpb.TensorProto) *onnxpb.ValueInfoProto {
	shape := &onnxpb.TensorShapeProto{}
	for _, d := range t.GetDims() {
		shape.Dim = append(shape.Dim, &onnxpb.TensorShapeProto_Dimension{
			Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: d}})
	}
	tensor := &onnxpb.TypeProto_Tensor{ElemType: proto.Int32(t.GetDataType()), Shape: shape}
	return &onnxpb.ValueInfoProto{Name: proto.String(t.GetName()),
		Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: tensor}}}
}

// shallowCopy returns a message whose fields share the values of m's.
func shallowCopy(m proto.Message) proto.Message {
	from := m.ProtoReflect()
	to := from.New()
	from.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		to.Set(fd, v)
		return true
	})
	to.SetUnknown(from.GetUnknown())
	return to.Interface()
}

// replaceChildren puts changed messages into a shallow copy without touching
// the lists it shares.
func replaceChildren(m proto.Message, list []replacement) {
	to := m.ProtoReflect()
	owned := map[protowire.Number]protoreflect.List{}
	for _, r := range list {
		fd := to.Descriptor().Fields().ByNumber(r.field)
		msg := protoreflect.ValueOfMessage(r.msg.ProtoReflect())
		if !fd.IsList() {
			to.Set(fd, msg)
			continue
		}
		if owned[r.field] == nil {
			owned[r.field] = ownList(to, fd)
		}
		owned[r.field].Set(r.ordinal, msg)
	}
}

// ownList gives a message its own copy of a list and returns that.
func ownList(to protoreflect.Message, fd protoreflect.FieldDescriptor) protoreflect.List {
	old, list := to.Get(fd).List(), to.NewField(fd)
	for k := range old.Len() {
		list.List().Append(old.Get(k))
	}
	to.Set(fd, list)
	return to.Mutable(fd).List()
}
