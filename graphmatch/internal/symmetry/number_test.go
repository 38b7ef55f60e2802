package symmetry

import (
	"fmt"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx"
	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// draw is a number that may be unknown: a factor times one of three axis lengths, which value gives.
func draw(g *random.Generator, value [4]int) (x number, truth int) {
	if n := g.IntN(40) - 8; g.IntN(2) == 0 {
		return exactly(n), n
	}
	factor, sym := 1+g.IntN(6), 1+g.IntN(3)
	return number{factor: factor, sym: sym}, factor * value[sym]
}

// holds tells whether what is known of a number is true of its value.
func (x number) holds(truth int, value [4]int) bool {
	switch {
	case x.known:
		return x.n == truth
	case x.sym > 0:
		return truth == x.factor*value[x.sym]
	}
	return truth%x.factor == 0
}

// Whatever lengths the symbols stand for, what the arithmetic knows is true.
func TestArithmeticIsSound(t *testing.T) {
	g := random.New(1, 0)
	truths := map[string]func(a, b int) (int, bool){
		"Add": func(a, b int) (int, bool) { return a + b, true },
		"Sub": func(a, b int) (int, bool) { return a - b, true },
		"Mul": func(a, b int) (int, bool) { return a * b, true },
		"Div": func(a, b int) (int, bool) {
			if b == 0 {
				return 0, false
			}
			return a / b, true
		},
		"Mod": func(a, b int) (int, bool) {
			if b == 0 {
				return 0, false
			}
			return ((a % b) + b) % b, b > 0
		},
	}
	known := 0
	for range 20000 {
		value := [4]int{0, 1 + g.IntN(9), 1 + g.IntN(9), 1 + g.IntN(9)}
		x, a := draw(g, value)
		y, b := draw(g, value)
		for op, follow := range arithmetic {
			result := follow(x, y)
			if result.known || result.sym > 0 || result.factor > 1 {
				known++
			}
			if want, defined := truths[op](a, b); defined && !result.holds(want, value) {
				t.Fatalf("%s of %+v and %+v is %+v, but %d for %v", op, x, y, result, want, value)
			}
		}
		if x.same(y) && a != b || x.multipleOf(3) && a%3 != 0 {
			t.Fatalf("%+v and %+v: %d and %d", x, y, a, b)
		}
	}
	if known < 20000 {
		t.Errorf("only %d of 100000 results say anything", known)
	}
}

func TestNumbersAreBounded(t *testing.T) {
	most := exactly(maxNumber)
	for name, x := range map[string]number{
		"sum": most.plus(exactly(1)), "difference": exactly(-maxNumber).minus(exactly(1)),
		"product":          most.times(exactly(2)),
		"factor":           number{factor: maxNumber}.times(exactly(2)),
		"both":             number{factor: maxNumber}.times(number{factor: 2}),
		"division by zero": most.dividedBy(exactly(0)), "negative": exactly(-3).dividedBy(exactly(2)),
	} {
		if x != unknownNumber() {
			t.Errorf("%s is %+v, want unknown", name, x)
		}
	}
	if got := clamped(1<<62) + clamped(-1<<62); got != 0 {
		t.Errorf("clamped ends sum to %d", got)
	}
}

// shapeGraph computes whole numbers from the shape of an input x [batch, 3, 8]; the batch is not known.
func shapeGraph(t *testing.T, nodes []*onnxpb.NodeProto, stored map[string][]int64) (*tracer, *flow.Value) {
	t.Helper()
	dims := []*onnxpb.TensorShapeProto_Dimension{
		{Value: &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: "batch"}},
		{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: 3}},
		{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: 8}},
	}
	x := &onnxpb.TypeProto_Tensor{ElemType: proto.Int32(int32(onnx.Float32)),
		Shape: &onnxpb.TensorShapeProto{Dim: dims}}
	g := &onnxpb.GraphProto{Name: proto.String("g"), Node: nodes, Input: []*onnxpb.ValueInfoProto{{
		Name: proto.String("x"), Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: x}}}}}
	for name, list := range stored {
		c, err := onnx.NewTensor(name, []int{len(list)}, list)
		if err != nil {
			t.Fatal(err)
		}
		g.Initializer = append(g.Initializer, c)
	}
	last := nodes[len(nodes)-1].Output[0]
	g.Node = append(g.Node, &onnxpb.NodeProto{OpType: proto.String("ConstantOfShape"), Input: []string{last},
		Output: []string{"y"}})
	g.Output = []*onnxpb.ValueInfoProto{{Name: proto.String("y"), Type: g.Input[0].Type}}
	data, err := proto.Marshal(&onnxpb.ModelProto{IrVersion: proto.Int64(8), Graph: g,
		OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: proto.Int64(18)}}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Parse(data, "")
	if err != nil {
		t.Fatal(err)
	}
	v, err := flow.Read(m)
	if err != nil {
		t.Fatal(err)
	}
	tr := newTracer(v)
	tr.trace()
	return tr, v.Outputs[0].From.In[0]
}

