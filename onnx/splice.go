package onnx

import (
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Field numbers that splices write.
const (
	fieldModelGraph       protowire.Number = 7
	fieldModelMetadata    protowire.Number = 14
	fieldGraphNode        protowire.Number = 1
	fieldGraphInitializer protowire.Number = 5
	fieldGraphInput       protowire.Number = 11
	fieldGraphOutput      protowire.Number = 12
	fieldGraphValueInfo   protowire.Number = 13
	fieldNodeInput        protowire.Number = 1
	fieldExternalData     protowire.Number = 13
	fieldDataLocation     protowire.Number = 14
)

// record is one field of a message as it stands in the file.
type record struct {
	num             protowire.Number
	start, end      int // with the tag
	content         int // of a length-delimited field
	lengthDelimited bool
}

// records lists the fields of element i. The walk has checked them.
func (s *source) records(i int32) []record {
	var list []record
	el := s.elements[i]
	for pos := el.body; pos < el.end; {
		num, typ, n := protowire.ConsumeTag(s.file.data[pos:el.end])
		r := record{num: num, start: pos, content: pos + n, lengthDelimited: typ == protowire.BytesType}
		r.end = r.content + protowire.ConsumeFieldValue(num, typ, s.file.data[r.content:el.end])
		if r.lengthDelimited {
			_, m := protowire.ConsumeVarint(s.file.data[r.content:el.end])
			r.content += m
		}
		list = append(list, r)
		pos = r.end
	}
	return list
}

// appendBytesField appends a length-delimited field.
func appendBytesField(b []byte, num protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), content)
}

// inputPatches changes the inputs of node i.
func (e *edits) inputPatches(i int32) []patch {
	var patches []patch
	slot, after := 0, e.base.elements[i].body
	for _, r := range e.base.records(i) {
		if r.num != fieldNodeInput {
			continue
		}
		old := string(e.base.file.data[r.content:r.end])
		if name, ok := e.inputs[i][slot]; ok && name != old {
			patches = append(patches, literal(i, r.start, r.end, appendBytesField(nil, fieldNodeInput, []byte(name))))
		}
		slot, after = slot+1, r.end
	}
	var more []byte
	for _, name := range e.newInputs(i, make([]string, slot))[slot:] {
		more = appendBytesField(more, fieldNodeInput, []byte(name))
	}
	if more != nil {
		patches = append(patches, literal(i, after, after, more))
	}
	return patches
}

// metadataPatches changes the model's metadata_props: entries of the file where
// they stand, new ones at the end of the file.
func (e *edits) metadataPatches() []patch {
	if !e.metadata.changed {
		return nil
	}
	var patches []patch
	k := 0
	for _, r := range e.base.records(0) {
		if r.num != fieldModelMetadata {
			continue
		}
		switch entry := e.metadata.entries[k]; {
		case entry.dropped:
			patches = append(patches, literal(0, r.start, r.end, nil))
		case entry.set:
			patches = append(patches, literal(0, r.start, r.end, metadataRecord(entry)))
		}
		k++
	}
	var more []byte
	for _, entry := range e.metadata.entries[k:] {
		if !entry.dropped {
			more = append(more, metadataRecord(entry)...)
		}
	}
	end := len(e.base.file.data)
	return append(patches, literal(0, end, end, more))
}

func metadataRecord(e entry) []byte {
	kv := appendBytesField(nil, 1, []byte(e.key))
	return appendBytesField(nil, fieldModelMetadata, appendBytesField(kv, 2, []byte(e.value)))
}

// additionPatches inserts a new initializer at the end of its graph, with its
// payload as raw_data, or in an external place if there is one.
func (e *edits) additionPatches(a addition, at *place) ([]patch, error) {
	end := e.base.elements[a.graph].end
	t := describe(a.proto, sourced(a.src))
	p := proto.CloneOf(a.proto)
	var payload []patch
	if at != nil {
		p.DataLocation, p.ExternalData = onnxpb.TensorProto_EXTERNAL.Enum(), at.entries()
	} else {
		payload = append(payload, rawDataPatch(a.graph, end, &t, a.src))
	}
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err != nil {
		return nil, err
	}
	length := len(body)
	for _, p := range payload {
		length += int(p.size)
	}
	head := protowire.AppendTag(nil, fieldGraphInitializer, protowire.BytesType)
	head = append(protowire.AppendVarint(head, uint64(length)), body...)
	patches := append([]patch{literal(a.graph, end, end, head)}, payload...)
	if !e.initializersAreInputs() {
		return patches, nil
	}
	input, err := proto.MarshalOptions{Deterministic: true}.Marshal(inputOf(a.proto))
	return append(patches, literal(a.graph, end, end, appendBytesField(nil, fieldGraphInput, input))), err
}

// rawDataPatch inserts a raw_data field with a source's values.
func rawDataPatch(element int32, at int, t *Tensor, src Source) patch {
	head := protowire.AppendTag(nil, fieldRawData, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(t.size))
	return patch{start: at, end: at, element: element, size: int64(len(head) + t.size), write: func(w io.Writer) error {
		if _, err := w.Write(head); err != nil {
			return err
		}
		return writeValues(w, t, src)
	}}
}

// valuePatches gives the tensor at element i new values inside the file.
func (e *edits) valuePatches(i int32, src Source) ([]patch, error) {
	how, err := e.base.plan(i)
	if err != nil {
		return nil, err
	}
	switch how {
	case wayOverwrite:
		return e.base.overwrite(i, src), nil
	case wayRaw:
		st := e.base.stored(i)
		t := describe(st.proto, st)
		patches := e.base.dropPayload(i)
		return append(patches, rawDataPatch(i, patches[0].start, &t, src)), nil
	default:
		return nil, nil
	}
}

// dropPayload removes the payload of the tensor at element i.
func (s *source) dropPayload(i int32) []patch {
	var patches []patch
	for _, r := range s.payloads[s.elements[i].payload] {
		patches = append(patches, literal(i, r.start, r.end, nil))
	}
	return patches
}
