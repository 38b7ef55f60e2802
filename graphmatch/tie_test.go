package graphmatch

import (
	"strings"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
)

// autoencoder draws two linear layers; shared makes them read one weight, through one Transpose or two.
func autoencoder(t *testing.T, seed uint64, shared bool) *graphtest.Builder {
	d := graphtest.New(t, seed)
	x := d.Input("x")
	w := d.Weight("first.weight", 4, 4)
	v := w
	if !shared {
		v = d.Weight("second.weight", 4, 4)
	}
	y := d.Node("first/Add", "Add", []string{d.Node("first/MatMul", "MatMul", []string{x, w}),
		d.Weight("first.bias", 4)})
	z := d.Node("second/MatMul", "MatMul", []string{y, v})
	d.Output(d.Node("second/Add", "Add", []string{z, d.Weight("second.bias", 4)}))
	return d
}

func TestTiedInAllModels(t *testing.T) {
	a := align(t, autoencoder(t, 1, true).Load(), autoencoder(t, 2, true).Load())
	if len(a.Layers) != 2 {
		t.Fatalf("got\n%swant two layers", summary(a))
	}
	first, second := a.Layers[0], a.Layers[1]
	if first.Name != "first" || len(first.Params) != 2 || len(first.Params[0].Uses[1].Sites) != 2 {
		t.Errorf("got\n%swant the weight with two sites in the first layer", summary(a))
	}
	if len(second.Params) != 1 || second.Params[0].Role != "bias" || !strings.HasPrefix(second.Name, "second") {
		t.Errorf("got\n%swant the second layer to keep its bias", summary(a))
	}
}

func TestTiedInOneModelOnly(t *testing.T) {
	tied, apart := autoencoder(t, 1, true).Load(), autoencoder(t, 2, false).Load()
	a := align(t, tied, apart)
	if len(a.Layers) != 2 || len(a.Layers[1].Params) != 2 {
		t.Fatalf("got\n%swant two whole layers", summary(a))
	}
	for i := range a.Layers {
		w := a.Layers[i].Params[0]
		if w.Uses[0].Name != "first.weight" || len(w.Uses[0].Sites) != 1 || len(w.Uses[1].Sites) != 1 {
			t.Errorf("layer %d: got\n%swant one site of the shared tensor each", i, summary(a))
		}
	}
}

// Normalisations of equal parameters, merged by an exporter in all models, remain layers of their own.
func TestEqualVectorsAreNotTied(t *testing.T) {
	model := func(seed uint64) *graphtest.Builder {
		d := graphtest.New(t, seed)
		x := d.Input("x")
		scale := d.Weight("bn1.weight", 4)
		for _, n := range []string{"bn1", "bn2"} {
			x = d.Node(n+"/BatchNormalization", "BatchNormalization",
				[]string{x, scale, d.Weight(n+".bias", 4), d.Weight(n+".mean", 4), scale})
		}
		d.Output(x)
		return d
	}
	a := align(t, model(1).Load(), model(2).Load())
	if len(a.Layers) != 2 || len(a.Layers[0].Params) != 4 || len(a.Layers[1].Params) != 4 {
		t.Errorf("got\n%swant two normalisations of four tensors", summary(a))
	}
}

// A transposed view shared by two layers cannot be separated by giving either another tensor.
func TestSharedViewIsRefused(t *testing.T) {
	model := func(seed uint64, shared bool) *graphtest.Builder {
		d := graphtest.New(t, seed)
		x := d.Input("x")
		w := d.Node("turn", "Transpose", []string{d.Weight("first.weight", 4, 4)})
		v := w
		if !shared {
			v = d.Node("turn2", "Transpose", []string{d.Weight("second.weight", 4, 4)})
		}
		d.Output(d.Node("second", "MatMul", []string{d.Node("first", "MatMul", []string{x, w}), v}))
		return d
	}
	a := align(t, model(1, true).Load(), model(2, false).Load())
	for _, l := range a.Layers {
		if l.Status != Mismatch || !strings.Contains(l.Reason, `"turn"`) {
			t.Errorf("layer %s is %s (%s), want a mismatch that names the Transpose", l.Name, l.Status, l.Reason)
		}
	}
	if a := align(t, model(2, false).Load(), model(1, true).Load()); a.Layers[0].Status != Matched {
		t.Errorf("got\n%swant a match when only the other model shares the view", summary(a))
	}
}

// A constant inside a function cannot be replaced by an initializer for one of the layers that read it.
func TestSharedInsideFunctionIsRefused(t *testing.T) {
	model := func(seed uint64, shared bool) *onnx.Model {
		d := graphtest.New(t, seed)
		x := d.Input("x")
		w, v := d.Weight("first.weight", 4, 4), d.Weight("second.weight", 4, 4)
		if shared {
			v = w
		}
		d.Output(d.Node("second", "MatMul", []string{d.Node("first", "MatMul", []string{x, w}), v}))
		toConstants(t, d.Model, d.Rng)
		toFunction(t, d.Model, d.Rng)
		return d.Load()
	}
	for _, l := range align(t, model(1, true), model(2, false)).Layers {
		if l.Status != Mismatch || !strings.Contains(l.Reason, `"Whole"`) {
			t.Errorf("layer %s is %s (%s), want a mismatch that names the function", l.Name, l.Status, l.Reason)
		}
	}
	for _, l := range align(t, model(2, false), model(1, true)).Layers {
		if l.Status != Matched {
			t.Errorf("layer %s is %s (%s), want a match when only the other model shares", l.Name, l.Status, l.Reason)
		}
	}
	for _, l := range align(t, model(1, true), model(2, true)).Layers {
		if l.Status != Matched || len(l.Params[0].Uses[0].Sites) != 2 {
			t.Errorf("layer %s is %s (%s), want one layer of two sites when both share", l.Name, l.Status, l.Reason)
		}
	}
}
