package graphmatch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// smallNet is two linear layers with an activation between them.
func smallNet(t testing.TB) *graphtest.Builder {
	d := graphtest.New(t, 1)
	x := d.Input("x")
	x = d.Node("fc1", "Gemm", []string{x, d.Tensor("fc1.weight", []int{2, 2}, []float32{3, 0, 0, 4}),
		d.Tensor("fc1.bias", []int{2}, []float32{1, 1})})
	x = d.Node("act", "LeakyRelu", []string{x}, "axis", 1)
	x = d.Node("shape", "Reshape", []string{x, d.Ints("target", 0, -1)})
	x = d.Node("fc2", "Gemm", []string{x, d.Tensor("fc2.weight", []int{2, 3}, []float32{1, 2, 3, 4, 5, 6})})
	d.Output(x)
	return d
}

// diffed compares two drawings.
func diffed(t testing.TB, a, b *graphtest.Builder) *Difference {
	t.Helper()
	d, err := Diff(a.Load(), b.Load())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// lines writes a difference as text, identical tensors left out.
func lines(d *Difference) []string {
	text := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	var out []string
	for _, c := range d.Model {
		out = append(out, fmt.Sprintf("model %s: %s, %s", c.What, text(c.A), text(c.B)))
	}
	for _, n := range d.Nodes {
		out = append(out, fmt.Sprintf("%s %s %s in %s", n.Change, n.Op, n.Name, n.Place))
		for _, c := range n.Details {
			out = append(out, fmt.Sprintf("  %s: %s, %s", c.What, text(c.A), text(c.B)))
		}
	}
	for _, c := range d.Tensors {
		if c.Status != TensorIdentical {
			out = append(out, fmt.Sprintf("%s %s %v %v", c.Status, strings.Join(c.Names, "|"), c.Shapes, c.Types))
		}
	}
	if d.Renamed > 0 {
		out = append(out, fmt.Sprintf("%d renamed", d.Renamed))
	}
	return out
}

func TestDiff(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*graphtest.Builder)
		want []string
	}{
		"nothing": {func(*graphtest.Builder) {}, nil},
		"values": {func(d *graphtest.Builder) { d.SetTensor("fc1.bias", []int{2}, []float32{1, 2}) },
			[]string{"changed fc1.bias|fc1.bias [[2] [2]] [float32 float32]"}},
		"shape": {func(d *graphtest.Builder) { d.SetTensor("fc2.weight", []int{2, 4}, make([]float32, 8)) },
			[]string{"reshaped fc2.weight|fc2.weight [[2 3] [2 4]] [float32 float32]"}},
		"whole numbers": {func(d *graphtest.Builder) {
			d.Model.Graph.Initializer[2].Int64Data = []int64{1, -1}
			d.Model.Graph.Initializer[2].RawData = nil
		},
			[]string{"changed target|target [[2] [2]] [int64 int64]"}},
		"attribute": {func(d *graphtest.Builder) { d.Model.Graph.Node[1].Attribute[0].I = proto.Int64(2) },
			[]string{"changed LeakyRelu act in graph", "  attribute axis: 1, 2"}},
		"attribute dropped": {func(d *graphtest.Builder) { d.Model.Graph.Node[1].Attribute = nil },
			[]string{"changed LeakyRelu act in graph", "  attribute axis: 1, -"}},
		"operator": {func(d *graphtest.Builder) { d.Model.Graph.Node[1].OpType = proto.String("Elu") },
			[]string{"removed LeakyRelu act in graph", "added Elu act in graph", "changed Reshape shape in graph",
				"  input 0: output 0 of act (LeakyRelu), output 0 of act (Elu)"}},
		"node between": {func(d *graphtest.Builder) {
			d.Model.Graph.Node = slices.Insert(d.Model.Graph.Node, 2,
				&onnxpb.NodeProto{Name: proto.String("extra"), OpType: proto.String("Relu"),
					Input: []string{"act_out"}, Output: []string{"extra_out"}})
			d.Model.Graph.Node[3].Input[0] = "extra_out"
		}, []string{"added Relu extra in graph", "changed Reshape shape in graph",
			"  input 0: output 0 of act (LeakyRelu), output 0 of extra (Relu)"}},
		"bias added": {func(d *graphtest.Builder) {
			n := d.Model.Graph.Node[3]
			n.Input = append(n.Input, d.Tensor("fc2.bias", []int{3}, []float32{0, 0, 1}))
		}, []string{"changed Gemm fc2 in graph", "  input 2: nothing, constant",
			"added |fc2.bias [[] [3]] [ float32]"}},
		"file": {func(d *graphtest.Builder) {
			d.Model.IrVersion = proto.Int64(9)
			d.Model.OpsetImport[0].Version = proto.Int64(18)
			d.Model.MetadataProps = []*onnxpb.StringStringEntryProto{{Key: proto.String("by"),
				Value: proto.String("hand")}}
			d.Model.Graph.Input[0].Type.GetTensorType().ElemType = proto.Int32(int32(onnx.Float64))
		}, []string{"model ir_version: 8, 9", "model opset ai.onnx: 17, 18", "model input x: float32, float64",
			`model metadata by: -, "hand"`}},
		"node renamed": {func(d *graphtest.Builder) { d.Model.Graph.Node[0].Name = proto.String("first") },
			[]string{"1 renamed"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := smallNet(t), smallNet(t)
			c.edit(b)
			d := diffed(t, a, b)
			if got := lines(d); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if d.Same() != (len(c.want) == 0) {
				t.Errorf("same is %v", d.Same())
			}
			if len(d.Tensors) < 4 {
				t.Errorf("%d tensors are listed, the model has 4", len(d.Tensors))
			}
		})
	}
}

