package search_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/dataset/imaging"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// wanting returns the model with nodes before it, so that it wants images of another convention than ImageNet's.
func wanting(t *testing.T, m *onnx.Model, p imaging.Preprocess) *onnx.Model {
	t.Helper()
	g := decoded(t, m)
	graph := g.GetGraph()
	name := graph.GetInput()[0].GetName()
	for _, n := range graph.GetNode() {
		for i, in := range n.GetInput() {
			if in == name {
				n.Input[i] = "as in training"
			}
		}
	}
	factor, shift := make([]float32, 3), make([]float32, 3)
	at := func(list []float64, c int, otherwise float64) float64 {
		if len(list) == 0 {
			return otherwise
		}
		return list[c]
	}
	for c := range 3 { // network's = ((x*std + mean - offset)/scale/255 - imagenet's mean) / imagenet's std
		from := c
		if p.BGR {
			from = 2 - c
		}
		mean, std := at(p.Mean, from, 0), at(p.Std, from, 1)
		factor[c] = float32(std / p.Scale / 255 / imaging.ImageNetStd[c])
		shift[c] = float32(((mean-p.Offset)/p.Scale/255 - imaging.ImageNetMean[c]) / imaging.ImageNetStd[c])
	}
	order := []int64{0, 1, 2}
	if p.BGR {
		order = []int64{2, 1, 0}
	}
	axis := int64(1)
	graph.Initializer = append(graph.Initializer, gatetest.Must(onnx.NewTensor("factor", []int{1, 3, 1, 1}, factor))(t),
		gatetest.Must(onnx.NewTensor("shift", []int{1, 3, 1, 1}, shift))(t), gatetest.Must(onnx.NewTensor("order", []int{3}, order))(t))
	kind := onnxpb.AttributeProto_INT
	graph.Node = append([]*onnxpb.NodeProto{
		{OpType: proto.String("Gather"), Input: []string{name, "order"}, Output: []string{"turned"},
			Attribute: []*onnxpb.AttributeProto{{Name: proto.String("axis"), Type: &kind, I: &axis}}},
		{OpType: proto.String("Mul"), Input: []string{"turned", "factor"}, Output: []string{"scaled"}},
		{OpType: proto.String("Add"), Input: []string{"scaled", "shift"}, Output: []string{"as in training"}},
	}, graph.Node...)
	return gatetest.Must(onnx.Parse(gatetest.Must(proto.Marshal(g))(t), ""))(t)
}

// decoded is a model's file with its weights.
func decoded(t *testing.T, m *onnx.Model) *onnxpb.ModelProto {
	t.Helper()
	g := &onnxpb.ModelProto{}
	if err := proto.Unmarshal(gatetest.Must(os.ReadFile(m.Path()))(t), g); err != nil {
		t.Fatal(err)
	}
	return g
}

// openPictures reads the folder of pictures as it is told.
func openPictures(t *testing.T, m *onnx.Model) func(imaging.Preprocess, int) (*dataset.Data, error) {
	return func(p imaging.Preprocess, most int) (*dataset.Data, error) {
		return dataset.Open(gatetest.Path(t, "pictures", "val"), dataset.Options{Inputs: gating.Fields(m), Preprocess: p, Sample: most})
	}
}

// TestEveryConventionIsFound: whatever scale, mean, order of colours and cut the models were trained with, their own
// answers tell it, and the order of classes too.
func TestEveryConventionIsFound(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("pictures", 3)...)
	turned := imaging.ImageNet()
	turned.BGR = true
	slices.Reverse(turned.Mean)
	slices.Reverse(turned.Std)
	for _, c := range append(imaging.Scalings(3), turned) {
		t.Run(c.String(), func(t *testing.T) {
			var list []*onnx.Model
			for _, m := range models {
				list = append(list, wanting(t, m, c))
			}
			p := gatetest.Must(search.FitPreprocess(t.Context(), list, openPictures(t, list[0]), search.PreprocessOptions{}))(t)
			c.Resize, c.Crop = imaging.Resize{}, imaging.Crop{Share: 0.875}
			if got, want := p.String(), c.String(); got != want || p.BGR != c.BGR || len(p.Warnings) > 0 {
				t.Errorf("got %s, want %s; warnings %v", got, want, p.Warnings)
			}
			d := p.Settle(gatetest.Must(openPictures(t, list[0])(p.Preprocess, 0))(t))
			if len(d.Warnings) > 0 || d.ClassNames()[2] != "2" {
				t.Errorf("classes %v, warnings %v", d.ClassNames(), d.Warnings)
			}
		})
	}
}

