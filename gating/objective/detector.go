package objective

import (
	"cmp"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/detection"
	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// Detectors write their predictions in many ways, and files do not say in which: boxes and scores in two outputs or in
// one, as corners or as middle and size, in pixels or in shares of the picture, with or without a score for nothing.
// The model itself tells: read rightly, it finds the objects of the data.

// How a layout is found.
const (
	pictures     = 24   // samples that a layout is judged by
	strongest    = 200  // predictions of each that count
	leastQuality = 0.02 // mean average precision of a model that finds something
	clearly      = 0.9  // of the loss that is needed to take a score for none of a class
)

// detector is a model's outputs beside labels that are boxes.
type detector struct {
	network Network
	data    *dataset.Data
	labels  boxLabels
	frame   frame // in the labels' unit
	pixels  frame
	names   []string
	first   map[string][]*network.Tensor // outputs for the first samples
	label   *dataset.Column              // of these
	order   classOrder                   // of the classes in the labels
	ways    []arrangement                // that the outputs' shapes allow
}

// fitDetector finds which outputs are boxes and scores, and how they hold them. Labels that are no boxes, and outputs
// that hold none, give a head without a reader, or an error where that is asked for.
func fitDetector(n Network, d *dataset.Data, o Options) (h Head, err error) {
	labels, ok := readBoxes(d)
	if !ok && o.Loss == objects {
		return h, dataErr("give [M,5] for every sample, or a folder of images with annotations as COCO has them",
			"labels of objects are rows of class, x1, y1, x2, y2; these are %s a sample", sampleShape(d.Label))
	}
	if !ok {
		return h, nil
	}
	frame := frameOf(d).unit(labels.extent)
	readers := detectors(n, d, o, frame)
	if len(readers) == 0 && o.Loss == objects {
		return h, misread(d)
	}
	if len(readers) == 0 {
		return h, nil
	}
	warnings, err := checkBoxes(d, labels, frame)
	if err != nil {
		return h, err
	}
	best, how, order, err := bestReader(readers)
	if err != nil {
		return h, err
	}
	if how.precision < leastQuality {
		warnings.Addf(dataset.ErrData, "check scaling and layout of the pictures and the order of classes, and that "+
			"the outputs hold decoded boxes", "however its outputs are read, the model finds next to nothing of what "+
			"the labels say: mean average precision %.3f", how.precision)
	}
	classes := best.reader.Classes(best.reader.Scores.Width)
	h = Head{Weight: 1, Output: best.sources[0].Name, Loss: network.Detection{}, Classes: classes,
		Quality: how.precision, Warnings: warnings, sources: best.sources, reader: &best.reader, frame: frame,
		outputAt: best.sources[0].At, order: order,
		task: metric.Task{Kind: metric.Objects, Classes: classes, Axis: -1}}
	return h, h.setMetric(o.Metric)
}

// arrangement is which outputs hold boxes and scores, and in which order of axes.
type arrangement struct {
	sources []Source
	reader  network.Detector
}

// arrangements lists all that the outputs' shapes allow, of which wanted is one output, "" for any.
func (f *detector) arrangements(wanted string) []arrangement {
	f.names = f.network.Outputs()
	shapes := make([][]int, len(f.names))
	for i, name := range f.names {
		g, err := f.network.Lower(0, name)
		if err != nil {
			continue // another output may do
		}
		if spec := g.Outputs()[0].Spec; spec.IsFloat() && len(spec.Shape) >= 2 {
			shapes[i] = spec.Shape
		}
	}
	var list []arrangement
	for i, a := range shapes {
		for k, b := range shapes {
			if a == nil || b == nil || wanted != "" && wanted != f.names[i] && wanted != f.names[k] {
				continue
			}
			for _, r := range f.pairs(a, b, i == k) {
				arranged := arrangement{[]Source{{f.names[i], i}}, r}
				if i != k {
					arranged.sources = append(arranged.sources, Source{f.names[k], k})
				}
				list = append(list, arranged)
			}
		}
	}
	return list
}

// pairs are the ways to read boxes of one output and scores of another, or of the same.
func (f *detector) pairs(boxes, scores []int, same bool) (list []network.Detector) {
	for _, turned := range [][2]bool{{false, false}, {true, true}, {false, true}, {true, false}} {
		b, s := network.Rows{Turned: turned[0], Width: 4}, network.Rows{Output: 1, Turned: turned[1]}
		countB, widthB := counted(boxes, turned[0])
		countS, widthS := counted(scores, turned[1])
		if same {
			s.Output, s.Skip = 0, 4
		}
		s.Width = widthS - s.Skip
		switch {
		case countB != countS, s.Width < f.labels.classes, same && turned[0] != turned[1], !same && widthB != 4:
			continue
		case same && countB < widthB, turned[0] && countB < widthB, turned[1] && countS < widthS:
			continue // there are more predictions than numbers of each
		}
		list = append(list, network.Detector{Boxes: b, Scores: s})
	}
	return list
}

// counted is how many rows of which width an output has for one sample, by the longest two axes.
func counted(shape []int, turned bool) (count, width int) {
	size := 1
	var axes []int
	for _, n := range shape[1:] {
		size *= n
		if n != 1 || len(shape) == 3 {
			axes = append(axes, n)
		}
	}
	switch {
	case len(axes) != 2:
		return -1, 0
	case turned:
		width = axes[0]
	default:
		width = axes[1]
	}
	return size / max(1, width), width
}

// answers are an output's first rows, computed once.
func (f *detector) answers(name string) ([]*network.Tensor, error) {
	if f.first[name] == nil {
		outs, err := f.network.Answers(name, pictures)
		if err != nil {
			return nil, err
		}
		f.first[name] = outs
	}
	return f.first[name], nil
}

// best is the arrangement and the layout under which the model's loss is least, and how it does with them.
func (f *detector) best() (best arrangement, found read, err error) {
	found.loss = math.Inf(1)
	for i, a := range f.ways {
		var outs [][]*network.Tensor
		for _, s := range a.sources {
			own, err := f.answers(s.Name)
			if err != nil {
				return best, found, err
			}
			outs = append(outs, own)
		}
		if r := f.bestLayout(f.strongest(a.reader, outs), a.reader.Scores.Width); i == 0 || r.loss < found.loss {
			best, found = a, r
			best.reader.Layout = r.layout
		}
	}
	return best, found, nil
}

// read is how rows are read, and how the model does then.
type read struct {
	layout          detection.Layout
	loss, precision float64
}

// bestLayout is the layout of least loss. That a score stands for no class needs more proof than a little less loss: a
// class that is rare in the data costs a little, too.
func (f *detector) bestLayout(rows [][][]float32, scores int) (best read) {
	for i, of := range classLayouts(scores > f.labels.classes) {
		own := read{loss: math.Inf(1)}
		for k, l := range f.layouts(of, rows) {
			if r := f.judge(rows, l, scores); k == 0 || r.loss < own.loss {
				own = r
			}
		}
		if i == 0 || own.loss < clearly*best.loss {
			best = own
		}
	}
	return best
}

// strongest are of each sample the rows with the highest scores, as the outputs have them.
func (f *detector) strongest(r network.Detector, outs [][]*network.Tensor) (list [][][]float32) {
	r.Layout = detection.Layout{Boxes: detection.Corners, ScaleX: 1, ScaleY: 1, Scores: detection.Given}
	for run := range outs[0] {
		var own []*network.Tensor
		for _, o := range outs {
			t := *o[run]
			t.Type = onnx.Float32
			own = append(own, &t)
		}
		all, err := r.Read(own)
		if err != nil {
			return nil
		}
		width := all.Shape[2]
		for sample := range all.Shape[0] {
			var rows [][]float32
			for i := range all.Shape[1] {
				at := (sample*all.Shape[1] + i) * width
				rows = append(rows, all.F[at:at+width])
			}
			top := func(row []float32) float32 { return slices.Max(row[4:]) }
			slices.SortStableFunc(rows, func(a, b []float32) int { return cmp.Compare(top(b), top(a)) })
			list = append(list, rows[:min(len(rows), strongest)])
		}
	}
	return list
}

// layouts are the ways to read rows that are tried, the usual ones first.
func (f *detector) layouts(of detection.Layout, rows [][][]float32) (list []detection.Layout) {
	forms := []detection.ScoreForm{detection.Given}
	if !probable(rows) {
		forms = []detection.ScoreForm{detection.Sigmoid, detection.Softmax}
	}
	scales := []frame{{1, 1}}
	if f.pixels.width > 0 {
		scales = append(scales, f.pixels, frame{1 / f.pixels.width, 1 / f.pixels.height})
	}
	for _, form := range forms {
		for _, boxes := range []detection.BoxForm{detection.Corners, detection.Centred, detection.Sized} {
			for _, s := range scales {
				of.Scores, of.Boxes, of.ScaleX, of.ScaleY = form, boxes, s.width, s.height
				list = append(list, of)
			}
		}
	}
	return list
}

// classLayouts are what scores may stand for; where there are more than classes of the labels, one may be of nothing.
func classLayouts(more bool) []detection.Layout {
	list := []detection.Layout{{}}
	if more {
		list = append(list, detection.Layout{Objectness: true}, detection.Layout{HasSkip: true, Skip: -1},
			detection.Layout{HasSkip: true})
	}
	return list
}

// probable says whether all scores lie between 0 and 1.
func probable(rows [][][]float32) bool {
	for _, sample := range rows {
		for _, row := range sample {
			if slices.ContainsFunc(row[4:], func(v float32) bool { return !(v >= 0 && v <= 1) }) {
				return false
			}
		}
	}
	return true
}

// judge reads rows by a layout, and says how the model does.
func (f *detector) judge(rows [][][]float32, l detection.Layout, scores int) read {
	r, classes, size := read{layout: l}, l.Classes(scores), f.label.Size()
	var judged []detection.Judged
	for i, sample := range rows {
		p := detection.Predictions{Rows: make([]float32, len(sample)*(4+classes)), Classes: classes}
		for k, row := range sample {
			l.Read(row, p.Rows[k*(4+classes):(k+1)*(4+classes)])
		}
		objects := detection.Objects(f.label.Floats[i*size : (i+1)*size])
		judged = append(judged, detection.Judge(p, objects, detection.Thresholds))
		r.loss += detection.Loss(p, objects, 0, nil) / float64(len(rows))
	}
	r.precision = detection.NewCurves(judged, classes, len(detection.Thresholds)).MeanPrecision(nil)
	if math.IsNaN(r.precision) {
		r.precision = 0
	}
	return r
}

// misread says that labels are boxes and no outputs are.
func misread(d *dataset.Data) error {
	return dataErr("export the network with its boxes decoded and all of them kept: outputs boxes [N,K,4] and scores "+
		"[N,K,classes], or one [N,K,4+classes]",
		"the labels, %s a sample, are boxes, and no outputs are boxes and scores of as many classes",
		sampleShape(d.Label))
}