// TestDiffOrder: a layer that only b has is listed where it stands in the network.
func TestDiffOrder(t *testing.T) {
	a, b := smallNet(t), smallNet(t)
	b.Model.Graph.Node = b.Model.Graph.Node[:0]
	x := b.Node("fc1", "Gemm", []string{"x", "fc1.weight", "fc1.bias"})
	x = b.Node("act", "LeakyRelu", []string{x}, "axis", 1)
	x = b.Node("mid", "Gemm", []string{x, b.Weight("mid.weight", 2, 2)})
	x = b.Node("shape", "Reshape", []string{x, "target"})
	b.Node("fc2", "Gemm", []string{x, "fc2.weight"})
	var layers []string
	for _, c := range diffed(t, a, b).Tensors {
		if !slices.Contains(layers, c.Layer) {
			layers = append(layers, c.Layer)
		}
	}
	if want := []string{"fc1", "mid", "fc2", ""}; !slices.Equal(layers, want) {
		t.Errorf("layers %q, want %q", layers, want)
	}
}

// TestDiffFigures holds the figures against numbers worked out by hand: a = (3, 0, 0, 4), b = (3, 0, 0, 9).
func TestDiffFigures(t *testing.T) {
	figures := func(values []float32) *TensorChange {
		a, b := smallNet(t), smallNet(t)
		b.SetTensor("fc1.weight", []int{2, 2}, values)
		return &diffed(t, a, b).Tensors[0]
	}
	c := figures([]float32{3, 0, 0, 9})
	if c.Layer != "fc1" || c.Role != "weight" {
		t.Errorf("first tensor is %s of %s", c.Role, c.Layer)
	}
	for _, f := range []struct {
		name string
		got  *float64
		want float64
	}{{"relative", c.Relative, 1}, {"max abs", c.MaxAbs, 5}, {"cosine", c.Cosine, 45 / (5 * math.Sqrt(90))}} {
		if f.got == nil || math.Abs(*f.got-f.want) > 1e-12 {
			t.Errorf("%s is %v, want %v", f.name, f.got, f.want)
		}
	}
	if c := figures([]float32{3, 0, 0, float32(math.NaN())}); c.Status != TensorChanged || c.Relative != nil ||
		c.Cosine != nil || c.MaxAbs != nil {
		t.Errorf("with NaN: %+v", c)
	}
	if c := figures([]float32{0, 0, 0, 0}); *c.Relative != 1 || c.Cosine != nil || *c.MaxAbs != 4 {
		t.Errorf("to zero: %+v", c)
	}
}

