package gating

import (
	"fmt"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// TestMisshapenNormalisation: tensors that do not go together are no affine map. Without data nothing has
// checked the file yet, and the graph is not run.
func TestMisshapenNormalisation(t *testing.T) {
	for name, shapes := range map[string][4][]int{
		"short variance": {{4}, {4}, {4}, {3}}, "short mean": {{4}, {4}, {1}, {4}}, "scalars": {{}, {}, {}, {}},
	} {
		net := func(seed uint64) *onnx.Model {
			b := gatetest.NewBuilder()
			b.In("x", -1, 4)
			in := []string{"x"}
			for i, shape := range shapes {
				in = append(in, fmt.Sprint("t", i))
				b.Weight(t, in[i+1], onnx.Float32, seed+uint64(i), shape...)
			}
			b.Node("BatchNormalization", "y", in)
			b.Out("y")
			return b.Model(t)
		}
		w := gatetest.Must(LoadWeights(gatetest.Select(t, []*onnx.Model{net(1), net(5)})))(t)
		for i := range w.layers {
			if w.layers[i].affine {
				t.Errorf("%s: taken for an affine map", name)
			}
		}
	}
}

// TestIdenticalLayersNeedNoGates leaves out layers that are equal in all parents.
func TestIdenticalLayersNeedNoGates(t *testing.T) {
	models := gatetest.Open(t, "mlp/ft0.onnx", "mlp/ft0.onnx")
	w := gatetest.Must(LoadWeights(gatetest.Select(t, models)))(t)
	if len(w.layers) != 0 {
		t.Errorf("%d layers are mixed", len(w.layers))
	}
	for l := range w.skipped {
		if l.Status != graphmatch.Identical {
			t.Errorf("layer %s is %s", l.Name, l.Status)
		}
	}
	if p := gatetest.Must(NewPlan(w, ByLayer))(t); len(p.groups) != 0 ||
		gatetest.Must(p.Bake(p.Average(nil)))(t) != models[0] {
		t.Errorf("%d groups; baking nothing must give the base itself", len(p.groups))
	}
}
