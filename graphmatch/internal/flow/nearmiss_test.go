package flow_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// replacements are operators of the same number of inputs that compute something else.
var replacements = map[string][]string{
	"ReduceMean": {"ReduceMax", "ReduceL1"}, "Sqrt": {"Exp", "Sigmoid"}, "Sub": {"Add", "Max"},
	"Add": {"Sub", "Mul", "Max"}, "Mul": {"Add", "Sub", "Div"}, "Div": {"Mul", "Sub"}, "Pow": {"Mul", "Add"},
	"Reciprocal": {"Neg", "Exp", "Identity"},
}

// composed is the layer that was recognised as a normalisation of several nodes, nil when there is none.
func composed(v *flow.Network) *flow.Unit {
	i := slices.IndexFunc(v.Units, func(u *flow.Unit) bool {
		return strings.HasSuffix(u.Op, "Normalization") && u.Anchor.Op == "Mul"
	})
	if i < 0 {
		return nil
	}
	return v.Units[i]
}

// rowsOf is what a model computes under a name, by rows.
func rowsOf(t *testing.T, p *onnxpb.ModelProto, name string) [][]float64 {
	t.Helper()
	p = proto.CloneOf(p)
	p.Graph.Output = []*onnxpb.ValueInfoProto{graphtest.FloatInfo(name)}
	return matrix(graphtest.Outputs(t, graphtest.Load(t, p))[0].F, 6)
}

// followsFormula tells whether a normalisation computes from what flows into it what its operator's formula says.
func followsFormula(t *testing.T, p *onnxpb.ModelProto, u *flow.Unit) bool {
	t.Helper()
	last, bias := u.Anchor, make([]float64, 6)
	if b := u.Param("bias"); b != nil {
		bias = values(t, u.Model, "bias")
		last = u.Members[len(u.Members)-1] // the sum
	}
	want := rowsOf(t, p, u.Data[0].From.Proto.GetOutput()[0])
	byDefinition(u.Op, want, values(t, u.Model, "scale"), bias)
	got := slices.Concat(rowsOf(t, p, last.Proto.GetOutput()[0])...)
	for i, x := range slices.Concat(want...) {
		if d := x - got[i]; !(d*d < 1e-6*(1+x*x)) {
			return false
		}
	}
	return true
}

// mutated is a model with another operator in place of one node's.
func mutated(p *onnxpb.ModelProto, node int, op string) *onnxpb.ModelProto {
	p = proto.CloneOf(p)
	n := p.Graph.Node[node]
	n.OpType = proto.String(op)
	return p
}

// drawNormalised is the network of normalised as it is written.
func drawNormalised(t *testing.T, norm func(d *graphtest.Builder, x string) string) *onnxpb.ModelProto {
	d := graphtest.New(t, 5)
	x := d.Node("first", "MatMul", []string{d.Shaped("x", 2, 3), d.Weight("w1", 3, 6)})
	d.Weight("scale", 6)
	d.Weight("bias", 6)
	d.Output(d.Node("last", "MatMul", []string{norm(d, x), d.Weight("w2", 6, 4)}))
	return d.Model
}

// With any one operator of a normalisation replaced, what is recognised still is what its formula says, or nothing is.
func TestNormalisationsWithOneOperatorReplaced(t *testing.T) {
	tried, left := 0, 0
	for op, ways := range decompositions {
		for way, norm := range ways {
			p := drawNormalised(t, norm)
			if u := composed(read(t, graphtest.Load(t, p))); u == nil || u.Op != op || !followsFormula(t, p, u) {
				t.Fatalf("%s %s: the layer does not follow its formula as it is", op, way)
			}
			for i, n := range p.Graph.Node {
				for _, other := range replacements[n.GetOpType()] {
					tried++
					wrong := mutated(p, i, other)
					u := composed(read(t, graphtest.Load(t, wrong)))
					if u == nil {
						continue
					}
					left++
					if !followsFormula(t, wrong, u) {
						t.Errorf("%s %s: with %s for %s at %q the layer is a %s", op, way, other, n.GetOpType(),
							n.GetName(), u.Op)
					}
				}
			}
		}
	}
	t.Logf("%d replacements, %d recognised as another normalisation", tried, left)
}

// Only the second power is a square; an exponent that is data may be anything.
func TestExponents(t *testing.T) {
	for exponent, want := range map[float32]bool{2: true, 3: false, 1: false, 0.5: false} {
		for op, way := range map[string]string{"LayerNormalization": "PyTorch", "RMSNormalization": "one by"} {
			p := drawNormalised(t, func(d *graphtest.Builder, x string) string {
				y := decompositions[op][way](d, x)
				d.SetTensor("two::c", nil, []float32{exponent})
				return y
			})
			if u := composed(read(t, graphtest.Load(t, p))); (u != nil) != want {
				t.Errorf("%s with the power of %v is recognised: %v", op, exponent, u != nil)
			}
		}
	}
}

