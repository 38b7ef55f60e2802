package graphmatch

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// randomNet draws a network of linear layers, normalisations, residual sums, products and concatenations.
// The architecture depends on shape alone, the weights on seed.
func randomNet(t testing.TB, shape, seed uint64) *onnxpb.ModelProto {
	d, plan := graphtest.New(t, seed), rand.New(rand.NewPCG(shape, 9))
	type stream struct {
		name  string
		width int
	}
	live := []stream{{d.Input("x"), 3}, {d.Input("z"), 4}}
	for i := range 6 + plan.IntN(20) {
		name := fmt.Sprintf("block%d", i)
		k := plan.IntN(len(live))
		from := live[k]
		switch plan.IntN(6) {
		case 0, 1: // a layer of another width
			width := 2 + plan.IntN(4)
			live[k] = stream{d.Linear(name, from.name, from.width, width), width}
		case 2: // a residual branch
			y := d.Node(name+"/Relu", "Relu", []string{d.Linear(name+".up", from.name, from.width, 5)})
			y = d.Linear(name+".down", y, 5, from.width)
			live[k].name = d.Node(name+"/Add", "Add", []string{from.name, y})
		case 3: // a second reader
			live = append(live, stream{d.Linear(name, from.name, from.width, 3), 3})
		case 4:
			live[k].name = d.Node(name+"/LayerNormalization", "LayerNormalization",
				[]string{from.name, d.Weight(name+".weight", from.width), d.Weight(name+".bias", from.width)})
		case 5:
			other := live[plan.IntN(len(live))]
			live[k] = stream{d.Node(name+"/Concat", "Concat", []string{from.name, other.name}, "axis", 1), from.width +
				other.width}
		}
	}
	for _, s := range live {
		d.Output(s.name)
	}
	return d.Model
}

// edges lists which layers feed which, by following the file's own names, independently of the package's
// graphs. Layers are numbered as in layerOf, which maps tensor names to layers.
func edges(m *onnxpb.ModelProto, layerOf map[string]int) map[[2]int]bool {
	holds := map[string]map[int]bool{}
	found := map[[2]int]bool{}
	for _, n := range m.Graph.Node {
		near, own := map[int]bool{}, -1
		for _, in := range n.Input {
			if l, ok := layerOf[in]; ok {
				own = l
			}
			maps.Copy(near, holds[in])
		}
		if own >= 0 {
			for from := range near {
				if from != own {
					found[[2]int{from, own}] = true
				}
			}
			near = map[int]bool{own: true}
		}
		for _, out := range n.Output {
			holds[out] = near
		}
	}
	return found
}

// The pairing of two random networks of one architecture, renamed and shuffled, is an isomorphism: it
// pairs layers of equal shapes, and layers that feed each other with layers that do.
func TestRandomNetworks(t *testing.T) {
	for shape := range uint64(150) {
		first, second := randomNet(t, shape, 1), randomNet(t, shape, 2)
		rng := rand.New(rand.NewPCG(shape, 3))
		shuffle(t, second, rng)
		renameAll(t, second, rng)
		a := align(t, graphtest.Load(t, first), graphtest.Load(t, second))
		byModel := [2]map[string]int{{}, {}}
		for i, l := range a.Layers {
			if l.Status != Matched {
				t.Fatalf("network %d: layer %s is %s: %s", shape, l.Name, l.Status, l.Reason)
			}
			for _, p := range l.Params {
				for j, u := range p.Uses {
					byModel[j][u.Name] = i
				}
			}
		}
		x, y := edges(first, byModel[0]), edges(second, byModel[1])
		if !maps.Equal(x, y) {
			t.Fatalf("network %d: the pairing does not keep %v apart from %v", shape, x, y)
		}
	}
}