// TestDiffOfTypes compares values that are stored in another type.
func TestDiffOfTypes(t *testing.T) {
	a, b := smallNet(t), smallNet(t)
	half, err := onnx.NewFloatTensor("fc1.bias", onnx.Float16, []int{2}, []float64{1, 1})
	if err != nil {
		t.Fatal(err)
	}
	b.Model.Graph.Initializer[1] = half
	for _, c := range diffed(t, a, b).Tensors {
		if c.Role == "bias" && (c.Status != TensorChanged || *c.Relative != 0 || c.Types[1] != "float16") {
			t.Errorf("%+v", c)
		}
	}
}

// TestDiffOfSubgraphs follows nodes into branches.
func TestDiffOfSubgraphs(t *testing.T) {
	build := func(op string) *graphtest.Builder {
		d := graphtest.New(t, 1)
		branch := func(op string) *onnxpb.GraphProto {
			return &onnxpb.GraphProto{Name: proto.String("branch"),
				Output: []*onnxpb.ValueInfoProto{graphtest.FloatInfo("r")},
				Node:   []*onnxpb.NodeProto{{OpType: proto.String(op), Input: []string{"x"}, Output: []string{"r"}}}}
		}
		x := d.Input("x")
		d.Output(d.Node("choose", "If", []string{d.Input("c")}, "then_branch", branch("Relu"), "else_branch",
			branch(op)))
		_ = x
		return d
	}
	got := lines(diffed(t, build("Elu"), build("Tanh")))
	want := []string{"removed Elu Elu(r) in graph / choose.else_branch",
		"added Tanh Tanh(r) in graph / choose.else_branch"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestDiffOfRewrites: nodes and tensors of a random network are recognised under other names and in another order.
func TestDiffOfRewrites(t *testing.T) {
	for seed := range uint64(20) {
		a := randomNet(t, seed, 3)
		b := proto.Clone(a).(*onnxpb.ModelProto)
		renameAll(t, b, rand.New(rand.NewPCG(seed, 4)))
		shuffle(t, b, rand.New(rand.NewPCG(seed, 5)))
		d, err := Diff(graphtest.Load(t, a), graphtest.Load(t, b))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range d.Tensors {
			if c.Status != TensorIdentical {
				t.Errorf("seed %d: tensor %v is %s", seed, c.Names, c.Status)
			}
		}
		if d.Renamed != len(a.Graph.Node) || len(d.Nodes) > 0 {
			t.Errorf("seed %d: %d of %d nodes recognised, %d differ: %v", seed, d.Renamed, len(a.Graph.Node),
				len(d.Nodes), d.Nodes)
		}
	}
}

// TestDiffIsSymmetric: what one direction adds the other removes.
func TestDiffIsSymmetric(t *testing.T) {
	for seed := range uint64(20) {
		a, b := graphtest.Load(t, randomNet(t, seed, 3)), graphtest.Load(t, randomNet(t, seed+1, 3))
		count := func(x, y *onnx.Model) map[string]int {
			d, err := Diff(x, y)
			if err != nil {
				t.Fatal(err)
			}
			n := map[string]int{}
			for _, c := range d.Nodes {
				n[c.Change]++
			}
			return n
		}
		there, back := count(a, b), count(b, a)
		nodes := len(b.Proto().Graph.Node) - len(a.Proto().Graph.Node)
		if there["added"]-there["removed"] != nodes || back["added"]-back["removed"] != -nodes {
			t.Errorf("seed %d: there %v, back %v, %d nodes more", seed, there, back, nodes)
		}
	}
}

// TestDiffMirrors: both directions say the same of every tensor, with added and removed exchanged, and measure the same
// angle and the same largest difference.
func TestDiffMirrors(t *testing.T) {
	mirror := map[string]string{TensorAdded: TensorRemoved, TensorRemoved: TensorAdded}
	for seed := range uint64(30) {
		a := graphtest.Load(t, randomNet(t, seed, 3))
		b := graphtest.Load(t, randomNet(t, seed+seed%2, 3+seed%3)) // the same, other weights, or another network
		there, err := Diff(a, b)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Diff(b, a)
		if err != nil {
			t.Fatal(err)
		}
		if there.Same() != back.Same() || len(there.Tensors) != len(back.Tensors) ||
			len(there.Model) != len(back.Model) {
			t.Fatalf("seed %d: %d tensors there, %d back", seed, len(there.Tensors), len(back.Tensors))
		}
		byNames := map[string]TensorChange{}
		for _, c := range back.Tensors {
			byNames[c.Names[1]+" "+c.Names[0]+" "+c.Role] = c
		}
		for _, x := range there.Tensors {
			y := byNames[x.Names[0]+" "+x.Names[1]+" "+x.Role]
			if y.Status != x.Status && y.Status != mirror[x.Status] {
				t.Fatalf("seed %d: %v is %s there and %q back", seed, x.Names, x.Status, y.Status)
			}
			if !close(x.Cosine, y.Cosine) || !close(x.MaxAbs, y.MaxAbs) {
				t.Fatalf("seed %d: %v measures differ", seed, x.Names)
			}
		}
	}
}

// close compares numbers that may be missing.
func close(x, y *float64) bool {
	if x == nil || y == nil {
		return x == y
	}
	return math.Abs(*x-*y) <= 1e-9*(1+math.Abs(*x))
}

// TestDiffOfFixtures: every fixture equals itself and differs from its sibling in weights alone.
func TestDiffOfFixtures(t *testing.T) {
	files, err := filepath.Glob("../fixtures/*/ft[01].onnx")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	more, err := filepath.Glob("../fixtures/families/*/ft[01].onnx")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, more...)
	for i := 0; i+1 < len(files); i += 2 {
		t.Run(filepath.Base(filepath.Dir(files[i])), func(t *testing.T) {
			a, b := openFile(t, files[i]), openFile(t, files[i+1])
			if d, err := Diff(a, a); err != nil || !d.Same() {
				t.Errorf("differs from itself: %v, %v", d, err)
			}
			d, err := Diff(a, b)
			if err != nil || len(d.Nodes) > 0 || len(d.Model) > 0 || d.Same() {
				t.Errorf("%v, nodes %v, model %v", err, d.Nodes, d.Model)
			}
			for _, c := range d.Tensors {
				if c.Status != TensorIdentical && c.Status != TensorChanged {
					t.Errorf("%v is %s", c.Names, c.Status)
				}
			}
		})
	}
}

func openFile(t testing.TB, path string) *onnx.Model {
	t.Helper()
	m, err := onnx.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// FuzzDiff: any two files that open can be compared, or are refused.
func FuzzDiff(f *testing.F) {
	valid, err := proto.Marshal(smallNet(f).Model)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(valid)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := onnx.Parse(data, "")
		if err != nil || onnx.Validate(m) != nil {
			return
		}
		a, err := onnx.Parse(valid, "")
		if err != nil {
			t.Fatal(err)
		}
		if d, err := Diff(a, m); err == nil && d.Same() {
			if back, err := Diff(m, a); err != nil || !back.Same() {
				t.Errorf("the same one way, not the other: %v", err)
			}
		}
	})
}

func BenchmarkDiff(b *testing.B) {
	x, y := graphtest.Load(b, randomNet(b, 7, 1)), graphtest.Load(b, randomNet(b, 7, 2))
	for b.Loop() {
		if _, err := Diff(x, y); err != nil {
			b.Fatal(err)
		}
	}
}
