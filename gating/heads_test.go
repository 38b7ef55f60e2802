package gating

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/onnx"
)

// headsCase is a network of class scores and a number, each with a layer of its own, on data with a label for each.
func headsCase(t *testing.T) (*onnx.Model, *dataset.Data, ObjectiveOptions) {
	t.Helper()
	b := gatetest.NewBuilder()
	b.In("x", -1, 3)
	b.Weight(t, "w", onnx.Float32, 7, 3, 4)
	b.Weight(t, "v", onnx.Float32, 8, 3, 1)
	b.Node("MatMul", "class", []string{"x", "w"})
	b.Node("MatMul", "size", []string{"x", "v"})
	b.Out("class")
	b.Out("size")
	d := gatetest.Labelled(gatetest.Samples(1, 20, 3), 4)
	size := floatLabel([]int{1}, make([]float32, 20)...)
	for i := range size.Floats {
		size.Floats[i] = float32(i%5) / 3
	}
	d.Label.Ints[3] = -100
	d.More = []dataset.Column{*size}
	return b.Model(t), d, ObjectiveOptions{Of: []OutputOptions{{Output: "class", Metric: "accuracy"},
		{Output: "size", Loss: "mae", Metric: "r2", Weight: 0.25}}}
}

// TestSeveralHeads: the loss is the weighted sum of what each label has by itself, of all samples and by weights; the
// metrics are each head's own.
func TestSeveralHeads(t *testing.T) {
	m, d, o := headsCase(t)
	obj := gatetest.Must(FitObjective(m, d, o))(t)
	if obj.Metric.Name != "loss" || obj.LossName() != "cross_entropy+mae" || len(obj.Only().Output) > 0 {
		t.Fatalf("judged by %s of %s", obj.Metric.Name, obj.LossName())
	}
	whole := scoreOf(t, evaluatorOf(t, d, obj, 6), m)
	weights := make([]float64, d.Len())
	for i := range weights {
		weights[i] = float64(i % 3)
	}
	var loss, resampled float64
	losses := make([]float64, d.Len())
	for i, of := range o.Of {
		one := gatetest.Must(FitObjective(m, d.OnlyLabel(i), ObjectiveOptions{Output: of.Output, Loss: of.Loss,
			Metric: of.Metric}))(t)
		s := scoreOf(t, evaluatorOf(t, d.OnlyLabel(i), one, 6), m)
		if got := whole.Heads[i]; got.Loss != s.Loss || got.Metric != s.Metric {
			t.Errorf("head %d has %+v, alone %+v", i, got, s)
		}
		if head := whole.Head(i); !head.Equal(s) {
			t.Errorf("head %d as a score is %+v, alone %+v", i, head, s)
		}
		weight := math.Max(of.Weight, 0.25)
		if i == 0 {
			weight = 1
		}
		again, _ := s.Resampled(weights)
		loss, resampled = loss+weight*s.Loss, resampled+weight*again
		for k, l := range s.Losses() {
			losses[k] += weight * l
		}
	}
	got, metric := whole.Resampled(weights)
	if !near(whole.Loss, loss) || whole.Metric != whole.Loss || !near(got, resampled) || metric != got {
		t.Errorf("loss %v and %v by weights, want %v and %v", whole.Loss, got, loss, resampled)
	}
	for k, l := range whole.Losses() {
		if !near(l, losses[k]) {
			t.Errorf("sample %d has loss %v, want %v", k, l, losses[k])
		}
	}
	e := evaluatorOf(t, d, obj, 6)
	learn, judge, err := e.Fold(0, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	joined := JoinScores(scoreOf(t, learn, m), scoreOf(t, judge, m))
	if math.Abs(joined.Loss-whole.Loss) > 1e-6 || len(joined.Heads) != 2 || !near(joined.Heads[1].Metric, whole.Heads[1].Metric) {
		t.Errorf("joined %+v, whole %+v", joined, whole)
	}
}

// TestHeadsLearnTheirLayers: of two parents each of which is good at another output the merge takes the good layers.
func TestHeadsLearnTheirLayers(t *testing.T) {
	m, d, o := headsCase(t)
	for _, part := range d.Parts() { // labels are what the model answers
		e := evaluatorOf(t, d, gatetest.Must(FitObjective(m, d, o))(t), d.Len())
		f := gatetest.Must(e.forward(m, nil, d.Len()))(t)
		outs := gatetest.Must(f.raw(upTo(d.Len()), Coefficients{}))(t)
		for i := range d.Len() {
			top := 0
			for c := range 4 {
				if outs[0].F[4*i+c] > outs[0].F[4*i+top] {
					top = c
				}
			}
			part.Label.Ints[i], part.More[0].Floats[i] = int64(top), outs[1].F[i]
		}
	}
	other := func(tensor int) *onnx.Model {
		w := m.Proto().GetGraph().GetInitializer()[tensor]
		n := int(w.GetDims()[0] * w.GetDims()[1])
		return gatetest.Must(m.With(onnx.SetValues(w, func() ([]float64, error) {
			return gatetest.Random(99, n), nil
		})))(t)
	}
	p := planOf(t, []*onnx.Model{other(0), other(1)}, ByLayer)
	e := evaluatorOf(t, d, gatetest.Must(FitObjective(m, d, o))(t), 5)
	start := gatetest.Must(NewStart(t.Context(), p, e, []float64{1, 1}, StartOptions{Init: InitOpen}))(t)
	learned := gatetest.Must(Learn(t.Context(), start, e, LearnOptions{Epochs: 100}))(t)
	for g, good := range []int{1, 0} {
		if c := learned.Coefficients().ByParent(g); c[good][0] < 0.8 {
			t.Errorf("layer %d takes %v of its good parent", g, c[good][0])
		}
	}
}

// TestHeadsThatCannotBe are errors that say which output.
func TestHeadsThatCannotBe(t *testing.T) {
	m, d, o := headsCase(t)
	bad := func(change func(o *ObjectiveOptions)) error {
		again := o
		again.Of = append([]OutputOptions{}, o.Of...)
		change(&again)
		_, err := FitObjective(m, d, again)
		return err
	}
	for _, c := range []struct {
		name   string
		kind   error
		words  string
		change func(o *ObjectiveOptions)
	}{
		{"no such output", dataset.ErrData, `no output "sizes"`, func(o *ObjectiveOptions) { o.Of[1].Output = "sizes" }},
		{"two labels", ErrOption, `output "class" has two labels`, func(o *ObjectiveOptions) { o.Of[1].Output = "class" }},
		{"no output", ErrOption, "belongs to no output", func(o *ObjectiveOptions) { o.Of[1].Output = "" }},
		{"a metric of classes", dataset.ErrData, `output "size": metric accuracy does not fit`,
			func(o *ObjectiveOptions) { o.Of[1].Metric = "accuracy" }},
		{"a loss of classes", dataset.ErrData, `output "size"`, func(o *ObjectiveOptions) { o.Of[1].Loss = "cross_entropy" }},
		{"no loss", ErrOption, `loss "hinge"`, func(o *ObjectiveOptions) { o.Of[1].Loss = "hinge" }},
		{"weight", ErrOption, "loss weight -1", func(o *ObjectiveOptions) { o.Of[1].Weight = -1 }},
		{"more outputs than labels", dataset.ErrData, "2 labels for 3 outputs",
			func(o *ObjectiveOptions) { o.Of = append(o.Of, OutputOptions{Output: "third"}) }},
	} {
		if err := bad(c.change); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
