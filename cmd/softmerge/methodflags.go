package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/source"
	"github.com/softmerge/softmerge/cmd/softmerge/internal/terminal"
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/method"
	"github.com/softmerge/softmerge/gating/search"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// methodFlags say how to look for a model, and what merges of weights alone take.
type methodFlags struct {
	method, start string
	try, params   []string
	numbers       map[string]float64 // --param, but for the weights
	counts        []float64          // how much each model counts; nil where nothing is said
}

// learnedMethods are the words of --method besides the names of package method.
var learnedMethods = []string{"auto", "soft", "greedy", "uniform", "finetune"}

func (f *methodFlags) add(c *cobra.Command) {
	f.method = learnedMethods[0]
	words := slices.Concat(learnedMethods, methodNames(), routedMethods, mixingMethods)
	c.Flags().Var(methodWord{&f.method}, "method",
		"how to look for a model; uniform needs no data, finetune is no merge but what to hold one against: "+
			terminal.OrList(learnedMethods)+"; or by weights alone, such as ties, or emr, which keeps all tasks, "+
			"or se and smear, which mix the models for every sample (softmerge help methods)")
	c.RegisterFlagCompletionFunc("method", cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	c.Flags().StringSliceVar(&f.try, "try", nil,
		"`NAME,...` of methods that merge weights alone, judged beside the others")
	c.RegisterFlagCompletionFunc("try", cobra.FixedCompletions(methodNames(), cobra.ShellCompDirectiveNoFileComp))
	c.Flags().StringArrayVar(&f.params, "param", nil,
		"`NAME=NUMBER` of such methods, ties.density=0.3 of one of several; weights=2,1,1 of the models (repeatable)")
	c.Flags().StringVar(&f.start, "start", "",
		"`FILE` of the model that all were trained from, for such methods (default the mean of the models)")
}

// methodNames lists the methods that merge weights alone.
func methodNames() (names []string) {
	for _, m := range method.All() {
		names = append(names, m.Name)
	}
	return names
}

// methodWord is a flag that takes a method.
type methodWord struct{ value *string }

// String returns the method that is set.
func (m methodWord) String() string { return *m.value }

// Type names the flag's value in help texts.
func (m methodWord) Type() string { return "WORD" }

// Set takes a method's name, or refuses it with the nearest.
func (m methodWord) Set(s string) error {
	words := slices.Concat(learnedMethods, methodNames(), routedMethods, mixingMethods)
	if !slices.Contains(words, s) {
		near := "softmerge help methods"
		if found := advice.Nearest(s, words, 2, 1); len(found) > 0 {
			near = "did you mean " + found[0] + "?"
		}
		return fmt.Errorf("want %s, or one that merges weights alone: %s", terminal.OrList(learnedMethods), near)
	}
	*m.value = s
	return nil
}

// static says whether --method merges weights alone, so that no data is needed.
func (f *methodFlags) static() bool {
	return f.method == "uniform" || slices.Contains(slices.Concat(methodNames(), routedMethods), f.method)
}

// check reads the parameters and refuses wrong ones before any file is opened.
func (f *methodFlags) check() error {
	f.numbers, f.counts = map[string]float64{}, nil
	for _, p := range f.params {
		name, text, ok := strings.Cut(p, "=")
		if !ok {
			return exit.Usagef("--param density=0.2", "--param %s: want NAME=NUMBER", p)
		}
		if _, again := f.numbers[name]; again || name == "weights" && f.counts != nil {
			return exit.Usagef("say it once", "--param %s is given twice", name)
		}
		numbers, err := numbersOf(text)
		if err != nil || len(numbers) > 1 && name != "weights" {
			return exit.Usagef("--param density=0.2, --param weights=2,1,1", "--param %s: %q is no number", name, text)
		}
		if name == "weights" {
			f.counts = numbers
		} else {
			f.numbers[name] = numbers[0]
		}
	}
	if slices.Contains(slices.Concat(routedMethods, mixingMethods), f.method) { // which package search does not know
		return nil
	}
	o := f.options(nil)
	if f.start != "" {
		o.Start = &onnx.Model{} // whether it is wanted does not depend on what is in it
	}
	_, err := search.Options{Method: gating.Method(f.method), Static: o}.Validate()
	return err
}

// numbersOf reads numbers between commas.
func numbersOf(text string) (list []float64, err error) {
	for _, part := range strings.Split(text, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// options are the flags as package search takes them.
func (f *methodFlags) options(start *onnx.Model) search.StaticOptions {
	o := search.StaticOptions{Params: f.numbers, Weights: f.counts, Start: start}
	for _, name := range f.try {
		o.Try = append(o.Try, gating.Method(name))
	}
	return o
}

// openStart opens the start, made float where it is quantised; nil where none is named. The caller closes it.
func (f *methodFlags) openStart(v *terminal.Voice) (*onnx.Model, func(), error) {
	if f.start == "" {
		return nil, func() {}, nil
	}
	list, closeAll, err := source.Models([]string{f.start})
	if err != nil {
		return nil, nil, err
	}
	d, err := dequantise(v, list, 0, selectFlags{})
	if err != nil {
		closeAll()
		return nil, nil, err
	}
	return d.Models[0], closeAll, nil
}

// noteStart says where the mean of the models stands for their start, and to which methods that leaves the average.
func noteStart(v *terminal.Voice, o search.StaticOptions) {
	if o.Start != nil {
		return
	}
	var from, average []string
	for _, m := range o.Methods() {
		switch {
		case m.Sums:
			average = append(average, m.Name)
		case m.Started && !m.Startless:
			from = append(from, m.Name)
		}
	}
	if len(from) > 0 {
		v.Note("no --start is given: the mean of the models stands for it (" + strings.Join(from, ", ") + ")")
	}
	if len(average) > 0 {
		v.Note("no --start is given, and from the mean of the models the average is all that comes of " +
			strings.Join(average, ", "))
	}
}