// TestTheOrderOfClassesIsFound: models trained with ImageFolder's order of 0, 1, 10, 11, 2 say so.
func TestTheOrderOfClassesIsFound(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("pictures", 3)...)
	var list []*onnx.Model
	for _, m := range models {
		g := decoded(t, m)
		names := []string{}
		for i := range 12 {
			names = append(names, fmt.Sprint(i))
		}
		slices.Sort(names)
		var order []int64
		for _, name := range names {
			var class int64
			fmt.Sscan(name, &class)
			order = append(order, class)
		}
		out := g.GetGraph().GetOutput()[0].GetName()
		nodes := g.GetGraph().Node
		nodes[len(nodes)-1].Output[0] = "in numeric order"
		axis, kind := int64(1), onnxpb.AttributeProto_INT
		g.GetGraph().Node = append(nodes, &onnxpb.NodeProto{OpType: proto.String("Gather"),
			Input: []string{"in numeric order", "order"}, Output: []string{out},
			Attribute: []*onnxpb.AttributeProto{{Name: proto.String("axis"), Type: &kind, I: &axis}}})
		g.GetGraph().Initializer = append(g.GetGraph().Initializer, gatetest.Must(onnx.NewTensor("order", []int{12}, order))(t))
		list = append(list, gatetest.Must(onnx.Parse(gatetest.Must(proto.Marshal(g))(t), ""))(t))
	}
	p := gatetest.Must(search.FitPreprocess(t.Context(), list, openPictures(t, list[0]), search.PreprocessOptions{}))(t)
	d := p.Settle(gatetest.Must(openPictures(t, list[0])(p.Preprocess, 0))(t))
	if len(d.Warnings) > 0 || !p.OtherOrder || d.ClassNames()[2] != "10" {
		t.Errorf("classes %v, warnings %v", d.ClassNames(), d.Warnings)
	}
}

// TestGivenIsKept: what the user says is not tried otherwise.
func TestGivenIsKept(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("pictures", 3)...)
	for name, given := range map[string]imaging.Preprocess{
		"scale":    {Scale: imaging.Unit, Mean: []float64{.5}},
		"geometry": {Resize: imaging.Resize{Height: 16, Width: 16}},
		"colours":  {BGR: true},
		"all":      imaging.ImageNet(),
	} {
		p := gatetest.Must(search.FitPreprocess(t.Context(), models, openPictures(t, models[0]),
			search.PreprocessOptions{Given: given}))(t)
		kept := (given.Scale == 0 || p.Scale == given.Scale && slices.Equal(p.Mean, given.Mean)) &&
			(given.Resize == imaging.Resize{} || p.Resize == given.Resize) && (!given.BGR || p.BGR)
		if !kept {
			t.Errorf("%s: %+v became %+v", name, given, p.Preprocess)
		}
	}
}

// TestModelsThatDoNotTell: networks that know nothing, here by a scrambled first layer, leave the default, with a warning.
func TestModelsThatDoNotTell(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("pictures", 3)...)
	blind := imaging.Preprocess{Scale: 1e9}
	var list []*onnx.Model
	for _, m := range models {
		list = append(list, wanting(t, m, blind))
	}
	p := gatetest.Must(search.FitPreprocess(t.Context(), list, openPictures(t, list[0]), search.PreprocessOptions{}))(t)
	if p.Convention != "0..1" || len(p.Warnings) == 0 || !strings.Contains(p.Warnings[0].Error(), "better than chance") {
		t.Errorf("got %s, warnings %v", p, p.Warnings)
	}
}

// TestTheUsualWayIsHeldAgainstTheBest gives models that were trained with ImageNet's normalisation, on whose first
// samples -1..1 is better than 0..1 beyond doubt, and ImageNet's only on more.
func TestTheUsualWayIsHeldAgainstTheBest(t *testing.T) {
	models := gatetest.Open(t, gatetest.FineTunes("tasks/tagger", 3)...)
	p, err := search.FitPreprocess(t.Context(), models, func(p imaging.Preprocess, most int) (*dataset.Data, error) {
		return dataset.Open(gatetest.Path(t, "tasks", "tagger", "test.tar"),
			dataset.Options{Inputs: gating.Fields(models[0]), Preprocess: p, Sample: most})
	}, search.PreprocessOptions{Objective: gating.ObjectiveOptions{Metric: "f1"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := imaging.ImageNet().Mean; !slices.Equal(p.Mean, want) {
		t.Errorf("images are %s, want those of ImageNet; warnings %v", p.Preprocess, p.Warnings)
	}
}
