package onnx

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// doubles reads a tensor of a model by name.
func doubles(t *testing.T, m *Model, name string) []float64 {
	t.Helper()
	return must(m.Tensor(initializer(t, m, name)).Doubles(nil))(t)
}

// reread parses what a view writes and fails unless it has the view's message.
func reread(t *testing.T, v *Model) *Model {
	t.Helper()
	r := must(Parse(written(t, v), ""))(t)
	if !proto.Equal(r.Proto(), v.Proto()) {
		t.Fatalf("the file has the message\n%v\nthe view\n%v", r.Proto(), v.Proto())
	}
	if violations := Check(r); len(violations) > 0 {
		t.Fatalf("the file is wrong: %v", violations)
	}
	return r
}

func TestNoEditsChangeNothing(t *testing.T) {
	m := parsed(t, smallModel())
	v := must(m.With())(t)
	same := must(m.With(SetMetadata("keep", "1"), SetInput(m.Proto().GetGraph().GetNode()[0], 0, "x"),
		DropMetadata("absent.")))(t)
	for _, x := range []*Model{m, v, same} {
		if !bytes.Equal(written(t, x), encoded(t, smallModel())) {
			t.Error("bytes differ")
		}
	}
}

func TestSetValues(t *testing.T) {
	m := parsed(t, smallModel())
	v := must(m.With(SetValues(initializer(t, m, "b"), fixed(7, 8, 0.1))))(t)
	want := []float64{7, 8, float64(float32(0.1))}
	if got := doubles(t, v, "b"); !slices.Equal(got, want) {
		t.Errorf("the view reads %v, want %v", got, want)
	}
	if got := doubles(t, m, "b"); !slices.Equal(got, []float64{0, 1, 2}) {
		t.Errorf("the model changed to %v", got)
	}
	if got := doubles(t, reread(t, v), "b"); !slices.Equal(got, want) {
		t.Errorf("the file reads %v, want %v", got, want)
	}
	if len(written(t, v)) != len(written(t, m)) {
		t.Error("the size changed")
	}
	again := must(v.With(SetValues(initializer(t, m, "b"), fixed(1, 1, 1))))(t)
	if got := doubles(t, reread(t, again), "b"); !slices.Equal(got, []float64{1, 1, 1}) {
		t.Errorf("the second view reads %v", got)
	}
}

// Tensors in attributes and in subgraphs take new values too.
func TestSetValuesEverywhere(t *testing.T) {
	m := parsed(t, smallModel())
	nodes := m.Proto().GetGraph().GetNode()
	constant := nodes[2].GetAttribute()[0].GetT()
	inner := nodes[4].GetAttribute()[1].GetG().GetInitializer()[0]
	v := must(m.With(SetValues(constant, fixed(4, 5, 6)), SetValues(inner, fixed(-1, -2, -3))))(t)
	rm := reread(t, v)
	r := rm.Proto().GetGraph().GetNode()
	if got := must(rm.Tensor(r[2].GetAttribute()[0].GetT()).Doubles(nil))(t); !slices.Equal(got, []float64{4, 5, 6}) {
		t.Errorf("the constant is %v", got)
	}
	if got := must(rm.Tensor(r[4].GetAttribute()[1].GetG().GetInitializer()[0]).Doubles(nil))(t); !slices.Equal(got,
		[]float64{-1, -2, -3}) {
		t.Errorf("the constant of the subgraph is %v", got)
	}
	if got := must(rm.Tensor(r[4].GetAttribute()[0].GetG().GetInitializer()[0]).Doubles(nil))(t); !slices.Equal(got,
		[]float64{0, 1, 2}) {
		t.Errorf("the other branch's constant is %v", got)
	}
}

// old are values that are replaced.
var old = []float64{9, 9, 9}

