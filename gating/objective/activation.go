package objective

import (
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
)

// Activation is what the objective's output is computed by: scores end in a layer, probabilities in a Softmax or a
// Sigmoid. Loss and metric read the base's form, so a parent that was exported with another one is converted to it.
type Activation struct {
	op   string // Softmax, LogSoftmax, Sigmoid or scores; "" where it is not known
	axis int    // of a Softmax or LogSoftmax
	last string // the operator that the graph ends in, which may be one of several that write a softmax out
}

// ActivationOf reads it off an output of a graph. It is not known where the graph ends in
// an operator that may compute anything: then the numbers have to tell (Head.ByNumbers).
func ActivationOf(g *network.Graph, output int) Activation {
	op, axis := g.Producer(output)
	switch {
	case op == "Softmax", op == "LogSoftmax":
		return Activation{op, axis, op}
	case op == "Sigmoid":
		return Activation{op: op, last: op}
	case slices.Contains(scores, op):
		return Activation{op: "scores", last: op}
	}
	return Activation{last: op}
}

// least bounds probabilities away from 0 and 1 before their logarithm is taken.
const least = 1e-12

// Known says whether it is known.
func (a Activation) Known() bool { return a.op != "" }

// warnOfSigmoid warns of classes of which one is right, and an output that says of each whether it is there.
func (h *Head) warnOfSigmoid() {
	if h.task.Kind == metric.Classes && h.activation.op == "Sigmoid" {
		const hint = "export the models without the sigmoid, or give a row of 0 and 1 for each sample and --loss bce"
		h.Warnings.Addf(dataset.ErrData, hint, "output %q ends in a sigmoid, and the labels are of one class each: "+
			"shares of 0 to 1 are taken for scores, of which loss %s learns little", h.Output, h.Loss.Name())
	}
}

// convert turns what one activation gives into what another would have given.
func (a Activation) convert(from Activation, out *network.Tensor) *network.Tensor {
	if a.op == "" || from.op == a.op || out.F == nil {
		return out
	}
	t := &network.Tensor{Type: out.Type, Shape: out.Shape, F: slices.Clone(out.F)}
	switch {
	case from.op == "Sigmoid" && a.op == "scores":
		mapAll(t.F, func(p float64) float64 { return math.Log(max(p, least)) - math.Log(max(1-p, least)) })
	case from.op == "scores" && a.op == "Sigmoid":
		mapAll(t.F, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) })
	case from.op == "Sigmoid" || a.op == "Sigmoid":
	case from.op == "Softmax": // the logarithms of probabilities are scores, too
		mapAll(t.F, func(p float64) float64 { return math.Log(max(p, least)) })
	case a.op == "Softmax":
		alongAxis(t, a.axis, func(x, top, sum float64) float64 { return math.Exp(x-top) / sum })
	case a.op == "LogSoftmax":
		alongAxis(t, a.axis, func(x, top, sum float64) float64 { return x - top - math.Log(sum) })
	}
	return t
}

func mapAll(f []float32, of func(float64) float64) {
	for i, v := range f {
		f[i] = float32(of(float64(v)))
	}
}

// alongAxis replaces each number by what of makes of it, of the greatest along the axis, and of the sum of their
// exponentials relative to it.
func alongAxis(t *network.Tensor, axis int, of func(x, top, sum float64) float64) {
	if axis < 0 || axis >= len(t.Shape) {
		return
	}
	n, inner := t.Shape[axis], 1
	for _, d := range t.Shape[axis+1:] {
		inner *= d
	}
	for start := range t.F {
		if start/inner%n != 0 {
			continue
		}
		top, sum := math.Inf(-1), 0.0
		for c := range n {
			top = math.Max(top, float64(t.F[start+c*inner]))
		}
		for c := range n {
			sum += math.Exp(float64(t.F[start+c*inner]) - top)
		}
		for c := range n {
			at := start + c*inner
			t.F[at] = float32(of(float64(t.F[at]), top, sum))
		}
	}
}
