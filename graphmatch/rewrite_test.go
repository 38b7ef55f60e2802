package graphmatch

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// A rewrite changes how a model is written down and not what it computes.
type rewrite func(t testing.TB, m *onnxpb.ModelProto, rng *rand.Rand)

var rewrites = map[string]rewrite{
	"renamed":         renameAll,
	"shuffled":        shuffle,
	"deduplicated":    deduplicate,
	"inputs listed":   listInputs,
	"constant nodes":  toConstants,
	"noise":           addNoise,
	"Gemm split":      splitGemm,
	"MatMul to Gemm":  transposeStored,
	"transposed":      transposeNodes,
	"in a function":   toFunction,
	"in a branch":     toBranch,
	"another opset":   otherOpset,
	"everything once": everything,
	"all, then moved": func(t testing.TB, m *onnxpb.ModelProto, rng *rand.Rand) {
		everything(t, m, rng)
		if rng.IntN(2) == 0 {
			toFunction(t, m, rng)
		} else {
			toBranch(t, m, rng)
		}
	},
}

func everything(t testing.TB, m *onnxpb.ModelProto, rng *rand.Rand) {
	for _, r := range []rewrite{otherOpset, splitGemm, transposeNodes, addNoise, deduplicate, shuffle, renameAll,
		listInputs} {
		r(t, m, rng)
	}
}

// renameAll gives every value and node a random name; names that exporters make up, which tell constants
// from parameters of one element, become other such names.
func renameAll(_ testing.TB, m *onnxpb.ModelProto, rng *rand.Rand) {
	names := map[string]string{"": ""}
	name := func(s string) string {
		if _, ok := names[s]; !ok {
			if names[s] = fmt.Sprintf("%c%x", 'a'+rng.IntN(26), rng.Uint64()); flow.Anonymous(s) {
				names[s] = fmt.Sprint(rng.Uint64())
			}
		}
		return names[s]
	}
	renameGraph(m.Graph, name)
}

// renameGraph renames all values and nodes of a graph and of the bodies in it.
func renameGraph(g *onnxpb.GraphProto, name func(string) string) {
	for _, n := range g.Node {
		n.Name = proto.String(name("node " + n.GetName() + strings.Join(n.Output, " ")))
		for i := range n.Input {
			n.Input[i] = name(n.Input[i])
		}
		for i := range n.Output {
			n.Output[i] = name(n.Output[i])
		}
		for _, body := range bodies(n) {
			renameGraph(body, name)
		}
	}
	for _, t := range g.Initializer {
		t.Name = proto.String(name(t.GetName()))
	}
	for _, t := range g.SparseInitializer {
		t.Values.Name = proto.String(name(t.GetValues().GetName()))
	}
	for _, v := range slices.Concat(g.Input, g.Output) {
		v.Name = proto.String(name(v.GetName()))
	}
	g.ValueInfo = nil
}

// bodies are the graphs in a node's attributes.
func bodies(n *onnxpb.NodeProto) (list []*onnxpb.GraphProto) {
	for _, a := range n.Attribute {
		for _, g := range append(slices.Clone(a.Graphs), a.G) {
			if g != nil {
				list = append(list, g)
			}
		}
	}
	return list
}

// shuffle puts the nodes and initializers into a random order that is still topological.
func shuffle(_ testing.TB, m *onnxpb.ModelProto, rng *rand.Rand) {
	g := m.Graph
	rng.Shuffle(len(g.Initializer), func(i, j int) {
		g.Initializer[i], g.Initializer[j] = g.Initializer[j],
			g.Initializer[i]
	})
	made := map[string]bool{}
	for _, n := range g.Node {
		for _, out := range n.Output {
			made[out] = true
		}
	}
	left, done := slices.Clone(g.Node), []*onnxpb.NodeProto{}
	for len(left) > 0 {
		var ready []int
		for i, n := range left {
			if !slices.ContainsFunc(namesRead(n), func(s string) bool {
				return made[s] &&
					!slices.Contains(n.Output, s)
			}) {
				ready = append(ready, i)
			}
		}
		i := ready[rng.IntN(len(ready))]
		for _, out := range left[i].Output {
			delete(made, out)
		}
		done = append(done, left[i])
		left = slices.Delete(left, i, i+1)
	}
	g.Node = done
}