// encodings are the ways to store three numbers of a float type.
var encodings = []struct {
	name     string
	dt       DataType
	payload  []byte
	sameSize bool
}{
	{"float32 raw", Float32, field(9, appendValues(nil, Float32, old)), true},
	{"float32 packed", Float32, field(4, appendValues(nil, Float32, old)), true},
	{"float32 in two blocks", Float32, slices.Concat(field(4, appendValues(nil, Float32, old[:1])),
		field(4, appendValues(nil, Float32, old[1:]))), true},
	{"float32 in blocks apart", Float32, slices.Concat(field(4, appendValues(nil, Float32, old[:2])),
		field(12, []byte("doc")), field(4, appendValues(nil, Float32, old[2:]))), true},
	{"float64 packed", Float64, field(10, appendValues(nil, Float64, old)), true},
	{"float64 raw", Float64, field(9, appendValues(nil, Float64, old)), true},
	{"float16 raw", Float16, field(9, appendValues(nil, Float16, old)), true},
	{"bfloat16 raw", BFloat16, field(9, appendValues(nil, BFloat16, old)), true},
	{"float8 raw", Float8E4M3FN, field(9, appendValues(nil, Float8E4M3FN, old)), true},
	{"float4 raw", Float4E2M1, field(9, appendValues(nil, Float4E2M1, old)), true},
	{"float16 in int32_data", Float16, field(5, varints(0x3c00, 0x3c00, 1)), false},
	{"float16 in int32_data apart", Float16, slices.Concat(varintField(5, 1), field(12, []byte("doc")),
		varintField(5, 1), varintField(5, 1)), false},
	{"bfloat16 in int32_data", BFloat16, field(5, varints(1, 1, 1)), false},
}

// Whatever field and type holds them, new values are read back rounded once.
func TestSetValuesInEveryEncoding(t *testing.T) {
	values := []float64{1.00390625001, -3, 0.3}
	for _, test := range encodings {
		t.Run(test.name, func(t *testing.T) {
			tensor := slices.Concat(tensorBytes(test.dt, []int64{3}, test.payload), field(8, []byte("w")))
			graph := slices.Concat(field(2, []byte("g")), field(5, tensor), field(12, field(1, []byte("w"))))
			base := slices.Concat(varintField(1, 12), field(7, graph), field(8, varintField(2, 21)))
			m := must(Parse(base, ""))(t)
			v := must(m.With(SetValues(initializer(t, m, "w"), fixed(values...))))(t)
			want := appendValues(nil, test.dt, values)
			for _, x := range []*Model{v, reread(t, v)} {
				if got := must(x.Tensor(initializer(t, x, "w")).Raw())(t); !bytes.Equal(got, want) {
					t.Errorf("got %x, want %x", got, want)
				}
			}
			if same := len(written(t, v)) == len(base); same != test.sameSize {
				t.Errorf("%d bytes became %d", len(base), len(written(t, v)))
			}
		})
	}
}

func TestSetInput(t *testing.T) {
	m := parsed(t, smallModel())
	nodes := m.Proto().GetGraph().GetNode()
	v := must(m.With(SetInput(nodes[1], 1, "x"), SetInput(nodes[3], 4, "b"), SetInput(nodes[2], 0, "a_longer_name")))(t)
	got := v.Proto().GetGraph().GetNode()
	if !slices.Equal(got[1].GetInput(), []string{"p", "x"}) || !slices.Equal(got[3].GetInput(), []string{"s", "c", "",
		"", "b"}) {
		t.Errorf("got inputs %q, %q", got[1].GetInput(), got[3].GetInput())
	}
	if got[0] != nodes[0] || got[1] == nodes[1] {
		t.Error("unchanged nodes are to be shared, changed ones not")
	}
	r := must(Parse(written(t, v), ""))(t)
	if !proto.Equal(r.Proto(), v.Proto()) {
		t.Errorf("the file has %v", r.Proto())
	}
	// A node of the view, and one of the model, can be edited in a later view.
	w := must(v.With(SetInput(got[1], 0, "h"), SetInput(nodes[3], 0, "p")))(t)
	nodes = w.Proto().GetGraph().GetNode()
	if !slices.Equal(nodes[1].GetInput(), []string{"h", "x"}) ||
		!slices.Equal(nodes[3].GetInput(), []string{"p", "c", "", "", "b"}) {
		t.Errorf("got inputs %q, %q", nodes[1].GetInput(), nodes[3].GetInput())
	}
}

// Inside a subgraph the lengths of all messages around change.
func TestSetInputInSubgraph(t *testing.T) {
	m := parsed(t, smallModel())
	inner := m.Proto().GetGraph().GetNode()[4].GetAttribute()[0].GetG()
	long := string(bytes.Repeat([]byte("n"), 300))
	v := must(m.With(SetInput(inner.GetNode()[0], 1, long), AddInitializer(inner, long, Float16, []int{3},
		fixed(1, 2, 3))))(t)
	r := reread(t, v)
	added := r.Proto().GetGraph().GetNode()[4].GetAttribute()[0].GetG().GetInitializer()[1]
	if got := must(r.Tensor(added).Doubles(nil))(t); !slices.Equal(got, []float64{1, 2, 3}) {
		t.Errorf("the new initializer is %v", got)
	}
}