// A linear layer takes the sum behind it as its bias where it adds one number to each output and nothing reads the
// product besides.
func TestSumsThatAreABias(t *testing.T) {
	product := func(d *graphtest.Builder) string {
		return d.Node("fc", "MatMul", []string{d.Shaped("x", 2, 3), d.Weight("w", 3, 4)})
	}
	conv := func(d *graphtest.Builder) string {
		return d.Node("conv", "Conv", []string{d.Shaped("x", 1, 3, 4, 4), d.Weight("w", 4, 3, 1, 1)})
	}
	sum := func(layer func(*graphtest.Builder) string, op string, shape ...int) func(d *graphtest.Builder) {
		return func(d *graphtest.Builder) { d.Output(d.Node("sum", op, []string{layer(d), d.Weight("b", shape...)})) }
	}
	for name, test := range map[string]struct {
		build func(d *graphtest.Builder)
		want  string
	}{
		"vector":           {sum(product, "Add", 4), "MatMul weight[3 4] bias[4]"},
		"row":              {sum(product, "Add", 1, 4), "MatMul weight[3 4] bias[4]"},
		"row of rows":      {sum(product, "Add", 1, 1, 4), "MatMul weight[3 4] bias[4]"},
		"another operator": {sum(product, "Sub", 4), "MatMul weight[3 4]; Sub value[4]"},
		"table":            {sum(product, "Add", 2, 4), "MatMul weight[3 4]; Add value[2 4]"},
		"column":           {sum(product, "Add", 2, 1), "MatMul weight[3 4]; Add value[2 1]"},
		"one number":       {sum(product, "Add", 1), "MatMul weight[3 4]; Add value[1]"},
		"channels":         {sum(conv, "Add", 4, 1, 1), "Conv weight[4 3 1 1] bias[4]"},
		"one image":        {sum(conv, "Add", 1, 4, 1, 1), "Conv weight[4 3 1 1] bias[4]"},
		"columns of image": {sum(conv, "Add", 4), "Conv weight[4 3 1 1]; Add value[4]"},
		"rows of image":    {sum(conv, "Add", 4, 1), "Conv weight[4 3 1 1]; Add value[4 1]"},
		"a second reader": {func(d *graphtest.Builder) {
			y := product(d)
			d.Output(d.Node("relu", "Relu", []string{y}))
			d.Output(d.Node("sum", "Add", []string{y, d.Weight("b", 4)}))
		}, "MatMul weight[3 4]; Add value[4]"},
		"a second sum": {func(d *graphtest.Builder) {
			y := d.Node("sum", "Add", []string{product(d), d.Weight("b", 4)})
			d.Output(d.Node("again", "Add", []string{y, d.Weight("c", 4)}))
		}, "MatMul weight[3 4] bias[4]; Add value[4]"},
		"behind a Relu": {func(d *graphtest.Builder) {
			d.Output(d.Node("sum", "Add", []string{d.Node("relu", "Relu", []string{product(d)}), d.Weight("b", 4)}))
		}, "MatMul weight[3 4]; Add value[4]"},
		"with a bias already": {func(d *graphtest.Builder) {
			y := d.Node("fc", "Gemm", []string{d.Shaped("x", 2, 3), d.Weight("w", 4, 3), d.Weight("b", 4)}, "transB", 1)
			d.Output(d.Node("sum", "Add", []string{y, d.Weight("c", 4)}))
		}, "Gemm weight[3 4] bias[4]; Add value[4]"},
		"turned": {func(d *graphtest.Builder) {
			y := d.Node("fc", "Gemm", []string{d.Shaped("x", 2, 3), d.Weight("w", 4, 3)}, "transB", 1)
			d.Output(d.Node("sum", "Add", []string{d.Weight("b", 4), y}))
		}, "Gemm weight[3 4] bias[4]"},
		"a width like the inputs'": {func(d *graphtest.Builder) {
			y := d.Node("fc", "Gemm", []string{d.Shaped("x", 4, 3), d.Weight("w", 4, 3)}, "transB", 1)
			d.Output(d.Node("sum", "Add", []string{d.Weight("b", 4, 1), y}))
		}, "Gemm weight[3 4]; Add value[4 1]"},
	} {
		d := graphtest.New(t, 1)
		test.build(d)
		if got := describe(read(t, d.Load())); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}
