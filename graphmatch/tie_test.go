package graphmatch

import (
	"strings"
	"testing"

	"github.com/softmerge/softmerge/onnx"
)

// autoencoder draws two linear layers; shared makes them read one weight, through one Transpose or two.
func autoencoder(t *testing.T, seed uint64, shared bool) *drawing {
	d := draw(t, seed)
	x := d.input("x")
	w := d.weight("first.weight", 4, 4)
	v := w
	if !shared {
		v = d.weight("second.weight", 4, 4)
	}
	y := d.node("first/Add", "Add", []string{d.node("first/MatMul", "MatMul", []string{x, w}), d.weight("first.bias", 4)})
	z := d.node("second/MatMul", "MatMul", []string{y, v})
	d.output(d.node("second/Add", "Add", []string{z, d.weight("second.bias", 4)}))
	return d
}

func TestTiedInAllModels(t *testing.T) {
	a := align(t, autoencoder(t, 1, true).load(), autoencoder(t, 2, true).load())
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
	tied, apart := autoencoder(t, 1, true).load(), autoencoder(t, 2, false).load()
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
	model := func(seed uint64) *drawing {
		d := draw(t, seed)
		x := d.input("x")
		scale := d.weight("bn1.weight", 4)
		for _, n := range []string{"bn1", "bn2"} {
			x = d.node(n+"/BatchNormalization", "BatchNormalization", []string{x, scale, d.weight(n+".bias", 4), d.weight(n+".mean", 4), scale})
		}
		d.output(x)
		return d
	}
	a := align(t, model(1).load(), model(2).load())
	if len(a.Layers) != 2 || len(a.Layers[0].Params) != 4 || len(a.Layers[1].Params) != 4 {
		t.Errorf("got\n%swant two normalisations of four tensors", summary(a))
	}
}

// A transposed view shared by two layers cannot be separated by giving either another tensor.
func TestSharedViewIsRefused(t *testing.T) {
	model := func(seed uint64, shared bool) *drawing {
		d := draw(t, seed)
		x := d.input("x")
		w := d.node("turn", "Transpose", []string{d.weight("first.weight", 4, 4)})
		v := w
		if !shared {
			v = d.node("turn2", "Transpose", []string{d.weight("second.weight", 4, 4)})
		}
		d.output(d.node("second", "MatMul", []string{d.node("first", "MatMul", []string{x, w}), v}))
		return d
	}
	a := align(t, model(1, true).load(), model(2, false).load())
	for _, l := range a.Layers {
		if l.Status != Mismatch || !strings.Contains(l.Reason, `"turn"`) {
			t.Errorf("layer %s is %s (%s), want a mismatch that names the Transpose", l.Name, l.Status, l.Reason)
		}
	}
	if a := align(t, model(2, false).load(), model(1, true).load()); a.Layers[0].Status != Matched {
		t.Errorf("got\n%swant a match when only the other model shares the view", summary(a))
	}
}

// A constant inside a function cannot be replaced by an initializer for one of the layers that read it.
func TestSharedInsideFunctionIsRefused(t *testing.T) {
	model := func(seed uint64, shared bool) *onnx.Model {
		d := draw(t, seed)
		x := d.input("x")
		w, v := d.weight("first.weight", 4, 4), d.weight("second.weight", 4, 4)
		if shared {
			v = w
		}
		d.output(d.node("second", "MatMul", []string{d.node("first", "MatMul", []string{x, w}), v}))
		toConstants(t, d.model, d.rng)
		toFunction(t, d.model, d.rng)
		return d.load()
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
