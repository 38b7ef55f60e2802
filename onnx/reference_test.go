package onnx_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// reference is a model held whole in memory and changed in the plainest way: what edits of views and the
// splices that write them have to come to.
type reference struct{ *onnxpb.ModelProto }

// branching is a model with weights in a graph and in a subgraph.
func branching() *onnxpb.ModelProto {
	weight := func(name string, values ...float32) *onnxpb.TensorProto {
		t, err := onnx.NewTensor(name, []int{len(values)}, values)
		if err != nil {
			panic(err)
		}
		return t
	}
	op := func(op, out string, in ...string) *onnxpb.NodeProto {
		return &onnxpb.NodeProto{Name: proto.String("node " + out), OpType: proto.String(op), Input: in,
			Output: []string{out}}
	}
	branch := &onnxpb.GraphProto{Name: proto.String("branch"), Initializer: []*onnxpb.TensorProto{weight("v", 5, 6)},
		Node: []*onnxpb.NodeProto{op("Add", "inner", "h", "v")}}
	choose := op("If", "y", "flag")
	choose.Attribute = []*onnxpb.AttributeProto{{Name: proto.String("then_branch"),
		Type: onnxpb.AttributeProto_GRAPH.Enum(), G: branch}}
	return &onnxpb.ModelProto{
		IrVersion:     proto.Int64(8),
		OpsetImport:   []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(17)}},
		MetadataProps: []*onnxpb.StringStringEntryProto{{Key: proto.String("a"), Value: proto.String("1")}},
		Graph: &onnxpb.GraphProto{Name: proto.String("main"),
			Initializer: []*onnxpb.TensorProto{weight("w", 1, 2, 3), weight("b", 4)},
			Node:        []*onnxpb.NodeProto{op("Mul", "p", "x", "w"), op("Add", "h", "p", "b"), choose},
		},
	}
}

// graphOf is the main graph of a model, or its branch.
func graphOf(m *onnxpb.ModelProto, inner bool) *onnxpb.GraphProto {
	if !inner {
		return m.GetGraph()
	}
	for _, n := range m.GetGraph().GetNode() {
		if n.GetOpType() == "If" {
			return n.GetAttribute()[0].GetG()
		}
	}
	panic("the model has lost its branch")
}

// floats encodes numbers as raw_data of float32.
func floats(values []float64) (raw []byte) {
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(v)))
	}
	return raw
}

// change draws one change and makes it on the reference; the same change as an edit of a view comes back.
func (r reference) change(random *rand.Rand, step int, view *onnxpb.ModelProto) onnx.Edit {
	inner := random.IntN(2) == 0
	mine, theirs := graphOf(r.ModelProto, inner), graphOf(view, inner)
	values := []float64{random.NormFloat64(), random.NormFloat64()}
	source := func() ([]float64, error) { return values, nil }
	name := fmt.Sprint("new", step, strings.Repeat("x", random.IntN(200)))
	switch random.IntN(5) {
	case 0:
		i := random.IntN(len(mine.Initializer))
		for len(values) < int(mine.Initializer[i].Dims[0]) {
			values = append(values, float64(len(values)))
		}
		values = values[:mine.Initializer[i].Dims[0]]
		mine.Initializer[i].RawData = floats(values)
		return onnx.SetValues(theirs.GetInitializer()[i], source)
	case 1:
		mine.Initializer = append(mine.Initializer, &onnxpb.TensorProto{Name: proto.String(name), Dims: []int64{2},
			DataType: proto.Int32(int32(onnx.Float32)), RawData: floats(values)})
		return onnx.AddInitializer(theirs, name, onnx.Float32, []int{2}, source)
	case 2:
		return addNode(random, name, mine, theirs)
	case 3:
		i := random.IntN(len(theirs.GetNode()))
		if strings.HasPrefix(theirs.GetNode()[i].GetName(), "added") { // no edit can name it
			return r.change(random, step, view)
		}
		slot := random.IntN(3)
		for slot >= len(mine.Node[i].Input) {
			mine.Node[i].Input = append(mine.Node[i].Input, "")
		}
		mine.Node[i].Input[slot] = name
		return onnx.SetInput(theirs.GetNode()[i], slot, name)
	default:
		key := fmt.Sprint("key", random.IntN(3))
		r.setMetadata(key, name)
		return onnx.SetMetadata(key, name)
	}
}

