package dataset

import (
	"fmt"
	"slices"
)

// labelKeys are the names a label is known by when none is given, best first.
var labelKeys = []string{"label", "labels", "y", "target"}

// picked says which array is which input, and which is the label.
type picked struct {
	fields []Field
	inputs []named // as many as fields
	label  *named
}

// pick finds the graph's inputs and the label among the arrays of a file. Names decide; one array that is left over
// for one open place needs no name.
func pick(arrays []named, o Options) (picked, error) {
	found := make([]int, len(o.Inputs))
	taken := make([]bool, len(arrays))
	for i, f := range o.Inputs {
		found[i] = slices.IndexFunc(arrays, func(a named) bool { return a.name == f.Name })
		if found[i] >= 0 {
			taken[found[i]] = true
		}
	}
	label, err := pickLabel(arrays, taken, o.Label)
	if err != nil {
		return picked{}, err
	}
	if len(o.Inputs) == 0 {
		return pickAll(arrays, label)
	}
	if label < 0 && byPosition(arrays, found) {
		for i := range found {
			found[i], taken[i] = i, true
		}
	}
	if err := pickLeftOver(arrays, found, taken, label, o); err != nil {
		return picked{}, err
	}
	if rest := untaken(taken); label < 0 && len(rest) == 1 {
		label = rest[0]
	}
	return choose(arrays, o.Inputs, found, label), nil
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

// pickLeftOver gives the only array left to the only input, or fails with the first input that has none.
func pickLeftOver(arrays []named, found []int, taken []bool, label int, o Options) error {
	missing := slices.Index(found, -1)
	if missing < 0 {
		return nil
	}
	rest := untaken(taken)
	if len(found) == 1 && len(rest) == 1 {
		found[0], taken[rest[0]] = rest[0], true
		return nil
	}
	name := o.Inputs[missing].Name
	labelled := "no label"
	if label >= 0 {
		labelled = fmt.Sprintf("the label %q", arrays[label].name)
	}
	return fail(didYouMean(name, names(arrays), fmt.Sprintf("save the array under the name %q", name)),
		"there is no array for input %q; the file has %s (%s)", name, quoted(names(arrays)), labelled)
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

// pickAll takes every array but the label as an input of its own.
func pickAll(arrays []named, label int) (picked, error) {
	var fields []Field
	var found []int
	for i, a := range arrays {
		if i != label {
			fields, found = append(fields, Field{Name: a.name}), append(found, i)
		}
	}
	if len(fields) == 0 {
		return picked{}, fail("add the samples under the name of the graph's input",
			"the file holds only the label %q", arrays[label].name)
	}
	return choose(arrays, fields, found, label), nil
}

func choose(arrays []named, fields []Field, found []int, label int) picked {
	p := picked{fields: fields}
	for _, at := range found {
		p.inputs = append(p.inputs, arrays[at])
	}
	if label >= 0 {
		p.label = &arrays[label]
	}
	return p
}
