package graphmatch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// EndDifference is an input or output of the base where a model computes something that the base leaves to the program
// around the network, or the other way round: preprocessing before the first layer, a softmax or argmax behind the
// last.
type EndDifference struct {
	Output     bool     // an output, else an input
	At         int      // its place in the base
	Base       []string // the base's operators there, those that both have left out
	Model      []string // the model's
	Normalises bool     // whether one of them is a BatchNormalization, whose numbers were learned
}

// String says which nodes stand where.
func (d EndDifference) String() string {
	where := "before the first layer"
	if d.Output {
		where = "behind the last layer"
	}
	list := func(nodes []string) string {
		if len(nodes) == 0 {
			return "nothing"
		}
		return strings.Join(nodes, ", ")
	}
	return fmt.Sprintf("%s %s where the base has %s", list(d.Model), where, list(d.Base))
}

// EndDifferences lists the ends where model j differs from the base. The weights of both may fit each other all
// the same, and then the model is, but for its ends, the base's graph with its weights.
func (a *Alignment) EndDifferences(j int) (list []EndDifference) {
	base, model := a.views[a.Base], a.views[j]
	inputs, outputs := base.Ends()
	for at := range inputs {
		if own := a.Input(j, at); own >= 0 {
			list = append(list, endDifference(false, at, base.Entry(at), model.Entry(own))...)
		}
	}
	for at := range outputs {
		if own := a.Output(j, at); own >= 0 {
			list = append(list, endDifference(true, at, base.Exit(at), model.Exit(own))...)
		}
	}
	return list
}

// endDifference is the difference between two lists of nodes, none where they are alike. What both begin and end with
// is left out.
func endDifference(output bool, at int, base, model []flow.EndNode) []EndDifference {
	for len(base) > 0 && len(model) > 0 && base[0].Same(model[0]) {
		base, model = base[1:], model[1:]
	}
	for n, m := len(base), len(model); n > 0 && m > 0 && base[n-1].Same(model[m-1]); n, m = n-1, m-1 {
		base, model = base[:n-1], model[:m-1]
	}
	if len(base)+len(model) == 0 {
		return nil
	}
	d := EndDifference{Output: output, At: at}
	for _, n := range base {
		d.Base = append(d.Base, n.String())
	}
	for _, n := range model {
		d.Model = append(d.Model, n.String())
	}
	d.Normalises = slices.ContainsFunc(slices.Concat(base, model),
		func(n flow.EndNode) bool { return n.Op == "BatchNormalization" })
	return []EndDifference{d}
}

// asideEnds marks the layers that are no more than what stands at the ends of some of the models only: tensors such as
// mean and deviation of the inputs, for which the others have nothing.
func (a *Alignment) asideEnds() {
	at := map[*flow.Node]bool{}
	for _, v := range a.views {
		inputs, outputs := v.Ends()
		for i := range inputs {
			for _, n := range v.Entry(i) {
				at[n.Node] = true
			}
		}
		for i := range outputs {
			for _, n := range v.Exit(i) {
				at[n.Node] = true
			}
		}
	}
	for i := range a.Layers {
		l := &a.Layers[i]
		l.Aside = l.Status == Missing && !slices.ContainsFunc(l.row, func(u *flow.Unit) bool {
			return u != nil && !at[u.Anchor]
		})
		if l.Aside {
			l.Reason = "not merged: preprocessing that not all models have; " + l.Reason
		}
	}
}