// setMetadata replaces the value of a key, or appends the key.
func (r reference) setMetadata(key, value string) {
	for _, kv := range r.MetadataProps {
		if kv.GetKey() == key {
			kv.Value = proto.String(value)
			return
		}
	}
	r.MetadataProps = append(r.MetadataProps,
		&onnxpb.StringStringEntryProto{Key: proto.String(key), Value: proto.String(value)})
}

// addNode adds a node before one of the file, or at the end.
func addNode(random *rand.Rand, name string, mine, theirs *onnxpb.GraphProto) onnx.Edit {
	n := &onnxpb.NodeProto{Name: proto.String("added " + name), OpType: proto.String("Neg"), Input: []string{"x"},
		Output: []string{name}}
	var before *onnxpb.NodeProto
	at := len(mine.Node)
	if i := random.IntN(len(mine.Node) + 1); i < len(mine.Node) &&
		!strings.HasPrefix(mine.Node[i].GetName(), "added") {
		before, at = theirs.GetNode()[i], i
	}
	mine.Node = slices.Insert(mine.Node, at, n)
	return onnx.AddNode(theirs, before, n)
}

// Views of views, written and decoded by the protobuf library alone, are the reference to the last field.
func TestViewsAgainstPlainMessages(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 7))
		want := reference{branching()}
		m, err := onnx.FromProto(branching())
		if err != nil {
			t.Fatal(err)
		}
		for step := range 1 + random.IntN(8) {
			if m, err = m.With(want.change(random, step, m.Proto())); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		var file bytes.Buffer
		if _, err := m.WriteTo(&file); err != nil {
			t.Fatal(err)
		}
		var got onnxpb.ModelProto
		if err := proto.Unmarshal(file.Bytes(), &got); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !proto.Equal(&got, want.ModelProto) {
			t.Fatalf("seed %d: the file has\n%v\nwant\n%v", seed, &got, want.ModelProto)
		}
	}
}

// drawNodes draws nodes that read only what nodes before them compute, some through a subgraph.
func drawNodes(random *rand.Rand, n int) []*onnxpb.NodeProto {
	list := make([]*onnxpb.NodeProto, n)
	for i := range list {
		list[i] = &onnxpb.NodeProto{Name: proto.String(fmt.Sprint(i)), OpType: proto.String("Op"),
			Input: []string{"x"}, Output: []string{fmt.Sprint("v", i)}}
		for range random.IntN(3) {
			read := "outside"
			if i > 0 {
				read = fmt.Sprint("v", random.IntN(i))
			}
			if random.IntN(4) > 0 {
				list[i].Input = append(list[i].Input, read)
				continue
			}
			body := &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{{OpType: proto.String("Op"), Input: []string{read}}}}
			list[i].Attribute = append(list[i].Attribute, &onnxpb.AttributeProto{Name: proto.String("body"), G: body})
		}
	}
	return list
}

// readsOf lists what a node reads, itself and in its subgraphs.
func readsOf(n *onnxpb.NodeProto) []string {
	names := slices.Clone(n.GetInput())
	for _, g := range onnx.Subgraphs(n) {
		for _, inner := range g.GetNode() {
			names = append(names, readsOf(inner)...)
		}
	}
	return names
}

// Whatever the order given, each node comes after those that it reads; nodes in order stay where they are.
func TestOrderOfRandomGraphs(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 3))
		nodes := drawNodes(random, 1+random.IntN(30))
		if same, err := onnx.Order(nodes); err != nil || !slices.Equal(same, nodes) {
			t.Fatalf("seed %d: nodes in order are moved, %v", seed, err)
		}
		mixed := slices.Clone(nodes)
		random.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		sorted, err := onnx.Order(mixed)
		if err != nil || len(sorted) != len(nodes) {
			t.Fatalf("seed %d: %d of %d nodes, %v", seed, len(sorted), len(nodes), err)
		}
		made := map[string]bool{"x": true, "outside": true}
		for _, n := range sorted {
			for _, name := range readsOf(n) {
				if !made[name] {
					t.Fatalf("seed %d: node %s comes before %s, which it reads", seed, n.GetName(), name)
				}
			}
			made[n.GetOutput()[0]] = true
		}
		if len(made) != len(nodes)+2 {
			t.Fatalf("seed %d: %d values of %d nodes", seed, len(made)-2, len(nodes))
		}
	}
}
