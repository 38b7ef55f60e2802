package onnx

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// tensorBytes is a TensorProto on the wire with the payload given as records.
func tensorBytes(dt DataType, dims []int64, payload ...[]byte) []byte {
	b := varintField(2, uint64(dt))
	for _, d := range dims {
		b = append(b, varintField(1, uint64(d))...)
	}
	for _, p := range payload {
		b = append(b, p...)
	}
	return b
}

// varints packs numbers as protobuf does int32 and int64.
func varints(values ...int64) []byte {
	var b []byte
	for _, v := range values {
		b = protowire.AppendVarint(b, uint64(v))
	}
	return b
}

// f is a list of numbers.
func f(values ...float64) []float64 { return values }

// storedNumbers are numbers of each type in each field that may hold them, and their values.
var storedNumbers = []struct {
	name    string
	dt      DataType
	n       int64
	payload []byte
	want    []float64
}{
	{"float32 packed", Float32, 2, field(4, appendValues(nil, Float32, f(1.5, -2))), f(1.5, -2)},
	{"float32 in two blocks", Float32, 3, append(field(4, appendValues(nil, Float32, f(1))),
		field(4, appendValues(nil, Float32, f(2, 3)))...), f(1, 2, 3)},
	{"float32 one by one", Float32, 2, protowire.AppendFixed32(protowire.AppendTag(
		protowire.AppendFixed32(protowire.AppendTag(nil, 4, protowire.Fixed32Type), math.Float32bits(7)), 4,
		protowire.Fixed32Type), math.Float32bits(8)), f(7, 8)},
	{"float32 raw", Float32, 2, field(9, appendValues(nil, Float32, f(0.1, 3))), f(float64(float32(0.1)), 3)},
	{"float64 packed", Float64, 2, field(10, appendValues(nil, Float64, f(0.1, -3))), f(0.1, -3)},
	{"float64 raw", Float64, 1, field(9, appendValues(nil, Float64, f(0.1))), f(0.1)},
	{"float16 in int32_data", Float16, 2, field(5, varints(0x3c00, 0xc000)), f(1, -2)},
	{"float16 raw", Float16, 2, field(9, []byte{0x00, 0x3c, 0x00, 0xc0}), f(1, -2)},
	{"bfloat16 in int32_data", BFloat16, 1, field(5, varints(0x4049)), f(3.140625)},
	{"bfloat16 raw", BFloat16, 1, field(9, []byte{0x49, 0x40}), f(3.140625)},
	{"float8e4m3fn in int32_data", Float8E4M3FN, 2, field(5, varints(0x38, 0x7e)), f(1, 448)},
	{"float8e5m2 raw", Float8E5M2, 2, field(9, []byte{0x3c, 0xbc}), f(1, -1)},
	{"float4e2m1 raw, odd", Float4E2M1, 3, field(9, []byte{0xf7, 0x02}), f(6, -6, 1)},
	{"float4e2m1 in int32_data", Float4E2M1, 3, field(5, varints(0xf7, 0x02)), f(6, -6, 1)},
	{"float8e8m0 raw", Float8E8M0, 2, field(9, []byte{127, 130}), f(1, 8)},
	{"int8 in int32_data", Int8, 2, field(5, varints(-128, 127)), f(-128, 127)},
	{"int8 raw", Int8, 2, field(9, []byte{0x80, 0x7f}), f(-128, 127)},
	{"uint8 raw", Uint8, 2, field(9, []byte{0x80, 0x7f}), f(128, 127)},
	{"int16 in int32_data", Int16, 1, field(5, varints(-300)), f(-300)},
	{"uint16 raw", Uint16, 1, field(9, []byte{0xff, 0xff}), f(65535)},
	{"int32 unpacked", Int32, 2, append(varintField(5, 7), varintField(5, math.MaxUint64)...), f(7, -1)},
	{"int64 in int64_data", Int64, 2, field(7, varints(math.MinInt64, 5)), f(math.MinInt64, 5)},
	{"int64 raw", Int64, 1, field(9, []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), f(-2)},
	{"uint32 in uint64_data", Uint32, 1, field(11, varints(1<<32-1)), f(1<<32 - 1)},
	{"uint64 in uint64_data", Uint64, 1, field(11, varints(1<<40)), f(1 << 40)},
	{"bool in int32_data", Bool, 3, field(5, varints(0, 1, 256)), f(0, 1, 1)},
	{"bool raw", Bool, 2, field(9, []byte{0, 1}), f(0, 1)},
	{"int4 raw", Int4, 3, field(9, []byte{0x78, 0x0f}), f(-8, 7, -1)},
	{"uint4 in int32_data", Uint4, 2, field(5, varints(0xf1)), f(1, 15)},
	{"int2 raw", Int2, 5, field(9, []byte{0b11_10_01_00, 0b10}), f(0, 1, -2, -1, -2)},
	{"uint2 in int32_data", Uint2, 4, field(5, varints(0b11_10_01_00)), f(0, 1, 2, 3)},
	{"empty, no field", Float32, 0, nil, nil},
	{"empty, empty raw", Int64, 0, field(9), nil},
}

