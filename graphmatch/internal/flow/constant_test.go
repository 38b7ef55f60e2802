package flow_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// constantNode adds a Constant that gives its value as an attribute.
func constantNode(d *graphtest.Builder, name string, a *onnxpb.AttributeProto) string {
	out := d.Node(name, "Constant", nil)
	n := d.Model.Graph.Node[len(d.Model.Graph.Node)-1]
	n.Attribute = []*onnxpb.AttributeProto{a}
	return out
}

// Shapes are read wherever they stand: in an initializer, or in a Constant node as a tensor, a list or a number.
func TestStoredNumbers(t *testing.T) {
	tensor, err := onnx.NewTensor("t", []int{2}, []int64{3, 4})
	if err != nil {
		t.Fatal(err)
	}
	single := graphtest.Attr("value_int", 7)
	for name, test := range map[string]struct {
		build func(d *graphtest.Builder) string
		want  []int64
		ok    bool
	}{
		"initializer": {func(d *graphtest.Builder) string { return d.Ints("shape", 3, 4) }, []int64{3, 4}, true},
		"tensor": {func(d *graphtest.Builder) string {
			return constantNode(d, "c", graphtest.Attr("value", tensor))
		}, []int64{3, 4}, true},
		"list": {func(d *graphtest.Builder) string {
			return constantNode(d, "c", graphtest.Attr("value_ints", []int64{3, 4}))
		}, []int64{3, 4}, true},
		"number": {func(d *graphtest.Builder) string { return constantNode(d, "c", single) }, []int64{7}, true},
		"renamed": {func(d *graphtest.Builder) string {
			return d.Node("id", "Identity", []string{d.Ints("shape", 3, 4)})
		}, []int64{3, 4}, true},
		"floats": {func(d *graphtest.Builder) string { return d.Weight("w", 2) }, nil, false},
		"too many": {func(d *graphtest.Builder) string { return d.Ints("shape", make([]int64, flow.MaxNumbers+1)...) },
			nil, false},
		"computed": {func(d *graphtest.Builder) string { return d.Node("s", "Shape", []string{"x"}) }, nil, false},
		"absent":   {func(*graphtest.Builder) string { return "" }, nil, false},
	} {
		d := graphtest.New(t, 1)
		x := d.Shaped("x", 3, 4)
		d.Output(d.Node("reshape", "Reshape", []string{x, test.build(d)}))
		v := read(t, d.Load())
		n := v.Outputs[0].From
		got, ok := v.Numbers(n, "shape")
		if ok != test.ok || ok && !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, %v, want %v, %v", name, got, ok, test.want, test.ok)
		}
	}
}

// Weights are seen through nodes that rename, turn, reshape or convert them, and edits enter where the tensor does.
func TestViewsOfWeights(t *testing.T) {
	for name, test := range map[string]struct {
		view  func(d *graphtest.Builder, w string) string
		shape []int // of the stored tensor
		entry string
	}{
		"as it is": {func(_ *graphtest.Builder, w string) string { return w }, []int{3, 4}, "fc"},
		"Identity": {func(d *graphtest.Builder, w string) string { return d.Node("v", "Identity", []string{w}) },
			[]int{3, 4}, "fc"},
		"Transpose": {func(d *graphtest.Builder, w string) string {
			return d.Node("v", "Transpose", []string{w}, "perm", []int64{1, 0})
		}, []int{4, 3}, "v"},
		"Reshape": {func(d *graphtest.Builder, w string) string {
			return d.Node("v", "Reshape", []string{w, d.Ints("to", 3, -1)})
		}, []int{12}, "v"},
		"Flatten": {func(d *graphtest.Builder, w string) string {
			return d.Node("v", "Flatten", []string{w}, "axis", 1)
		}, []int{3, 2, 2}, "v"},
		"Squeeze": {func(d *graphtest.Builder, w string) string {
			return d.Node("v", "Squeeze", []string{w, d.Ints("axes", 0)})
		}, []int{1, 3, 4}, "v"},
		"Squeeze of all": {func(d *graphtest.Builder, w string) string {
			return d.Node("v", "Squeeze", []string{w})
		}, []int{3, 1, 4, 1}, "v"},
		"Unsqueeze and back": {func(d *graphtest.Builder, w string) string {
			y := d.Node("v", "Unsqueeze", []string{w, d.Ints("axes", 2)})
			return d.Node("back", "Squeeze", []string{y, d.Ints("again", -1)})
		}, []int{3, 4}, "v"},
		"Cast to float": {func(d *graphtest.Builder, w string) string {
			return d.Node("v", "Cast", []string{w}, "to", int(onnx.Float32))
		}, []int{3, 4}, "fc"},
		"Cast there and back": {func(d *graphtest.Builder, w string) string {
			y := d.Node("v", "Cast", []string{w}, "to", int(onnx.Float16))
			return d.Node("back", "Cast", []string{y}, "to", int(onnx.Float32))
		}, []int{3, 4}, "v"},
	} {
		t.Run(name, func(t *testing.T) {
			d := graphtest.New(t, 1)
			d.Output(d.Node("fc", "MatMul", []string{d.Shaped("x", 2, 3), test.view(d, d.Weight("w", test.shape...))}))
			v := read(t, d.Load())
			if len(v.Units) != 1 || describe(v) != "MatMul weight[3 4]" {
				t.Fatalf("got %s", describe(v))
			}
			p := v.Units[0].Params[0]
			if p.C.Name() != "w" || !slices.Equal(p.C.FileShape(), test.shape) {
				t.Errorf("the tensor is %s%v", p.C.Name(), p.C.FileShape())
			}
			if site := p.At[0].Site(p.C); site.Node.GetName() != test.entry {
				t.Errorf("the tensor enters at %q, want %q", site.Node.GetName(), test.entry)
			}
		})
	}
}

