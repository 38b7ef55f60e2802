package onnx

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// function is a function y = Relu(x) that calls others by name.
func function(name string, calls ...string) *onnxpb.FunctionProto {
	f := &onnxpb.FunctionProto{Name: proto.String(name), Domain: proto.String("local"), Input: []string{"x"},
		Output: []string{"y"},
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(17)}, {Domain: proto.String("local"),
			Version: proto.Int64(1)}},
		Node: []*onnxpb.NodeProto{node("Relu", "y", "x")}}
	for _, c := range calls {
		n := node(c, "unused_"+c, "x")
		n.Domain = proto.String("local")
		f.Node = append(f.Node, n)
	}
	return f
}

func sparseTensor(dims []int64, shape []int, indices ...int64) *onnxpb.SparseTensorProto {
	i, err := NewTensor("", shape, indices)
	if err != nil {
		panic(err)
	}
	return &onnxpb.SparseTensorProto{Values: floatTensor("sparse", shape[0]), Indices: i, Dims: dims}
}

func withFunctions(list ...*onnxpb.FunctionProto) func(*onnxpb.ModelProto) {
	return func(p *onnxpb.ModelProto) { p.Functions = list }
}

func withAttribute(a *onnxpb.AttributeProto) func(*onnxpb.ModelProto) {
	return func(p *onnxpb.ModelProto) { p.Graph.Node[0].Attribute = append(p.Graph.Node[0].Attribute, a) }
}

func withSparse(s *onnxpb.SparseTensorProto) func(*onnxpb.ModelProto) {
	return func(p *onnxpb.ModelProto) { p.Graph.SparseInitializer = append(p.Graph.SparseInitializer, s) }
}

