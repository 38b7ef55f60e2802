package gating

import (
	"errors"
	"fmt"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
)

// Objective is what is learned and what is judged.
type Objective struct {
	Output  string // name of the graph output
	Loss    network.Loss
	Metric  Metric
	Classes int  // number of classes of a cross-entropy, else 0
	perRow  bool // classes are of whole samples, not of positions in them

	outputAt   int        // where the output is among the graph's
	activation activation // of the output in the model that the objective was fitted to
}

// ofClasses says whether the loss reads scores or probabilities of classes, in whichever form the output has them.
func (o Objective) ofClasses() bool {
	return o.Loss != nil && (o.Loss.Name() == "cross_entropy" || o.Loss.Name() == "bce")
}

// Prepare returns the data with labels as the objective reads them: where the
// output counts classes, one-hot rows and whole numbers stored as floats become
// class indices. Labels that name no class of the model are an error of kind
// dataset.ErrData. Everything else is d's own.
func (o Objective) Prepare(d *dataset.Data) (*dataset.Data, error) {
	if d.Label == nil {
		return nil, noLabels()
	}
	switch {
	case o.Classes == 0:
		return d, nil
	case o.perRow:
		return d.AsClasses(o.Classes)
	}
	return d, d.CheckLabels(o.Classes)
}

// Metric is a figure users know, better when larger or when smaller.
type Metric = metric.Metric

// metrics is every metric by name, for an output whose classes are along an axis.
var metrics = map[string]func(axis int) Metric{
	"accuracy": metric.Accuracy,
	"mse":      func(int) Metric { return metric.MSE() },
	"mae":      func(int) Metric { return metric.MAE() },
	"r2":       func(int) Metric { return metric.R2() },
}

// ObjectiveOptions says what is to be learned and judged. The zero value of a field means its default.
type ObjectiveOptions struct {
	Loss   string // auto (the default), cross_entropy, mse or bce
	Metric string // auto (the default), accuracy, mse, mae or r2
	Output string // graph output that the loss reads; default the first float output that fits the labels
}

// Validate returns the options with defaults filled in, or an error of kind ErrOption.
func (o ObjectiveOptions) Validate() (ObjectiveOptions, error) {
	setDefault(&o.Loss, "auto")
	setDefault(&o.Metric, "auto")
	if err := oneOf("loss", o.Loss, "auto", "cross_entropy", "mse", "bce"); err != nil {
		return o, err
	}
	return o, oneOf("metric", o.Metric, "auto", "accuracy", "mse", "mae", "r2")
}

// FitObjective finds the loss and metric for a model's output and the labels.
// Errors are of kind dataset.ErrData, network.ErrUnsupported where no output can be
// computed, or ErrOption.
func FitObjective(m *onnx.Model, d *dataset.Data, o ObjectiveOptions) (Objective, error) {
	o, err := o.Validate()
	if err != nil {
		return Objective{}, err
	}
	if d.Label == nil {
		return Objective{}, noLabels()
	}
	var reasons []string
	var unsupported error
	for at, out := range m.Proto().GetGraph().GetOutput() {
		if o.Output != "" && out.GetName() != o.Output {
			continue
		}
		obj, why, err := fitOutput(m, d, out.GetName(), o)
		switch {
		case errors.Is(err, network.ErrUnsupported): // another output may do
			unsupported = err
		case err != nil:
			return Objective{}, err
		case why == "":
			obj.outputAt = at
			_, err := obj.Prepare(d)
			return obj, err
		default:
			reasons = append(reasons, why)
		}
	}
	if unsupported != nil {
		return Objective{}, unsupported
	}
	if len(reasons) == 0 {
		return Objective{}, dataErr("run softmerge inspect to see the outputs", "the model has no output %q", o.Output)
	}
	return Objective{}, dataErr("check that the labels belong to this model, or choose --loss",
		"the labels, %s a sample, fit no output: %s",
		sampleShape(d.Label), strings.Join(reasons, "; "))
}

func noLabels() error {
	return dataErr("add the labels under the key label, labels, y or target, or name their key with --label",
		"the data has no labels")
}

func sampleShape(c *dataset.Column) string { return fmt.Sprintf("%s%v", c.Type, c.Shape) }