func TestAddInitializer(t *testing.T) {
	for _, ir := range []int64{3, 8} {
		p := smallModel()
		p.IrVersion = proto.Int64(ir)
		for _, t := range p.Graph.Initializer {
			p.Graph.Input = append(p.Graph.Input, inputOf(t))
		}
		p.Graph.Node = p.Graph.Node[:2]
		p.Graph.Output[0].Name = proto.String("s")
		m := parsed(t, p)
		g := m.Proto().GetGraph()
		v := must(m.With(AddInitializer(g, "b2", Float16, []int{3}, fixed(1, 2, 3)), SetInput(g.GetNode()[1], 1,
			"b2")))(t)
		r := reread(t, v)
		if got := doubles(t, r, "b2"); !slices.Equal(got, []float64{1, 2, 3}) {
			t.Errorf("IR %d: got %v", ir, got)
		}
		if declared := len(r.Proto().GetGraph().GetInput()) - len(g.GetInput()); (ir < 4) != (declared == 1) {
			t.Errorf("IR %d: %d inputs more", ir, declared)
		}
		w := must(v.With(SetValues(initializer(t, v, "b2"), fixed(4, 5, 6)), AddInitializer(g,
			"b3", Float64, nil, fixed(9))))(t)
		if got := doubles(t, reread(t, w), "b2"); !slices.Equal(got, []float64{4, 5, 6}) {
			t.Errorf("IR %d: set again, got %v", ir, got)
		}
		if got := doubles(t, v, "b2"); !slices.Equal(got, []float64{1, 2, 3}) {
			t.Errorf("IR %d: the first view changed to %v", ir, got)
		}
	}
}

