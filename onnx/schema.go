package onnx

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// messageRule is what the wire walk has to know about one message type. It is
// derived from the generated descriptors, so there is one schema only.
type messageRule struct {
	name   string
	fields []*fieldRule // by field number
	kept   bool         // gets an element: its spans are needed by edits
}

type fieldRule struct {
	name     string
	wire     protowire.Type
	repeated bool
	packable bool         // a repeated scalar, also accepted as one block
	payload  bool         // data of a tensor: located, not decoded
	message  *messageRule // nil for scalars
}

func (m *messageRule) field(n protowire.Number) *fieldRule {
	if int(n) < len(m.fields) {
		return m.fields[n]
	}
	return nil
}

// keptMessages are the messages through which tensors and nodes are reached.
var keptMessages = map[protoreflect.Name]bool{
	"ModelProto": true, "GraphProto": true, "NodeProto": true, "AttributeProto": true, "TensorProto": true,
	"SparseTensorProto": true, "FunctionProto": true, "TrainingInfoProto": true,
}

// payloadFields are the fields of TensorProto that may be large.
var payloadFields = map[protoreflect.Name]bool{
	"raw_data": true, "float_data": true, "int32_data": true, "int64_data": true,
	"double_data": true, "uint64_data": true, "string_data": true,
}

// rules returns the rules of ModelProto and, through it, of every message.
var rules = sync.OnceValue(func() *messageRule {
	return rulesFor((&onnxpb.ModelProto{}).ProtoReflect().Descriptor(), map[protoreflect.FullName]*messageRule{})
})

// tensorRules returns the rules of TensorProto, for files that hold one.
var tensorRules = sync.OnceValue(func() *messageRule {
	return rulesFor((&onnxpb.TensorProto{}).ProtoReflect().Descriptor(), map[protoreflect.FullName]*messageRule{})
})

func rulesFor(md protoreflect.MessageDescriptor, done map[protoreflect.FullName]*messageRule) *messageRule {
	if m := done[md.FullName()]; m != nil {
		return m
	}
	m := &messageRule{name: string(md.Name()), kept: keptMessages[md.Name()]}
	done[md.FullName()] = m
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		n := int(fd.Number())
		for len(m.fields) <= n {
			m.fields = append(m.fields, nil)
		}
		f := &fieldRule{name: string(fd.Name()), wire: wireType(fd.Kind()), repeated: fd.IsList()}
		f.packable = f.repeated && f.wire != protowire.BytesType
		f.payload = md.Name() == "TensorProto" && payloadFields[fd.Name()]
		if fd.Kind() == protoreflect.MessageKind {
			f.message = rulesFor(fd.Message(), done)
		}
		m.fields[n] = f
	}
	return m
}

// wireType is the wire type of one value of a kind the ONNX schema uses.
func wireType(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	default:
		return protowire.VarintType
	}
}
