package gating

import (
	"math"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// formSamples is how many samples tell what an output's numbers are, and fewest how many numbers of single things.
const (
	formSamples = 8
	fewest      = 8
)

// scores are the operators that compute any real number, which nothing has to be read off.
var scores = []string{"Gemm", "MatMul", "Conv", "Add", "Softmax", "LogSoftmax", "Sigmoid"}

// readForm finds out whether an output that does not end in a softmax or a sigmoid holds probabilities all the same:
// some exporters write them as exponentials and a division. A loss that took them for logits would be wrong, silently.
func (o *Objective) readForm(m *onnx.Model, d *dataset.Data) error {
	if o.task.Form != network.Logits || o.task.Kind == metric.Numbers {
		return nil
	}
	w := kernel.NewWorkers(0)
	defer w.Close()
	e := &Evaluator{data: d.Head(formSamples).Parts()[0], objective: *o, batch: 1, workers: w}
	f, err := e.forward(m, nil, 1)
	if err != nil {
		return err
	}
	g, err := f.lower(run{0, f.sizes[0]})
	if err != nil {
		return err
	}
	if op, _ := g.Producer(0); slices.Contains(scores, op) {
		return nil
	}
	var outs []*network.Tensor
	for rows := range f.data.InOrder(f.sizes...) {
		out, err := f.run(rows, Coefficients{})
		if err != nil {
			return err
		}
		outs = append(outs, &network.Tensor{Shape: slices.Clone(out.Shape), F: slices.Clone(out.F)})
	}
	o.setForm(formOf(outs, o.task.Axis))
	return nil
}

// setForm makes the loss and the metric read the output's numbers.
func (o *Objective) setForm(form network.Form) {
	o.task.Form = form
	o.Loss = withForm(o.Loss, form)
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
func (o *Objective) setMetric(name string) error {
	fitting := metric.Fitting(o.task)
	if name == auto {
		name = fitting[0]
	}
	m, ok := metric.Named(name, o.task)
	if !ok {
		return dataErr("use --metric "+orList(fitting), "metric %s does not fit loss %s of %s", name, o.Loss.Name(),
			o.task.Kind)
	}
	o.Metric = m
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
