package metric

import (
	"iter"
	"maps"
	"slices"

	"github.com/softmerge/softmerge/gating/network"
)

// counts keeps for each sample which classes were answered for which labels, and how often.
type counts struct {
	name    string
	samples func(out, target *network.Tensor) iter.Seq2[int, cell] // every answer, in the order of the samples
	value   func(table map[int]*class) float64

	cells []counted
	ends  []int // of each sample's cells
}

// cell is one answer: Class was the label, or was answered, or both. A label and another answer are two cells.
type cell struct {
	class  int
	hit    hit
	absent bool // names a class that is neither label nor answer
}

// hit is what became of a class at a position.
type hit int

const (
	both   hit = iota // label and answer
	missed            // label, not the answer
	wrong             // the answer, not the label
)

// counted is how often a cell came up in a sample.
type counted struct {
	cell
	n int
}

// class is how often a class was right, missed and wrongly answered.
type class struct{ right, missed, wrong float64 }

// Add counts each sample.
func (c *counts) Add(out, target *network.Tensor) error {
	at, n := 0, map[cell]int{}
	finish := func() {
		for _, k := range slices.SortedFunc(maps.Keys(n), compareCells) {
			c.cells = append(c.cells, counted{k, n[k]})
		}
		c.ends = append(c.ends, len(c.cells))
		clear(n)
		at++
	}
	for sample, cell := range c.samples(out, target) {
		for at < sample {
			finish()
		}
		n[cell]++
	}
	for at < out.Shape[0] {
		finish()
	}
	return nil
}

func compareCells(a, b cell) int {
	if a.class != b.class {
		return a.class - b.class
	}
	return int(a.hit) - int(b.hit)
}

// Value adds up the classes.
func (c *counts) Value(weights []float64) float64 {
	table, from := map[int]*class{}, 0
	for i, end := range c.ends {
		w := weight(weights, i)
		for _, k := range c.cells[from:end] {
			if w == 0 {
				break
			}
			if table[k.class] == nil {
				table[k.class] = &class{}
			}
			if n := w * float64(k.n); !k.absent {
				table[k.class].add(k.hit, n)
			}
		}
		from = end
	}
	return c.value(table)
}

func (c *class) add(h hit, n float64) {
	switch h {
	case both:
		c.right += n
	case missed:
		c.missed += n
	default:
		c.wrong += n
	}
}

// Shares returns nil: it is no mean over samples.
func (c *counts) Shares() []float64 { return nil }

// Joined appends the samples of other counts for the same metric.
func (c *counts) Joined(other Tally) (Tally, bool) {
	o, ok := other.(*counts)
	if !ok || o.name != c.name {
		return nil, false
	}
	joined := *c
	joined.cells, joined.ends = join(c.cells, o.cells), slices.Clone(c.ends)
	for _, end := range o.ends {
		joined.ends = append(joined.ends, len(c.cells)+end)
	}
	return &joined, true
}

// countsOf is a metric of counts of classes.
func countsOf(name string, t Task, value func(map[int]*class) float64) Metric {
	samples := t.ofClasses
	if t.Kind == Single {
		samples = t.ofThings
	}
	return Metric{Name: name, tally: func() Tally {
		return &counts{name: name + " of " + string(t.Kind), samples: samples, value: value}
	}}
}

// ofClasses gives the answers at positions that are not ignored.
func (t Task) ofClasses(out, target *network.Tensor) iter.Seq2[int, cell] {
	return func(yield func(int, cell) bool) {
		for _, p := range positions(out, target, t.Axis) {
			answer := largest(out.F, p)
			switch {
			case p.label == network.Ignored:
			case answer == p.label:
				if !yield(p.sample, cell{class: answer}) {
					return
				}
			default:
				if !yield(p.sample, cell{class: p.label, hit: missed}) ||
					answer >= 0 && !yield(p.sample, cell{class: answer, hit: wrong}) {
					return
				}
			}
		}
	}
}

// ofThings gives the answers of yes and the labels of yes; axis 1 counts the things, if there is one. A thing that is
// neither is listed as absent.
func (t Task) ofThings(out, target *network.Tensor) iter.Seq2[int, cell] {
	size := out.Len() / out.Shape[0]
	things := 1
	if len(out.Shape) > 1 {
		things = out.Shape[1]
	}
	return func(yield func(int, cell) bool) {
		for i, v := range out.F {
			k := cell{class: i % size / (size / things)}
			if ignored(target, i) {
				continue
			}
			switch label, answer := number(target, i) > 0.5, t.positive(v); {
			case label && !answer:
				k.hit = missed
			case answer && !label:
				k.hit = wrong
			case !answer:
				k.absent = true
			}
			if !yield(i/size, k) {
				return
			}
		}
	}
}

// macroF1 is the mean over the classes that are label or answer of F1, the harmonic mean of precision and recall; of
// single things over all of them, those without any yes counting as 0 (sklearn.metrics.f1_score, average macro).
func macroF1(t Task) Metric {
	return countsOf("f1", t, func(table map[int]*class) float64 {
		return meanOfClasses(table, func(c *class) float64 {
			return share(2*c.right, 2*c.right+c.missed+c.wrong)
		})
	})
}

// microF1 is F1 of all classes' counts together (average micro), 0 where there is neither a label nor an answer of yes.
func microF1(t Task) Metric {
	return countsOf("f1_micro", t, func(table map[int]*class) float64 {
		var all class
		for _, k := range slices.Sorted(maps.Keys(table)) {
			c := table[k]
			all.right, all.missed, all.wrong = all.right+c.right, all.missed+c.missed, all.wrong+c.wrong
		}
		return share(2*all.right, 2*all.right+all.missed+all.wrong)
	})
}

// meanIoU is the mean over the classes that are label or answer of intersection over union of their positions
// (sklearn.metrics.jaccard_score, average macro).
func meanIoU(t Task) Metric {
	return countsOf("miou", t, func(table map[int]*class) float64 {
		return meanOfClasses(table, func(c *class) float64 { return share(c.right, c.right+c.missed+c.wrong) })
	})
}

// share is a part of a whole, 0 of nothing.
func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}

// meanOfClasses adds up in the order of the classes.
func meanOfClasses(table map[int]*class, of func(*class) float64) float64 {
	var sum float64
	for _, k := range slices.Sorted(maps.Keys(table)) {
		sum += of(table[k])
	}
	return sum / float64(len(table))
}
