package objective

import (
	"errors"
	"fmt"
	"slices"
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
// outputs, and none of these computes another, it asks for one. Several labels name their outputs.
// Errors are of kind dataset.ErrData, network.ErrUnsupported where no output can be
// computed, or those of bad options.
func Fit(n Network, d *dataset.Data, o Options) (Objective, error) {
	o, err := o.Validate()
	if err != nil {
		return Objective{}, err
	}
	if len(o.Of) > 1 {
		return fitSeveral(n, d, o)
	}
	if len(o.Of) == 1 {
		o = o.of(0)
	}
	h, err := fitHead(n, d, o)
	return Objective{[]Head{h}, h.Metric}, err
}

// fitSeveral fits a head to each label.
func fitSeveral(n Network, d *dataset.Data, o Options) (Objective, error) {
	obj := Objective{Metric: metric.Loss()}
	if d.Labels() != len(o.Of) {
		return obj, dataErr("name as many labels as outputs", "the data has %d labels for %d outputs", d.Labels(),
			len(o.Of))
	}
	for i, of := range o.Of {
		h, err := fitHead(n, d.OnlyLabel(i), o.of(i))
		if err == nil && h.Taught() {
			err = dataErr("leave out --label and name the output with --model-output",
				"loss %s is of one output, and several are named", h.Loss.Name())
		}
		if err != nil {
			return Objective{}, fmt.Errorf("output %q: %w", of.Output, err)
		}
		h.Weight = of.Weight
		obj.Heads = append(obj.Heads, h)
	}
	return obj, nil
}

// fitHead finds the head for the only label.
func fitHead(n Network, d *dataset.Data, o Options) (Head, error) {
	if d.Label == nil && !NeedsNoLabels(o.Loss) {
		return Head{}, noLabels()
	}
	if o.Loss == auto || o.Loss == objects {
		h, err := fitDetector(n, d, o)
		if err != nil || h.reader != nil {
			return h, err
		}
	}
	c, err := candidatesFor(n, d, o)
	if err != nil {
		return Head{}, err
	}
	h, err := c.choose(n, d)
	if _, boxes := readBoxes(d); err != nil && boxes && len(c.fitting) == 0 && len(c.reasons) > 0 {
		return h, misread(d)
	}
	if err != nil {
		return h, err
	}
	h.Weight = 1
	return h, h.settle(n, d, o.Metric)
}

// settle finds out what the output's numbers are and what to judge by, and checks that both go with the labels.
func (h *Head) settle(n Network, d *dataset.Data, metric string) error {
	if err := h.readForm(n); err != nil {
		return err
	}
	if err := h.checkForm(); err != nil {
		return err
	}
	h.warnOfLabels(d)
	h.warnOfSigmoid()
	if err := h.setMetric(metric); err != nil {
		return err
	}
	return h.checkDefined(d)
}

// candidates are the outputs that the labels may belong to.
type candidates struct {
	fitting     []Head
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
			if _, err := obj.prepare(d); err != nil && !obj.Taught() {
				c.misfit = err
				continue
			}
			c.fitting = append(c.fitting, obj)
		}
	}
	return c, nil
}

// choose returns the only candidate, or the one that is clearly meant.
func (c candidates) choose(n Network, d *dataset.Data) (Head, error) {
	list := closest(c.fitting)
	switch {
	case len(list) == 1:
		return list[0], nil
	case len(list) > 1:
		return first(n, list)
	case c.misfit != nil:
		return Head{}, c.misfit
	case c.unsupported != nil:
		return Head{}, c.unsupported
	case len(c.reasons) == 0:
		return Head{}, dataErr("name one of "+orList(quotedAll(n.Outputs()))+"; softmerge inspect shows them",
			"the model has no output %q", c.wanted)
	case d.Label == nil:
		return Head{}, dataErr("choose another --loss", "no output fits: %s", strings.Join(c.reasons, "; "))
	}
	hint := "check that the labels belong to this model, or choose --loss"
	if !slices.ContainsFunc(c.reasons, func(why string) bool { return !strings.HasSuffix(why, needsFloats) }) {
		hint = "export the model without its last step, so that it gives scores"
	}
	return Head{}, dataErr(hint,
		"the labels, %s a sample, fit no output: %s", sampleShape(d.Label), strings.Join(c.reasons, "; "))
}

// closeness orders the kinds of answers by how much it says that labels fit them: any number may be read as a number.
var closeness = []metric.Kind{metric.Classes, metric.Agreed, metric.Single, metric.Numbers, metric.Imitated,
	metric.Silent}

// closest returns those of the kind that says most.
func closest(list []Head) []Head {
	for _, kind := range closeness {
		var of []Head
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
func first(n Network, list []Head) (Head, error) {
	var names []string
	for _, o := range list {
		names = append(names, o.Output)
	}
	g, err := n.Lower(0, names...)
	if err != nil {
		return Head{}, err
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
	return Head{}, ambiguous(list[0], names)
}

// ambiguous asks which of several outputs is meant.
func ambiguous(h Head, names []string) error {
	outputs := strings.Join(quotedAll(names), ", ")
	if h.Unlabelled() {
		flags := make([]string, len(names))
		for i, name := range names {
			flags[i] = "--model-output " + name
		}
		return dataErr("choose one: "+orList(flags), "loss %s is of one output, and %d may be meant: %s", h.Loss.Name(),
			len(names), outputs)
	}
	return dataErr("name the one they belong to with --model-output", "the labels fit %d outputs: %s", len(names),
		outputs)
}

// quotedAll quotes names.
func quotedAll(names []string) []string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	return quoted
}

func sampleShape(c *dataset.Column) string { return fmt.Sprintf("%s%v", c.Type, c.Shape) }