// deduplicate keeps one of all initializers of equal content, the others become Identity nodes.
func deduplicate(t testing.TB, m *onnxpb.ModelProto, _ *rand.Rand) {
	first := map[string]string{}
	var identities []*onnxpb.NodeProto
	m.Graph.Initializer = slices.DeleteFunc(m.Graph.Initializer, func(x *onnxpb.TensorProto) bool {
		if onnx.DataType(x.GetDataType()) == onnx.String {
			return false
		}
		key := fmt.Sprint(x.Dims, x.DataType) + string(payload(t, x))
		keep, seen := first[key]
		if !seen {
			first[key] = x.GetName()
			return false
		}
		identities = append(identities, &onnxpb.NodeProto{Name: proto.String("Identity_" + x.GetName()),
			OpType: proto.String("Identity"),
			Input:  []string{keep}, Output: []string{x.GetName()}})
		return true
	})
	m.Graph.Node = append(identities, m.Graph.Node...)
}

func payload(t testing.TB, x *onnxpb.TensorProto) []byte {
	raw, err := onnx.TensorOf(x).Raw()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// listInputs lists every initializer as an input, as IR version 3 wants it.
func listInputs(_ testing.TB, m *onnxpb.ModelProto, rng *rand.Rand) {
	m.IrVersion = proto.Int64(3)
	for _, x := range m.Graph.Initializer {
		m.Graph.Input = slices.Insert(m.Graph.Input, rng.IntN(len(m.Graph.Input)+1), graphtest.FloatInfo(x.GetName()))
	}
}

// toConstants stores every initializer in a Constant node, those of one element excepted: in a node they
// would be no parameters.
func toConstants(_ testing.TB, m *onnxpb.ModelProto, _ *rand.Rand) {
	var nodes []*onnxpb.NodeProto
	var kept []*onnxpb.TensorProto
	for _, x := range m.Graph.Initializer {
		if onnx.TensorOf(x).Len() == 1 {
			kept = append(kept, x)
			continue
		}
		name := x.GetName()
		x.Name = nil
		nodes = append(nodes, &onnxpb.NodeProto{OpType: proto.String("Constant"), Output: []string{name},
			Attribute: []*onnxpb.AttributeProto{graphtest.Attr("value", x)}})
	}
	m.Graph.Initializer = kept
	m.Graph.Node = append(nodes, m.Graph.Node...)
}

// addNoise puts Identity, Dropout and Cast nodes on random edges.
func addNoise(_ testing.TB, m *onnxpb.ModelProto, rng *rand.Rand) {
	floats := map[string]bool{}
	for _, x := range m.Graph.Initializer {
		floats[x.GetName()] = onnx.DataType(x.GetDataType()) == onnx.Float32
	}
	var nodes []*onnxpb.NodeProto
	for i, n := range m.Graph.Node {
		for k, in := range n.Input {
			if isFloat, stored := floats[in]; rng.IntN(3) > 0 || in == "" || stored && !isFloat || !stored &&
				!calculating[n.GetOpType()] {
				continue
			}
			x := &onnxpb.NodeProto{OpType: proto.String([]string{"Identity", "Dropout", "Cast"}[rng.IntN(3)]),
				Input: []string{in}, Output: []string{fmt.Sprintf("noise_%d_%d", i, k)}}
			if x.GetOpType() == "Cast" {
				x.Attribute = []*onnxpb.AttributeProto{graphtest.Attr("to", int(onnx.Float32))}
			}
			n.Input[k] = x.Output[0]
			nodes = append(nodes, x)
		}
		nodes = append(nodes, n)
	}
	m.Graph.Node = nodes
}

// calculating operators read float data at every slot that is no initializer.
var calculating = map[string]bool{"Conv": true, "Gemm": true, "MatMul": true, "Add": true, "Relu": true,
	"BatchNormalization": true, "GlobalAveragePool": true}

// splitGemm writes every Gemm as MatMul and Add with the weight stored the other way round.
func splitGemm(t testing.TB, m *onnxpb.ModelProto, _ *rand.Rand) {
	var nodes []*onnxpb.NodeProto
	for _, n := range m.Graph.Node {
		weight := stored(m, n, 1)
		if n.GetOpType() != "Gemm" || weight == nil || scaledGemm(n) || wholeNumber(n, "transA") != 0 {
			nodes = append(nodes, n)
			continue
		}
		if wholeNumber(n, "transB") != 0 {
			n.Input[1] = addTransposed(t, m, weight)
		}
		sum := &onnxpb.NodeProto{Name: proto.String(n.GetName() + "_bias"), OpType: proto.String("Add"),
			Input: []string{n.Output[0] + "_product", ""}, Output: n.Output}
		n.OpType, n.Attribute, n.Output = proto.String("MatMul"), nil, []string{sum.Input[0]}
		nodes = append(nodes, n)
		if len(n.Input) == 3 {
			sum.Input[1], n.Input = n.Input[2], n.Input[:2]
			nodes = append(nodes, sum)
		} else {
			n.Output = sum.Output
		}
	}
	m.Graph.Node = nodes
}

// transposeStored writes every MatMul as a Gemm with transB, which reads the weight the other way round.
func transposeStored(t testing.TB, m *onnxpb.ModelProto, _ *rand.Rand) {
	for _, n := range m.Graph.Node {
		if weight := stored(m, n, 1); n.GetOpType() == "MatMul" && weight != nil {
			n.OpType, n.Attribute = proto.String("Gemm"), []*onnxpb.AttributeProto{graphtest.Attr("transB", 1)}
			n.Input[1] = addTransposed(t, m, weight)
		}
	}
}

// transposeNodes stores matrices of MatMul the other way round, behind a Transpose.
func transposeNodes(t testing.TB, m *onnxpb.ModelProto, _ *rand.Rand) {
	var nodes []*onnxpb.NodeProto
	for _, n := range m.Graph.Node {
		if weight := stored(m, n, 1); n.GetOpType() == "MatMul" && weight != nil {
			turn := &onnxpb.NodeProto{OpType: proto.String("Transpose"), Input: []string{addTransposed(t, m, weight)},
				Output: []string{n.Output[0] + "_turned"}}
			n.Input[1] = turn.Output[0]
			nodes = append(nodes, turn)
		}
		nodes = append(nodes, n)
	}
	m.Graph.Node = nodes
}

// stored is the float32 matrix that a node reads directly from an initializer, nil when it is none.
func stored(m *onnxpb.ModelProto, n *onnxpb.NodeProto, slot int) *onnxpb.TensorProto {
	for _, x := range m.Graph.Initializer {
		if slot < len(n.Input) && x.GetName() == n.Input[slot] && len(x.Dims) == 2 &&
			onnx.DataType(x.GetDataType()) == onnx.Float32 {
			return x
		}
	}
	return nil
}

// addTransposed adds the transposed of a matrix as an initializer and returns its name.
func addTransposed(t testing.TB, m *onnxpb.ModelProto, x *onnxpb.TensorProto) string {
	values, err := onnx.TensorOf(x).Floats(nil)
	if err != nil {
		t.Fatal(err)
	}
	rows, cols := int(x.Dims[0]), int(x.Dims[1])
	turned := make([]float32, len(values))
	for i, v := range values {
		turned[i%cols*rows+i/cols] = v
	}
	y, err := onnx.NewTensor(x.GetName()+"_T", []int{cols, rows}, turned)
	if err != nil {
		t.Fatal(err)
	}
	m.Graph.Initializer = append(m.Graph.Initializer, y)
	return y.GetName()
}

// readProto reads a whole model, payload included.
func readProto(t testing.TB, name string) *onnxpb.ModelProto {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".onnx"))
	if err != nil {
		t.Fatal(err)
	}
	m := &onnxpb.ModelProto{}
	if err := proto.Unmarshal(data, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// contents lists for every layer what the second model's tensors hold, in the base's orientation.
func contents(t testing.TB, a *Alignment) []string {
	t.Helper()
	var list []string
	for i := range a.Layers {
		l := &a.Layers[i]
		s := fmt.Sprint(l.Name, " ", l.Op, " ", l.Status)
		for k := range l.Params {
			values, err := a.Floats(&l.Params[k], 1, nil)
			if err != nil {
				t.Fatalf("%s: %v", l.Name, err)
			}
			s += fmt.Sprint(" ", l.Params[k].Role, values)
		}
		list = append(list, s)
	}
	return list
}

func TestRewritesLeaveAlignmentUnchanged(t *testing.T) {
	for _, family := range []string{"resnet", "resnet_bn", "transformer", "transformer17", "mixed", "recurrent",
		"siamese"} {
		base := open(t, family+"_fresh")[0]
		want := contents(t, align(t, base, graphtest.Load(t, readProto(t, family+"_tuned"))))
		for name, rewrite := range rewrites {
			t.Run(family+"/"+name, func(t *testing.T) {
				for seed := range uint64(5) {
					m := readProto(t, family+"_tuned")
					rewrite(t, m, rand.New(rand.NewPCG(seed, 7)))
					got := contents(t, align(t, base, graphtest.Load(t, m)))
					compareLists(t, got, want)
				}
			})
		}
	}
}

// The fixtures too, with everything rewritten at once.
func TestRewrittenFixturesAlign(t *testing.T) {
	for dir, files := range families(t) {
		if len(files) < 2 {
			continue
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			base, err := onnx.Open(files[0])
			if err != nil {
				t.Fatal(err)
			}
			defer base.Close()
			path := strings.TrimSuffix("../"+files[1], ".onnx")
			want := contents(t, align(t, base, graphtest.Load(t, readProto(t, path))))
			for seed := range uint64(3) {
				m := readProto(t, path)
				everything(t, m, rand.New(rand.NewPCG(seed, 7)))
				compareLists(t, contents(t, align(t, base, graphtest.Load(t, m))), want)
			}
		})
	}
}

