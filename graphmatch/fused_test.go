package graphmatch

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
)

// fused is two convolutions, a linear layer with Gelu and a head; as ONNX Runtime's optimiser leaves them if by is true,
// with activations in the operators before them.
func fused(t *testing.T, seed uint64, prefix string, by bool) *onnx.Model {
	d := graphtest.New(t, seed)
	x := d.Shaped("x", 2, 4, 6, 6)
	for i, group := range []int{1, 2} {
		name := prefix + []string{"first", "second"}[i]
		in := []string{x, d.Weight(name+".weight", 4, 4/group, 3, 3), d.Weight(name+".bias", 4)}
		if by {
			x = d.Node(name, "FusedConv", in, "group", group, "activation", "Relu")
			d.Model.Graph.Node[len(d.Model.Graph.Node)-1].Domain = proto.String("com.microsoft")
		} else {
			x = d.Node(name+".relu", "Relu", []string{d.Node(name, "Conv", in, "group", group)})
		}
	}
	x = d.Node("mean", "Flatten", []string{d.Node("pool", "GlobalAveragePool", []string{x})})
	bias := d.Weight(prefix+"mlp.bias", 4)
	x = d.Node(prefix+"mlp", "MatMul", []string{x, d.Weight(prefix+"mlp.weight", 4, 4)})
	if by {
		x = d.Node("gelu", "BiasGelu", []string{x, bias})
		d.Model.Graph.Node[len(d.Model.Graph.Node)-1].Domain = proto.String("com.microsoft")
	} else {
		x = d.Node("gelu", "Gelu", []string{d.Node("sum", "Add", []string{bias, x})})
	}
	d.Output(d.Linear(prefix+"head", x, 4, 2))
	return d.Load()
}

// Models that ONNX Runtime's optimiser went through align with those that it did not, by structure.
func TestFusedOperatorsAlign(t *testing.T) {
	for _, prefix := range []string{"", "z."} {
		for _, by := range []bool{false, true} {
			a := align(t, fused(t, 1, "", by), fused(t, 2, prefix, !by))
			if len(a.Layers) != 4 {
				t.Errorf("prefix %q: %d layers, want 4", prefix, len(a.Layers))
			}
			for _, l := range a.Layers {
				if l.Status != Matched || len(l.Params) != 2 || prefix+l.Params[0].Uses[0].Name != l.Params[0].Uses[1].Name {
					t.Errorf("prefix %q: %s: %s %s", prefix, l.Name, l.Status, l.Reason)
				}
			}
		}
	}
}
