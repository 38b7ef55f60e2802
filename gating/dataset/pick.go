package dataset

import (
	"fmt"
	"slices"
)

// labelKeys are the names a label is known by when none is given, best first.
var labelKeys = []string{"label", "labels", "y", "target"}

// picked says which array is which input, and which are labels.
type picked struct {
	fields []Field
	inputs []named  // as many as fields
	labels []named  // in the order in which they were named; none if there is none
	part   string   // of the data, which the names of arrays tell; empty where they tell none
	notes  []string // what was taken though nothing named it, and what was left
}

// pick finds the graph's inputs and the label among the arrays of a file. Names decide, those of a part of the data
// (x_val, y_val) without the part's; what no name decides is decided by type and shape where only one array can be
// meant. What is ambiguous is an error.
func pick(arrays []named, o Options, part string) (picked, error) {
	if len(o.Inputs) == 0 && part == "" {
		taken := make([]bool, len(arrays))
		labels, err := pickLabels(arrays, taken, o)
		if err != nil {
			return picked{}, err
		}
		return pickAll(arrays, labels)
	}
	of, err := pickPart(arrays, o, part)
	if err != nil {
		return picked{}, err
	}
	if of != nil {
		return of.pick(o)
	}
	return pickNamed(arrays, o)
}

// pickNamed finds inputs and label among arrays of one part.
func pickNamed(arrays []named, o Options) (picked, error) {
	found, taken := findInputs(arrays, o.Inputs)
	labels, err := pickLabels(arrays, taken, o)
	if err != nil {
		return picked{}, err
	}
	if len(labels) == 0 && byPosition(arrays, found) {
		for i := range found {
			found[i], taken[i] = i, true
		}
	}
	g := guess{arrays: arrays, options: o, found: found, taken: taken, label: -1}
	if len(labels) > 0 {
		g.label = labels[0]
	}
	if err := g.inputs(); err != nil {
		return picked{}, err
	}
	if err := g.pickLabel(); err != nil {
		return picked{}, err
	}
	if len(labels) == 0 && g.label >= 0 {
		labels = []int{g.label}
	}
	p := choose(arrays, o.Inputs, found, labels)
	p.notes = g.notes()
	return p, nil
}

// findInputs returns which array bears the name of which input, -1 for none, and which arrays are taken so.
func findInputs(arrays []named, inputs []Field) (found []int, taken []bool) {
	found, taken = make([]int, len(inputs)), make([]bool, len(arrays))
	for i, f := range inputs {
		found[i] = slices.IndexFunc(arrays, func(a named) bool { return a.name == f.Name })
		if found[i] >= 0 {
			taken[found[i]] = true
		}
	}
	return found, taken
}

// pickLabels returns the indices of the labels that are named, none if none is, and marks them as taken.
func pickLabels(arrays []named, taken []bool, o Options) ([]int, error) {
	at, err := pickLabel(arrays, taken, o.Label)
	if err != nil || at < 0 {
		return nil, err
	}
	list := []int{at}
	for _, key := range o.More {
		if at, err = pickLabel(arrays, taken, key); err != nil {
			return nil, err
		}
		list = append(list, at)
	}
	return list, nil
}

// pickLabel returns the index of the label, -1 when none is named, and marks it as taken.
func pickLabel(arrays []named, taken []bool, wanted string) (int, error) {
	keys := labelKeys
	if wanted != "" {
		keys = []string{wanted}
	}
	for _, key := range keys {
		for i, a := range arrays {
			if a.name == key && (!taken[i] || wanted != "") {
				taken[i] = true
				return i, nil
			}
		}
	}
	if wanted != "" {
		return 0, fail(didYouMean(wanted, names(arrays), "name one of these as the label"),
			"there is no label %q; the file has %s", wanted, quoted(names(arrays)))
	}
	return -1, nil
}

// byPosition says whether numpy.savez was given arrays without names, which it then calls arr_0, arr_1, ..., for all
// inputs and perhaps the label.
func byPosition(arrays []named, found []int) bool {
	if n := len(arrays); n != len(found) && n != len(found)+1 {
		return false
	}
	for i, a := range arrays {
		if a.name != fmt.Sprintf("arr_%d", i) {
			return false
		}
	}
	return true
}

func untaken(taken []bool) []int {
	var rest []int
	for i, t := range taken {
		if !t {
			rest = append(rest, i)
		}
	}
	return rest
}

// pickAll takes every array but the labels as an input of its own.
func pickAll(arrays []named, labels []int) (picked, error) {
	var fields []Field
	var found []int
	for i, a := range arrays {
		if !slices.Contains(labels, i) {
			fields, found = append(fields, Field{Name: a.name}), append(found, i)
		}
	}
	if len(fields) == 0 {
		return picked{}, fail("add the samples under the name of the graph's input",
			"the file holds only the label %q", arrays[labels[0]].name)
	}
	return choose(arrays, fields, found, labels), nil
}

func choose(arrays []named, fields []Field, found, labels []int) picked {
	p := picked{fields: fields}
	for _, at := range found {
		p.inputs = append(p.inputs, arrays[at])
	}
	for _, at := range labels {
		p.labels = append(p.labels, arrays[at])
	}
	return p
}
