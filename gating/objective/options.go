package objective

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/internal/option"
	"github.com/softmerge/softmerge/gating/metric"
)

// Options says what is to be learned and judged. The zero value of a field means its default.
type Options struct {
	Loss       string  // one of Losses; default auto
	Metric     string  // one of Metrics; default auto
	Output     string  // graph output that the loss reads; default the only float output that fits the labels
	HuberDelta float64 // where the huber loss becomes linear; default 1
	// Ignore lists labels of positions that do not count. Nil stands for -100 and, where samples have several
	// positions and there is no such class, 255.
	Ignore []int64
	// Of says it for each label of the data, where there are several, in their order.
	Of []OutputOptions
}

// OutputOptions says what is to be learned and judged of one output. The zero value of a field means what Options say
// for all.
type OutputOptions struct {
	Output string // of the graph; needed where there are several
	Loss   string
	Metric string
	Weight float64 // of its loss beside those of others; default 1
}

// of are the options for one of several outputs.
func (o Options) of(i int) Options {
	of := o.Of[i]
	o.Of = nil
	o.Output = cmp.Or(of.Output, o.Output)
	o.Loss, o.Metric = cmp.Or(of.Loss, o.Loss), cmp.Or(of.Metric, o.Metric)
	return o
}

// auto is the choice by output and labels.
const auto = "auto"

// Losses lists the names of losses, auto first.
func Losses() []string {
	return append([]string{auto, "cross_entropy", "bce", "mse", "mae", "huber", objects}, unlabelled...)
}

// objects is the loss of boxes and scores.
const objects = "detection"

// Metrics lists the names of metrics, auto first.
func Metrics() []string { return append([]string{auto}, metric.Names()...) }

// Validate returns the options with defaults filled in, or an error of kind ErrOption.
func (o Options) Validate() (Options, error) {
	option.Default(&o.Loss, auto)
	option.Default(&o.Metric, auto)
	option.Default(&o.HuberDelta, 1)
	if !(o.HuberDelta > 0) || math.IsInf(o.HuberDelta, 0) {
		return o, option.Errorf("huber delta %v: want a positive number", o.HuberDelta)
	}
	if err := checkNames(o.Loss, o.Metric); err != nil {
		return o, err
	}
	o.Of = slices.Clone(o.Of)
	for i := range o.Of {
		of := &o.Of[i]
		option.Default(&of.Weight, 1)
		same := func(other OutputOptions) bool { return other.Output == of.Output }
		switch {
		case of.Output == "" && len(o.Of) > 1:
			return o, option.Errorf("label %d of %d belongs to no output: want one for each", i+1, len(o.Of))
		case slices.ContainsFunc(o.Of[:i], same):
			return o, option.Errorf("output %q has two labels: want one", of.Output)
		case !(of.Weight > 0) || math.IsInf(of.Weight, 0):
			return o, option.Errorf("output %q: loss weight %v: want a positive number", of.Output, of.Weight)
		}
		if err := checkNames(cmp.Or(of.Loss, auto), cmp.Or(of.Metric, auto)); err != nil {
			return o, fmt.Errorf("output %q: %w", of.Output, err)
		}
	}
	return o, nil
}

// checkNames is an error for a loss or a metric that there is not.
func checkNames(loss, metric string) error {
	if err := option.OneOf("loss", loss, Losses()...); err != nil {
		return err
	}
	return option.OneOf("metric", metric, Metrics()...)
}
