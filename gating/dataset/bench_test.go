package dataset

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// BenchmarkOpen reads 100 MB of an array and 50,000 labels as the input of a float32 graph.
func BenchmarkOpen(b *testing.B) {
	const samples, mega = 50_000, 100_000_000
	labels := npyOf("<i8", fmt.Sprintf("(%d,)", samples), make([]int64, samples))
	for _, c := range []struct {
		name, descr string
		size        int
		method      uint16
	}{
		{"float32", "<f4", 4, zip.Store}, {"float64", "<f8", 8, zip.Store}, {"uint8", "|u1", 1, zip.Store},
		{"float32 big endian", ">f4", 4, zip.Store}, {"float16", "<f2", 2, zip.Store}, {"uint8 deflated",
			"|u1", 1, zip.Deflate},
	} {
		b.Run(c.name, func(b *testing.B) {
			width := mega / samples / c.size
			values := noise(c.descr, samples*width)
			x := npyOf(c.descr, fmt.Sprintf("(%d, %d)", samples, width), values)
			path := store(b, "x.npz", zipped(b, c.method, entry{"x", x}, entry{"y", labels}))
			b.SetBytes(mega)
			b.ReportAllocs()
			for b.Loop() {
				d := mustOpen(b, path,
					Options{Inputs: []Field{{Name: "x", Type: onnx.Float32, Shape: []int{-1, width}}}})
				if d.Len() != samples {
					b.Fatal(d.Len())
				}
			}
		})
	}
}

// noise is random numbers between 0 and 1, or 0 and 15 for bytes, as the descr says.
func noise(descr string, count int) []byte {
	random := rand.New(rand.NewPCG(1, 1))
	out := make([]byte, 0, count*8)
	for range count {
		switch descr {
		case "|u1":
			out = append(out, byte(random.Uint32()&15))
		case "<f2":
			out = binary.LittleEndian.AppendUint16(out, uint16(random.Uint32N(0x3c00)))
		case "<f4":
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(random.Float32()))
		case ">f4":
			out = binary.BigEndian.AppendUint32(out, math.Float32bits(random.Float32()))
		case "<f8":
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(random.Float64()))
		}
	}
	return out
}

func zipped(t testing.TB, method uint16, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, e := range entries {
		f, err := w.CreateHeader(&zip.FileHeader{Name: e.name + ".npy", Method: method})
		if err != nil {
			t.Fatal(err)
		}
		f.Write(e.data)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func BenchmarkGather(b *testing.B) {
	d := numbered(make([]int64, 100_000))
	d.Inputs[0].Shape, d.Inputs[0].Floats = []int{1, 8, 8}, make([]float32, 64*100_000)
	out := make([]float32, 64*256)
	b.SetBytes(int64(len(out) * 4))
	for b.Loop() {
		for rows := range d.Head(256).Batches(1, 256) {
			d.Inputs[0].Gather(rows, out, nil)
			break
		}
	}
}

// BenchmarkCut cuts 20,000 sequences, padded to 128 positions, to 100 different lengths.
func BenchmarkCut(b *testing.B) {
	const samples, padded = 20_000, 128
	d := &Data{Inputs: []Column{{Name: "ids", Type: onnx.Int64, Shape: []int{padded},
		Ints: make([]int64, samples*padded)}}}
	lengths := make([]int64, samples)
	for i := range lengths {
		lengths[i] = int64(20 + i%100)
	}
	b.SetBytes(8 * samples * padded)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.cut([]cut{{0, 0, lengths}}); err != nil {
			b.Fatal(err)
		}
	}
}
