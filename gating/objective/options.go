package objective

import (
	"math"

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
}

// auto is the choice by output and labels.
const auto = "auto"

// Losses lists the names of losses, auto first.
func Losses() []string {
	return []string{auto, "cross_entropy", "bce", "mse", "mae", "huber", entropy}
}

// Losses that need no labels.
const (
	distill = "distill" // from the ensemble of the parents; no option yet, as nothing computes their answers
	entropy = "entropy" // of what the output says
)

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
	if err := option.OneOf("loss", o.Loss, Losses()...); err != nil {
		return o, err
	}
	return o, option.OneOf("metric", o.Metric, Metrics()...)
}
