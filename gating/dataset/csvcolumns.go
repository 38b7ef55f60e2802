package dataset

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// pick groups the columns of a table into the graph's inputs and the label:
//
//   - columns named after an input, with numbers from 0 or 1 on when there are several: age; or pixel0,
//     pixel_1, pixel.2, pixel[3]; their order is that of the numbers;
//   - for a graph with one input, else columns x0, x1, ..., else all columns but the label in the order of the file.
func (t *table) pick(l *loader) (picked, error) {
	o := l.Options
	fields := o.Inputs
	if len(fields) == 0 {
		fields = []Field{{Name: "x"}}
	}
	groups := make([][]int, len(fields))
	taken := make([]bool, len(t.names))
	if t.index {
		taken[0] = true
	}
	if at := slices.Index(t.names, o.Group); at >= 0 && !o.groupIsLabel() {
		taken[at] = true
	}
	for i, f := range fields {
		group, err := t.group(f.Name, fields)
		if err != nil {
			return picked{}, err
		}
		groups[i] = group
		mark(taken, group)
	}
	labels, err := pickLabels(t.each(), taken, o)
	if err != nil {
		return picked{}, err
	}
	if len(groups) == 1 && len(groups[0]) == 0 {
		if groups[0], err = t.unnamed(taken); err != nil {
			return picked{}, err
		}
	}
	return t.choose(l, fields, groups, labels)
}

func (t *table) choose(l *loader, fields []Field, groups [][]int, labels []int) (picked, error) {
	p := picked{fields: fields}
	for i, f := range fields {
		if len(groups[i]) == 0 {
			otherwise := fmt.Sprintf("name its columns %s0, %s1, ...", f.Name, f.Name)
			return picked{}, fail(didYouMean(f.Name, t.names, otherwise),
				"there is no column for input %q; the file has %s", f.Name, quoted(t.names))
		}
		p.inputs = append(p.inputs, named{f.Name, columns{t, groups[i]}})
	}
	for _, at := range labels {
		label := named{t.names[at], columns{t, []int{at}}}
		if t.text[at] != nil {
			label.array = l.namesOf(textColumn{t.text[at], t})
		}
		p.labels = append(p.labels, label)
	}
	return p, nil
}

// each has every column as an array of its own.
func (t *table) each() []named {
	out := make([]named, len(t.names))
	for i, name := range t.names {
		out[i] = named{name, columns{t, []int{i}}}
	}
	return out
}

func mark(taken []bool, which []int) {
	for _, i := range which {
		taken[i] = true
	}
}

// unnamed finds the columns of the only input when they do not bear its name.
func (t *table) unnamed(taken []bool) ([]int, error) {
	group, err := t.group("x", nil)
	group = slices.DeleteFunc(group, func(i int) bool { return taken[i] })
	if len(group) > 0 || err != nil {
		return group, err
	}
	group = untaken(taken)
	t.placed = make([]string, len(group))
	for i, at := range group {
		t.placed[i] = t.names[at]
	}
	return group, nil
}

// group finds the columns that bear an input's name. A column that is the very name of another input is not numbered.
func (t *table) group(name string, inputs []Field) ([]int, error) {
	numbered := regexp.MustCompile("^" + regexp.QuoteMeta(name) + `[_.\[]?([0-9]{1,9})\]?$`)
	var which []int
	number := map[int]int{}
	for i, column := range t.names {
		m := numbered.FindStringSubmatch(column)
		if m == nil || slices.ContainsFunc(inputs, func(f Field) bool { return f.Name == column }) {
			continue
		}
		number[i], _ = strconv.Atoi(m[1])
		which = append(which, i)
	}
	if len(which) == 0 {
		if i := slices.Index(t.names, name); i >= 0 {
			return []int{i}, nil
		}
		return nil, nil
	}
	slices.SortStableFunc(which, func(a, b int) int { return number[a] - number[b] })
	for place, i := range which {
		if want := number[which[0]] + place; number[i] != want || number[which[0]] > 1 {
			return nil, fail("number the columns of an input from 0 or 1 on, without gaps",
				"the columns of input %q do not count up: %q stands at place %d", name, t.names[i], place)
		}
	}
	return which, nil
}

// surplus says what to do where more columns are taken for the only input than it has numbers; empty where there are
// not.
func (t *table) surplus(p picked) string {
	numbers, field := 1, p.fields[0]
	for _, n := range field.Shape[min(1, len(field.Shape)):] {
		numbers *= n
	}
	count := len(t.placed)
	switch {
	case numbers <= 0 || count <= numbers:
		return ""
	case len(p.labels) == 0:
		return fmt.Sprintf("no column is named label, labels, y or target: say which is the label, as --label %q "+
			"for the last", t.placed[count-1])
	}
	return fmt.Sprintf("leave out the columns that are no input, %d of %d, such as %q; or name the input's %s0, "+
		"%s1, ...", count-numbers, count, t.placed[0], field.Name, field.Name)
}