// violationTests spoil a good model in one way each; want is what the
// violations say, empty if there must be none.
var violationTests = []struct {
	name  string
	spoil func(p *onnxpb.ModelProto)
	want  string
	minor bool
}{
	{"nothing", func(*onnxpb.ModelProto) {}, "", false},
	{"no IR version", func(p *onnxpb.ModelProto) { p.IrVersion = nil }, "ir_version is 0", false},
	{"IR version of the future", func(p *onnxpb.ModelProto) { p.IrVersion = proto.Int64(99) }, "newer than", true},
	{"no operator sets", func(p *onnxpb.ModelProto) { p.OpsetImport = nil }, "no operator set is imported", false},
	{"operator set twice", func(p *onnxpb.ModelProto) {
		p.OpsetImport = append(p.OpsetImport, &onnxpb.OperatorSetIdProto{Domain: proto.String("ai.onnx"),
			Version: proto.Int64(17)})
	}, "imported twice", true},
	{"operator set in two versions", func(p *onnxpb.ModelProto) {
		p.OpsetImport = append(p.OpsetImport, &onnxpb.OperatorSetIdProto{Version: proto.Int64(11)})
	}, "versions 17 and 11", false},
	{"operator set version 0", func(p *onnxpb.ModelProto) { p.OpsetImport[0].Version = nil }, "in version 0", false},
	{"metadata key twice", func(p *onnxpb.ModelProto) {
		p.MetadataProps = append(p.MetadataProps,
			p.MetadataProps[0])
	}, `key "keep" twice`, true},

	{"no graph name", func(p *onnxpb.ModelProto) { p.Graph.Name = nil }, "no name", true},
	{"no outputs", func(p *onnxpb.ModelProto) { p.Graph.Output = nil }, "no outputs", false},
	{"output nobody makes", func(p *onnxpb.ModelProto) { p.Graph.Output[0].Name = proto.String("z") },
		"not produced", false},
	{"output without name", func(p *onnxpb.ModelProto) { p.Graph.Output[0].Name = nil }, "output 0 has no name", false},
	{"output twice", func(p *onnxpb.ModelProto) { p.Graph.Output = append(p.Graph.Output, p.Graph.Output[0]) },
		"graph output twice", true},
	{"input without name", func(p *onnxpb.ModelProto) { p.Graph.Input = append(p.Graph.Input, value("")) },
		"input 1 has no name", false},
	{"input twice", func(p *onnxpb.ModelProto) { p.Graph.Input = append(p.Graph.Input, value("x")) },
		"graph input twice", false},
	{"input without type", func(p *onnxpb.ModelProto) { p.Graph.Input[0].Type = nil }, "no type", false},
	{"input of unknown type",
		func(p *onnxpb.ModelProto) { p.Graph.Input[0].Type.GetTensorType().ElemType = proto.Int32(77) },
		"element type 77", true},
	{"input of negative size", func(p *onnxpb.ModelProto) {
		negative := inputOf(&onnxpb.TensorProto{Dims: []int64{-1}})
		p.Graph.Input[0].Type.GetTensorType().Shape = negative.Type.GetTensorType().Shape
	}, "dimension -1", true},
	{"value info twice", func(p *onnxpb.ModelProto) {
		p.Graph.ValueInfo = []*onnxpb.ValueInfoProto{value("h"),
			value("h")}
	}, "two entries", true},
	{"name is not text", func(p *onnxpb.ModelProto) { p.Graph.Node[0].Name = proto.String("\xff") },
		"not UTF-8", false},

	{"initializer twice", func(p *onnxpb.ModelProto) {
		p.Graph.Initializer = append(p.Graph.Initializer,
			floatTensor("w", 1))
	}, "initializer twice", false},
	{"initializer without name", func(p *onnxpb.ModelProto) {
		p.Graph.Initializer = append(p.Graph.Initializer,
			floatTensor("", 1))
	}, "no name", false},
	{"initializer of wrong size", func(p *onnxpb.ModelProto) { p.Graph.Initializer[0].Dims[0] = 3 },
		"24 bytes of payload, 9 elements", false},
	{"initializer of unknown type", func(p *onnxpb.ModelProto) { p.Graph.Initializer[0].DataType = proto.Int32(99) },
		"type 99", false},
	{"type newer than the IR version", func(p *onnxpb.ModelProto) {
		p.Graph.Initializer = append(p.Graph.Initializer,
			mustTensor(NewFloatTensor("f8", Float8E4M3FN, nil, []float64{1})))
	}, "needs IR version 9", true},
	{"good sparse initializer", withSparse(sparseTensor([]int64{2, 5}, []int{3}, 0, 4, 9)), "", false},
	{"good sparse initializer of pairs", withSparse(sparseTensor([]int64{2, 5}, []int{2, 2}, 0, 4, 1, 0)), "", false},
	{"sparse index too large", withSparse(sparseTensor([]int64{2, 5}, []int{2}, 0, 10)), "below 10", false},
	{"sparse index pair too large", withSparse(sparseTensor([]int64{2, 5}, []int{1, 2}, 0, 5)), "out of range", false},
	{"sparse indices not sorted", withSparse(sparseTensor([]int64{2, 5}, []int{2}, 4, 4)), "ascending", false},
	{"sparse indices of wrong shape", withSparse(sparseTensor([]int64{2, 5}, []int{1, 3}, 0, 0, 0)),
		"want [1] or [1 2]", false},
	{"sparse without indices", withSparse(&onnxpb.SparseTensorProto{Values: floatTensor("sp", 1)}), "lacks", false},
	{"sparse too large", withSparse(sparseTensor([]int64{1 << 62, 1 << 62}, []int{1}, 0)), "more elements", false},
	{"sparse indices of floats", withSparse(&onnxpb.SparseTensorProto{Values: floatTensor("sp", 1),
		Indices: floatTensor("", 1), Dims: []int64{4}}), "want int64", false},
	{"sparse values of two dimensions", withSparse(&onnxpb.SparseTensorProto{Values: floatTensor("sp", 1, 1),
		Indices: floatTensor("", 1), Dims: []int64{4}}), "one dimension", false},

	{"node without operator", func(p *onnxpb.ModelProto) { p.Graph.Node[0].OpType = nil }, "no operator type", false},
	{"domain not imported", func(p *onnxpb.ModelProto) { p.Graph.Node[0].Domain = proto.String("custom") },
		`"custom" is not imported`, true},
	{"default domain not imported", func(p *onnxpb.ModelProto) {
		p.OpsetImport[0].Domain = proto.String("custom")
		p.Graph.Node, p.Graph.Output[0].Name = p.Graph.Node[:1], proto.String("p")
	}, "default operator set is not imported", false},
	{"dangling input", func(p *onnxpb.ModelProto) { p.Graph.Node[0].Input[0] = "nowhere" },
		"not an input, an initializer or an output", false},
	{"dangling input in a subgraph",
		func(p *onnxpb.ModelProto) { p.Graph.Node[4].Attribute[0].G.Node[0].Input[0] = "nowhere" },
		"not an input", false},
	{"inner value used outside", func(p *onnxpb.ModelProto) { p.Graph.Node[4].Input[0] = "inner" },
		"not an input", false},
	{"unsorted", func(p *onnxpb.ModelProto) { slices.Reverse(p.Graph.Node[:2]) }, "later node", true},
	{"unsorted, used by a subgraph", func(p *onnxpb.ModelProto) { slices.Reverse(p.Graph.Node[3:]) },
		"later node", true},
	{"output twice", func(p *onnxpb.ModelProto) { p.Graph.Node[2].Output[0], p.Graph.Node[3].Input[1] = "s", "s" },
		"defined already", false},
	{"output named like an input", func(p *onnxpb.ModelProto) {
		p.Graph.Node[2].Output[0],
			p.Graph.Node[3].Input[1] = "x", "x"
	}, "defined already", false},
	{"output named like an outer value", func(p *onnxpb.ModelProto) {
		g := p.Graph.Node[4].Attribute[0].G
		g.Node[0].Output[0], g.Output[0].Name = "x", proto.String("x")
	}, "name of a value of the graph around", true},
	{"subgraph gives an outer value",
		func(p *onnxpb.ModelProto) { p.Graph.Node[4].Attribute[0].G.Output[0].Name = proto.String("s") },
		"is a value of the graph around", true},
	{"no name for an unused output",
		func(p *onnxpb.ModelProto) { p.Graph.Node[0].Output = append(p.Graph.Node[0].Output, "", "") }, "", false},
	{"optional input left out", func(p *onnxpb.ModelProto) {
		p.Graph.Node[0].Input = append(p.Graph.Node[0].Input,
			"")
	}, "", false},

	{"attribute twice", func(p *onnxpb.ModelProto) {
		p.Graph.Node[2].Attribute = append(p.Graph.Node[2].Attribute, p.Graph.Node[2].Attribute[0])
	}, `"value" twice`, false},
	{"attribute without name", withAttribute(&onnxpb.AttributeProto{Type: onnxpb.AttributeProto_INT.Enum()}),
		"without a name", false},
	{"attribute without type", withAttribute(&onnxpb.AttributeProto{Name: proto.String("a"), I: proto.Int64(1)}),
		"has no type", true},
	{"attribute without anything", withAttribute(&onnxpb.AttributeProto{Name: proto.String("a")}), "neither", false},
	{"attribute of another type", withAttribute(&onnxpb.AttributeProto{Name: proto.String("a"),
		Type: onnxpb.AttributeProto_INT.Enum(), F: proto.Float32(1)}), "type INT and a value of type FLOAT", false},
	{"attribute with two values", withAttribute(&onnxpb.AttributeProto{Name: proto.String("a"),
		Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(1), F: proto.Float32(1)}), "several types", false},
	{"integer left out", withAttribute(&onnxpb.AttributeProto{Name: proto.String("a"),
		Type: onnxpb.AttributeProto_INT.Enum()}), "", false},
	{"tensor left out", withAttribute(&onnxpb.AttributeProto{Name: proto.String("a"),
		Type: onnxpb.AttributeProto_TENSOR.Enum()}), "no value", false},
	{"broken tensor in an attribute", func(p *onnxpb.ModelProto) { p.Graph.Node[2].Attribute[0].T.Dims[0] = 4 },
		"12 bytes of payload", false},
	{"reference outside a function", withAttribute(&onnxpb.AttributeProto{Name: proto.String("a"),
		RefAttrName: proto.String("b")}), "outside a function", false},

	{"good functions", withFunctions(function("F", "G"), function("G")), "", false},
	{"function twice", withFunctions(function("F"), function("F")), "defined twice", false},
	{"function without name", withFunctions(function("")), "a function has no name", false},
	{"function that calls itself", withFunctions(function("F", "F")), "calls itself", false},
	{"functions that call each other", withFunctions(function("F", "G"), function("G", "H"), function("H", "F")),
		"calls itself", false},
	{"function input twice", func(p *onnxpb.ModelProto) {
		withFunctions(function("F"))(p)
		p.Functions[0].Input = []string{"x", "x"}
	}, "function input twice", false},
	{"function output nobody makes", func(p *onnxpb.ModelProto) {
		withFunctions(function("F"))(p)
		p.Functions[0].Output = []string{"z"}
	}, "function output", false},
	{"function reads the graph", func(p *onnxpb.ModelProto) {
		withFunctions(function("F"))(p)
		p.Functions[0].Node[0].Input[0] = "w"
	}, "not an input", false},
	{"function attribute twice", func(p *onnxpb.ModelProto) {
		withFunctions(function("F"))(p)
		p.Functions[0].Attribute = []string{"a", "a"}
	}, "declared twice", false},
	{"reference to a missing attribute", func(p *onnxpb.ModelProto) {
		withFunctions(function("F"))(p)
		p.Functions[0].Node[0].Attribute = []*onnxpb.AttributeProto{{Name: proto.String("a"),
			RefAttrName: proto.String("b")}}
	}, "does not have", false},
	{"good reference", func(p *onnxpb.ModelProto) {
		withFunctions(function("F"))(p)
		p.Functions[0].Attribute = []string{"b"}
		p.Functions[0].Node[0].Attribute = []*onnxpb.AttributeProto{{Name: proto.String("a"),
			RefAttrName: proto.String("b")}}
	}, "", false},
	{"functions before IR version 8", func(p *onnxpb.ModelProto) {
		withFunctions(function("F"))(p)
		p.IrVersion = proto.Int64(7)
	}, "has functions", true},
	{"broken tensor for training", func(p *onnxpb.ModelProto) {
		broken := floatTensor("t", 2)
		broken.Dims[0] = 3
		algorithm := &onnxpb.GraphProto{Initializer: []*onnxpb.TensorProto{broken}}
		p.TrainingInfo = []*onnxpb.TrainingInfoProto{{Algorithm: algorithm}}
	}, "8 bytes of payload", false},
}