// With names left as they are, every layer pairs with the one of its name, symmetric ones too.
func TestNamesBreakTies(t *testing.T) {
	for shape := range uint64(150) {
		second := randomNet(t, shape, 2)
		shuffle(t, second, rand.New(rand.NewPCG(shape, 3)))
		for _, l := range align(t, graphtest.Load(t, randomNet(t, shape, 1)), graphtest.Load(t, second)).Layers {
			for _, p := range l.Params {
				if p.Uses[0].Name != p.Uses[1].Name {
					t.Fatalf("network %d: layer %s pairs %s with %s", shape, l.Name, p.Uses[0].Name, p.Uses[1].Name)
				}
			}
		}
	}
}

// Cutting a layer out of the middle of a network leaves all others paired, with and without names.
func TestExtraLayer(t *testing.T) {
	chain := func(seed uint64, skip int, names []string) *onnxpb.ModelProto {
		d := graphtest.New(t, seed)
		x := d.Input("x")
		widths := []int{6, 5, 7, 7, 7, 5, 6, 6, 4}
		for i := 1; i < len(widths); i++ {
			if i != skip {
				x = d.Node(fmt.Sprintf("%s/Relu", names[i]), "Relu",
					[]string{d.Linear(names[i], x, widths[i-1], widths[i])})
			}
		}
		d.Output(x)
		return d.Model
	}
	names := nine("layer")
	for _, skip := range []int{3, 4, 7} {
		for _, renamed := range []bool{false, true} {
			whole, cut := chain(1, 0, names), chain(2, skip, names)
			if renamed {
				renameAll(t, cut, rand.New(rand.NewPCG(1, uint64(skip))))
			}
			a := align(t, graphtest.Load(t, whole), graphtest.Load(t, cut))
			missing := 0
			for _, l := range a.Layers {
				if l.Status == Missing {
					missing++
				} else if l.Status != Matched {
					t.Errorf("skip %d, renamed %v: layer %s is %s: %s", skip, renamed, l.Name, l.Status, l.Reason)
				}
				if l.Status == Missing && !renamed && l.Name != names[skip] {
					t.Errorf("skip %d: layer %s is missing", skip, l.Name)
				}
			}
			if missing != 1 || len(a.Layers) != 8 {
				t.Errorf("skip %d, renamed %v: %d of %d layers missing, want 1 of 8", skip, renamed, missing,
					len(a.Layers))
			}
		}
	}
}

// nine makes nine names.
func nine(prefix string) (list []string) {
	for i := range 9 {
		list = append(list, fmt.Sprintf("%s%d", prefix, i))
	}
	return list
}

// Where neither structure nor names nor order tell two branches apart, the weights of fine-tunes do.
func TestWeightsBreakTies(t *testing.T) {
	for _, swap := range []bool{false, true} {
		m := readProto(t, "siamese_tuned")
		renameAll(t, m, rand.New(rand.NewPCG(1, 1)))
		for _, n := range m.Graph.Node {
			if swap && n.GetOpType() == "Add" {
				slices.Reverse(n.Input)
			}
		}
		a := align(t, open(t, "siamese_tuned")[0], graphtest.Load(t, m))
		for _, l := range a.Layers {
			if l.Status != Identical {
				t.Errorf("swapped %v: layer %s is %s", swap, l.Name, l.Status)
			}
		}
	}
}