// Numbers of each type, in each field that may hold them, come back.
func TestReadEveryTypeFromEveryField(t *testing.T) {
	for _, test := range storedNumbers {
		t.Run(test.name, func(t *testing.T) {
			x := must(ParseTensor(tensorBytes(test.dt, []int64{test.n}, test.payload)))(t)
			if x.Len() != len(test.want) || !slices.Equal(x.Shape(), []int{len(test.want)}) || x.DataType() != test.dt {
				t.Fatalf("got %d elements of %s, shape %v", x.Len(), x.DataType(), x.Shape())
			}
			if got := numbers(t, x); !slices.Equal(got, test.want) {
				t.Fatalf("got %v, want %v", got, test.want)
			}
		})
	}
}

// numbers reads a tensor of any numeric type, by both float readers if it has one.
func numbers(t *testing.T, x Tensor) []float64 {
	t.Helper()
	var list []float64
	if x.DataType().IsFloat() {
		singles := must(x.Floats(nil))(t)
		list = must(x.Doubles(nil))(t)
		for i, v := range list {
			if math.Float32bits(float32(v)) != math.Float32bits(singles[i]) {
				t.Fatalf("Floats gives %v, Doubles %v", singles[i], v)
			}
		}
		return list
	}
	for _, v := range must(x.Ints(nil))(t) {
		list = append(list, float64(v))
	}
	return list
}

// Readers append, so a caller can gather several tensors in one slice.
func TestReadersAppend(t *testing.T) {
	x := TensorOf(floatTensor("x", 2))
	if got := must(x.Floats([]float32{9}))(t); !slices.Equal(got, []float32{9, 0, 1}) {
		t.Errorf("Floats: got %v", got)
	}
	if got := must(x.Doubles([]float64{9}))(t); !slices.Equal(got, []float64{9, 0, 1}) {
		t.Errorf("Doubles: got %v", got)
	}
	ints := TensorOf(must(NewTensor("i", nil, []int64{4}))(t))
	if got := must(ints.Ints([]int64{9}))(t); !slices.Equal(got, []int64{9, 4}) || ints.Len() != 1 {
		t.Errorf("Ints: got %v of %d", got, ints.Len())
	}
}

func TestStrings(t *testing.T) {
	x := TensorOf(must(NewTensor("s", []int{2, 1}, []string{"a", "\xff"}))(t))
	if got := must(x.Strings())(t); !slices.Equal(got, []string{"a", "\xff"}) {
		t.Errorf("got %q", got)
	}
	if _, err := x.Raw(); err == nil {
		t.Error("strings have a raw form")
	}
	if _, err := TensorOf(floatTensor("f", 1)).Strings(); err == nil {
		t.Error("floats have strings")
	}
}

// brokenTensors are tensors that cannot be read, and what must be said of each.
var brokenTensors = []struct {
	name  string
	bytes []byte
	part  string
}{
	{"type unknown", tensorBytes(99, nil), "type 99"},
	{"type undefined", tensorBytes(Undefined, nil), "undefined"},
	{"negative dimension", tensorBytes(Float32, []int64{-1}), "dimension -1"},
	{"product overflows", tensorBytes(Float32, []int64{1 << 40, 1 << 40}), "more elements"},
	{"bytes overflow", tensorBytes(Float64, []int64{1 << 61}), "too large"},
	{"no payload", tensorBytes(Float32, []int64{1 << 40}), "there are none"},
	{"raw too short", tensorBytes(Float32, []int64{2}, field(9, []byte{0, 0, 0, 0})), "4 bytes of payload"},
	{"raw too long", tensorBytes(Float32, []int64{1}, field(9, make([]byte, 5))), "5 bytes of payload"},
	{"raw for no elements", tensorBytes(Float32, []int64{0}, field(9, make([]byte, 4))), "4 bytes of payload"},
	{"varints too few", tensorBytes(Int64, []int64{3}, field(7, varints(1, 2))), "2 entries"},
	{"strings too many", tensorBytes(String, []int64{1}, field(6), field(6)), "2 strings"},
	{"wrong field", tensorBytes(Int64, []int64{1}, field(5, varints(1))), "field 5"},
	{"raw strings", tensorBytes(String, []int64{1}, field(9, []byte("a"))), "field 9"},
	{"two fields", tensorBytes(Float32, []int64{1}, field(4, make([]byte, 4)), field(9, make([]byte, 4))),
		"both field"},
	{"raw twice", tensorBytes(Float32, []int64{1}, field(9, make([]byte, 4)), field(9, make([]byte, 4))), "twice"},
	{"raw of the wrong kind", tensorBytes(Float32, []int64{1}, varintField(9, 1)), "wire type"},
	{"segment", tensorBytes(Float32, []int64{1}, field(3), field(9, make([]byte, 4))), "segment"},
	{"external", tensorBytes(Float32, []int64{1}, varintField(14, 1), field(13, field(1, []byte("location")),
		field(2, []byte("x")))), "no folder"},
	{"cut varint", tensorBytes(Int64, []int64{1}, field(7, []byte{0x80})), "0 entries"},
	{"varint too long", tensorBytes(Int64, []int64{1}, field(7, append(slices.Repeat([]byte{0x80}, 11), 1))),
		"malformed number"},
}

