package gating

import (
	"errors"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
)

// TestPlanGroups counts and names the groups of every granularity, and their units.
func TestPlanGroups(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...)
	layers, params := 0, 0
	modules := map[string]bool{}
	for _, l := range planOf(t, models, ByLayer).layers {
		layers++
		modules[l.layer.Scope] = true
		if l.affine {
			params++
		} else {
			params += len(l.layer.Params)
		}
	}
	for g, want := range map[Granularity]int{ByModel: 1, ByModule: len(modules), ByLayer: layers, ByChannel: layers,
		ByTensor: params} {
		p := planOf(t, models, g)
		if len(p.groups) != want || len(p.layers) != layers {
			t.Errorf("%s: %d groups of %d layers, want %d of %d", g, len(p.groups), len(p.layers), want, layers)
		}
		names := map[string]bool{}
		for _, group := range p.groups {
			names[group.name] = true
			if len(group.excluded) != 3 || g != ByChannel && group.units != 1 {
				t.Errorf("%s: group %+v", g, group)
			}
		}
		if len(names) != len(p.groups) {
			t.Errorf("%s: two groups of one name", g)
		}
		checkLayerGroups(t, p)
	}
	weights := gatetest.Must(LoadWeights(gatetest.Select(t, models)))(t)
	if _, err := NewPlan(weights, "pixel"); !errors.Is(err, ErrOption) ||
		!strings.Contains(err.Error(), "want model, module") {
		t.Errorf("granularity pixel: %v", err)
	}
}

// checkLayerGroups: the parameters of a layer share their group unless tensors have gates of
// their own, and by channel a group has a unit for each.
func checkLayerGroups(t *testing.T, p *Plan) {
	t.Helper()
	for _, l := range p.layers {
		for k, at := range l.groups {
			channels := l.layer.Params[k].Shape[l.layer.Params[k].ChannelAxis]
			if p.granularity == ByChannel && p.groups[at].units != channels {
				t.Errorf("layer %s: %d units for %d channels", l.layer.Name, p.groups[at].units, channels)
			}
			if (p.granularity != ByTensor || l.affine) && at != l.groups[0] {
				t.Errorf("%s: the parameters of layer %s have groups %v", p.granularity, l.layer.Name, l.groups)
			}
		}
	}
}

// TestPlanModules names one group for each scope of a network with scopes.
func TestPlanModules(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("resnet", 3)...)
	p := planOf(t, models, ByModule)
	if len(p.groups) < 2 || len(p.groups) >= len(p.layers) {
		t.Errorf("%d modules of %d layers", len(p.groups), len(p.layers))
	}
	for _, l := range p.layers {
		if want := "module " + l.layer.Scope; p.groups[l.groups[0]].name != want {
			t.Errorf("layer %s is in %q, want %q", l.layer.Name, p.groups[l.groups[0]].name, want)
		}
	}
}

// TestRounded keeps gates of one half and more, and the largest where all would close.
func TestRounded(t *testing.T) {
	p := excluding(planOf(t, gatetest.Open(t, gatetest.FineTunes("mlp", 3)...), ByLayer), 2, 2)
	a := LogAlpha{numbersOf(p, []float64{1, 0.2, -1}, []float64{-1, -0.2, -3}, []float64{-2, -5, 5})}
	want := numbersOf(p, []float64{0.5, 0.5, 0}, []float64{0, 1, 0}, []float64{1, 0, 0})
	if got := p.Rounded(a); !equalNumbers(got.numbers, want) {
		t.Errorf("got %v, want %v", got.groups, want.groups)
	}
}

// TestAverage divides by the parents that are in and not excluded; without a list all are in.
func TestAverage(t *testing.T) {
	p := excluding(planOf(t, gatetest.Open(t, gatetest.FineTunes("mlp", 3)...), ByChannel), 1, 0)
	for _, c := range []struct {
		in          []bool
		want, where [3]float64 // where parent 0 is excluded
	}{
		{[]bool{true, false, true}, [3]float64{0.5, 0, 0.5}, [3]float64{0, 0, 1}},
		{[]bool{true, false, false}, [3]float64{1, 0, 0}, [3]float64{}},
		{nil, [3]float64{1.0 / 3, 1.0 / 3, 1.0 / 3}, [3]float64{0, 0.5, 0.5}},
	} {
		for g, got := range p.Average(c.in).groups {
			want := c.want
			if g == 1 {
				want = c.where
			}
			for i, v := range got {
				if v != want[i/p.groups[g].units] {
					t.Fatalf("%v, group %d: element %d is %v, want %v", c.in, g, i, v, want)
				}
			}
		}
	}
}

// TestExcludingMakesAnotherPlan: the plan that it is called on stays as it is, and what
// is made of the new one stays too when more is excluded from that.
func TestExcludingMakesAnotherPlan(t *testing.T) {
	p := planOf(t, gatetest.Open(t, gatetest.FineTunes("mlp", 3)...), ByChannel)
	if p.Excluding() != p {
		t.Error("nothing to exclude makes another plan")
	}
	once := p.Excluding(Exclusion{Group: 1, Parent: 2}, Exclusion{Group: 0, Parent: 0})
	twice := once.Excluding(Exclusion{Group: 1, Parent: 0})
	for _, c := range []struct {
		plan *Plan
		want map[Exclusion]bool
	}{
		{p, nil},
		{once, map[Exclusion]bool{{1, 2}: true, {0, 0}: true}},
		{twice, map[Exclusion]bool{{1, 2}: true, {0, 0}: true, {1, 0}: true}},
	} {
		average := c.plan.Average(nil)
		for g := range c.plan.Groups() {
			for j := range 3 {
				if got := c.plan.Excluded(g, j); got != c.want[Exclusion{g, j}] || (average.At(g, j, 0) == 0) != got {
					t.Errorf("group %d, parent %d: excluded %v, coefficient %v", g, j, got, average.At(g, j, 0))
				}
			}
		}
	}
	if twice.Granularity() != ByChannel || twice.Selection() != p.Selection() ||
		len(twice.Groups()) != len(p.Groups()) {
		t.Error("the new plan is not of the same layers")
	}
}
