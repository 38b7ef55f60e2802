package flow_test

import (
	"strings"
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
	"github.com/softmerge/softmerge/onnx"
)

// normedLayer is a layer with a BatchNormalization behind it, and the same layer alone.
type normedLayer struct {
	layer func(d *graphtest.Builder, bias bool) string
	bias  bool
	width int // output channels
}

func (n normedLayer) build(t testing.TB, norm bool) *onnx.Model {
	d := graphtest.New(t, 3)
	y := n.layer(d, n.bias || !norm)
	if norm {
		variance := make([]float32, n.width)
		for i := range variance {
			variance[i] = 0.25 + float32(i)
		}
		v := d.Tensor("v", []int{n.width}, variance)
		y = d.Node("norm", "BatchNormalization", []string{y, d.Weight("s", n.width), d.Weight("t", n.width),
			d.Weight("m", n.width), v})
	}
	d.Output(y)
	return d.Load()
}

var normedLayers = map[string]normedLayer{
	"Conv": {func(d *graphtest.Builder, bias bool) string {
		return d.Node("y", "Conv", weights(d, bias, d.Shaped("x", 1, 2, 3, 3), d.Weight("w", 4, 2, 2, 2), 4))
	}, true, 4},
	"Conv without bias": {func(d *graphtest.Builder, bias bool) string {
		return d.Node("y", "Conv", weights(d, bias, d.Shaped("x", 1, 2, 3, 3), d.Weight("w", 4, 2, 2, 2), 4))
	}, false, 4},
	"ConvTranspose": {func(d *graphtest.Builder, bias bool) string {
		return d.Node("y", "ConvTranspose", weights(d, bias, d.Shaped("x", 1, 2, 3, 3), d.Weight("w", 2, 4, 2, 2), 4))
	}, true, 4},
	"Gemm": {func(d *graphtest.Builder, bias bool) string {
		return d.Node("y", "Gemm", weights(d, bias, d.Shaped("x", 2, 3), d.Weight("w", 4, 3), 4), "transB", 1)
	}, true, 4},
	"MatMul": {func(d *graphtest.Builder, bias bool) string {
		y := d.Node("y", "MatMul", []string{d.Shaped("x", 2, 3), d.Weight("w", 3, 4)})
		return d.Node("sum", "Add", []string{y, d.Weight("b", 4)})
	}, true, 4},
}

func weights(d *graphtest.Builder, bias bool, x, w string, width int) []string {
	if !bias {
		return []string{x, w}
	}
	return []string{x, w, d.Weight("b", width)}
}

// A layer with the folded weight and bias computes what the layer and the normalisation do.
func TestFoldComputesTheSame(t *testing.T) {
	for name, n := range normedLayers {
		t.Run(name, func(t *testing.T) {
			m := n.build(t, true)
			u := read(t, m).Units[0]
			norm := u.NormBehind()
			if norm == nil {
				t.Fatal("no normalisation behind the layer")
			}
			folded := u.Folded(norm)
			plain := n.build(t, false)
			moved, err := plain.With(foldedEdits(t, m, folded, plain)...)
			if err != nil {
				t.Fatal(err)
			}
			x, y := graphtest.Outputs(t, m)[0], graphtest.Outputs(t, moved)[0]
			want := make([]float64, len(x.F))
			for i, v := range x.F {
				want[i] = float64(v)
			}
			compare(t, y.F, want)
		})
	}
}

// foldedEdits write the folded weight and bias of a layer into the same layer alone.
func foldedEdits(t *testing.T, m *onnx.Model, folded *flow.Unit, plain *onnx.Model) (edits []onnx.Edit) {
	t.Helper()
	alone := read(t, plain).Units[0]
	for _, p := range folded.Params {
		list, err := m.Tensor(p.C.Tensor).Doubles(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := folded.Fold.Apply(p.Role, p.C.FileShape(), list); err != nil {
			t.Fatal(err)
		}
		edits = append(edits, onnx.SetValues(alone.Param(p.Role).C.Tensor,
			func() ([]float64, error) { return list, nil }))
	}
	return edits
}

// What cannot be folded says why.
func TestObstacles(t *testing.T) {
	rank := func(*flow.Value) int { return 2 }
	conv := normedLayers["Conv"]
	for want, change := range map[string]func(d *graphtest.Builder){
		"":                      func(*graphtest.Builder) {},
		"something else reads":  func(d *graphtest.Builder) { d.Output("y_out") },
		"its epsilon is 0.75":   func(d *graphtest.Builder) { attribute(d, "epsilon", float32(0.75)) },
		"training mode":         func(d *graphtest.Builder) { attribute(d, "training_mode", 1) },
		"its scale has 3 elem":  func(d *graphtest.Builder) { d.SetTensor("s", []int{3}, make([]float32, 3)) },
		"the bias of \"y\" has": func(d *graphtest.Builder) { d.SetTensor("b", []int{3}, make([]float32, 3)) },
	} {
		d := graphtest.New(t, 3)
		y := conv.layer(d, true)
		in := []string{y, d.Weight("s", 4), d.Weight("t", 4), d.Weight("m", 4), d.Weight("v", 4)}
		d.Output(d.Node("norm", "BatchNormalization", in))
		change(d)
		v := read(t, d.Load())
		got := v.Obstacle(v.Units[0], v.Units[0].NormBehind(), rank)
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// attribute gives the last node an attribute.
func attribute(d *graphtest.Builder, name string, value any) {
	n := d.Model.Graph.Node[len(d.Model.Graph.Node)-1]
	n.Attribute = append(n.Attribute, graphtest.Attr(name, value))
}