// Payloads that do not fit are refused, before anything of that size is made.
func TestBrokenPayloads(t *testing.T) {
	for _, test := range brokenTensors {
		t.Run(test.name, func(t *testing.T) {
			x, err := ParseTensor(test.bytes)
			if err == nil {
				_, err = readAny(x)
			}
			wantInvalid(t, err, test.part)
			if x.Len() > math.MaxInt/4 {
				t.Errorf("Len is %d", x.Len())
			}
		})
	}
}

// readAny reads a tensor whatever its type and returns how many elements it got.
func readAny(x Tensor) (int, error) {
	switch x.DataType().class() {
	case classFloat:
		v, err := x.Floats(nil)
		return len(v), err
	case classInt, classUint, classBool:
		v, err := x.Ints(nil)
		return len(v), err
	case classString:
		v, err := x.Strings()
		return len(v), err
	default:
		_, err := x.Raw()
		return x.Len(), err
	}
}

func TestWrongReader(t *testing.T) {
	ints := TensorOf(must(NewTensor("i", []int{1}, []int32{1}))(t))
	if _, err := ints.Floats(nil); err == nil {
		t.Error("Floats reads integers")
	}
	if _, err := TensorOf(floatTensor("f", 1)).Ints(nil); err == nil {
		t.Error("Ints reads floats")
	}
	big := TensorOf(must(NewTensor("u", []int{1}, []uint64{1 << 63}))(t))
	if _, err := big.Ints(nil); err == nil {
		t.Error("a uint64 beyond int64 is read")
	}
	if _, err := (Tensor{}).Raw(); err == nil {
		t.Error("the zero Tensor can be read")
	}
	complexes := must(ParseTensor(tensorBytes(Complex64, []int64{1}, field(4, make([]byte, 8)))))(t)
	if raw := must(complexes.Raw())(t); len(raw) != 8 {
		t.Errorf("a complex64 has %d bytes", len(raw))
	}
	if _, err := complexes.Floats(nil); err == nil {
		t.Error("Floats reads complex numbers")
	}
}

func TestTensorOfAnotherModel(t *testing.T) {
	a, b := parsed(t, smallModel()), parsed(t, smallModel())
	if x := a.Tensor(initializer(t, b, "w")); x.Err() == nil {
		t.Error("a tensor of another model has no error")
	}
}

func TestNewTensorShapes(t *testing.T) {
	for _, shape := range [][]int{{3}, {-1, -2}, {math.MaxInt / 2, math.MaxInt / 2}} {
		if _, err := NewTensor("x", shape, []float32{1, 2}); err == nil {
			t.Errorf("shape %v takes two values", shape)
		}
	}
	if _, err := NewFloatTensor("x", Int8, []int{1}, []float64{1}); err == nil {
		t.Error("int8 is taken for a float type")
	}
	p := must(NewTensor("x", []int{0, 5}, []bool{}))(t)
	if x := TensorOf(p); x.Err() != nil || x.Len() != 0 || x.DataType() != Bool {
		t.Errorf("an empty tensor: %v, %d", x.Err(), x.Len())
	}
}

// ONNX's committed test data, written by another implementation.
func TestParseTensorFiles(t *testing.T) {
	files := must(filepath.Glob(filepath.Join("..", "fixtures", "onnx-node-tests", "*", "test_data_set_0", "*.pb")))(t)
	read := 0
	for _, path := range files {
		if strings.Contains(path, "identity_opt") {
			continue // holds an OptionalProto
		}
		x, err := ParseTensor(must(os.ReadFile(path))(t))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if n, err := readAny(x); err != nil || n != x.Len() {
			t.Errorf("%s: %d of %d elements, %v", path, n, x.Len(), err)
		}
		read++
	}
	if read < 50 {
		t.Errorf("only %d files", read)
	}
}

func ExampleTensor_Floats() {
	p, err := NewFloatTensor("w", BFloat16, []int{3}, []float64{1, 0.1, -2})
	if err != nil {
		fmt.Println(err)
		return
	}
	values, err := TensorOf(p).Floats(nil)
	fmt.Println(values, err)
	// Output: [1 0.100097656 -2] <nil>
}
