package routed

import (
	"maps"
	"slices"
	"testing"

	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
)

// TestHeads: a classifier's last layer is a head, whatever stands behind it; the end of a residual block is none.
func TestHeads(t *testing.T) {
	for _, c := range []struct {
		name string
		ends func(b gatetest.Builder)
		want []string
	}{
		{"a classifier with a softmax", func(b gatetest.Builder) {
			b.Node("MatMul", "z", []string{"r", "v"})
			b.Node("Softmax", "y", []string{"z"})
		}, []string{"v"}},
		{"a residual block", func(b gatetest.Builder) {
			b.Node("MatMul", "z", []string{"r", "v"})
			b.Node("Add", "y", []string{"z", "r"})
		}, nil},
		{"two heads in one output", func(b gatetest.Builder) {
			b.Node("MatMul", "z", []string{"r", "v"})
			b.Node("MatMul", "zz", []string{"r", "u"})
			b.Node("Concat", "y", []string{"z", "zz"}, gatetest.Int("axis", 1))
		}, []string{"u", "v"}},
		{"an input beside the last layer", func(b gatetest.Builder) {
			b.Node("MatMul", "z", []string{"r", "v"})
			b.Node("Add", "y", []string{"z", "x"})
		}, nil},
	} {
		b := gatetest.NewBuilder()
		b.In("x", -1, 4)
		for i, name := range []string{"w", "v", "u"} {
			b.Weight(t, name, onnx.Float32, uint64(i), 4, 4)
		}
		b.Node("MatMul", "h", []string{"x", "w"})
		b.Node("Relu", "r", []string{"h"})
		c.ends(b)
		b.Out("y")
		a := gatetest.Select(t, []*onnx.Model{b.Model(t)}).Alignment
		var got []string
		for l := range maps.Keys(newWalk(a).heads()) {
			got = append(got, l.Name)
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: heads %v, want %v", c.name, got, c.want)
		}
	}
}