// An activation written as one operator or as several does not matter to the layers around it, names or not.
func TestActivationsWrittenOut(t *testing.T) {
	gelu := map[bool]func(d *graphtest.Builder, name, x string) string{
		false: func(d *graphtest.Builder, name, x string) string { return d.Node(name+"/Gelu", "Gelu", []string{x}) },
		true: func(d *graphtest.Builder, name, x string) string {
			y := d.Node(name+"/Erf", "Erf", []string{d.Node(name+"/Div", "Div",
				[]string{x, d.Tensor(name+"::2", nil, []float32{1.414})})})
			y = d.Node(name+"/Add", "Add", []string{y, d.Tensor(name+"::1", nil, []float32{1})})
			return d.Node(name+"/Half", "Mul", []string{d.Node(name+"/Mul", "Mul", []string{x, y}),
				d.Tensor(name+"::h", nil, []float32{0.5})})
		},
	}
	model := func(seed uint64, whole bool) *onnxpb.ModelProto {
		d := graphtest.New(t, seed)
		x := d.Input("x")
		for i := range 4 {
			up := gelu[whole](d, fmt.Sprint("act", i), d.Linear(fmt.Sprint("up", i), x, 4, 8))
			x = d.Node(fmt.Sprint("sum", i), "Add", []string{x, d.Linear(fmt.Sprint("down", i), up, 8, 4)})
		}
		d.Output(x)
		return d.Model
	}
	for _, l := range align(t, graphtest.Load(t, model(1, false)), graphtest.Load(t, model(2, true))).Layers {
		if l.Status != Matched || l.Params[0].Uses[0].Name != l.Params[0].Uses[1].Name {
			t.Errorf("layer %s is %s: %s", l.Name, l.Status, l.Reason)
		}
	}
	renamed := model(2, true)
	rename := renameWeights(renamed)
	for _, l := range align(t, graphtest.Load(t, model(1, false)), graphtest.Load(t, renamed)).Layers {
		if l.Status != Matched || rename[l.Params[0].Uses[0].Name] != l.Params[0].Uses[1].Name {
			t.Errorf("renamed: layer %s is %s: %s", l.Name, l.Status, l.Reason)
		}
	}
}

// renameWeights gives every initializer but scalars another name and takes the nodes' names away.
func renameWeights(m *onnxpb.ModelProto) map[string]string {
	rename := map[string]string{}
	for i, x := range m.Graph.Initializer {
		if len(x.Dims) > 0 {
			rename[x.GetName()] = fmt.Sprintf("weights%d", i)
			x.Name = proto.String(rename[x.GetName()])
		}
	}
	for _, n := range m.Graph.Node {
		n.Name = nil
		for i, in := range n.Input {
			if to := rename[in]; to != "" {
				n.Input[i] = to
			}
		}
	}
	return rename
}

func TestUnsortedFile(t *testing.T) {
	sorted, unsorted := randomNet(t, 5, 1), randomNet(t, 5, 2)
	slices.Reverse(unsorted.Graph.Node)
	a := align(t, graphtest.Load(t, sorted), graphtest.Load(t, unsorted))
	for _, l := range a.Layers {
		if l.Status != Matched {
			t.Errorf("layer %s is %s: %s", l.Name, l.Status, l.Reason)
		}
	}
}

// A cycle is refused, not followed.
func TestCycle(t *testing.T) {
	d := graphtest.New(t, 1)
	d.Node("a", "Add", []string{d.Input("x"), "b_out"})
	d.Output(d.Node("b", "Relu", []string{"a_out"}))
	if _, err := Align([]*onnx.Model{d.Load()}, 0); err == nil {
		t.Error("a cycle gave no error")
	}
}

// Functions that call each other twice over would expand without bound.
func TestFunctionBomb(t *testing.T) {
	d := graphtest.New(t, 1)
	d.Output(d.Node("go", "F0", []string{d.Input("x")}))
	d.Model.Graph.Node[0].Domain = proto.String("bomb")
	for i := range 60 {
		f := &onnxpb.FunctionProto{Name: proto.String(fmt.Sprintf("F%d", i)), Domain: proto.String("bomb"),
			Input: []string{"x"}, Output: []string{"y"}}
		next := fmt.Sprintf("F%d", i+1)
		f.Node = []*onnxpb.NodeProto{
			{OpType: proto.String(next), Domain: proto.String("bomb"), Input: []string{"x"}, Output: []string{"m"}},
			{OpType: proto.String(next), Domain: proto.String("bomb"), Input: []string{"m"}, Output: []string{"y"}},
		}
		d.Model.Functions = append(d.Model.Functions, f)
	}
	if _, err := Align([]*onnx.Model{d.Load()}, 0); err == nil {
		t.Error("a function bomb gave no error")
	}
}
