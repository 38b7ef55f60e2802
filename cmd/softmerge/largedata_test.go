package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Images of so many rows and columns, and three channels: 600 kB each as float32.
const largeEdge, imageBytes = 224, 3 * 224 * 224 * 4

// largeModel writes a network of images: the mean of each channel, then a linear layer with some noise in it.
func largeModel(t *testing.T, path string, noise *rand.Rand) string {
	t.Helper()
	shape := func(last ...int64) *onnxpb.TypeProto {
		dims := []*onnxpb.TensorShapeProto_Dimension{{Value: &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: "n"}}}
		for _, n := range last {
			dims = append(dims, &onnxpb.TensorShapeProto_Dimension{
				Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: n}})
		}
		return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: &onnxpb.TypeProto_Tensor{
			ElemType: proto.Int32(int32(onnx.Float32)), Shape: &onnxpb.TensorShapeProto{Dim: dims}}}}
	}
	var w []byte
	for i := range 9 {
		v := 4*float64(1-min(1, i%4)) + 2*noise.NormFloat64()
		w = binary.LittleEndian.AppendUint32(w, math.Float32bits(float32(v)))
	}
	node := func(op, in, out string) *onnxpb.NodeProto {
		return &onnxpb.NodeProto{OpType: &op, Input: strings.Fields(in), Output: []string{out}}
	}
	m := &onnxpb.ModelProto{IrVersion: proto.Int64(8),
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Domain: proto.String(""), Version: proto.Int64(17)}},
		Graph: &onnxpb.GraphProto{Name: proto.String("g"),
			Node: []*onnxpb.NodeProto{node("GlobalAveragePool", "image", "p"), node("Flatten", "p", "f"),
				node("Gemm", "f w", "scores")},
			Initializer: []*onnxpb.TensorProto{{Name: proto.String("w"), Dims: []int64{3, 3},
				DataType: proto.Int32(int32(onnx.Float32)), RawData: w}},
			Input:  []*onnxpb.ValueInfoProto{{Name: proto.String("image"), Type: shape(3, largeEdge, largeEdge)}},
			Output: []*onnxpb.ValueInfoProto{{Name: proto.String("scores"), Type: shape(3)}}}}
	content, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// largeData writes so many images with labels: the channel that is brighter by a little.
func largeData(t *testing.T, path string, n int) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	header, _ := json.Marshal(map[string]any{
		"image": map[string]any{"dtype": "F32", "shape": []int{n, 3, largeEdge, largeEdge},
			"data_offsets": []int{0, n * imageBytes}},
		"label": map[string]any{"dtype": "I64", "shape": []int{n}, "data_offsets": []int{n * imageBytes, n*imageBytes + 8*n}},
	})
	for (len(header)+8)%64 != 0 {
		header = append(header, ' ')
	}
	w := bufio.NewWriterSize(f, 1<<20)
	binary.Write(w, binary.LittleEndian, uint64(len(header)))
	w.Write(header)
	random, labels := rand.New(rand.NewPCG(5, 6)), make([]int64, n)
	for i := range n {
		labels[i] = random.Int64N(3)
		for c := range 3 {
			level := random.NormFloat64() / 2
			if int64(c) == labels[i] {
				level++
			}
			row := make([]byte, largeEdge*largeEdge*4)
			for at := range largeEdge * largeEdge {
				binary.LittleEndian.PutUint32(row[4*at:], math.Float32bits(float32(level)+float32(at%7-3)))
			}
			w.Write(row)
		}
	}
	binary.Write(w, binary.LittleEndian, labels)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return path
}

// peakOf runs the program and returns its output and the most memory it had that no file stands for, in bytes.
func peakOf(t *testing.T, args ...string) (output string, peak int64) {
	t.Helper()
	var out strings.Builder
	c := exec.Command("softmerge", args...)
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- c.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v: %s", err, out.String())
			}
			return out.String(), peak
		case <-time.After(20 * time.Millisecond):
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Process.Pid))
			for line := range strings.Lines(string(status)) {
				if f := strings.Fields(line); len(f) > 1 && f[0] == "RssAnon:" {
					kB, _ := strconv.ParseInt(f[1], 10, 64)
					peak = max(peak, kB<<10)
				}
			}
		}
	}
}

// Data of several gigabytes is merged and judged in memory of a quarter of one, from where it lies and from temporary
// files, to the same end.
func TestDataLargerThanMemory(t *testing.T) {
	if os.Getenv("SOFTMERGE_LONG") == "" || runtime.GOOS != "linux" {
		t.Skip("takes minutes and 13 GB of disk: set SOFTMERGE_LONG, as .ci/long does")
	}
	const samples, memory = 7000, 256 << 20
	dir, noise := t.TempDir(), rand.New(rand.NewPCG(1, 9))
	a, b := largeModel(t, filepath.Join(dir, "a.onnx"), noise), largeModel(t, filepath.Join(dir, "b.onnx"), noise)
	data := largeData(t, filepath.Join(dir, "val.safetensors"), samples)
	check := func(what string, args ...string) string {
		out, peak := peakOf(t, args...)
		t.Logf("%s: %.2f GB of data, --data-memory %d MB, peak RssAnon %d MB\n%s", what, samples*imageBytes/1e9,
			memory>>20, peak>>20, out)
		if peak > 3*memory {
			t.Errorf("%s: %d bytes of memory", what, peak)
		}
		return out
	}
	bound := fmt.Sprint("--data-memory=", memory)
	check("eval", "eval", a, b, "--data", data, bound)
	out := check("merge", "merge", a, b, "-o", filepath.Join(dir, "m.onnx"), "--data", data, bound, "--allow-parent",
		"--epochs", "1", "--max-steps", "50")
	if !strings.Contains(out, "where they lie") || !strings.Contains(out, "wrote ") {
		t.Error("the data was not used in place, or nothing was written")
	}
}