func mustTensor(p *onnxpb.TensorProto, err error) *onnxpb.TensorProto {
	if err != nil {
		panic(err)
	}
	return p
}

func TestCheck(t *testing.T) {
	for _, test := range violationTests {
		t.Run(test.name, func(t *testing.T) {
			p := smallModel()
			test.spoil(p)
			m := parsed(t, p)
			found := Check(m)
			if test.want == "" {
				if len(found) > 0 {
					t.Errorf("got %v", found)
				}
				return
			}
			other := func(v Violation) bool { return !strings.Contains(v.Error(), test.want) || v.Minor != test.minor }
			if len(found) == 0 || slices.ContainsFunc(found, other) {
				t.Errorf("got %v, want %q, minor %v", found, test.want, test.minor)
			}
			if err := Validate(m); errors.Is(err, ErrInvalid) == test.minor {
				t.Errorf("Validate: %v", err)
			}
		})
	}
}

// Before IR version 4 an initializer that is no input is a small breach.
func TestCheckOldInitializers(t *testing.T) {
	p := smallModel()
	p.IrVersion = proto.Int64(3)
	for _, v := range Check(parsed(t, p)) {
		if !v.Minor || !strings.Contains(v.Msg, "is not a graph input") {
			t.Errorf("got %v", v)
		}
	}
	p.IrVersion = proto.Int64(2)
	if found := Check(parsed(t, p)); !found[0].Minor || !strings.Contains(found[0].Msg, "does not know") {
		t.Errorf("got %v", found)
	}
}

