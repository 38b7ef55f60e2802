package gating

import (
	"math"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/graphmatch"
)

// TestPlanGroups counts and names the groups of every granularity, and their units.
func TestPlanGroups(t *testing.T) {
	models := openAll(t, fineTunes("cnn_bn", 3)...)
	layers, params := 0, 0
	modules := map[string]bool{}
	for _, l := range planOf(t, models, ByLayer).Layers {
		layers++
		modules[l.Layer.Scope] = true
		if l.affine {
			params++
		} else {
			params += len(l.Layer.Params)
		}
	}
	for g, want := range map[Granularity]int{ByModel: 1, ByModule: len(modules), ByLayer: layers, ByChannel: layers, ByTensor: params} {
		p := planOf(t, models, g)
		if len(p.Groups) != want || len(p.Layers) != layers {
			t.Errorf("%s: %d groups of %d layers, want %d of %d", g, len(p.Groups), len(p.Layers), want, layers)
		}
		names := map[string]bool{}
		for _, group := range p.Groups {
			names[group.Name] = true
			if len(group.Shut) != 3 || g != ByChannel && group.Units != 1 {
				t.Errorf("%s: group %+v", g, group)
			}
		}
		if len(names) != len(p.Groups) {
			t.Errorf("%s: two groups of one name", g)
		}
		for _, l := range p.Layers {
			for k, at := range l.Groups {
				channels := l.Layer.Params[k].Shape[l.Layer.Params[k].ChannelAxis]
				if g == ByChannel && p.Groups[at].Units != channels {
					t.Errorf("layer %s: %d units for %d channels", l.Layer.Name, p.Groups[at].Units, channels)
				}
				if g != ByTensor && at != l.Groups[0] || l.affine && at != l.Groups[0] {
					t.Errorf("%s: the parameters of layer %s have groups %v", g, l.Layer.Name, l.Groups)
				}
			}
		}
	}
	weights := must(LoadWeights(selectAll(t, models)))(t)
	if _, err := NewPlan(weights, "pixel"); err == nil || !strings.Contains(err.Error(), "want model, module") {
		t.Errorf("granularity pixel: %v", err)
	}
}

// TestPlanModules names one group for each scope of a network with scopes.
func TestPlanModules(t *testing.T) {
	models := openAll(t, fineTunes("resnet", 3)...)
	p := planOf(t, models, ByModule)
	if len(p.Groups) < 2 || len(p.Groups) >= len(p.Layers) {
		t.Errorf("%d modules of %d layers", len(p.Groups), len(p.Layers))
	}
	for _, l := range p.Layers {
		if want := "module " + l.Layer.Scope; p.Groups[l.Groups[0]].Name != want {
			t.Errorf("layer %s is in %q, want %q", l.Layer.Name, p.Groups[l.Groups[0]].Name, want)
		}
	}
}

// TestRounded keeps gates of one half and more, and the largest where all would close.
func TestRounded(t *testing.T) {
	p := planOf(t, openAll(t, fineTunes("mlp", 3)...), ByLayer)
	p.Groups[2].Shut[2] = true
	logAlpha := [][]float64{{1, 0.2, -1}, {-1, -0.2, -3}, {-2, -5, 5}}
	want := [][]float64{{0.5, 0.5, 0}, {0, 1, 0}, {1, 0, 0}}
	for g, got := range p.Rounded(logAlpha) {
		if !equalFloats(got, want[g]) {
			t.Errorf("group %d: %v, want %v", g, got, want[g])
		}
	}
}

// TestUniform divides by the parents that are in and not shut.
func TestUniform(t *testing.T) {
	p := planOf(t, openAll(t, fineTunes("mlp", 3)...), ByChannel)
	p.Groups[1].Shut[0] = true
	for g, got := range p.Uniform([]bool{true, false, true}) {
		units := p.Groups[g].Units
		want := [3]float64{0.5, 0, 0.5}
		if g == 1 {
			want = [3]float64{0, 0, 1}
		}
		for i, v := range got {
			if math.Abs(v-want[i/units]) > 0 {
				t.Fatalf("group %d: element %d is %v, want %v", g, i, v, want[i/units])
			}
		}
	}
}

// TestIdenticalLayersNeedNoGates leaves out layers that are equal in all parents.
func TestIdenticalLayersNeedNoGates(t *testing.T) {
	models := openAll(t, "mlp/ft0.onnx", "mlp/ft0.onnx")
	w := must(LoadWeights(selectAll(t, models)))(t)
	if len(w.layers) != 0 {
		t.Errorf("%d layers are mixed", len(w.layers))
	}
	for l := range w.skipped {
		if l.Status != graphmatch.Identical {
			t.Errorf("layer %s is %s", l.Name, l.Status)
		}
	}
	if p := must(NewPlan(w, ByLayer))(t); len(p.Groups) != 0 || must(p.Bake(nil))(t) != models[0] {
		t.Errorf("%d groups; baking nothing must give the base itself", len(p.Groups))
	}
}
