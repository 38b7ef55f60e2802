package dataset

import (
	"cmp"
	"slices"
	"strings"
)

// readFrom notes the file that samples were read from, where it is not known better.
func (d *Data) readFrom(path string) {
	for _, p := range d.Parts() {
		p.path = cmp.Or(p.path, path)
		for i := range p.origins {
			p.origins[i].path = cmp.Or(p.origins[i].path, path)
		}
	}
	d.path = cmp.Or(d.path, path)
	for i, note := range d.Notes {
		if !strings.HasPrefix(note, path) {
			d.Notes[i] = path + ": " + note
		}
	}
}

// Join makes one data set of several with the same inputs, in the same order, and all with labels or all
// without: samples of one shape follow one another in the order given. It copies what it joins. It fails with
// ErrData when columns do not go together, when there is nothing to join, or when there are more shapes than
// MaxShapes.
func Join(list ...*Data) (*Data, error) {
	switch len(list) {
	case 0:
		return nil, fail("give at least one file", "there is no data to join")
	case 1:
		return list[0], nil
	}
	var keys []string
	byShape := map[string][]*Data{}
	for _, d := range list {
		if err := d.matches(list[0]); err != nil {
			return nil, err
		}
		for _, p := range d.Parts() {
			key := p.shapeKey()
			if byShape[key] == nil {
				keys = append(keys, key)
			}
			byShape[key] = append(byShape[key], p)
		}
	}
	parts, names := make([]*Data, len(keys)), joinedNames(list)
	for i, key := range keys {
		whole, err := concatenated(byShape[key], names)
		if err != nil {
			return nil, err
		}
		parts[i] = whole
	}
	joined, err := sorted(parts)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		joined.Warnings.Add(d.Warnings...)
		joined.addNotes(d.Notes...)
	}
	return joined, nil
}

// addNotes adds the notes that are not there yet.
func (d *Data) addNotes(notes ...string) {
	for _, note := range notes {
		if !slices.Contains(d.Notes, note) {
			d.Notes = append(d.Notes, note)
		}
	}
}

// matches makes sure that d has the columns of other: inputs are the graph's, but a label is as the file has it.
func (d *Data) matches(other *Data) error {
	if (d.Label == nil) != (other.Label == nil) {
		with, without := d.path, other.path
		if d.Label == nil {
			with, without = without, with
		}
		return fail("add labels, or leave out the file without them", "%s has labels, but %s has none", with, without)
	}
	if got, want := d.inputNames(), other.inputNames(); !slices.Equal(got, want) {
		return fail("give all files the same keys", "%s has the inputs %s, but %s has %s", d.path, quoted(got),
			other.path, quoted(want))
	}
	if err := cmp.Or(d.sameClasses(other), d.samePlaces(other)); err != nil {
		return err
	}
	if (d.groups == nil) != (other.groups == nil) {
		return fail("read both with the same groups", "only one of %s and %s has groups", d.path, other.path)
	}
	columns := d.columns()
	for i, want := range other.columns() {
		got := columns[i]
		if got.Type.IsFloat() != want.Type.IsFloat() {
			return fail("save all files with one type",
				"%s: %q holds %s, but in %s it holds %s", d.path, got.Name, got.Type, other.path, want.Type)
		}
	}
	return nil
}

// samePlaces makes sure that tables whose columns are told by their order have the same order.
func (d *Data) samePlaces(other *Data) error {
	for i := range min(len(d.placed), len(other.placed)) {
		if d.placed[i] != other.placed[i] {
			return fail("write all tables with the same columns in the same order",
				"input column %d of %s is %q, but of %s it is %q", i+1, d.path, d.placed[i], other.path,
				other.placed[i])
		}
	}
	return nil
}

func (d *Data) inputNames() []string {
	var list []string
	for _, c := range d.Inputs {
		list = append(list, c.Name)
	}
	return list
}

// concatenated joins data of one shape, in groups of these names.
func concatenated(list []*Data, names []string) (*Data, error) {
	var failed error
	at := -1
	out := list[0].each(func(Column) Column {
		at++
		c, err := concatenatedColumn(list, at)
		failed = cmp.Or(failed, err)
		return c
	})
	if failed != nil {
		return nil, failed
	}
	if names != nil {
		out.groups = &groups{names: names}
		for _, d := range list {
			out.groups.of = append(out.groups.of, d.groups.renamed(names).of...)
		}
	}
	for _, d := range list {
		for row := range d.own() {
			out.origins = append(out.origins, d.origin(row))
		}
	}
	return out, nil
}

// concatenatedColumn joins the columns at one place.
func concatenatedColumn(list []*Data, at int) (Column, error) {
	samples := 0
	for _, d := range list {
		samples += d.own()
	}
	out, err := list[0].column(at).empty(samples, list[0].store)
	if err != nil {
		return out, err
	}
	floats, ints := out.Floats, out.Ints
	for _, d := range list {
		floats = floats[copy(floats, d.column(at).Floats):]
		ints = ints[copy(ints, d.column(at).Ints):]
	}
	return out, nil
}