// Several things wrong are all reported, with where they are.
func TestCheckReportsAll(t *testing.T) {
	p := smallModel()
	p.Graph.Node[0].Input[0] = "nowhere"
	p.Graph.Initializer[1].Dims[0] = 7
	p.Graph.Node[4].Attribute[1].G.Node[0].Input[1] = "gone"
	cycle := p.Graph.Node[1]
	cycle.Input[1] = "h"
	var got []string
	for _, v := range Check(parsed(t, p)) {
		got = append(got, v.Error())
	}
	want := []string{
		`"b": 12 bytes of payload, 7 elements of float32 need 28`,
		`node MatMul_p: "nowhere": input is not an input, an initializer or an output of any node`,
		`node Add_s: "h": input is made by a later node: the nodes are not sorted`,
		`node graph / If_y.else_branch: Add_branch_out: "gone": ` +
			`input is not an input, an initializer or an output of any node`,
		`node Add_s is in or behind a cycle`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A hostile file cannot make the report as long as it likes, and a chain of a
// hundred thousand functions or nodes needs no stack.
func TestCheckIsBounded(t *testing.T) {
	p := smallModel()
	for range 3000 {
		p.Graph.Node = append(p.Graph.Node, &onnxpb.NodeProto{})
	}
	if n := len(Check(parsed(t, p))); n != maxViolations {
		t.Errorf("%d violations", n)
	}
	p = smallModel()
	for i := range 100_000 {
		p.Functions = append(p.Functions, function("f"+strconv.Itoa(i), "f"+strconv.Itoa(i+1)))
	}
	if found := Check(parsed(t, p)); len(found) != 0 {
		t.Errorf("got %v", found[0])
	}
}

func TestOrder(t *testing.T) {
	m := smallModel()
	sorted := m.Graph.Node
	if got := must(Order(sorted))(t); !slices.Equal(got, sorted) {
		t.Error("sorted nodes were moved")
	}
	mixed := slices.Clone(sorted)
	slices.Reverse(mixed)
	got := must(Order(mixed))(t)
	place := map[string]int{}
	for i, n := range got {
		place[n.GetOutput()[0]] = i
	}
	for _, pair := range [][2]string{{"p", "s"}, {"s", "h"}, {"c", "h"}, {"h", "y"}} {
		if place[pair[0]] > place[pair[1]] {
			t.Errorf("%s comes after %s", pair[0], pair[1])
		}
	}
	sorted[0].Input[0] = "y"
	_, err := Order(sorted)
	wantInvalid(t, err, "cycle")
}
