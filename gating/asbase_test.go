package gating_test

import (
	"math"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// affine writes each BatchNormalization of a model as a Mul and an Add, as converters do that know of no such operator.
func affine(t *testing.T, m *onnx.Model) *onnx.Model {
	t.Helper()
	numbers := func(name string) []float64 {
		for _, w := range m.Proto().GetGraph().GetInitializer() {
			if w.GetName() == name {
				return gatetest.Must(m.Tensor(w).Doubles(nil))(t)
			}
		}
		t.Fatalf("no tensor %q", name)
		return nil
	}
	return gatetest.Written(t, gatetest.Must(m.Rewrite(func(p *onnxpb.ModelProto) error {
		var nodes []*onnxpb.NodeProto
		tensor := func(name string, values []float64) {
			w := gatetest.Must(onnx.NewTensor(name, []int{len(values), 1, 1}, gatetest.Floats32(values)))(t)
			p.Graph.Initializer = append(p.Graph.Initializer, w)
		}
		for _, n := range p.Graph.Node {
			if n.GetOpType() != "BatchNormalization" {
				nodes = append(nodes, n)
				continue
			}
			scale, bias, mean, variance := numbers(n.Input[1]), numbers(n.Input[2]), numbers(n.Input[3]), numbers(n.Input[4])
			for i := range scale {
				scale[i] /= math.Sqrt(variance[i] + 1e-5)
				bias[i] -= mean[i] * scale[i]
			}
			out := n.Output[0]
			tensor(out+"_scale", scale)
			tensor(out+"_bias", bias)
			nodes = append(nodes,
				&onnxpb.NodeProto{OpType: proto.String("Mul"), Input: []string{n.Input[0], out + "_scale"},
					Output: []string{out + "_scaled"}},
				&onnxpb.NodeProto{OpType: proto.String("Add"), Input: []string{out + "_scaled", out + "_bias"},
					Output: []string{out}})
		}
		p.Graph.Node = nodes
		return nil
	}))(t))
}

// TestAsBase: however exporters wrote the base and a model, the base's graph with the model's weights does what the
// model does.
func TestAsBase(t *testing.T) {
	raw := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 2)...)
	folded := gatetest.Open(t, "cnn/ft1.onnx")[0]
	d := gatetest.Data(t, "val.npz", gating.Fields(raw[0]))
	for name, pair := range map[string][]*onnx.Model{
		"as nodes":                  raw,
		"a node, a Mul and an Add":  {raw[0], affine(t, raw[1])},
		"a Mul and an Add, a node":  {affine(t, raw[0]), raw[1]},
		"folded, a Mul and an Add":  {folded, affine(t, raw[1])},
		"a Mul and an Add, folded":  {affine(t, raw[1]), folded},
		"both as a Mul and an Add":  {affine(t, raw[0]), affine(t, raw[1])},
		"folded beside what is not": {folded, raw[1]},
	} {
		a := gatetest.Must(graphmatch.Align(pair, 0))(t)
		view := gatetest.Must(gating.AsBase(a, 1))(t)
		if view == nil {
			t.Errorf("%s: does not align", name)
			continue
		}
		s := gatetest.Must(a.Select(nil, nil))(t)
		if err := s.Strict(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		scores, errs := scored(t, d, pair[1], view)
		if errs[0] != nil || errs[1] != nil || math.Abs(scores[0].Loss-scores[1].Loss) > 1e-4*scores[0].Loss {
			t.Errorf("%s: loss %v in the base's graph, %v as it is (%v)", name, scores[1].Loss, scores[0].Loss, errs)
		}
	}
}
