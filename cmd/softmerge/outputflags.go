package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/objective"
)

// outputFlags say what is learned and judged of the models' outputs.
type outputFlags struct {
	labels       []string // KEY, or OUTPUT=KEY for each of several
	loss, metric perOutput
	weights      []string // OUTPUT=WEIGHT
	output       string
	ignore       []int64
	huberDelta   float64
	label        string                 // the key of the only label, or of the first
	more         []string               // keys of further labels
	of           []gating.OutputOptions // of each label, where they name outputs
}

// add adds the flags.
func (f *outputFlags) add(c *cobra.Command) {
	fs := c.Flags()
	fs.StringArrayVar(&f.labels, "label", nil, "`KEY` of the labels (default label, labels, y or target); "+
		"OUTPUT=KEY for each of several outputs (repeatable)")
	f.loss.add(c, "loss", "what is made small (see softmerge help losses)", objective.Losses())
	f.metric.add(c, "metric", "what models are judged by", objective.Metrics())
	fs.StringArrayVar(&f.weights, "loss-weight", nil,
		"`OUTPUT=WEIGHT` of the loss of one of several outputs (repeatable; default 1)")
	fs.Int64SliceVar(&f.ignore, "ignore-index", nil,
		"`CLASS` that says of a position that it does not count (repeatable; default -100, and 255 where "+
			"samples have several positions and there is no such class)")
	fs.Float64Var(&f.huberDelta, "huber-delta", 1, "`DISTANCE` beyond which the huber loss is linear")
	fs.StringVar(&f.output, "model-output", "",
		"`NAME` of the graph output that the loss reads (default the one that the labels fit)")
}

// assigned is what a flag says of one output.
type assigned struct{ output, value string }

// perOutput is a flag that takes one of a few words, for all outputs or, as OUTPUT=WORD, for one.
type perOutput struct {
	all   string
	of    []assigned
	words []string
}

// add adds the flag; the default is the first word.
func (p *perOutput) add(c *cobra.Command, name, usage string, words []string) {
	p.all, p.words = words[0], words
	c.Flags().Var(p, name, usage+": "+terminal.OrList(words)+"; OUTPUT=WORD for one of several outputs (repeatable)")
	c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// String returns the word for all outputs.
func (p *perOutput) String() string { return p.all }

// Type names the flag's value in help texts.
func (p *perOutput) Type() string { return "WORD" }

// Set takes a word, or refuses it.
func (p *perOutput) Set(s string) error {
	output, word, one := cutLast(s)
	if !slices.Contains(p.words, word) {
		return fmt.Errorf("want %s", terminal.OrList(p.words))
	}
	if !one {
		p.all = word
		return nil
	}
	p.of = append(p.of, assigned{output, word})
	return nil
}

// cutLast cuts OUTPUT=VALUE at the last =, as names of outputs may have some; one says whether there is an output.
func cutLast(s string) (output, value string, one bool) {
	at := strings.LastIndexByte(s, '=')
	if at <= 0 {
		return "", s, false
	}
	return s[:at], s[at+1:], true
}

// readLabels finds the outputs and the keys that labels name.
func (f *outputFlags) readLabels() {
	f.of, f.more, f.label = nil, nil, ""
	for i, label := range f.labels {
		output, key, one := strings.Cut(label, "=")
		if !one {
			output, key = "", label
		}
		if i == 0 {
			f.label = key
		} else {
			f.more = append(f.more, key)
		}
		if one {
			f.of = append(f.of, gating.OutputOptions{Output: output})
		}
	}
}

// settle brings together what the flags say of each output.
func (f *outputFlags) settle() error {
	f.readLabels()
	if err := firstBroken(f.rules()); err != nil {
		return err
	}
	for _, p := range []struct {
		flag string
		list []assigned
		set  func(*gating.OutputOptions, string) bool
	}{
		{"--loss", f.loss.of, func(o *gating.OutputOptions, v string) bool { o.Loss = v; return true }},
		{"--metric", f.metric.of, func(o *gating.OutputOptions, v string) bool { o.Metric = v; return true }},
		{"--loss-weight", assignments(f.weights), setWeight},
	} {
		for _, a := range p.list {
			at := slices.IndexFunc(f.of, func(o gating.OutputOptions) bool { return o.Output == a.output })
			if err := firstBroken([]rule{
				{at < 0, fmt.Sprintf("add --label %s=KEY", a.output),
					fmt.Sprintf("%s %s=%s: output %q has no label", p.flag, a.output, a.value, a.output)},
				{at >= 0 && !p.set(&f.of[max(at, 0)], a.value), "",
					fmt.Sprintf("%s %s=%s: want a positive number", p.flag, a.output, a.value)},
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// assignments cuts what is given as OUTPUT=VALUE.
func assignments(list []string) (of []assigned) {
	for _, s := range list {
		output, value, _ := cutLast(s)
		of = append(of, assigned{output, value})
	}
	return of
}

// setWeight reads a weight; false if it is none.
func setWeight(o *gating.OutputOptions, s string) bool {
	v, err := strconv.ParseFloat(s, 64)
	o.Weight = v
	return err == nil && v > 0 && v <= 1e9
}

// rules say which labels make no sense.
func (f *outputFlags) rules() []rule {
	twice := ""
	for i, o := range f.of {
		if slices.ContainsFunc(f.of[:i], func(other gating.OutputOptions) bool { return other.Output == o.Output }) {
			twice = o.Output
		}
	}
	empty := slices.ContainsFunc(f.labels, func(s string) bool {
		return s == "" && len(f.labels) > 1 || strings.HasPrefix(s, "=") || strings.HasSuffix(s, "=")
	})
	unnamed := slices.ContainsFunc(f.weights, func(s string) bool { return !strings.Contains(s, "=") })
	return []rule{
		{unnamed, "write --loss-weight OUTPUT=WEIGHT", "--loss-weight: the name of an output is missing"},
		{empty, "write --label OUTPUT=KEY", "--label: a name is missing"},
		{len(f.labels) > 1 && len(f.of) < len(f.labels), "name the output of each: --label OUTPUT=KEY",
			fmt.Sprintf("%d labels are given and not all say which output they are of", len(f.labels))},
		{twice != "", "give one of them", fmt.Sprintf("--label: output %q has two labels", twice)},
		{f.output != "" && len(f.of) > 0, "leave out --model-output", "--label names outputs and --model-output too"},
		{len(f.of) > 1 && objective.NeedsNoLabels(f.loss.all), "give one loss for each output: --loss OUTPUT=WORD",
			fmt.Sprintf("--loss %s reads no labels, and several are given", f.loss.all)},
	}
}

// objective is what the flags say of losses, metrics and outputs.
func (f *outputFlags) objective() gating.ObjectiveOptions {
	return gating.ObjectiveOptions{Loss: f.loss.all, Metric: f.metric.all, Output: f.output, Ignore: f.ignore,
		HuberDelta: f.huberDelta, Of: f.of}
}
