package dataset

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
)

func TestHeaderForms(t *testing.T) {
	want := []int{2, 3}
	for name, header := range map[string]string{
		"as numpy writes it": "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n",
		"any order of keys":  "{'shape': (2, 3), 'descr': '<f4', 'fortran_order': False}",
		"double quotes":      `{"descr": "<f4", "fortran_order": False, "shape": (2,3,)}`,
		"python 2 lengths":   "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }\n",
		"native order":       "{'descr': '=f4', 'fortran_order': False, 'shape': (2, 3), }\n",
		"no spaces":          "{'descr':'<f4','fortran_order':False,'shape':(2,3)}",
	} {
		h, err := parseNPYHeader(header)
		if err != nil || h.refusal != nil {
			t.Errorf("%s: %v %v", name, err, h.refusal)
			continue
		}
		if !slices.Equal(h.shape, want) || h.count != 6 || h.element.code != f4 || h.columnMajor {
			t.Errorf("%s: got %+v", name, h)
		}
	}
}

func TestHeaderRefused(t *testing.T) {
	for name, c := range map[string]struct{ header, says string }{
		"empty":         {"", "malformed"},
		"no dictionary": {"(1, 2)", "malformed"},
		"cut short":     {"{'descr': '<f4'", "malformed"},
		"open quote":    {"{'descr': '<f4", "malformed"},
		"missing shape": {"{'descr': '<f4', 'fortran_order': False, }", "malformed"},
		"a key twice": {"{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (3,), }",
			"malformed"},
		"an unknown key":     {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'x': (1,), }", "malformed"},
		"negative length":    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }", "malformed"},
		"no number":          {"{'descr': '<f4', 'fortran_order': False, 'shape': (a,), }", "malformed"},
		"no commas":          {"{'descr': '<f4' 'fortran_order': False 'shape': (3,) }", "malformed"},
		"shape without end":  {"{'descr': '<f4', 'fortran_order': False, 'shape': (3", "malformed"},
		"code as order":      {"{'descr': '<f4', 'fortran_order': exit(), 'shape': (3,), }", "malformed"},
		"text after the end": {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), } + {}", "malformed"},
		"a huge number": {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
			"malformed"},
		"a product too big": {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
			"more elements than any file"},
		"too many axes": {"{'descr': '<f4', 'fortran_order': False, 'shape': (" + strings.Repeat("1,",
			65) + "), }", "65 axes"},
		"records": {"{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (3,), }", "structured"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseNPYHeader(c.header)
			wantRefusal(t, err, c.says)
		})
	}
}

func TestTypesRefused(t *testing.T) {
	for descr, says := range map[string]string{
		"|O": "Python objects", "<U3": "text", "|S3": "text", "<c8": "complex", "<M8[D]": "dates", "<f16": `"<f16"`,
		"|V2": `"|V2"`, "": "empty type", "<": "empty type",
	} {
		_, err := Open(store(t, "x.npy", npyOf(descr, "(2,)", []float32{1, 2})), Options{})
		wantRefusal(t, err, "x.npy", says)
	}
}

func TestNPYFileRefused(t *testing.T) {
	good := npyOf("<f4", "(2, 2)", []float32{1, 2, 3, 4})
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"empty file":        {nil, "truncated"},
		"only the magic":    {good[:8], "truncated"},
		"half a header":     {good[:30], "truncated"},
		"no values":         {good[:len(good)-16], "truncated"},
		"one byte short":    {good[:len(good)-1], "truncated"},
		"one byte too many": {append(slices.Clone(good), 0), "there are"},
		"another format":    {[]byte("PK\x03\x04 and so on"), "not a NumPy array"},
		"version 9":         {append([]byte(npyMagic+"\x09\x00"), good[8:]...), "version 9"},
		"a 4 GiB header":    {[]byte(npyMagic + "\x02\x00\xff\xff\xff\xff"), "declares 4294967295 bytes"},
		"more than exists":  {npyOf("<f4", "(1000000000000,)", []float32{1}), "truncated"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(store(t, "x.npy", c.data), Options{})
			wantRefusal(t, err, "x.npy", c.says)
		})
	}
}

