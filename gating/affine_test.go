package gating

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/graphmatch"
)

// TestAffineGatesAreBaked: what affine gates learned comes out of the file, with normalisations and without, and again
// out of the recipe to the byte.
func TestAffineGatesAreBaked(t *testing.T) {
	families := []string{"mlp", "cnn_bn", "mlp_matmul", "resnet", "families/mobilenet", "families/vit", "families/keras"}
	if testing.Short() { // the race detector makes learning ten times slower
		families = families[:2]
	}
	for _, family := range families {
		x := newTransplanting(t, "val.npz", "test.npz", gatetest.FineTunes(family, 2)...)
		p := planOf(t, x.models, ByChannel)
		start := gatetest.Must(NewStart(t.Context(), p, x.learn, []float64{1, 1}, StartOptions{}))(t)
		o := gatetest.Must(LearnOptions{MaxSteps: 8, Rate: 0.5, Affine: true, Noiseless: true, L0: new(0.0)}.Validate())(t)
		l := gatetest.Must(Learn(t.Context(), start, x.learn, o))(t)

		tr := gatetest.Must(newTrainer(p, x.learn, l.LogAlpha, o))(t)
		for g, a := range l.affine {
			copy(tr.gates[g].affine.scale, a.scale)
			copy(tr.gates[g].affine.shift, a.shift)
		}
		want := gatetest.Must(tr.gradient(upTo(64), 1))(t)
		tr.close()
		m := NewMixture(p, l.Coefficients())
		back := gatetest.Must(m.Bake())(t)
		if got := gatetest.Must(x.learn.Head(64).Score(t.Context(), back))(t).Loss; got < want-1e-4 || got > want+1e-4 {
			t.Errorf("%s: a loss of %.6f in the file, %.6f on the tape", family, got, want)
		}
		rec := gatetest.Must(m.Recipe(RecipeOptions{Method: Soft}))(t)
		again := gatetest.Must(ParseRecipe(gatetest.Must(json.Marshal(rec))(t)))(t)
		baked := gatetest.Must(again.Bake(gatetest.Must(graphmatch.Align(x.models, 0))(t)))(t)
		if !bytes.Equal(gatetest.Bytes(t, back), gatetest.Bytes(t, baked)) {
			t.Errorf("%s: the recipe gives other bytes", family)
		}
	}
}

// TestRecipeRefusesShifts that are not one a unit.
func TestRecipeRefusesShifts(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("mlp", 2)...)
	a := gatetest.Must(graphmatch.Align(models, 0))(t)
	r := &Recipe{Version: RecipeVersion, Parents: []string{"a", "b"}, Layers: []RecipeLayer{{Layer: a.Layers[0].Name,
		Roles: []string{"weight", "bias"}, Coefficients: [][]float64{{0.5}, {0.5}}, Shift: []float64{1, 2}}}}
	if _, err := r.Bake(a); !errors.Is(err, ErrRecipe) {
		t.Errorf("two shifts of one unit: %v", err)
	}
}
