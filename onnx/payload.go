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
	field, err := s.field(t)
	if err != nil {
		return nil, err
	}
	if s.external() {
		return s.externalRaw(t)
	}
	data, err := s.src.bytes()
	if err != nil {
		return nil, err
	}
	switch field {
	case fieldInt32Data, fieldInt64Data, fieldUint64Data:
		return s.varints(t, data)
	default:
		return s.fixed(t, data)
	}
}

func (s *stored) externalRaw(t *Tensor) ([]byte, error) {
	ref, err := externalOf(s.proto)
	if err != nil {
		return nil, err
	}
	return s.src.external.read(ref, t.size)
}

// records calls fn with the content of every record: the packed block, the
// bytes, or one bare value.
func (s *stored) records(data []byte, fn func(content []byte) error) error {
	for _, r := range s.runs {
		for pos := r.start; pos < r.end; {
			_, typ, n := protowire.ConsumeTag(data[pos:r.end])
			pos += n
			if typ == protowire.BytesType {
				content, n := protowire.ConsumeBytes(data[pos:r.end])
				if err := fn(content); err != nil {
					return err
				}
				pos += n
				continue
			}
			n = protowire.ConsumeFieldValue(r.field, typ, data[pos:r.end])
			if err := fn(data[pos : pos+n]); err != nil {
				return err
			}
			pos += n
		}
	}
	return nil
}

// fixed joins records whose content is the raw form already.
func (s *stored) fixed(t *Tensor, data []byte) ([]byte, error) {
	total, count := 0, 0
	var only []byte
	_ = s.records(data, func(c []byte) error {
		total, count, only = total+len(c), count+1, c
		return nil
	})
	if total != t.size {
		return nil, invalidf("%d bytes of payload, %d elements of %s need %d", total, t.n, t.dtype, t.size)
	}
	if count <= 1 {
		return only, nil
	}
	raw := make([]byte, 0, total)
	_ = s.records(data, func(c []byte) error {
		raw = append(raw, c...)
		return nil
	})
	return raw, nil
}

// varints turns records of varints into the raw form.
func (s *stored) varints(t *Tensor, data []byte) ([]byte, error) {
	entries := t.n
	width := t.dtype.Size() / 8
	if width == 0 { // several elements in each entry
		entries, width = t.size, 1
	}
	count := 0
	_ = s.records(data, func(c []byte) error {
		for _, b := range c {
			if b < 0x80 { // the last byte of a varint
				count++
			}
		}
		return nil
	})
	if count != entries {
		return nil, invalidf("%d entries of payload, %d elements of %s need %d", count, t.n, t.dtype, entries)
	}
	raw := make([]byte, 0, t.size)
	err := s.records(data, func(c []byte) error {
		for len(c) > 0 {
			v, n := protowire.ConsumeVarint(c)
			if n < 0 {
				return invalidf("malformed number in the payload")
			}
			c = c[n:]
			raw = appendEntry(raw, t.dtype, width, v)
		}
		return nil
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
	if _, err := s.field(t); err != nil {
		return nil, err
	}
	if s.external() {
		return nil, invalidf("strings cannot be external data")
	}
	data, err := s.src.bytes()
	if err != nil {
		return nil, err
	}
	var list []string
	_ = s.records(data, func(c []byte) error {
		list = append(list, string(c))
		return nil
	})
	if len(list) != t.n {
		return nil, invalidf("%d strings of payload, the shape needs %d", len(list), t.n)
	}
	return list, nil
}
