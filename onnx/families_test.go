package onnx_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// trained lists the models of the fixtures: fine-tunes of small networks of many kinds, as exporters wrote them.
func trained(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join("..", "fixtures"), func(path string, d fs.DirEntry, err error) error {
		if d.IsDir() && d.Name() == "hostile" {
			return fs.SkipDir
		}
		if filepath.Ext(path) == ".onnx" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) < 50 {
		t.Fatalf("%d models, %v", len(paths), err)
	}
	return paths
}

// whole is a file decoded by the protobuf library alone, weights and all.
func whole(t *testing.T, path string) (content []byte, p *onnxpb.ModelProto) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p = &onnxpb.ModelProto{}
	if err := proto.Unmarshal(content, p); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return content, p
}

// Every model of the fixtures is valid but for what readers overlook, written as it was read, and its weights
// are those that the protobuf library decodes.
func TestFixtureModels(t *testing.T) {
	for _, path := range trained(t) {
		content, want := whole(t, path)
		m, err := onnx.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := onnx.Validate(m); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		var written bytes.Buffer
		if _, err := m.WriteTo(&written); err != nil || !bytes.Equal(written.Bytes(), content) {
			t.Errorf("%s: written otherwise than read, %v", path, err)
		}
		sum := sha256.Sum256(content)
		if got, err := m.SHA256(); err != nil || got != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: the hash is %s, %v", path, got, err)
		}
		for i, w := range m.Proto().GetGraph().GetInitializer() {
			sameNumbers(t, path, m.Tensor(w), want.GetGraph().GetInitializer()[i])
			if len(w.GetRawData())+len(w.GetFloatData())+len(w.GetInt64Data()) > 0 {
				t.Errorf("%s: %s holds its weights in memory", path, w.GetName())
			}
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// sameNumbers compares a tensor with a plain reading of its message.
func sameNumbers(t *testing.T, path string, got onnx.Tensor, p *onnxpb.TensorProto) {
	t.Helper()
	var err error
	var numbers, want any
	switch got.DataType() {
	case onnx.Float32:
		list := p.GetFloatData()
		for raw := p.GetRawData(); len(raw) > 0; raw = raw[4:] {
			list = append(list, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
		}
		want = list
		numbers, err = got.Floats(nil)
	case onnx.Int64:
		list := p.GetInt64Data()
		for raw := p.GetRawData(); len(raw) > 0; raw = raw[8:] {
			list = append(list, int64(binary.LittleEndian.Uint64(raw)))
		}
		want = list
		numbers, err = got.Ints(nil)
	default:
		return // types that few models have are read in tests of their own
	}
	if err != nil || fmt.Sprint(numbers) != fmt.Sprint(want) {
		t.Errorf("%s: %s is read otherwise, %v", path, p.GetName(), err)
	}
}

// countNodes counts nodes of a graph and of the graphs inside them by operator, by plain recursion.
func countNodes(nodes []*onnxpb.NodeProto, counts map[string]int) {
	for _, n := range nodes {
		counts[n.GetOpType()]++
		for _, a := range n.GetAttribute() {
			countNodes(a.GetG().GetNode(), counts)
			for _, g := range a.GetGraphs() {
				countNodes(g.GetNode(), counts)
			}
		}
	}
}

// Walk visits each node of each fixture once, and says where it stands.
func TestWalkOfFixtureModels(t *testing.T) {
	inner := 0
	for _, path := range trained(t) {
		_, p := whole(t, path)
		want, got := map[string]int{}, map[string]int{}
		countNodes(p.GetGraph().GetNode(), want)
		for _, f := range p.GetFunctions() {
			countNodes(f.GetNode(), want)
		}
		m, err := onnx.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		err = m.Walk(func(at onnx.Place, n *onnxpb.NodeProto) error {
			got[n.GetOpType()]++
			if !slices.Contains(at.Nodes(), n) {
				return fmt.Errorf("node %s does not stand in %s", onnx.NodeLabel(n), &at)
			}
			if (at.Outer != nil) != strings.Contains(at.String(), " / ") {
				return fmt.Errorf("a node stands in %s, %+v", &at, at)
			}
			if at.Outer != nil {
				inner++
			}
			return nil
		})
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: visited %v, want %v; %v", path, got, want, err)
		}
	}
	if inner == 0 {
		t.Error("no fixture has a subgraph: the test has lost its subject")
	}
}

// New values of the weights change the weights and nothing else: the file has the same size, and differs in
// their bytes alone.
func TestNewWeightsOfFixtureModels(t *testing.T) {
	for _, path := range trained(t) {
		content, p := whole(t, path)
		m, err := onnx.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		var edits []onnx.Edit
		raw := 0 // bytes of weights that stay where they are
		for i, w := range m.Proto().GetGraph().GetInitializer() {
			x := m.Tensor(w)
			if x.DataType() != onnx.Float32 || len(p.GetGraph().GetInitializer()[i].GetRawData()) == 0 {
				continue
			}
			raw += 4 * x.Len()
			edits = append(edits, onnx.SetValues(w, func() ([]float64, error) { return make([]float64, x.Len()), nil }))
		}
		view, err := m.With(edits...)
		if err != nil {
			t.Fatal(err)
		}
		var written bytes.Buffer
		if _, err := view.WriteTo(&written); err != nil {
			t.Fatal(err)
		}
		changed := 0
		for i, b := range written.Bytes() {
			if i < len(content) && content[i] != b {
				changed++
			}
		}
		if written.Len() != len(content) || changed > raw || raw > 0 && changed == 0 {
			t.Errorf("%s: %d of %d bytes become %d, %d of them others", path, raw, len(content), written.Len(), changed)
		}
	}
}
