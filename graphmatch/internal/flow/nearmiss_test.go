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
