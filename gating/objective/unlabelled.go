package objective

import (
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Losses that need no labels.
const (
	distill        = "distill"     // from an ensemble's answers, in the form that the end of the graph tells
	distillSingles = "distill_bce" // the same of things that are there or not
	distillNumbers = "distill_mse" // the same of numbers
	entropy        = "entropy"     // of what the output says
	entropySingles = "entropy_bce" // the same of things that are there or not
)

var unlabelled = []string{distill, distillSingles, distillNumbers, entropy, entropySingles}

// NeedsNoLabels says whether a loss, by its name, needs no labels.
func NeedsNoLabels(loss string) bool { return slices.Contains(unlabelled, loss) }

// EnsembleLabel is the name of labels that are an ensemble's answers, see Head.Taught.
const EnsembleLabel = "the ensemble's answers"

// unlabelled is an objective without labels: the output alone tells what it answers, unless the loss says it.
func (f *fit) unlabelled(loss string) (Head, string) {
	axis := f.scoresAxis()
	switch {
	case len(f.out.Shape) == 0:
		return Head{}, "it has no sample axis"
	case loss == distillSingles, loss == distill && axis < 0 && f.op == "Sigmoid":
		t := f.ofThings()
		return Head{task: t}.of(metric.Agreed, network.Distill{Of: network.BCE{Form: t.Form}}), ""
	case loss == entropySingles, loss == entropy && axis < 0 && f.maySingle():
		t := f.ofThings()
		h := Head{task: t, stated: loss == entropySingles}
		return h.of(metric.Silent, network.Entropy{Form: t.Form, Axis: -1}), ""
	case loss == entropy && axis < 0:
		return Head{}, "entropy is of probabilities, or of scores of classes"
	case loss == distillNumbers, axis < 0:
		return Head{}.of(metric.Imitated, network.Distill{Of: network.MSE{}}), ""
	}
	o := f.ofClasses(axis)
	o.Assumed = f.norm < 0
	form := o.task.Form
	if loss == entropy {
		return o.of(metric.Silent, network.Entropy{Form: form, Axis: axis}), ""
	}
	return o.of(metric.Agreed, network.Distill{Of: network.CrossEntropy{Form: form, Axis: axis}}), ""
}

// of is the head with a kind of answers and a loss.
func (h Head) of(kind metric.Kind, loss network.Loss) Head {
	h.task.Kind, h.Loss = kind, loss
	return h
}

// numeric are operators after which an output has numbers of a range of its own, which are no scores of classes.
var numeric = []string{"Relu", "LeakyRelu", "Tanh", "Softplus", "Exp", "Abs", "Sqrt"}

// maySingle says whether an output may hold probabilities of single things: a sigmoid computes it, or something of
// which only its numbers tell.
func (f *fit) maySingle() bool {
	return f.op == "Sigmoid" || !slices.Contains(scores, f.op) && !slices.Contains(numeric, f.op)
}

// scoresAxis is the axis that counts classes as far as an output alone tells: that of its softmax; else axis 1 of one
// row a sample and of images, the last of sequences. It is -1 where that has one number, and where a sigmoid or another
// activation says that there are no classes.
func (f *fit) scoresAxis() int {
	axis := f.norm
	if axis < 0 {
		if f.op == "Sigmoid" || slices.Contains(numeric, f.op) {
			return -1
		}
		axis = 1
		if len(f.out.Shape) == 3 {
			axis = 2
		}
	}
	if axis >= len(f.out.Shape) || f.out.Shape[axis] < 2 {
		return -1
	}
	return axis
}

// checkForm refuses the entropy of numbers that turned out to be no probabilities.
func (h Head) checkForm() error {
	loss, ok := h.Loss.(network.Entropy)
	if !ok || loss.Axis >= 0 || loss.Form == network.Probabilities || h.stated {
		return nil
	}
	return dataErr("use --loss entropy_bce if they are scores of things that are there or not, else --loss distill",
		"output %q fits no entropy: its numbers are no probabilities, nor scores of classes", h.Output)
}

// warnOfLabels warns of labels that are not used.
func (h *Head) warnOfLabels(d *dataset.Data) {
	if d.Label != nil && h.Unlabelled() {
		h.Warnings.Addf(dataset.ErrData, "leave out --loss to learn from them and to be judged by them",
			"the labels %q are not used: loss %s needs none", d.Label.Name, h.Loss.Name())
	}
}

// Taught says whether the labels are an ensemble's answers, which are not in the data but are computed: Answer
// makes them of the outputs, and they go under the name EnsembleLabel.
func (h Head) Taught() bool { return h.task.Kind == metric.Agreed || h.task.Kind == metric.Imitated }

// Answer makes of an output that the head has read what an ensemble averages: probabilities, or numbers as they are.
func (h Head) Answer(out *network.Tensor) *network.Tensor {
	if h.numbers() {
		return out
	}
	to := Activation{op: "Sigmoid"}
	if h.task.Axis >= 0 {
		to = Activation{op: "Softmax", axis: h.task.Axis}
	}
	return to.convert(h.activationOf(h.task.Form), out)
}

// numbers says whether answers are numbers, no probabilities.
func (h Head) numbers() bool { return h.task.Kind == metric.Imitated || h.task.Kind == metric.Numbers }

// AnswerAxis is the axis that counts classes of what the head answers, -1 where none does.
func (h Head) AnswerAxis() int {
	if h.task.Kind == metric.Imitated {
		return -1
	}
	return h.task.Axis
}

// checkTaught refuses data without an ensemble's answers.
func checkTaught(d *dataset.Data) error {
	for _, p := range d.Parts() {
		if p.Label == nil || p.Label.Name != EnsembleLabel {
			return advice.Errorf(dataset.ErrData, "", "the answers of the ensemble are not computed")
		}
	}
	return nil
}