// compareLists reports the first difference between lists.
func compareLists(t *testing.T, got, want []string) {
	t.Helper()
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("layer %d: got %.300q, want %.300q", i, slices.Concat(got, make([]string, len(want)))[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("got %d layers, want %d; the first too many is %.300q", len(got), len(want), got[len(want)])
	}
}

// wholeNumber is a whole-number attribute, 0 when the node has none.
func wholeNumber(n *onnxpb.NodeProto, name string) int64 {
	return onnx.NodeAttributes(n).Proto(name).GetI()
}

// scaledGemm tells whether a Gemm multiplies its product or its bias by a number.
func scaledGemm(n *onnxpb.NodeProto) bool {
	return slices.ContainsFunc([]string{"alpha", "beta"}, func(name string) bool {
		a := onnx.NodeAttributes(n).Proto(name)
		return a != nil && a.GetF() != 1
	})
}

// namesRead lists the names that a node and the bodies inside it read.
func namesRead(n *onnxpb.NodeProto) []string {
	names := slices.Clone(n.GetInput())
	for _, a := range n.GetAttribute() {
		for _, g := range append(slices.Clone(a.GetGraphs()), a.GetG()) {
			for _, inner := range g.GetNode() {
				names = append(names, namesRead(inner)...)
			}
			for _, out := range g.GetOutput() {
				names = append(names, out.GetName())
			}
		}
	}
	return names
}
