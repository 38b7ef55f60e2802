package onnx

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Field numbers of TensorProto that hold elements.
const (
	fieldFloatData  protowire.Number = 4
	fieldInt32Data  protowire.Number = 5
	fieldStringData protowire.Number = 6
	fieldInt64Data  protowire.Number = 7
	fieldRawData    protowire.Number = 9
	fieldDoubleData protowire.Number = 10
	fieldUint64Data protowire.Number = 11
)

// typedField is the field that holds elements of a type when raw_data does not.
func typedField(t DataType) protowire.Number {
	switch t {
	case Float32, Complex64:
		return fieldFloatData
	case Float64, Complex128:
		return fieldDoubleData
	case Int64:
		return fieldInt64Data
	case Uint64, Uint32:
		return fieldUint64Data
	case String:
		return fieldStringData
	default:
		return fieldInt32Data
	}
}

// stored is a payload in the model file or in a data file beside it.
type stored struct {
	src   *source
	proto *onnxpb.TensorProto
	runs  []run
}

// field returns the one field that holds the elements, 0 if there is none.
func (s *stored) field(t *Tensor) (protowire.Number, error) {
	var field protowire.Number
	for _, r := range s.runs {
		if field != 0 && r.field != field {
			return 0, invalidf("elements are in both field %d and field %d", field, r.field)
		}
		field = r.field
	}
	if s.external() {
		if field != 0 {
			return 0, invalidf("elements are external and in field %d too", field)
		}
		if t.dtype == String {
			return 0, invalidf("strings cannot be external data")
		}
		return 0, nil
	}
	if field == 0 && t.n > 0 {
		return 0, invalidf("shape %v wants %d elements but there are none", t.shape, t.n)
	}
	if field != 0 && field != typedField(t.dtype) && (field != fieldRawData || t.dtype == String) {
		return 0, invalidf("elements of type %s are in field %d of TensorProto", t.dtype, field)
	}
	return field, nil
}

func (s *stored) external() bool {
	return s.proto.GetDataLocation() == onnxpb.TensorProto_EXTERNAL
}

func (s *stored) raw(t *Tensor) ([]byte, error) {
	if err := s.check(t); err != nil {
		return nil, err
	}
	if s.external() {
		return s.externalRaw(t)
	}
	data, err := s.src.bytes()
	if err != nil {
		return nil, err
	}
	if len(s.runs) == 0 {
		return nil, nil
	}
	switch s.runs[0].field {
	case fieldRawData, fieldFloatData, fieldDoubleData:
		return s.fixed(data, t.size), nil
	default:
		return s.varints(t, data)
	}
}

func (s *stored) externalRaw(t *Tensor) ([]byte, error) {
	ref, err := externalOf(s.proto)
	if err != nil {
		return nil, err
	}
	return s.src.external.read(ref, t.size)
}

// records calls fn with the place of the content of every record: of the
// packed block, of the bytes, or of one bare value.
func (s *stored) records(data []byte, fn func(start, end int)) {
	for _, r := range s.runs {
		for pos := r.start; pos < r.end; {
			_, typ, n := protowire.ConsumeTag(data[pos:r.end])
			pos += n
			size := protowire.ConsumeFieldValue(r.field, typ, data[pos:r.end])
			content := pos
			if typ == protowire.BytesType {
				_, m := protowire.ConsumeVarint(data[pos:r.end])
				content += m
			}
			pos += size
			fn(content, pos)
		}
	}
}

// check says whether the payload fits type and shape, without decoding it.
func (s *stored) check(t *Tensor) error {
	field, err := s.field(t)
	if err != nil {
		return err
	}
	if s.external() {
		_, err := s.externalRaw(t)
		return err
	}
	data, err := s.src.bytes()
	if err != nil {
		return err
	}
	got, want, unit := 0, t.size, "bytes"
	switch field {
	case fieldStringData:
		want, unit = t.n, "strings"
		s.records(data, func(_, _ int) { got++ })
	case fieldInt32Data, fieldInt64Data, fieldUint64Data:
		want, unit = s.entries(t), "entries"
		s.records(data, func(start, end int) { got += countVarints(data[start:end]) })
	default:
		s.records(data, func(start, end int) { got += end - start })
	}
	if got != want {
		return invalidf("%d %s of payload, %d elements of %s need %d", got, unit, t.n, t.dtype, want)
	}
	return nil
}

// entries is how many varints the elements take.
func (s *stored) entries(t *Tensor) int {
	if t.dtype.Size() < 8 { // several elements in each entry
		return t.size
	}
	return t.n
}

// countVarints counts the last bytes of varints.
func countVarints(b []byte) int {
	n := 0
	for _, c := range b {
		if c < 0x80 {
			n++
		}
	}
	return n
}

// fixed joins records whose content is the raw form already.
func (s *stored) fixed(data []byte, size int) []byte {
	var only []byte
	count := 0
	s.records(data, func(start, end int) { only, count = data[start:end], count+1 })
	if count <= 1 {
		return only
	}
	raw := make([]byte, 0, size)
	s.records(data, func(start, end int) { raw = append(raw, data[start:end]...) })
	return raw
}

// varints turns records of varints into the raw form.
func (s *stored) varints(t *Tensor, data []byte) ([]byte, error) {
	width := max(t.dtype.Size()/8, 1)
	raw := make([]byte, 0, t.size)
	var err error
	s.records(data, func(start, end int) {
		for start < end && err == nil {
			v, n := protowire.ConsumeVarint(data[start:end])
			if n < 0 {
				err = invalidAt(start, "malformed number in the payload")
				return
			}
			start += n
			raw = appendEntry(raw, t.dtype, width, v)
		}
	})
	return raw, err
}

// appendEntry appends the low bytes of v; of a bool only whether it is zero.
func appendEntry(raw []byte, dt DataType, width int, v uint64) []byte {
	if dt == Bool && v != 0 {
		v = 1
	}
	switch width {
	case 1:
		return append(raw, byte(v))
	case 2:
		return binary.LittleEndian.AppendUint16(raw, uint16(v))
	case 4:
		return binary.LittleEndian.AppendUint32(raw, uint32(v))
	default:
		return binary.LittleEndian.AppendUint64(raw, v)
	}
}

func (s *stored) strings(t *Tensor) ([]string, error) {
	if err := s.check(t); err != nil {
		return nil, err
	}
	data, err := s.src.bytes()
	if err != nil {
		return nil, err
	}
	list := make([]string, 0, t.n)
	s.records(data, func(start, end int) { list = append(list, string(data[start:end])) })
	return list, nil
}
