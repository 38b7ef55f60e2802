package onnx

import (
	"io"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// place is where a tensor's payload goes in the data file of a written model.
type place struct {
	location       string
	offset, length int64
	write          func(io.Writer) error
}

// entries are the external_data of a tensor at the place, in the usual order.
func (p *place) entries() []*onnxpb.StringStringEntryProto {
	entry := func(k, v string) *onnxpb.StringStringEntryProto {
		return &onnxpb.StringStringEntryProto{Key: proto.String(k), Value: proto.String(v)}
	}
	return []*onnxpb.StringStringEntryProto{entry("location", p.location),
		entry("offset", strconv.FormatInt(p.offset, 10)), entry("length", strconv.FormatInt(p.length, 10))}
}

// layout is the data file of a written model.
type layout struct {
	location string
	places   []*place         // in file order
	elements map[int32]*place // of tensors in the base file
	added    map[int]*place   // of additions
	size     int64
}

// Smaller tensors stay in the model when others move to a data file; tensors
// of a page and more begin on a page, as ONNX asks, so that they can be mapped.
const (
	spillSize = 1024
	pageSize  = 4096
	smallSize = 64
)

// newLayout plans the data file of m: every external tensor, and with spill
// also every large initializer of the main graph.
func (m *Model) newLayout(location string, spill bool) (*layout, error) {
	l := &layout{location: location, elements: map[int32]*place{}, added: map[int]*place{}}
	shared := map[externalRef]*place{}
	for i := range m.base.elements {
		if err := l.addElement(m, int32(i), spill, shared); err != nil {
			return nil, err
		}
	}
	if m.edits == nil || !spill {
		return l, nil
	}
	for k, a := range m.edits.added {
		if t := describe(a.proto, sourced(a.src)); m.base.isMainGraph(a.graph) && t.size >= spillSize {
			l.added[k] = l.put(t.size, func(w io.Writer) error { return writeValues(w, &t, a.src) })
		}
	}
	return l, nil
}

// addElement gives the tensor at element i a place if it needs one. Unchanged
// tensors that share their external bytes go on sharing them.
func (l *layout) addElement(m *Model, i int32, spill bool, shared map[externalRef]*place) error {
	el := m.base.elements[i]
	if el.payload < 0 || m.edits != nil && m.edits.dropped[i] {
		return nil
	}
	t := m.Tensor(m.base.messages[i].(*onnxpb.TensorProto))
	st := m.base.stored(i)
	if !st.external() && !(spill && el.field == fieldGraphInitializer && m.base.isMainGraph(el.parent) &&
		t.size >= spillSize) {
		return nil
	}
	if src := m.edits.source(i); src != nil {
		l.elements[i] = l.put(t.size, func(w io.Writer) error { return writeValues(w, &t, src) })
		return nil
	}
	write := func(w io.Writer) error {
		raw, err := t.Raw()
		if err != nil {
			return err
		}
		return (&counter{w: w}).copy(raw)
	}
	if !st.external() {
		l.elements[i] = l.put(t.size, write)
		return nil
	}
	ref, err := externalOf(st.proto)
	if err != nil {
		return err
	}
	ref.length = int64(t.size)
	if shared[ref] == nil {
		shared[ref] = l.put(t.size, write)
	}
	l.elements[i] = shared[ref]
	return nil
}

// put reserves the next place.
func (l *layout) put(size int, write func(io.Writer) error) *place {
	align := int64(smallSize)
	if size >= pageSize {
		align = pageSize
	}
	offset := (l.size + align - 1) / align * align
	p := &place{location: l.location, offset: offset, length: int64(size), write: write}
	l.places = append(l.places, p)
	l.size = offset + int64(size)
	return p
}

// WriteTo writes the data file.
func (l *layout) WriteTo(w io.Writer) (int64, error) {
	c := &counter{w: w}
	for _, p := range l.places {
		if err := c.copy(make([]byte, p.offset-c.n)); err != nil {
			return c.n, err
		}
		if err := p.write(c); err != nil {
			return c.n, err
		}
	}
	return c.n, nil
}

// isMainGraph says whether element i is the model's graph.
func (s *source) isMainGraph(i int32) bool {
	return s.elements[i].parent == 0 && s.elements[i].field == fieldModelGraph
}

// relocate makes the tensor at element i refer to a place: its payload and its
// old external_data go; keys that are not about the place stay.
func (s *source) relocate(i int32, at *place) []patch {
	var patches []patch
	first := -1
	var other []byte
	for _, r := range s.records(i) {
		f := tensorRules().field(r.num)
		if f == nil || !f.payload && r.num != fieldExternalData && r.num != fieldDataLocation {
			continue
		}
		if first < 0 {
			first = r.start
		}
		patches = append(patches, literal(i, r.start, r.end, nil))
		if r.num == fieldExternalData && !aboutPlace(s.file.data[r.content:r.end]) {
			other = append(other, s.file.data[r.start:r.end]...)
		}
	}
	ref, _ := proto.MarshalOptions{Deterministic: true}.Marshal(&onnxpb.TensorProto{
		ExternalData: at.entries(), DataLocation: onnxpb.TensorProto_EXTERNAL.Enum()})
	return append(patches, literal(i, first, first, append(ref, other...)))
}

// aboutPlace says whether an external_data entry describes the old place.
func aboutPlace(b []byte) bool {
	kv := &onnxpb.StringStringEntryProto{}
	if err := proto.Unmarshal(b, kv); err != nil {
		return false
	}
	switch kv.GetKey() {
	case "location", "offset", "length", "checksum":
		return true
	}
	return false
}
