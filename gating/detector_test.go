package gating

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/internal/gatetest"
	"github.com/softmerge/softmerge/graphmatch/random"
	"github.com/softmerge/softmerge/onnx"
)

// What a detector of these tests predicts of each picture, which is 64 wide and 48 high, and of how many classes.
const (
	predicted = 12
	things    = 3
)

// detections are predictions that a model gives as they are put in, and the objects there are.
type detections struct {
	boxes, scores []float32 // [N,12,4] as corners in pixels, [N,12,3] probabilities
	label         *dataset.Column
	n             int
}

// drawnDetections has two objects a picture, which are found about right, and other predictions that are not sure.
func drawnDetections(n int) detections {
	d := detections{n: n, label: &dataset.Column{Name: "label", Type: onnx.Float32, Shape: []int{4, 5}}}
	draw := random.New(11, 0)
	in := func(low, high float64) float64 { return low + (high-low)*draw.Float64() }
	for range n {
		for i := range predicted {
			class, x, y := draw.IntN(things), in(0, 40), in(0, 30)
			box := []float64{x, y, x + in(10, 24), y + in(8, 18)}
			sure := in(0.02, 0.1)
			if i < 2 {
				d.label.Floats = append(d.label.Floats, float32(class))
				for _, v := range box {
					d.label.Floats = append(d.label.Floats, float32(v+in(-0.3, 0.3)))
				}
				sure = in(0.5, 0.8)
			}
			for _, v := range box {
				d.boxes = append(d.boxes, float32(v))
			}
			for c := range things {
				p := in(0.01, 0.05)
				if c == class {
					p = sure
				}
				d.scores = append(d.scores, float32(p))
			}
		}
		d.label.Floats = append(d.label.Floats, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0)
	}
	return d
}

// writing is one way in which detectors write predictions.
type writing struct {
	name           string
	box            func(b []float32) []float32
	score          func(p []float32) []float32
	joint, turned  bool
	layout         string // what has to be found
	scoreSizeFirst bool   // scores are the first output
}

func asIs(v []float32) []float32 { return v }

func centred(b []float32) []float32 {
	return []float32{(b[0] + b[2]) / 2, (b[1] + b[3]) / 2, b[2] - b[0], b[3] - b[1]}
}

func inShares(b []float32) []float32 { return []float32{b[0] / 64, b[1] / 48, b[2] / 64, b[3] / 48} }

func asLogits(p []float32) []float32 {
	out := make([]float32, len(p))
	for i, v := range p {
		out[i] = float32(math.Log(float64(v) / float64(1-v)))
	}
	return out
}

// beforeNothing are logits of a softmax whose last class is nothing.
func beforeNothing(p []float32) []float32 {
	rest := 1.0
	var out []float32
	for _, v := range p {
		rest -= float64(v)
		out = append(out, float32(math.Log(float64(v))+2))
	}
	return append(out, float32(math.Log(rest)+2))
}

// afterObjectness are probabilities of classes, given that there is something.
func afterObjectness(p []float32) []float32 {
	sure := math.Min(0.99, 1.1*float64(p[0]+p[1]+p[2]))
	out := []float32{float32(sure)}
	for _, v := range p {
		out = append(out, float32(float64(v)/sure))
	}
	return out
}

// written is a model that gives what it is fed, and the data that makes it a detector of this kind.
func (w writing) written(t *testing.T, d detections) (*onnx.Model, *dataset.Data) {
	t.Helper()
	width := len(w.score(make([]float32, things)))
	boxes := dataset.Column{Name: "b", Type: onnx.Float32, Shape: []int{predicted, 4}}
	scores := dataset.Column{Name: "s", Type: onnx.Float32, Shape: []int{predicted, width}}
	for i := range d.n * predicted {
		boxes.Floats = append(boxes.Floats, w.box(d.boxes[4*i:4*i+4])...)
		scores.Floats = append(scores.Floats, w.score(d.scores[things*i:things*(i+1)])...)
	}
	b := gatetest.NewBuilder()
	b.In("image", -1, 3, 48, 64)
	b.In("b", -1, predicted, 4)
	b.In("s", -1, predicted, int64(width))
	list := []string{"b", "s"}
	if w.joint {
		b.Node("Concat", "joint", list, gatetest.Int("axis", 2))
		list = []string{"joint"}
	}
	for i, name := range list {
		if w.turned {
			b.Node("Transpose", "turned "+name, []string{name}, gatetest.Ints("perm", 0, 2, 1))
		} else {
			b.Node("Identity", "turned "+name, []string{name})
		}
		list[i] = "turned " + name
	}
	if w.scoreSizeFirst {
		list[0], list[1] = list[1], list[0]
	}
	for _, name := range list {
		b.Out(name)
	}
	image := dataset.Column{Name: "image", Type: onnx.Float32, Shape: []int{3, 48, 64},
		Floats: make([]float32, d.n*3*48*64)}
	label := *d.label
	return b.Model(t), &dataset.Data{Inputs: []dataset.Column{image, boxes, scores}, Label: &label}
}

