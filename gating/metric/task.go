package metric

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network"
)

// Kind is what an output answers.
type Kind string

// The kinds of answers.
const (
	Classes Kind = "classes"   // one class of several at each position
	Single  Kind = "yes or no" // of each element whether a thing is there
	Numbers Kind = "numbers"   // any real numbers
	Objects Kind = "objects"   // where things are, and which

	// Without labels: what an ensemble of other models answers is the label, of classes and single things (Agreed) or
	// of numbers (Imitated), or there is nothing to compare with (Silent).
	Agreed   Kind = "an ensemble's answers"
	Imitated Kind = "an ensemble's numbers"
	Silent   Kind = "no labels"
)

// Task is what an output and its labels are to a metric.
type Task struct {
	Kind      Kind
	Form      network.Form // of the numbers of classes and single things
	Axis      int          // that counts classes; negative for single things that agree
	Classes   int          // how many there are, of kinds Classes and Objects
	Positions bool         // a sample may have several, as in a sentence or an image
}

// positive says whether a number stands for yes.
func (t Task) positive(v float32) bool {
	if t.Form == network.Probabilities {
		return v > 0.5
	}
	return v > 0
}

// name is a metric's name: against other models' answers it is agreement, no accuracy.
func (t Task) name(name string) string {
	if t.Kind == Agreed {
		return "agreement"
	}
	return name
}

// entry is a metric and the tasks it is for.
type entry struct {
	name string
	of   map[Kind]func(Task) Metric
	fits func(Task) bool // nil for all of the kinds
}

// table is every metric. The first that fits a kind is that kind's default.
var table = []entry{
	{"accuracy", map[Kind]func(Task) Metric{Classes: accuracy, Single: sided}, nil},
	{"top5", map[Kind]func(Task) Metric{Classes: top5}, func(t Task) bool { return t.Classes > 5 }},
	{"f1", map[Kind]func(Task) Metric{Classes: macroF1, Single: macroF1}, nil},
	{"f1_micro", map[Kind]func(Task) Metric{Classes: microF1, Single: microF1}, nil},
	{"auc", map[Kind]func(Task) Metric{Classes: auc, Single: auc}, func(t Task) bool { return !t.Positions }},
	{"perplexity", map[Kind]func(Task) Metric{Classes: perplexity}, nil},
	{"miou", map[Kind]func(Task) Metric{Classes: meanIoU, Single: meanIoU}, nil},
	{"mse", map[Kind]func(Task) Metric{Numbers: mse, Imitated: mse}, nil},
	{"rmse", map[Kind]func(Task) Metric{Numbers: rmse, Imitated: rmse}, nil},
	{"mae", map[Kind]func(Task) Metric{Numbers: mae, Imitated: mae}, nil},
	{"r2", map[Kind]func(Task) Metric{Numbers: r2, Imitated: r2}, nil},
	{"map", map[Kind]func(Task) Metric{Objects: meanPrecision}, nil},
	{"map50", map[Kind]func(Task) Metric{Objects: meanPrecision50}, nil},
	{"agreement", map[Kind]func(Task) Metric{Agreed: agreement}, nil},
	{"loss", map[Kind]func(Task) Metric{Classes: loss, Single: loss, Numbers: loss, Objects: loss, Agreed: loss,
		Imitated: loss, Silent: loss}, nil},
}

// agreement is the accuracy against what other models answer.
func agreement(t Task) Metric {
	if t.Axis < 0 {
		return sided(t)
	}
	return accuracy(t)
}

// loss is the loss itself as the figure to judge by.
func loss(Task) Metric { return Loss() }

// Loss is the loss itself, or the sum of several, as the figure to judge by.
func Loss() Metric { return Metric{Name: "loss", Smaller: true} }

// Names lists every metric.
func Names() []string {
	var names []string
	for _, e := range table {
		names = append(names, e.name)
	}
	return names
}

// Fitting lists the metrics of a task, the default first.
func Fitting(t Task) []string {
	var names []string
	for _, e := range table {
		if e.of[t.Kind] != nil && (e.fits == nil || e.fits(t)) {
			names = append(names, e.name)
		}
	}
	return names
}

// Named returns the metric of a name for a task; false if it does not fit the task or there is none.
func Named(name string, t Task) (Metric, bool) {
	if !slices.Contains(Fitting(t), name) {
		return Metric{}, false
	}
	at := slices.IndexFunc(table, func(e entry) bool { return e.name == name })
	return table[at].of[t.Kind](t), true
}
