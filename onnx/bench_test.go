package onnx

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// largeModel writes a model of 50 layers with 1 M float32 weights each, 200 MB,
// and returns its path.
func largeModel(b *testing.B) string {
	g := &onnxpb.GraphProto{Name: proto.String("g")}
	raw := make([]byte, 4<<20)
	for i := range 50 {
		t := emptyTensor("w"+strconv.Itoa(i), Float32, []int{1024, 1024})
		t.RawData = raw
		g.Initializer = append(g.Initializer, t)
		g.Node = append(g.Node, &onnxpb.NodeProto{OpType: proto.String("MatMul"),
			Input: []string{"x" + strconv.Itoa(i), t.GetName()}, Output: []string{"x" + strconv.Itoa(i+1)}})
	}
	m := &onnxpb.ModelProto{IrVersion: proto.Int64(8), Graph: g}
	data, err := proto.Marshal(m)
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "large.onnx")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

func BenchmarkOpen(b *testing.B) {
	path := largeModel(b)
	b.ReportAllocs()
	for b.Loop() {
		m, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		if err := m.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// openBench opens the large model and sets all its weights to new values.
func openBench(b *testing.B) *Model {
	m, err := Open(largeModel(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close() })
	values := make([]float64, 1<<20)
	var edits []Edit
	for _, t := range m.Proto().Graph.Initializer {
		edits = append(edits, SetValues(t, func() ([]float64, error) { return values, nil }))
	}
	v, err := m.With(edits...)
	if err != nil {
		b.Fatal(err)
	}
	return v
}

func BenchmarkWriteTo(b *testing.B) {
	v := openBench(b)
	b.SetBytes(200 << 20)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteFile(b *testing.B) {
	v := openBench(b)
	out := filepath.Join(b.TempDir(), "out.onnx")
	b.SetBytes(200 << 20)
	b.ReportAllocs()
	for b.Loop() {
		if err := WriteFile(out, v, WriteOptions{Overwrite: true}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFloats(b *testing.B) {
	for _, dt := range []DataType{Float32, Float64, Float16, BFloat16, Float8E4M3FN} {
		b.Run(dt.String(), func(b *testing.B) {
			values := make([]float64, 1<<20)
			for i := range values {
				values[i] = float64(i%1000) / 512
			}
			p, err := NewFloatTensor("w", dt, []int{len(values)}, values)
			if err != nil {
				b.Fatal(err)
			}
			t := TensorOf(p)
			dst := make([]float32, 0, len(values))
			b.SetBytes(int64(t.size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := t.Floats(dst[:0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	values := make([]float64, 1<<20)
	for i := range values {
		values[i] = float64(i%1000)/512 - 1
	}
	for _, dt := range []DataType{Float32, Float16, BFloat16, Float8E4M3FN} {
		b.Run(dt.String(), func(b *testing.B) {
			dst := make([]byte, 0, 8*len(values))
			b.ReportAllocs()
			for b.Loop() {
				appendValues(dst[:0], dt, values)
			}
		})
	}
}