// TestDetectorsAreRead: whichever way a detector writes its predictions, the data tells, and the mean average precision
// is that of the predictions.
func TestDetectorsAreRead(t *testing.T) {
	drawn := drawnDetections(30)
	var want float64
	for i, w := range []writing{
		{name: "corners", box: asIs, score: asIs, layout: "boxes as corners, scores as probabilities"},
		{name: "YOLOv8", box: centred, score: asIs, joint: true, turned: true,
			layout: "boxes as centre and size, scores as probabilities"},
		{name: "joint rows", box: asIs, score: asIs, joint: true, layout: "boxes as corners, scores as probabilities"},
		{name: "scores first", box: asIs, score: asIs, scoreSizeFirst: true,
			layout: "boxes as corners, scores as probabilities"},
		{name: "all turned", box: asIs, score: asLogits, turned: true, layout: "boxes as corners, scores as logits"},
		{name: "DETR", box: func(b []float32) []float32 { return centred(inShares(b)) }, score: beforeNothing,
			layout: "boxes as centre and size times 64 and 48, scores as softmax logits before that of nothing"},
		{name: "YOLOv5", box: centred, score: afterObjectness, joint: true,
			layout: "boxes as centre and size, scores as probabilities after objectness"},
		{name: "corner and size", box: func(b []float32) []float32 {
			return []float32{b[0], b[1], b[2] - b[0], b[3] - b[1]}
		}, score: asIs, layout: "boxes as corner and size, scores as probabilities"},
	} {
		m, d := w.written(t, drawn)
		o := gatetest.Must(FitObjective(m, d, ObjectiveOptions{}))(t)
		h := o.Only()
		if h.Layout() != w.layout || h.Loss.Name() != "detection" || o.Metric.Name != "map" || h.Classes != things {
			t.Errorf("%s: %s, loss %s, metric %s of %d classes", w.name, h.Layout(), h.Loss.Name(), o.Metric.Name, h.Classes)
			continue
		}
		s := scoreOf(t, evaluatorOf(t, d, o, 7), m)
		if i == 0 {
			want = s.Metric
		}
		if math.Abs(s.Metric-want) > 0.02 || want < 0.8 || s.Metrics() != nil || !s.Finite() {
			t.Errorf("%s: mean average precision %v, want about %v", w.name, s.Metric, want)
		}
		if loss, precision := s.Resampled(nil); loss != s.Loss || precision != s.Metric {
			t.Errorf("%s: resampled to %v and %v", w.name, loss, precision)
		}
	}
}

// TestCategoriesWithGaps: whether scores count the categories there are or their ids is found by what the model finds.
func TestCategoriesWithGaps(t *testing.T) {
	drawn := drawnDetections(30)
	spread := func(p []float32) []float32 { return []float32{0.01, 0.01, p[0], 0.01, p[1], 0.01, 0.01, p[2]} }
	for _, w := range []writing{
		{name: "in order", box: asIs, score: asIs,
			layout: "boxes as corners, scores as probabilities, classes in the order of their ids"},
		{name: "by id", box: asIs, score: spread, layout: "boxes as corners, scores as probabilities, classes by their ids"},
		{name: "in order, before nothing", box: asIs, score: beforeNothing,
			layout: "boxes as corners, scores as softmax logits before that of nothing, classes in the order of their ids"},
	} {
		m, d := w.written(t, drawn)
		d.SetCategoryIDs([]int64{2, 4, 7})
		o := gatetest.Must(FitObjective(m, d, ObjectiveOptions{}))(t)
		if got := o.Only().Layout(); got != w.layout {
			t.Errorf("%s: %s, want %s", w.name, got, w.layout)
		}
		if s := scoreOf(t, evaluatorOf(t, d, o, 7), m); s.Metric < 0.8 {
			t.Errorf("%s: mean average precision %v", w.name, s.Metric)
		}
	}
}

