package dataset

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
)

// TestNumPyFiles reads every type in both byte orders from files written by NumPy (testdata/make.py), as what the file
// has, as floats and as integers.
func TestNumPyFiles(t *testing.T) {
	codes := map[string]onnx.DataType{
		"f2": onnx.Float16, "f4": onnx.Float32, "f8": onnx.Float64, "i1": onnx.Int8, "i2": onnx.Int16,
		"i4": onnx.Int32, "i8": onnx.Int64,
		"u1": onnx.Uint8, "u2": onnx.Uint16, "u4": onnx.Uint32, "u8": onnx.Uint64,
	}
	for _, file := range []string{"testdata/stored.npz", "testdata/compressed.npz"} {
		for code, typ := range codes {
			want := []int64{-1, 0, 1, 2, 3, 4}
			if code[0] == 'u' {
				want = []int64{0, 1, 2, 3, 4, 5}
			}
			for _, order := range "<>" {
				key := string(order) + code
				checkRead(t, file, Field{Name: key}, typ, []int{3}, want)
				checkRead(t, file, Field{Name: key, Type: onnx.Float32, Shape: []int{-1, 3}}, onnx.Float32, []int{3},
					want)
				checkRead(t, file, Field{Name: key, Type: onnx.Int64, Shape: []int{1, 3}}, onnx.Int64, []int{3}, want)
			}
		}
		upTo24 := make([]int64, 24)
		for i := range upTo24 {
			upTo24[i] = int64(i)
		}
		checkRead(t, file, Field{Name: "bool"}, onnx.Bool, []int{3}, []int64{1, 0, 1, 0, 1, 1})
		checkRead(t, file, Field{Name: "bool", Type: onnx.Float32}, onnx.Float32, []int{3}, []int64{1, 0, 1, 0, 1, 1})
		checkRead(t, file, Field{Name: "fortran"}, onnx.Float32, []int{3, 4}, upTo24)
		checkRead(t, file, Field{Name: "fortran_big"}, onnx.Int16, []int{3, 4}, upTo24)
	}
	for _, key := range []string{"v1", "v2", "v3"} {
		checkRead(t, "testdata/versions.npz", Field{Name: key}, onnx.Float32, []int{3}, []int64{0, 1, 2, 3, 4, 5})
	}
}

func checkRead(t *testing.T, file string, f Field, typ onnx.DataType, sample []int, want []int64) {
	t.Helper()
	d := mustOpen(t, file, Options{Inputs: []Field{f}})
	mustWell(t, d)
	c := d.Inputs[0]
	got := make([]int64, len(c.Floats)+len(c.Ints))
	for i := range got {
		got[i] = int64(c.at(i))
	}
	if c.Type != typ || !slices.Equal(c.Shape, sample) || !slices.Equal(got, want) {
		t.Errorf("%s, %q as %s: got %s %v %v, want %s %v %v", file, f.Name, f.Type, c.Type, c.Shape, got, typ, sample,
			want)
	}
}

func TestNumPyRefused(t *testing.T) {
	for key, says := range map[string]string{
		"object": "pickle", "text": "text", "bytes": "text", "complex": "complex", "dates": "dates",
		"records": "structured", "long": "of type",
	} {
		_, err := Open("testdata/refused.npz", Options{Inputs: []Field{{Name: key}}})
		wantRefusal(t, err, "testdata/refused.npz", fmt.Sprintf("%q", key), says)
	}
	for key, says := range map[string]string{"scalar": "no batch axis", "empty": "empty"} {
		_, err := Open("testdata/stored.npz", Options{Inputs: []Field{{Name: key}}})
		wantRefusal(t, err, says)
	}
}

// TestUnusedArraysAreNotRead: what nobody asks for may be of any type.
func TestUnusedArraysAreNotRead(t *testing.T) {
	path := store(t, "x.npz", npzOf(t,
		entry{"x", npyOf("<f4", "(2,)", []float32{1, 2})},
		entry{"label", npyOf("<i8", "(2,)", []int64{0, 1})},
		entry{"names", npyOf("|O", "(2,)", []byte("pickle"))}))
	if d := mustOpen(t, path, Options{Inputs: []Field{{Name: "x"}}}); d.Label == nil || d.Len() != 2 {
		t.Errorf("got %+v", d)
	}
}

func TestArchiveRefused(t *testing.T) {
	x := npyOf("<f4", "(2,)", []float32{1, 2})
	good := npzOf(t, entry{"x", x})
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"empty file":    {nil, "not a whole .npz"},
		"not a zip":     {x, "not a whole .npz"},
		"truncated":     {good[:len(good)/2], "not a whole .npz"},
		"no arrays":     {npzOf(t), "no arrays"},
		"a name twice":  {npzOf(t, entry{"x", x}, entry{"x", x}), `two arrays named "x"`},
		"climbing name": {npzOf(t, entry{"../x", x}), "outside"},
		"rooted name":   {npzOf(t, entry{"/etc/x", x}), "outside"},
		"windows name":  {npzOf(t, entry{`..\x`, x}), "outside"},
		"encrypted":     {patchFlags(good), "encrypted"},
		"wrong values":  {flipLastValue(t, x), "checksum"},
		"short values":  {npzOf(t, entry{"x", x[:len(x)-4]}), "truncated"},
		"more values":   {npzOf(t, entry{"x", append(slices.Clone(x), 0)}), "but there are"},
		"pickled alone": {npzOf(t, entry{"x", npyOf("|O", "(2,)", []byte("cos\nsystem"))}), "pickle"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(store(t, "x.npz", c.data), Options{})
			wantRefusal(t, err, "x.npz", c.says)
		})
	}
}

