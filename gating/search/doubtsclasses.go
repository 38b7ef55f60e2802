package search

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx/advice"
)

// Classes change places in two ways: the labels' order is not that of the models, or one model was trained with another
// order than the others. Either shows in the answers, by label: most samples of a class get one other answer, and the
// classes with such an answer are the answers that they get. Averaged with the others, a model of another order costs
// them what they know, and gates of single channels may hide that it did.

// movedClasses doubts labels where all models agree that two or more classes have changed places. That some
// models have them elsewhere than the labels and the other models is an error of kind graphmatch.ErrAlign, or a warning
// where the options say to go on anyway.
func (m *search) movedClasses(ctx context.Context) (*doubt, error) {
	some, err := m.sampled(movedSamples)
	if err != nil {
		return nil, err
	}
	return m.anyHead(func(h objective.Head, i int) (*doubt, error) {
		if h.Classes > movedMost {
			return nil, nil
		}
		return m.movedOf(ctx, some, i)
	})
}

// movedOf doubts the labels of one head, or a model's order of them.
func (m *search) movedOf(ctx context.Context, some *gating.Evaluator, head int) (*doubt, error) {
	var total gating.Confusion
	each := make([]gating.Confusion, len(m.judged()))
	for j, model := range m.judged() {
		if !m.scores[j].Finite() {
			continue
		}
		c, err := some.Confusion(ctx, model, head)
		if err != nil || c == nil {
			return nil, err
		}
		each[j], total = c, total.Plus(c)
	}
	orders := make([]order, len(each))
	for j, c := range each {
		orders[j] = orderOf(c)
	}
	if knownByAnother(each, orders) {
		return nil, m.misordered(orders, func(o order) string {
			return fmt.Sprintf("has %d classes in another order than the labels and the other models%s: it takes most "+
				"samples of %s", len(o.from), ofHead(m.learn.Objective(), head), o.text("as"))
		})
	}
	all := orderOf(total)
	if len(all.from) == 0 {
		return nil, nil
	}
	return &doubt{
		fmt.Sprintf("%d classes have changed places: the models take most samples labelled %s", len(all.from),
			all.text("as")),
		"give the labels in the order of classes that the models were trained with",
	}, nil
}

// knownByAnother says whether some model has classes in another order while another model, which has not, knows most
// of them where the labels have them.
func knownByAnother(each []gating.Confusion, orders []order) bool {
	var classes []int
	for _, o := range orders {
		for _, class := range o.from {
			if !slices.Contains(classes, class) {
				classes = append(classes, class)
			}
		}
	}
	for j, c := range each {
		if c == nil || len(orders[j].from) > 0 {
			continue
		}
		known := 0
		for _, class := range classes {
			if top, most := usualAnswer(c[class]); most && top == class {
				known++
			}
		}
		if 2*known > len(classes) {
			return true
		}
	}
	return false
}

// misordered returns an error of kind graphmatch.ErrAlign that names the parents with an order of their own, and says
// of each what text says; a warning where the options say to go on anyway, nil where there is none.
func (m *search) misordered(orders []order, text func(order) string) error {
	var list []string
	for j, o := range orders {
		if len(o.from) > 0 {
			list = append(list, filepath.Base(m.units.Parents[j].Path())+" "+text(o))
		}
	}
	if len(list) == 0 {
		return nil
	}
	const hint = "leave the file out, or export it with its last layer in the order of the others " +
		"(weight[order] and bias[order] in PyTorch)"
	if m.Anyway {
		m.warnings.Addf(graphmatch.ErrAlign, hint, "%s", strings.Join(list, "; "))
		return nil
	}
	return advice.Errorf(graphmatch.ErrAlign, hint+"; or go on with --anyway", "%s", strings.Join(list, "; "))
}

// order is classes that have exchanged places: the class, and where it is instead.
type order struct{ from, to []int }

// text names the first few pairs with a word between.
func (o order) text(between string) string {
	var pairs []string
	for i := range o.from[:min(len(o.from), maxPairs)] {
		pairs = append(pairs, fmt.Sprintf("%d %s %d", o.from[i], between, o.to[i]))
	}
	if len(o.from) > maxPairs {
		pairs = append(pairs, fmt.Sprintf("%d more", len(o.from)-maxPairs))
	}
	return strings.Join(pairs, ", ")
}

// orderOf finds the classes that have exchanged places: those on a cycle of classes, each of which is taken for the
// next. A model that does not know a class takes it for another, but hardly that one for it.
func orderOf(c gating.Confusion) (o order) {
	next := make([]int, len(c)) // the class itself where there is no other that most of its samples get
	for label, row := range c {
		next[label] = label
		if top, most := usualAnswer(row); most {
			next[label] = top
		}
	}
	for _, label := range onCycles(next) {
		o.from, o.to = append(o.from, label), append(o.to, next[label])
	}
	return o
}

// usualAnswer is the most frequent answer, and whether most samples get it.
func usualAnswer(row []int) (top int, most bool) {
	all := 0
	for answer, n := range row {
		all += n
		if n > row[top] {
			top = answer
		}
	}
	return top, float64(row[top]) > mostOf*float64(all)
}

// onCycles lists, in order, the numbers that following next leads back to, other than those that it leads nowhere from.
func onCycles(next []int) (list []int) {
	for i, at := range next {
		for range next {
			if at == i || at == next[at] {
				break
			}
			at = next[at]
		}
		if at == i && next[i] != i {
			list = append(list, i)
		}
	}
	return list
}
