package search_test

import (
	"testing"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"google.golang.org/protobuf/proto"
)

// renamed is a model whose inputs and outputs have other names, as Keras numbers them per session.
func renamed(t *testing.T, m *onnx.Model) *onnx.Model {
	t.Helper()
	p := &onnxpb.ModelProto{}
	if err := proto.Unmarshal(gatetest.Bytes(t, m), p); err != nil {
		t.Fatal(err)
	}
	g := p.GetGraph()
	for _, list := range [][]*onnxpb.ValueInfoProto{g.GetInput(), g.GetOutput()} {
		for _, v := range list {
			old, name := v.GetName(), v.GetName()+"_7"
			v.Name = proto.String(name)
			for _, n := range g.GetNode() {
				for _, values := range [][]string{n.GetInput(), n.GetOutput()} {
					for i := range values {
						if values[i] == old {
							values[i] = name
						}
					}
				}
			}
		}
	}
	return gatetest.Must(onnx.FromProto(p))(t)
}

// TestParentsWithOtherNames: inputs and outputs of other names are bound by position and
// shape, so that a renamed parent has the score of the parent, and the merge is the same.
func TestParentsWithOtherNames(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("cnn_bn", 3)...)
	d := gatetest.Data(t, "val.npz", gating.Fields(models[0]))
	merge := func(models []*onnx.Model) *search.Result {
		o := search.Options{Learn: gating.LearnOptions{MaxSteps: 5}}
		return gatetest.Must(search.Merge(t.Context(), gatetest.Select(t, models), d, o))(t)
	}
	want := merge(models)
	got := merge([]*onnx.Model{models[0], renamed(t, models[1]), renamed(t, models[2])})
	for i, c := range got.Candidates {
		if c.Failure != nil || !c.Score.Equal(want.Candidates[i].Score) {
			t.Errorf("%s: %+v, %v, want %+v", want.Candidates[i].Name, c.Score, c.Failure, want.Candidates[i].Score)
		}
	}
}
