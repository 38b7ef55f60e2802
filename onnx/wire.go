package onnx

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// Bounds on what a file may ask for. Depth is the limit of other protobuf
// implementations; a file beyond it loads nowhere else either. A decoded
// message takes some 200 bytes however short it is on the wire, so their
// number is bounded too: the largest real graphs have a tenth of this.
const (
	maxDepth    = 100
	maxMessages = 1 << 22
)

// element is a message of the file that edits and reads can reach, with where
// it stands: data[tag:body] is its tag and length, data[body:end] its content.
type element struct {
	tag, length, body, end int
	parent                 int32 // index of the enclosing element, -1 for the model
	field                  protowire.Number
	ordinal                int32 // among the parent's elements of this field
	payload                int32 // index into payloads for a TensorProto, else -1
}

// run is a stretch of records of one payload field without anything between.
type run struct {
	field      protowire.Number
	start, end int // with tags
}

// scan is what the wire walk finds.
type scan struct {
	elements []element // in file order: parents before children
	payloads [][]run   // of the tensors
	skeleton []byte    // the file without payloads and unknown fields
}

// walker walks the wire format once, checking it and collecting a scan.
type walker struct {
	scan
	data     []byte
	messages int
}

// scanMessage walks data as one message described by rule.
func scanMessage(data []byte, rule *messageRule) (*scan, error) {
	w := &walker{data: data}
	w.elements = append(w.elements, element{end: len(data), parent: -1, payload: -1})
	if rule.name == "TensorProto" {
		w.elements[0].payload = 0
		w.payloads = append(w.payloads, nil)
	}
	if err := w.message(rule, 0, 0, len(data), 1); err != nil {
		return nil, err
	}
	return &w.scan, nil
}

// frame is the walk's state within one message.
type frame struct {
	rule    *messageRule
	element int32 // of this message or the nearest kept one around it
	end     int
	depth   int
	seen    uint64    // singular fields met, by number
	counts  [32]int32 // repeated fields met, by number
}

// message walks data[start:end].
func (w *walker) message(rule *messageRule, el int32, start, end, depth int) error {
	f := frame{rule: rule, element: el, end: end, depth: depth}
	for pos := start; pos < end; {
		next, err := w.record(&f, pos)
		if err != nil {
			return err
		}
		pos = next
	}
	return nil
}

// record walks one tag and its value and returns where the next one starts.
func (w *walker) record(f *frame, pos int) (int, error) {
	num, typ, n := protowire.ConsumeTag(w.data[pos:f.end])
	if n < 0 {
		return 0, invalidAt(pos, "%s: bad field tag", f.rule.name)
	}
	val := pos + n
	size := protowire.ConsumeFieldValue(num, typ, w.data[val:f.end])
	if size < 0 {
		return 0, invalidAt(pos, "%s: field %d is cut off or malformed", f.rule.name, num)
	}
	next := val + size
	rule := f.rule.field(num)
	if rule == nil {
		return next, nil
	}
	if typ != rule.wire && !(rule.packable && typ == protowire.BytesType) {
		return 0, invalidAt(pos, "%s.%s has wire type %d, want %d", f.rule.name, rule.name, typ, rule.wire)
	}
	if !rule.repeated && (rule.message != nil || rule.payload) {
		if f.seen&(1<<uint(num)) != 0 {
			return 0, invalidAt(pos, "%s.%s is given twice", f.rule.name, rule.name)
		}
		f.seen |= 1 << uint(num)
	}
	switch {
	case rule.message != nil:
		return next, w.submessage(f, rule, num, pos, val, next)
	case rule.payload:
		w.addRun(f.element, num, pos, next)
	default:
		w.skeleton = append(w.skeleton, w.data[pos:next]...)
	}
	return next, nil
}

// submessage walks the message of a record at data[tag:end], whose length
// prefix is at data[length].
func (w *walker) submessage(f *frame, rule *fieldRule, num protowire.Number, tag, length, end int) error {
	if f.depth >= maxDepth {
		return invalidAt(tag, "messages are nested more than %d deep", maxDepth)
	}
	if w.messages++; w.messages > maxMessages {
		return invalidAt(tag, "more than %d messages", maxMessages)
	}
	_, n := protowire.ConsumeVarint(w.data[length:end])
	el := f.element
	if rule.message.kept {
		el = int32(len(w.elements))
		e := element{tag: tag, length: length, body: length + n, end: end, parent: f.element, field: num,
			ordinal: f.counts[num], payload: -1}
		if rule.message.name == "TensorProto" {
			e.payload = int32(len(w.payloads))
			w.payloads = append(w.payloads, nil)
		}
		w.elements = append(w.elements, e)
	}
	f.counts[num]++
	w.skeleton = append(w.skeleton, w.data[tag:length]...)
	hole := len(w.skeleton)
	w.skeleton = append(w.skeleton, 0, 0, 0, 0, 0)
	if err := w.message(rule.message, el, length+n, end, f.depth+1); err != nil {
		return err
	}
	putPaddedVarint(w.skeleton[hole:hole+5], len(w.skeleton)-hole-5)
	return nil
}

// putPaddedVarint fills b with v as a varint of exactly that many bytes, so
// that a length can be written after the content it counts.
func putPaddedVarint(b []byte, v int) {
	for i := range b {
		b[i] = byte(v)&0x7f | 0x80
		v >>= 7
	}
	b[len(b)-1] &= 0x7f
}

// addRun notes the payload record data[start:end] of the tensor at el.
func (w *walker) addRun(el int32, num protowire.Number, start, end int) {
	p := &w.payloads[w.elements[el].payload]
	if n := len(*p); n > 0 && (*p)[n-1].field == num && (*p)[n-1].end == start {
		(*p)[n-1].end = end
		return
	}
	*p = append(*p, run{num, start, end})
}