// patchFlags sets the bit for encryption in the archive's directory.
func patchFlags(archive []byte) []byte {
	out := slices.Clone(archive)
	at := bytes.Index(out, []byte("PK\x01\x02"))
	out[at+8] |= 1
	return out
}

// flipLastValue stores an array whose checksum belongs to other values.
func flipLastValue(t *testing.T, x []byte) []byte {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := w.CreateHeader(&zip.FileHeader{Name: "x.npy", Method: zip.Store})
	if err != nil {
		t.Fatal(err)
	}
	f.Write(x)
	w.Close()
	out := buf.Bytes()
	out[bytes.Index(out, x)+len(x)-2] ^= 1
	return out
}

// rawZip is an archive whose directory says what it is told to.
func rawZip(t *testing.T, name string, compressed []byte, declared uint64) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, CompressedSize64: uint64(len(compressed)),
		UncompressedSize64: declared}
	f, err := w.CreateRaw(h)
	if err != nil {
		t.Fatal(err)
	}
	f.Write(compressed)
	w.Close()
	return buf.Bytes()
}

// deflated compresses data followed by so many zeros.
func deflated(t *testing.T, data []byte, zeros int64) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(data)
	io.CopyN(w, zeroReader{}, zeros)
	w.Close()
	return buf.Bytes()
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestBombs(t *testing.T) {
	const declared = 300 << 20
	bomb := make([]byte, 1<<20) // refused before it is read
	less := npyOf("<f4", "(150000,)", []byte{})
	small := npyOf("<f4", "(2000000,)", []byte{})
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"too repetitive":             {rawZip(t, "x.npy", bomb, declared), "looks like a bomb"},
		"more than deflate can hold": {rawZip(t, "x.npy", bomb, 1<<50), "bomb or damaged"},
		"a size that does not exist": {rawZip(t, "x.npy", bomb, 1<<63), "bomb or damaged"},
		"a header larger than allowed": {rawZip(t, "x.npy", deflated(t, small, 8_000_000),
			uint64(len(small)+8_000_000)), "do not fit in the 4000000 bytes allowed"},
		"less than declared": {rawZip(t, "x.npy", deflated(t, less, 500_000), uint64(len(less)+600_000)),
			"truncated"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(store(t, "x.npz", c.data), Options{MaxBytes: 4_000_000, MaxDisk: -1})
			wantRefusal(t, err, c.says)
		})
	}
}

// TestOverlappingEntries replays the bomb whose directory points at the same bytes over and over.
func TestOverlappingEntries(t *testing.T) {
	one := npzOf(t, entry{"x", npyOf("<f4", "(200000,)", make([]float32, 200000))})
	from := bytes.Index(one, []byte("PK\x01\x02"))
	end := bytes.Index(one, []byte("PK\x05\x06"))
	record := one[from:end]
	out := slices.Clone(one[:from])
	const copies = 20
	for i := range copies {
		r := slices.Clone(record)
		copy(r[46:], string(rune('a'+i)))
		out = append(out, r...)
	}
	tail := slices.Clone(one[end:])
	binary.LittleEndian.PutUint16(tail[8:], copies)
	binary.LittleEndian.PutUint16(tail[10:], copies)
	binary.LittleEndian.PutUint32(tail[12:], uint32(copies*len(record)))
	_, err := Open(store(t, "x.npz", append(out, tail...)), Options{})
	wantRefusal(t, err, "bomb")
}

// TestMemoryIsBoundedOverAll: the bound holds for the sum of all arrays.
func TestMemoryIsBoundedOverAll(t *testing.T) {
	a := npyOf("<f4", "(100,)", make([]float32, 100))
	path := store(t, "x.npz", npzOf(t, entry{"a", a}, entry{"b", a}, entry{"c", a}))
	mustOpen(t, path, Options{MaxBytes: 1200, MaxDisk: -1})
	_, err := Open(path, Options{MaxBytes: 1199, MaxDisk: -1})
	wantRefusal(t, err, `input "c"`, "allow more memory")
}

func FuzzNPZ(f *testing.F) {
	x := npyOf("<f4", "(2,)", []float32{1, 2})
	f.Add(npzOf(f, entry{"x", x}, entry{"y", npyOf("<i8", "(2, 1)", []int64{0, 1})}))
	f.Add(npzOf(f, entry{"x", x})[:60])
	f.Add([]byte(strings.Repeat("PK\x01\x02", 20)))
	f.Fuzz(func(t *testing.T, data []byte) {
		arrays, err := npzArrays(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			wantRefusal(t, err)
			return
		}
		l := &loader{store: spill.New(1<<20, 0)}
		d, err := l.assemble(arrays)
		if err != nil {
			wantRefusal(t, err)
			return
		}
		mustWell(t, d)
	})
}