// op is a node with one output of its own name.
func op(name, kind string, in ...string) *onnxpb.NodeProto {
	return &onnxpb.NodeProto{OpType: proto.String(kind), Input: in, Output: []string{name}}
}

// Numbers that a graph computes from a shape are known as far as they are certain.
func TestShapeArithmetic(t *testing.T) {
	stored := map[string][]int64{"zero": {0}, "one": {1}, "two": {2}, "minus": {-1}, "end": {1 << 62}, "pair": {2, 1},
		"low": {-1 << 62}}
	shape := op("shape", "Shape", "x")
	for name, test := range map[string]struct {
		nodes []*onnxpb.NodeProto
		want  string
	}{
		"shape":   {[]*onnxpb.NodeProto{shape}, "[1*a 3 8]"},
		"gather":  {[]*onnxpb.NodeProto{shape, op("y", "Gather", "shape", "pair")}, "[8 3]"},
		"last":    {[]*onnxpb.NodeProto{shape, op("y", "Gather", "shape", "minus")}, "[8]"},
		"slice":   {[]*onnxpb.NodeProto{shape, op("y", "Slice", "shape", "one", "end")}, "[3 8]"},
		"front":   {[]*onnxpb.NodeProto{shape, op("y", "Slice", "shape", "zero", "minus")}, "[1*a 3]"},
		"product": {[]*onnxpb.NodeProto{shape, op("y", "ReduceProd", "shape")}, "[24*a]"},
		"concat":  {[]*onnxpb.NodeProto{shape, op("y", "Concat", "two", "shape")}, "[2 1*a 3 8]"},
		"doubled": {[]*onnxpb.NodeProto{shape, op("y", "Mul", "shape", "two")}, "[2*a 6 16]"},
		"halved": {[]*onnxpb.NodeProto{shape, op("m", "Mul", "shape", "two"), op("y", "Div", "m", "two")},
			"[1*a 3 8]"},
		"sum":    {[]*onnxpb.NodeProto{shape, op("y", "Add", "shape", "one")}, "[? 4 9]"},
		"modulo": {[]*onnxpb.NodeProto{shape, op("y", "Mod", "shape", "two")}, "[? 1 0]"},
		"where": {[]*onnxpb.NodeProto{shape, op("c", "Equal", "shape", "one"),
			op("y", "Where", "c", "shape", "shape")}, "[? ? ?]"},
		"shape of a shape": {[]*onnxpb.NodeProto{shape, op("c", "Concat", "shape", "two"), op("y", "Shape", "c")},
			"[4]"},
		"reversed": {[]*onnxpb.NodeProto{shape, op("y", "Slice", "shape", "minus", "low", "zero", "minus")}, "nothing"},
		"float":    {[]*onnxpb.NodeProto{op("e", "Exp", "x"), op("y", "Squeeze", "e")}, "nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, n := range test.nodes {
				if n.GetOpType() == "Concat" {
					n.Attribute = []*onnxpb.AttributeProto{{Name: proto.String("axis"),
						Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(0)}}
				}
			}
			tr, v := shapeGraph(t, test.nodes, stored)
			if got := spell(tr.numbers(v)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// spell writes numbers, unknown ones as a factor times the length a.
func spell(list []number) string {
	if list == nil {
		return "nothing"
	}
	var words []string
	for _, x := range list {
		switch {
		case x.known:
			words = append(words, fmt.Sprint(x.n))
		case x.sym > 0:
			words = append(words, fmt.Sprintf("%d*a", x.factor))
		default:
			words = append(words, "?")
		}
	}
	return fmt.Sprint(words)
}

// What a Reshape's 0 and -1 stand for, against shapes drawn at random.
func TestResolvedReshape(t *testing.T) {
	g := random.New(2, 0)
	for range 2000 {
		f, total := ranked(1+g.IntN(3)), 1
		for i := range f.axes {
			f.axes[i].size = 1 + g.IntN(4)
			total *= f.axes[i].size
		}
		shape, left := []int{}, total
		for left > 1 {
			d := 1 + g.IntN(left)
			for left%d != 0 {
				d--
			}
			shape, left = append(shape, d), left/d
		}
		want := make([]number, len(shape))
		for i, d := range shape {
			if want[i] = exactly(d); i < f.rank && f.axes[i].size == d && g.IntN(2) == 0 {
				want[i] = exactly(0)
			}
		}
		if len(want) > 0 {
			want[g.IntN(len(want))] = exactly(-1)
		}
		got, ok := allKnown(f.resolved(want, &flow.Node{Proto: &onnxpb.NodeProto{}}))
		if !ok || !slices.Equal(got, shape) {
			t.Fatalf("%v as %v: got %v, want %v", f.axes, want, got, shape)
		}
	}
}