// TestColumnMajor checks the reordering against its definition for random shapes.
func TestColumnMajor(t *testing.T) {
	for _, shape := range [][]int{{1}, {5}, {2, 3}, {3, 1, 4}, {2, 3, 4, 5}, {1, 1, 1}} {
		count := product(shape)
		src := make([]float32, count)
		for i := range src {
			src[i] = float32(rowMajorIndex(place(i, shape, true), shape))
		}
		for i, v := range rowMajor(nil, src, shape) {
			if v != float32(i) {
				t.Fatalf("shape %v: place %d holds the value of %v", shape, i, v)
			}
		}
	}
}

func TestHalfPrecision(t *testing.T) {
	for bits, want := range map[uint16]float32{
		0x0000: 0, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0400: 0x1p-14, 0x0001: 0x1p-24,
		0x7c00: float32(math.Inf(1)), 0xfc00: float32(math.Inf(-1)), 0x3555: 0.333251953125,
	} {
		if got := halfToFloat(bits); got != want {
			t.Errorf("%#04x: got %v, want %v", bits, got, want)
		}
	}
	if got := halfToFloat(0x7e00); got == got {
		t.Errorf("0x7e00: got %v, want NaN", got)
	}
}

// TestLongStreams crosses the boundaries of the chunks in which values are read, with memory taken at once and grown.
func TestLongStreams(t *testing.T) {
	for _, count := range []int{1 << 14, 1<<17 + 1, 1<<18 + 1, 600_001} {
		values := make([]uint16, count)
		for i := range values {
			values[i] = uint16(i)
		}
		array := npyOf("<u2", fmt.Sprintf("(%d,)", count), values)
		for _, path := range []string{store(t, "x.npy", array), store(t, "x.npz", npzOf(t, entry{"x", array}))} {
			d := mustOpen(t, path, Options{Inputs: []Field{{Name: "x", Type: onnx.Float32}}})
			for i, v := range d.Inputs[0].Floats {
				if v != float32(uint16(i)) {
					t.Fatalf("%s, %d values: value %d is %v", path, count, i, v)
				}
			}
			if d.Len() != count || cap(d.Inputs[0].Floats) != count {
				t.Errorf("%d values: got %d in memory for %d", count, d.Len(), cap(d.Inputs[0].Floats))
			}
		}
	}
}

// TestRepetitiveStreams: memory grows as needed when an archive holds far more than its size suggests.
func TestRepetitiveStreams(t *testing.T) {
	const count = 1<<20 + 3
	values := bytes.Repeat([]byte{7}, count)
	path := store(t, "x.npz", npzOf(t, entry{"x", npyOf("|u1", fmt.Sprintf("(%d,)", count), values)}))
	got := mustOpen(t, path, Options{}).Inputs[0].Ints
	if len(got) != count || cap(got) != count || slices.ContainsFunc(got, func(v int64) bool { return v != 7 }) {
		t.Errorf("%d values in memory for %d, want %d", len(got), cap(got), count)
	}
}

func FuzzNPY(f *testing.F) {
	f.Add(npyOf("<f4", "(2, 2)", []float32{1, 2, 3, 4}))
	f.Add(npyOf(">i8", "(2,)", []int64{1, 2}))
	f.Add(npyWith("{'descr': '|b1', 'fortran_order': True, 'shape': (2, 1, 2), }", []byte{1, 0, 1, 1}))
	f.Add(npyOf("<f8", "(9999999999999, 2)", []float64{math.NaN()}))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, typ := range []onnx.DataType{onnx.Undefined, onnx.Float32, onnx.Int64, onnx.Uint8} {
			l := &loader{Options: Options{Inputs: []Field{{Name: "x", Type: typ}}}, store: spill.New(1<<20, 0)}
			d, err := l.assemble([]named{{"x", inMemory(data)}})
			if err != nil {
				wantRefusal(t, err)
				continue
			}
			mustWell(t, d)
		}
	})
}

// inMemory is a .npy file in memory that is not known to be whole.
func inMemory(data []byte) npyArray {
	return npyArray{open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
		size: int64(len(data))}
}
