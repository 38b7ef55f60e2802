package objective

import (
	"errors"
	"fmt"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/metric"
	"github.com/softmerge/softmerge/gating/network"
)

// Network is a model beside data, as far as finding an objective has to run it.
type Network interface {
	// Outputs lists the graph's outputs.
	Outputs() []string
	// Lower lowers the graph for a few samples of one of the data's parts, with some of its outputs.
	Lower(part int, outputs ...string) (*network.Graph, error)
	// Answers computes an output for the first samples, a few at a time.
	Answers(output string, samples int) ([]*network.Tensor, error)
}

// Fit finds the output that the labels belong to, and the loss and metric for it. Where labels fit several
// outputs, and none of these computes another, it asks for one.
// Errors are of kind dataset.ErrData, network.ErrUnsupported where no output can be
// computed, or those of bad options.
func Fit(n Network, d *dataset.Data, o Options) (Objective, error) {
	o, err := o.Validate()
	if err != nil {
		return Objective{}, err
	}
	if d.Label == nil && o.Loss != distill && o.Loss != entropy {
		return Objective{}, noLabels()
	}
	c, err := candidatesFor(n, d, o)
	if err != nil {
		return Objective{}, err
	}
	obj, err := c.choose(n, d)
	if err != nil {
		return obj, err
	}
	if err := obj.readForm(n); err != nil {
		return obj, err
	}
	return obj, obj.setMetric(o.Metric)
}

// candidates are the outputs that the labels may belong to.
type candidates struct {
	fitting     []Objective
	reasons     []string // why others do not fit
	unsupported error    // why one cannot be computed
	misfit      error    // of labels that are no classes of an output which they fit otherwise
	wanted      string   // the output asked for, "" for any
}

// candidatesFor tries every output, or the one that is asked for.
func candidatesFor(n Network, d *dataset.Data, o Options) (candidates, error) {
	c := candidates{wanted: o.Output}
	for at, out := range n.Outputs() {
		if o.Output != "" && out != o.Output {
			continue
		}
		obj, why, err := fitOutput(n, d, out, o)
		switch {
		case errors.Is(err, network.ErrUnsupported): // another output may do
			c.unsupported = err
		case err != nil:
			return c, err
		case why != "":
			c.reasons = append(c.reasons, why)
		default:
			obj.outputAt = at
			if _, err := obj.Prepare(d); err != nil {
				c.misfit = err
				continue
			}
			c.fitting = append(c.fitting, obj)
		}
	}
	return c, nil
}

// choose returns the only candidate, or the one that is clearly meant.
func (c candidates) choose(n Network, d *dataset.Data) (Objective, error) {
	list := closest(c.fitting)
	switch {
	case len(list) == 1:
		return list[0], nil
	case len(list) > 1:
		return first(n, list)
	case c.misfit != nil:
		return Objective{}, c.misfit
	case c.unsupported != nil:
		return Objective{}, c.unsupported
	case len(c.reasons) == 0:
		return Objective{}, dataErr("run softmerge inspect to see the outputs", "the model has no output %q", c.wanted)
	case d.Label == nil:
		return Objective{}, dataErr("choose another --loss", "no output fits: %s", strings.Join(c.reasons, "; "))
	}
	return Objective{}, dataErr("check that the labels belong to this model, or choose --loss",
		"the labels, %s a sample, fit no output: %s", sampleShape(d.Label), strings.Join(c.reasons, "; "))
}

// closeness orders the kinds of answers by how much it says that labels fit them: any number may be read as a number.
var closeness = []metric.Kind{metric.Classes, metric.Agreed, metric.Single, metric.Numbers, metric.Silent}

// closest returns those of the kind that says most.
func closest(list []Objective) []Objective {
	for _, kind := range closeness {
		var of []Objective
		for _, o := range list {
			if o.task.Kind == kind {
				of = append(of, o)
			}
		}
		if len(of) > 0 {
			return of
		}
	}
	return nil
}

// first returns the output that all others are made of: of logits and their softmax the logits.
func first(n Network, list []Objective) (Objective, error) {
	var names []string
	for _, o := range list {
		names = append(names, o.Output)
	}
	g, err := n.Lower(0, names...)
	if err != nil {
		return Objective{}, err
	}
	for i, o := range list {
		all := true
		for k := range list {
			all = all && (k == i || g.SameAnswer(k, i))
		}
		if all {
			return o, nil
		}
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	return Objective{}, dataErr("name the one they belong to with --model-output",
		"the labels fit %d outputs: %s", len(names), strings.Join(quoted, ", "))
}

func sampleShape(c *dataset.Column) string { return fmt.Sprintf("%s%v", c.Type, c.Shape) }
