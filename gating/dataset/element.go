package dataset

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/softmerge/softmerge/onnx"
)

// element is how one number is stored in a file.
type element struct {
	code elementCode
	big  bool // most significant byte first
}

// elementCode has the kind of number in the high four bits and its size in bytes in the low four.
type elementCode uint8

const (
	kindFloat, kindInt, kindUint, kindBool, kindBrain = 0x10, 0x20, 0x30, 0x40, 0x50

	f2 elementCode = kindFloat | 2
	f4 elementCode = kindFloat | 4
	f8 elementCode = kindFloat | 8
	i1 elementCode = kindInt | 1
	i2 elementCode = kindInt | 2
	i4 elementCode = kindInt | 4
	i8 elementCode = kindInt | 8
	u1 elementCode = kindUint | 1
	u2 elementCode = kindUint | 2
	u4 elementCode = kindUint | 4
	u8 elementCode = kindUint | 8
	b1 elementCode = kindBool | 1
	// bf is bfloat16, the upper half of a float32.
	bf elementCode = kindBrain | 2
)

var elementTypes = map[elementCode]onnx.DataType{
	f2: onnx.Float16, f4: onnx.Float32, f8: onnx.Float64,
	i1: onnx.Int8, i2: onnx.Int16, i4: onnx.Int32, i8: onnx.Int64,
	u1: onnx.Uint8, u2: onnx.Uint16, u4: onnx.Uint32, u8: onnx.Uint64,
	b1: onnx.Bool, bf: onnx.BFloat16,
}

func (e element) size() int { return int(e.code & 0xf) }

// badValue says that one value cannot have the type it is wanted in.
type badValue struct {
	index int // in the order of the file
	what  string
}

func (b *badValue) Error() string { return b.what }

// floats decodes len(dst) values of src. It changes src.
func (e element) floats(dst []float32, src []byte) *badValue {
	e.toLittleEndian(src)
	switch e.code {
	case f4:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	case f2:
		for i := range dst {
			dst[i] = halfToFloat(binary.LittleEndian.Uint16(src[2*i:]))
		}
	case u1:
		for i, b := range src[:len(dst)] {
			dst[i] = float32(b)
		}
	default:
		size := e.size()
		for i := range dst {
			dst[i] = float32(e.real(src[i*size:]))
		}
	}
	return nil
}

// ints decodes len(dst) values of src; floats must be whole numbers. It changes src.
func (e element) ints(dst []int64, src []byte) *badValue {
	e.toLittleEndian(src)
	size := e.size()
	for i := range dst {
		b := src[i*size:]
		if kind := e.code & 0xf0; kind != kindFloat && kind != kindBrain && e.code != u8 {
			dst[i] = e.integer(b)
			continue
		}
		v, ok := e.wholeNumber(b)
		if !ok {
			return &badValue{index: i, what: e.text(b) + " is not an integer of 64 bits"}
		}
		dst[i] = v
	}
	return nil
}

// real decodes one little endian number.
func (e element) real(b []byte) float64 {
	switch e.code {
	case f2:
		return float64(halfToFloat(binary.LittleEndian.Uint16(b)))
	case bf:
		return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16))
	case f4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case f8:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	case u8:
		return float64(binary.LittleEndian.Uint64(b))
	}
	return float64(e.integer(b))
}

// integer decodes one little endian integer; u8 wraps.
func (e element) integer(b []byte) int64 {
	switch e.code {
	case i1:
		return int64(int8(b[0]))
	case i2:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case i4:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	case u1:
		return int64(b[0])
	case u2:
		return int64(binary.LittleEndian.Uint16(b))
	case u4:
		return int64(binary.LittleEndian.Uint32(b))
	case b1:
		// NumPy reads every byte but 0 as true.
		return int64(min(b[0], 1))
	}
	return int64(binary.LittleEndian.Uint64(b))
}

// wholeNumber decodes a float or a u8 if it is an int64.
func (e element) wholeNumber(b []byte) (int64, bool) {
	if e.code == u8 {
		v := binary.LittleEndian.Uint64(b)
		return int64(v), v <= math.MaxInt64
	}
	return wholeNumber(e.real(b))
}

func (e element) text(b []byte) string {
	if e.code == u8 {
		return fmt.Sprint(binary.LittleEndian.Uint64(b))
	}
	return fmt.Sprint(e.real(b))
}

// wholeNumber converts v if it is an integer that int64 holds.
func wholeNumber(v float64) (int64, bool) {
	if v != math.Trunc(v) || v < math.MinInt64 || v >= -math.MinInt64 {
		return 0, false
	}
	return int64(v), true
}

// toLittleEndian reverses the bytes of every big endian number in b.
func (e element) toLittleEndian(b []byte) {
	if !e.big {
		return
	}
	switch e.size() {
	case 2:
		for ; len(b) >= 2; b = b[2:] {
			binary.LittleEndian.PutUint16(b, binary.BigEndian.Uint16(b))
		}
	case 4:
		for ; len(b) >= 4; b = b[4:] {
			binary.LittleEndian.PutUint32(b, binary.BigEndian.Uint32(b))
		}
	case 8:
		for ; len(b) >= 8; b = b[8:] {
			binary.LittleEndian.PutUint64(b, binary.BigEndian.Uint64(b))
		}
	}
}

// halfToFloat converts IEEE 754 binary16: the bits moved into a float32 are right but for the bias of the exponent,
// which one exact multiplication corrects, subnormal numbers included.
func halfToFloat(h uint16) float32 {
	bits := uint32(h&0x7fff) << 13
	if h&0x7c00 == 0x7c00 {
		bits |= 0x7f80_0000
	} else {
		bits = math.Float32bits(math.Float32frombits(bits) * 0x1p112)
	}
	return math.Float32frombits(bits | uint32(h&0x8000)<<16)
}
