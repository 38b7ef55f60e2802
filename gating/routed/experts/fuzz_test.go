package experts_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/routed/experts"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
)

// FuzzBake: whatever a recipe says of gates, it is refused as a recipe's fault or bakes a model that breaks no rule.
func FuzzBake(f *testing.F) {
	for _, seed := range []string{
		`{"router":"w","shapes":{"x":[4]},"prototypes":[[1,2,3,4],[4,3,2,1]],"temperature":2}`,
		`{"router":"w","flat":true,"shapes":{"x":[4]},"weights":[[1,2,3,4],[4,3,2,1]],"bias":[0,1]}`,
		`{"router":"w","shapes":{"x":[-4]},"prototypes":[[1]],"temperature":-1}`,
		`{"router":"nowhere","shapes":{"y":[4,1e9]}}`,
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	var models []*onnx.Model
	for j := range 2 {
		b := gatetest.NewBuilder()
		b.In("x", -1, 4)
		b.Weight(f, "w", onnx.Float32, uint64(j+1), 4, 3)
		b.Node("MatMul", "y", []string{"x", "w"})
		b.Out("y")
		models = append(models, b.Model(f))
	}
	a := gatetest.Must(graphmatch.Align(models, 0))(f)
	if name := a.Layers[0].Name; name != "w" {
		f.Fatalf("the seeds name layer w, not %s", name)
	}
	f.Fuzz(func(t *testing.T, data []byte, smear bool) {
		g := &gating.RecipeGates{}
		if json.Unmarshal(data, g) != nil {
			return
		}
		r := &gating.Recipe{Version: gating.RecipeVersion, Method: experts.SE, Parents: []string{"a", "b"},
			Routed: &gating.RecipeRouted{Tasks: []string{"a", "b"}, Selected: []string{a.Layers[0].Name}, Gates: g}}
		if smear {
			r.Method = experts.SMEAR
		}
		m, err := experts.Bake(r, a, "test")
		if err != nil {
			if !errors.Is(err, gating.ErrRecipe) {
				t.Fatalf("%s: %v is not of kind ErrRecipe", data, err)
			}
			return
		}
		if err := onnx.Validate(m); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
	})
}
