package search

import (
	"maps"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/method"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// StaticOptions say which methods of package method merge, beside what Options.Method names, and how.
type StaticOptions struct {
	Try []gating.Method // candidates beside those of Options.Method, by the methods' names
	// Params are parameters of the methods by name: "density" is that of every method that has it, "ties.density" that
	// of one.
	Params  map[string]float64
	Weights []float64   // how much each model counts, one each; default all the same
	Start   *onnx.Model // that all models were trained from; nil where it is not known: then their mean stands for it

	merges []*method.Merge // of a validated value: Options.Method, if it is one of them, and Try
}

// static says whether a method is one of package method.
func static(m gating.Method) bool {
	_, err := method.Named(string(m))
	return err == nil
}

// validate finds the methods, or returns an error of kind gating.ErrOption, with the nearest name.
func (o StaticOptions) validate(main gating.Method) (StaticOptions, error) {
	learned := slices.Contains([]gating.Method{gating.Auto, gating.Soft, gating.Greedy, gating.Uniform,
		gating.FineTuned}, main)
	names := o.Try
	if !learned {
		names = append([]gating.Method{main}, o.Try...)
	}
	o.merges = nil
	used := map[string]bool{}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		m, err := method.Named(string(name))
		if err != nil && i == 0 && !learned {
			return o, advice.Errorf(gating.ErrOption, advice.Hint(err),
				"method %q: want auto, soft, greedy, uniform or finetune, or one that merges weights alone", name)
		}
		if err != nil {
			return o, asOption(err)
		}
		merge, err := m.With(o.paramsOf(m, len(names) == 1, used))
		if err != nil {
			return o, asOption(err)
		}
		o.merges = append(o.merges, merge)
	}
	return o, o.check(used)
}

// asOption makes an error of package method one of kind gating.ErrOption.
func asOption(err error) error { return advice.Errorf(gating.ErrOption, advice.Hint(err), "%w", err) }

// paramsOf picks a method's parameters, and notes which were used. The only method gets all that name no other, so that
// it says which is none of its own.
func (o StaticOptions) paramsOf(m method.Method, only bool, used map[string]bool) map[string]float64 {
	own := map[string]float64{}
	for key, v := range o.Params {
		has := slices.ContainsFunc(m.Params, func(p method.Param) bool { return p.Name == key })
		if has || only && !strings.Contains(key, ".") {
			own[key], used[key] = v, true
		}
	}
	for key, v := range o.Params {
		if name, ok := strings.CutPrefix(key, m.Name+"."); ok {
			own[name], used[key] = v, true
		}
	}
	return own
}

// check refuses what none of the methods takes.
func (o StaticOptions) check(used map[string]bool) error {
	var names []string
	started := false
	for _, m := range o.merges {
		names = append(names, m.Method().Name)
		started = started || m.Method().Started
	}
	given := o.Start != nil || len(o.Params) > 0 || o.Weights != nil
	if len(names) == 0 && given {
		return advice.Errorf(gating.ErrOption, "name one, such as ties, or leave them out",
			"parameters, weights and a start are for methods that merge weights alone, and none is named")
	}
	if o.Start != nil && !started {
		return advice.Errorf(gating.ErrOption, "leave it out", "a start is given, and %s does not look at it",
			strings.Join(names, ", "))
	}
	for _, key := range slices.Sorted(maps.Keys(o.Params)) {
		if !used[key] {
			return advice.Errorf(gating.ErrOption, "softmerge help methods lists parameters",
				"parameter %q: none of %s has it", key, strings.Join(names, ", "))
		}
	}
	return nil
}

// merge is the method of a trial, nil where it is none of package method.
func (o StaticOptions) merge(m gating.Method) *method.Merge {
	i := slices.IndexFunc(o.merges, func(merge *method.Merge) bool { return merge.Method().Name == string(m) })
	if i < 0 {
		return nil
	}
	return o.merges[i]
}

// Methods are those that a validated value names.
func (o StaticOptions) Methods() (list []method.Method) {
	for _, m := range o.merges {
		list = append(list, m.Method())
	}
	return list
}
