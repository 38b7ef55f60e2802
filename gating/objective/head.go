package objective

import (
	"iter"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/detection"
	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Head is what is learned and judged of one output.
type Head struct {
	Output  string // name of the graph output
	Loss    network.Loss
	Metric  metric.Metric
	Weight  float64 // of the loss beside those of other heads
	Classes int     // number of classes where the output counts them, else 0
	Ignored []int64 // labels of positions that do not count, of those that the data has
	// Quality is the mean average precision of the model that the objective was fitted to on a few samples, where
	// labels are boxes: how well it is known how the outputs hold them.
	Quality float64
	// Assumed says that nothing tells that the output has scores of classes: there are no labels, and no softmax.
	Assumed  bool
	Warnings advice.Warnings // of kind dataset.ErrData, on labels

	sources    []Source          // of a detector
	reader     *network.Detector // that makes one tensor of them
	order      classOrder        // of the classes that a detector's scores count
	frame      frame             // that a detector sees, in the labels' unit
	task       metric.Task
	outputAt   int        // where the output is among the graph's
	activation Activation // of the output in the model that the objective was fitted to
	perRow     bool       // classes are of whole samples, not of positions in them
	soft       bool       // labels are probabilities of classes
	sets       int        // classes of labels that are sets of classes, 0 where they are none
	stated     bool       // the loss says what the output's numbers are
}

// Sources lists the outputs that the head reads.
func (h Head) Sources() []Source {
	if h.sources != nil {
		return h.sources
	}
	return []Source{{h.Output, h.outputAt}}
}

// Name names the outputs that the head reads, joined by a plus.
func (h Head) Name() string {
	var names []string
	for _, s := range h.Sources() {
		names = append(names, s.Name)
	}
	return strings.Join(names, "+")
}

// Layout says how outputs hold boxes and scores, "" where they hold none.
func (h Head) Layout() string {
	if h.reader == nil {
		return ""
	}
	return h.reader.Layout.String() + h.order.words()
}

// Reader makes what the loss reads of the head's outputs; nil where that is the only output as it is.
func (h Head) Reader() network.Reader {
	if h.reader == nil {
		return nil
	}
	return *h.reader
}

// Read makes what the loss reads of the head's outputs. Where that is classes, it turns what another activation gave
// into what the head's would have given. Softmax of one kind of scores says nothing about the sigmoids of another:
// those stay as they are. Scores of a detector that was exported with its sigmoid, or without, are told by their
// numbers. Errors are of kind network.ErrShape.
func (h Head) Read(outs []*network.Tensor, from Activation) (*network.Tensor, error) {
	if h.reader != nil {
		r := *h.reader
		switch probable := r.Probable(outs); {
		case probable:
			r.Layout.Scores = detection.Given
		case r.Layout.Scores == detection.Given:
			r.Layout.Scores = detection.Sigmoid
		}
		return r.Read(outs)
	}
	if !h.ofClasses() {
		return outs[0], nil
	}
	return h.activation.convert(from, outs[0]), nil
}

// ofClasses says whether the loss reads scores or probabilities of classes, in whichever form the output has them.
func (h Head) ofClasses() bool {
	switch l := h.Loss.(type) {
	case network.CrossEntropy, network.BCE, network.Entropy:
		return true
	case network.Distill:
		return l.Of != network.Loss(network.MSE{})
	}
	return false
}

// prepare returns the data with labels as the head reads them.
func (h Head) prepare(d *dataset.Data) (prepared *dataset.Data, err error) {
	switch {
	case h.Taught():
		return d, checkTaught(d)
	case h.Unlabelled():
		return d, nil
	case d.Label == nil:
		return nil, noLabels()
	case h.reader != nil:
		return h.prepareBoxes(d)
	case h.sets > 0 && d.Label.Floats != nil && d.Label.Size() == h.sets:
		return d, nil // prepared before
	case h.sets > 0:
		return d.MultiHot(h.sets)
	case h.soft:
		return relabelled(d, floatLabels), nil
	case h.Classes > 0 && h.perRow:
		d, _ = d.AsClasses(h.Classes) // what is no class is found below
	}
	if len(h.Ignored) > 0 {
		if d, err = d.ReplaceLabels(h.Ignored, network.Ignored); err != nil {
			return nil, err
		}
	}
	if h.Classes == 0 {
		return d, nil
	}
	return d, d.CheckLabels(h.Classes, network.Ignored)
}

// Answers gives each label of a batch with the class that the model answers, -1 for none; nil for a head whose labels
// are no classes.
func (h Head) Answers() func(out, target *network.Tensor) iter.Seq2[int, int] {
	if loss, ok := h.Loss.(network.CrossEntropy); ok && h.Indexed() {
		return func(out, target *network.Tensor) iter.Seq2[int, int] { return metric.Answers(out, target, loss.Axis) }
	}
	if h.reader != nil {
		return metric.ObjectAnswers
	}
	return nil
}

// prepareBoxes returns the data without objects outside of the picture.
func (h Head) prepareBoxes(d *dataset.Data) (*dataset.Data, error) {
	d = h.order.of(d)
	b, ok := readBoxes(d)
	switch {
	case !ok:
		return nil, dataErr("give the labels that the other data has",
			"the labels are no rows of class, x1, y1, x2, y2")
	case b.classes > h.Classes:
		return nil, dataErr("check that the data belongs to these models",
			"an object is of class %d, the detector has classes 0 to %d", b.classes-1, h.Classes-1)
	}
	return relabelled(d, h.frame.seen), nil
}

// Unlabelled says whether the head compares nothing with labels of the data.
func (h Head) Unlabelled() bool {
	return h.task.Kind == metric.Silent || h.Taught()
}

// Indexed says whether labels are class indices, network.Ignored among them.
func (h Head) Indexed() bool { return h.task.Kind == metric.Classes && !h.soft }

// relabelled returns the data with labels that a function makes of each part's.
func relabelled(d *dataset.Data, of func(*dataset.Column) *dataset.Column) *dataset.Data {
	var labels []*dataset.Column
	for _, p := range d.Parts() {
		labels = append(labels, of(p.Label))
	}
	return d.WithLabels(labels)
}

// floatLabels makes floats of integers.
func floatLabels(c *dataset.Column) *dataset.Column {
	if c.Ints == nil {
		return c
	}
	out := dataset.Column{Name: c.Name, Type: onnx.Float32, Shape: c.Shape, Floats: make([]float32, len(c.Ints))}
	for i, v := range c.Ints {
		out.Floats[i] = float32(v)
	}
	return &out
}

func dataErr(hint, format string, args ...any) error {
	return advice.Errorf(dataset.ErrData, hint, format, args...)
}

func noLabels() error {
	return dataErr("add the labels under the key label, labels, y or target, or name their key with --label; "+
		"images want one folder per class; --loss distill and --loss entropy need none", "the data has no labels")
}