// What is computed from a weight by anything else is not the weight.
func TestNoViews(t *testing.T) {
	for name, view := range map[string]func(d *graphtest.Builder, w string) string{
		"to whole numbers": func(d *graphtest.Builder, w string) string {
			return d.Node("v", "Cast", []string{w}, "to", int(onnx.Int64))
		},
		"a shape that does not fit": func(d *graphtest.Builder, w string) string {
			return d.Node("v", "Reshape", []string{w, d.Ints("to", 3, 5)})
		},
		"an axis longer than one": func(d *graphtest.Builder, w string) string {
			return d.Node("v", "Squeeze", []string{w, d.Ints("axes", 0)})
		},
		"a shape from data": func(d *graphtest.Builder, w string) string {
			return d.Node("v", "Reshape", []string{w, d.Node("s", "Shape", []string{"x"})})
		},
	} {
		d := graphtest.New(t, 1)
		x := d.Shaped("x", 2, 3)
		d.Output(d.Node("fc", "MatMul", []string{x, view(d, d.Weight("w", 3, 4))}))
		for _, u := range read(t, d.Load()).Units {
			if u.Op == "MatMul" && u.Param("weight") != nil {
				t.Errorf("%s: the product has the weight %v", name, u.Param("weight").C.Shape)
			}
		}
	}
}

// A constant of one element is a parameter only if its author named it; sparse tensors are none that can be edited.
func TestBareParameters(t *testing.T) {
	units := func(build func(d *graphtest.Builder, x string) string) string {
		d := graphtest.New(t, 1)
		d.Output(build(d, d.Shaped("x", 2, 3)))
		return describe(read(t, d.Load()))
	}
	for want, build := range map[string]func(d *graphtest.Builder, x string) string{
		"Mul scale[]": func(d *graphtest.Builder, x string) string {
			return d.Node("y", "Mul", []string{x, d.Tensor("logit_scale", nil, []float32{2})})
		},
		"": func(d *graphtest.Builder, x string) string {
			return d.Node("y", "Mul", []string{x, d.Tensor("onnx::Mul_5", nil, []float32{2})})
		},
		"Add value[3]": func(d *graphtest.Builder, x string) string {
			return d.Node("y", "Add", []string{x, d.Weight("onnx::Add_5", 3)})
		},
		"Where value1[3] value2[3]": func(d *graphtest.Builder, x string) string {
			c := d.Node("c", "Greater", []string{x, d.Tensor("zero::", nil, []float32{0})})
			return d.Node("y", "Where", []string{c, d.Weight("a", 3), d.Weight("b", 3)})
		},
		"Sub value[2 3]; PRelu slope[3]": func(d *graphtest.Builder, x string) string {
			return d.Node("y", "PRelu", []string{d.Node("s", "Sub", []string{d.Weight("p", 2, 3), x}),
				d.Weight("slope", 3)})
		},
	} {
		if got := units(build); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	d := graphtest.New(t, 1)
	values, err := onnx.NewTensor("w", []int{2}, []float32{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	indices, err := onnx.NewTensor("i", []int{2}, []int64{0, 5})
	if err != nil {
		t.Fatal(err)
	}
	d.Model.Graph.SparseInitializer = []*onnxpb.SparseTensorProto{{Values: values, Indices: indices,
		Dims: []int64{2, 3}}}
	d.Output(d.Node("y", "Mul", []string{d.Shaped("x", 2, 3), "w"}))
	data, err := proto.Marshal(d.Model)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Parse(data, "")
	if err != nil {
		t.Fatal(err)
	}
	if v := read(t, m); len(v.Units) != 0 {
		t.Errorf("a sparse tensor is the parameter of %s", describe(v))
	}
}