// TestDetectorsWithAndWithoutSigmoid: a parent that was exported without the sigmoid of its scores is judged as one with
// it, whichever of them the objective was fitted to.
func TestDetectorsWithAndWithoutSigmoid(t *testing.T) {
	drawn := drawnDetections(20)
	ways := []writing{{name: "with", box: asIs, score: asIs}, {name: "without", box: asIs, score: asLogits}}
	var want float64
	for i, first := range ways {
		m, d := first.written(t, drawn)
		o := gatetest.Must(FitObjective(m, d, ObjectiveOptions{}))(t)
		for k, other := range ways {
			m, d := other.written(t, drawn)
			s := scoreOf(t, evaluatorOf(t, d, o, 7), m)
			if i+k == 0 {
				want = s.Loss
			}
			if math.Abs(s.Loss-want) > 1e-4 {
				t.Errorf("fitted to one %s sigmoid, one %s has loss %v, want %v", first.name, other.name, s.Loss, want)
			}
		}
	}
}

// TestBoxesThatCannotBe are refused, or left out with a warning, in words.
func TestBoxesThatCannotBe(t *testing.T) {
	drawn := drawnDetections(10)
	w := writing{box: asIs, score: asIs}
	m, good := w.written(t, drawn)
	changed := func(change func(object []float32)) *dataset.Data {
		d := *good
		label := *good.Label
		label.Floats = append([]float32{}, label.Floats...)
		for at := 0; at < len(label.Floats); at += 5 {
			if label.Floats[at] >= 0 {
				change(label.Floats[at : at+5])
			}
		}
		d.Label = &label
		return &d
	}
	none := changed(func(o []float32) { o[0] = -1 })
	for _, c := range []struct {
		name, words string
		data        *dataset.Data
		o           ObjectiveOptions
	}{
		{"all outside", "20 of 20 boxes lie outside of the picture, which is 64 wide and 48 high",
			changed(func(o []float32) { o[1], o[3] = o[1]+500, o[3]+500 }), ObjectiveOptions{}},
		{"width for right", "the right of a box is left of its left",
			changed(func(o []float32) { o[1], o[3] = 40, 10 }), ObjectiveOptions{}},
		{"no objects", "no objects", none, ObjectiveOptions{}},
		{"too many classes", "no outputs are boxes and scores of as many classes",
			changed(func(o []float32) { o[0] += 4 }), ObjectiveOptions{}},
		{"fractions of classes", "labels of objects are rows",
			changed(func(o []float32) { o[0] += 0.5 }), ObjectiveOptions{Loss: "detection"}},
		{"a metric of classes", "metric accuracy does not fit", good, ObjectiveOptions{Metric: "accuracy"}},
		{"an output alone that is neither", `no output "nothing"`, good, ObjectiveOptions{Output: "nothing"}},
	} {
		if _, err := FitObjective(m, c.data, c.o); !errors.Is(err, dataset.ErrData) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	first := true
	some := changed(func(o []float32) {
		if first {
			o[2], o[4] = o[2]+900, o[4]+900
		}
		first = false
	})
	o := gatetest.Must(FitObjective(m, some, ObjectiveOptions{}))(t)
	if list := o.Warnings().Texts(); len(list) != 1 || !strings.Contains(list[0], "1 of 20 boxes lie outside") {
		t.Errorf("one box outside: %q", list)
	}
	ready := gatetest.Must(o.Prepare(some))(t)
	if ready.Label.Floats[0] != -1 || some.Label.Floats[0] < 0 || ready.Label.Floats[5] < 0 {
		t.Errorf("prepared to %v of %v", ready.Label.Floats[:10], some.Label.Floats[:10])
	}
}