func TestMetadata(t *testing.T) {
	m := parsed(t, smallModel())
	v := must(m.With(SetMetadata("softmerge.version", "1"), SetMetadata("keep", "22"), DropMetadata("old."),
		SetMetadata("x", ""), DropMetadata("x")))(t)
	want := map[string]string{"keep": "22", "softmerge.version": "1"}
	for _, x := range []*Model{v, reread(t, v)} {
		got := map[string]string{}
		for _, kv := range x.Proto().GetMetadataProps() {
			got[kv.GetKey()] = kv.GetValue()
		}
		if len(got) != len(want) || got["keep"] != want["keep"] || got["softmerge.version"] != "1" {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if tail := metadataRecord(entry{key: "softmerge.version", value: "1"}); !bytes.HasSuffix(written(t, v), tail) {
		t.Error("a new entry is not at the end of the file")
	}
	back := must(v.With(DropMetadata("softmerge.")))(t)
	if n := len(reread(t, back).Proto().GetMetadataProps()); n != 1 {
		t.Errorf("%d entries are left", n)
	}
}

func TestMetadataKeysTwice(t *testing.T) {
	p := smallModel()
	p.MetadataProps = append(p.MetadataProps, &onnxpb.StringStringEntryProto{Key: proto.String("keep"),
		Value: proto.String("3")})
	v := must(parsed(t, p).With(SetMetadata("keep", "1")))(t)
	if got := reread(t, v).Proto().GetMetadataProps(); len(got) != 2 || got[0].GetValue() != "1" {
		t.Errorf("got %v", got)
	}
}

func TestEditsThatCannotBe(t *testing.T) {
	m, other := parsed(t, smallModel()), parsed(t, smallModel())
	g := m.Proto().GetGraph()
	tests := []struct {
		name string
		edit Edit
	}{
		{"tensor of another model", SetValues(initializer(t, other, "w"), fixed())},
		{"node of another model", SetInput(other.Proto().GetGraph().GetNode()[0], 0, "x")},
		{"graph of another model", AddInitializer(other.Proto().GetGraph(), "new", Float32, nil, fixed(1))},
		{"bool tensor", SetValues(initializer(t, m, "flag"), fixed(1))},
		{"negative slot", SetInput(g.GetNode()[0], -1, "x")},
		{"slot far away", SetInput(g.GetNode()[0], math.MaxInt32, "x")},
		{"name of an initializer", AddInitializer(g, "w", Float32, nil, fixed(1))},
		{"name of an input", AddInitializer(g, "x", Float32, nil, fixed(1))},
		{"name of an output", AddInitializer(g, "h", Float32, nil, fixed(1))},
		{"no name", AddInitializer(g, "", Float32, nil, fixed(1))},
		{"integer type", AddInitializer(g, "new", Int32, nil, fixed(1))},
		{"text", AddInitializer(g, "new", String, nil, fixed(1))},
		{"negative shape", AddInitializer(g, "new", Float32, []int{-1}, fixed(1))},
		{"shape too large", AddInitializer(g, "new", Float32, []int{math.MaxInt / 2, math.MaxInt / 2}, fixed(1))},
	}
	for _, test := range tests {
		if _, err := m.With(test.edit); err == nil {
			t.Errorf("%s: no error", test.name)
		}
	}
	if _, err := m.With(AddInitializer(g, "new", Float32, nil, fixed(1)), AddInitializer(g,
		"new", Float32, nil, fixed(1))); err == nil {
		t.Error("a name is added twice")
	}
}

// A source's failure, or values that do not fit, stop the writing.
func TestFailingSources(t *testing.T) {
	m := parsed(t, smallModel())
	broken := errors.New("broken")
	for name, src := range map[string]Source{"failure": func() ([]float64, error) { return nil, broken },
		"too few": fixed(1), "too many": fixed(1, 2, 3, 4)} {
		v := must(m.With(SetValues(initializer(t, m, "b"), src)))(t)
		if _, err := v.WriteTo(&bytes.Buffer{}); err == nil {
			t.Errorf("%s: written", name)
		}
		if _, err := v.Tensor(initializer(t, v, "b")).Floats(nil); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

// Random series of edits on random models: what the view says is what the
// file says, and the bytes of no other tensor change.
func TestRandomEdits(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		m := parsed(t, smallModel())
		v := m
		for range 1 + rng.IntN(4) {
			v = must(v.With(randomEdits(rng, v, seed)...))(t)
		}
		data := written(t, v)
		r := must(Parse(data, ""))(t)
		if !proto.Equal(r.Proto(), v.Proto()) {
			t.Fatalf("seed %d: the file has\n%v\nthe view\n%v", seed, r.Proto(), v.Proto())
		}
		for i, init := range v.Proto().GetGraph().GetInitializer() {
			a, b := must(v.Tensor(init).Raw())(t), must(r.Tensor(r.Proto().GetGraph().GetInitializer()[i]).Raw())(t)
			if !bytes.Equal(a, b) {
				t.Fatalf("seed %d: tensor %s is %x in the view and %x in the file", seed, init.GetName(), a, b)
			}
		}
		if !bytes.Equal(written(t, v), data) {
			t.Fatalf("seed %d: written twice, the bytes differ", seed)
		}
	}
}

// randomEdits makes a few edits that can be made.
func randomEdits(rng *rand.Rand, m *Model, seed uint64) []Edit {
	var edits []Edit
	g := m.Proto().GetGraph()
	for range rng.IntN(6) {
		n := g.GetNode()[rng.IntN(len(g.GetNode()))]
		if strings.HasPrefix(n.GetName(), "Added_") { // no edit can name it
			continue
		}
		switch rng.IntN(6) {
		case 0:
			t := g.GetInitializer()[rng.IntN(2)]
			values := make([]float64, m.Tensor(t).Len())
			for i := range values {
				values[i] = rng.NormFloat64()
			}
			edits = append(edits, SetValues(t, fixed(values...)))
		case 1:
			edits = append(edits, SetInput(n, rng.IntN(5), string(bytes.Repeat([]byte("v"), rng.IntN(200)))))
		case 2:
			name := "new" + strconv.FormatUint(rng.Uint64(), 36)
			edits = append(edits, AddInitializer(g, name, []DataType{Float32, Float16, Float4E2M1}[rng.IntN(3)],
				[]int{1, 3}, fixed(1, 2, float64(seed))))
		case 3:
			edits = append(edits, SetMetadata("key"+strconv.Itoa(rng.IntN(3)), strconv.Itoa(rng.IntN(1000))))
		case 4:
			edits = append(edits, DropMetadata([]string{"key1", "old.", "key"}[rng.IntN(3)]))
		case 5:
			if rng.IntN(3) == 0 {
				n = nil
			}
			added := node("Added", strconv.FormatUint(rng.Uint64(), 36), "x", "w")
			edits = append(edits,
				AddNode([]*onnxpb.GraphProto{g, m.base.messages[0].(*onnxpb.ModelProto).Graph}[rng.IntN(2)], n, added))
		}
	}
	return edits
}
