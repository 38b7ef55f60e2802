package objective

import (
	"math"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
)

// FormSamples is how many samples tell what an output's numbers are.
const FormSamples = 8

// fewest is how many numbers of single things tell.
const fewest = 8

// scores are the operators that compute any real number, so that nothing has to be read off the numbers.
var scores = []string{"Gemm", "MatMul", "Conv", "Add"}

// readForm finds out whether an output that does not end in a softmax or a sigmoid holds probabilities all the same:
// some exporters write them as exponentials and a division. A loss that took them for logits would be wrong, silently.
func (h *Head) readForm(n Network) error {
	if h.activation.Known() || h.task.Form != network.Logits || h.task.Kind == metric.Numbers ||
		h.task.Kind == metric.Imitated {
		return nil
	}
	outs, err := n.Answers(h.Output, FormSamples)
	if err != nil {
		return err
	}
	form := formOf(outs, h.task.Axis)
	h.setForm(form)
	h.activation = h.activationOf(form)
	return nil
}

// activationOf is the activation that gives numbers of a form.
func (h *Head) activationOf(form network.Form) Activation {
	a := Activation{op: "scores", last: h.activation.last}
	switch {
	case form == network.LogProbabilities:
		a.op, a.axis = "LogSoftmax", h.task.Axis
	case form == network.Probabilities && h.task.Axis < 0:
		a.op = "Sigmoid"
	case form == network.Probabilities:
		a.op, a.axis = "Softmax", h.task.Axis
	}
	return a
}

// Alike says whether a model's output is computed by what computes that of the model that the objective was fitted to,
// or nothing depends on it: then its activation is the objective's. Else its numbers tell it, see ByNumbers.
func (h Head) Alike(a Activation) bool {
	return !h.ofClasses() || !h.activation.Known() || h.activation.last == a.last
}

// Activation is that of the model that the objective was fitted to.
func (h Head) Activation() Activation { return h.activation }

// ByNumbers tells by a model's outputs on a few samples what they were computed by.
func (h Head) ByNumbers(outs []*network.Tensor) Activation {
	return h.activationOf(formOf(outs, h.task.Axis))
}

// setForm makes the loss and the metric read the output's numbers.
func (h *Head) setForm(form network.Form) {
	h.task.Form = form
	h.Loss = withForm(h.Loss, form)
}

func withForm(l network.Loss, form network.Form) network.Loss {
	switch l := l.(type) {
	case network.CrossEntropy:
		l.Form = form
		return l
	case network.BCE:
		l.Form = form
		return l
	case network.Entropy:
		l.Form = form
		return l
	case network.Distill:
		return network.Distill{Of: withForm(l.Of, form)}
	}
	return l
}

// formOf tells probabilities of classes along an axis, or of single things where it is negative, by the numbers.
func formOf(outs []*network.Tensor, axis int) network.Form {
	if axis < 0 || axis >= len(outs[0].Shape) {
		n := 0
		for _, t := range outs {
			n += len(t.F)
			if slices.ContainsFunc(t.F, func(v float32) bool { return !(v >= 0 && v <= 1) }) {
				return network.Logits
			}
		}
		if n < fewest {
			return network.Logits
		}
		return network.Probabilities
	}
	for form, of := range map[network.Form]func(float64) float64{
		network.Probabilities: func(v float64) float64 { return v }, network.LogProbabilities: math.Exp,
	} {
		if !slices.ContainsFunc(outs, func(t *network.Tensor) bool { return !addUp(t, axis, of) }) {
			return form
		}
	}
	return network.Logits
}

// addUp says whether what a function makes of the numbers along an axis is between 0 and 1 and adds up to one
// everywhere.
func addUp(t *network.Tensor, axis int, of func(float64) float64) bool {
	count, stride := t.Shape[axis], 1
	for _, n := range t.Shape[axis+1:] {
		stride *= n
	}
	for i := range t.Len() / count {
		sum := 0.0
		for k := range count {
			v := of(float64(t.F[i/stride*stride*count+i%stride+k*stride]))
			if !(v >= 0 && v <= 1+1e-6) {
				return false
			}
			sum += v
		}
		if math.Abs(sum-1) > 1e-3 {
			return false
		}
	}
	return true
}

// setMetric finds the metric of a name, or the one that goes with the labels. Errors are of kind dataset.ErrData, for
// one that does not fit them.
func (h *Head) setMetric(name string) error {
	fitting := metric.Fitting(h.task)
	if name == auto {
		name = fitting[0]
	}
	m, ok := metric.Named(name, h.task)
	if !ok {
		return dataErr("use --metric "+orList(fitting), "metric %s does not fit loss %s of %s", name, h.Loss.Name(),
			h.task.Kind)
	}
	h.Metric = m
	return nil
}

// orList joins words: a, b or c.
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
