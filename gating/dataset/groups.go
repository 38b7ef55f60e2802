package dataset

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/gating/dataset/spill"
)

// GroupByFile is the key of groups for samples that are told apart by the file or folder they were read from.
const GroupByFile = "@file"

// MaxGroups is how many groups samples may be divided into: a key of more is no part of the data but a name of samples.
const MaxGroups = 1000

// longestGroup bounds the name of a group, in bytes.
const longestGroup = 1000

// groups say which group every sample of one shape is in. No network sees them.
type groups struct {
	of    []int    // an index into names for every sample
	names []string // the same for all parts of the data
}

// Groups returns the number of the group that every sample is in, in the order of the rows; nil where [Options.Group]
// asks for none.
func (d *Data) Groups() []int {
	var list []int
	for _, p := range d.Parts() {
		if p.groups == nil {
			return nil
		}
		list = append(list, p.groups.of...)
	}
	return list
}

// GroupNames returns the names of groups by number, in the order of their names, or of numbers where all are.
func (d *Data) GroupNames() []string {
	if d.groups == nil {
		return nil
	}
	return d.groups.names
}

// rows are the groups of some samples.
func (g *groups) rows(rows []int) *groups {
	if g == nil {
		return nil
	}
	out := &groups{of: make([]int, len(rows)), names: g.names}
	gather(out.of, g.of, rows, 1)
	return out
}

// joinedNames are the names of the groups of several data sets, all with groups or all without: nil then.
func joinedNames(list []*Data) []string {
	var all []string
	for _, d := range list {
		if d.groups == nil {
			return nil
		}
		all = append(all, d.groups.names...)
	}
	return sortedNames(all)
}

// renamed are the groups under the numbers that other names give them.
func (g *groups) renamed(names []string) *groups {
	to := make([]int, len(g.names))
	for i, name := range g.names {
		to[i] = slices.Index(names, name)
	}
	out := &groups{of: make([]int, len(g.of)), names: names}
	for row, i := range g.of {
		out.of[row] = to[i]
	}
	return out
}

// sortedNames sorts names, by number where all are whole numbers, and leaves out those that come twice.
func sortedNames(names []string) []string {
	names = slices.Clone(names)
	number := map[string]int64{}
	for _, name := range names {
		if n, err := strconv.ParseInt(name, 10, 64); err == nil {
			number[name] = n
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		_, okA := number[a]
		_, okB := number[b]
		if okA && okB {
			return cmp.Or(cmp.Compare(number[a], number[b]), strings.Compare(a, b))
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(names)
}

// groupSource calls visit with the name of every sample's group.
type groupSource func(b *spill.Store, visit func(name string) error) error

// readGroups gives samples that were just read, all of one shape, the groups that the loader has found.
func (l *loader) readGroups(d *Data) error {
	if !l.wantsGroups() {
		return nil
	}
	if l.group == nil {
		return fail("leave out --group, or use "+GroupByFile+" for the file that a sample is from",
			"data of this kind has nothing called %q that samples could be grouped by", l.Group)
	}
	g, number := &groups{}, map[string]int{}
	err := l.group(l.store, func(name string) error {
		at, known := number[name]
		switch {
		case known:
		case len(g.names) == MaxGroups:
			return fail("name an array of which many samples have the same value",
				"there are more than %d different values: groups are parts of the data", MaxGroups)
		case len(name) > longestGroup:
			return fail("name an array of short names", "row %d: the name of a group has %d bytes: want at most %d",
				len(g.of), len(name), longestGroup)
		default:
			at = len(g.names)
			number[name], g.names = at, append(g.names, name)
		}
		g.of = append(g.of, at)
		return l.take(8)
	})
	if err == nil && len(g.of) != d.own() {
		err = fail("give every sample one group, in the same order", "there are %d groups for %d samples", len(g.of),
			d.own())
	}
	if err != nil {
		return fmt.Errorf("group %q: %w", l.Group, err)
	}
	d.groups = g.renamed(sortedNames(g.names))
	return nil
}

// wantsGroups says whether an array tells the groups.
func (l *loader) wantsGroups() bool { return l.Group != "" && l.Group != GroupByFile }

// groupIsLabel says whether samples are grouped by their labels, which then are no array of their own.
func (o *Options) groupIsLabel() bool {
	return o.Group != "" && (o.Group == o.Label || o.Label == "" && slices.Contains(labelKeys, o.Group))
}

// withoutGroups leaves out the arrays that the key names, in every part of the data.
func (o *Options) withoutGroups(arrays []named) []named {
	if o.Group == "" || o.groupIsLabel() {
		return arrays
	}
	return slices.DeleteFunc(slices.Clone(arrays), func(a named) bool {
		_, base := splitPart(a.name)
		return a.name == o.Group || base == o.Group
	})
}

// findGroup takes the array that the key names: exactly, or in the part of the data that was chosen.
func (l *loader) findGroup(arrays []named, chosen string) error {
	if !l.wantsGroups() || l.group != nil {
		return nil
	}
	found := -1
	for i, a := range arrays {
		part, base := splitPart(a.name)
		if a.name == l.Group || found < 0 && part != "" && part == chosen && base == l.Group {
			found = i
		}
	}
	if found < 0 {
		return noGroup(l.Group, names(arrays))
	}
	l.group = arrayGroups(arrays[found].array, l.classes[l.Group])
	return nil
}

// noGroup refuses a key that a file does not have.
func noGroup(key string, have []string) error {
	return fail(didYouMean(key, have, "name one of these, or "+GroupByFile+" for the file that a sample is from"),
		"there is no group %q; the file has %s", key, quoted(have))
}

// arrayGroups reads one name or whole number a sample; classes are the names of numbers, where there are any.
func arrayGroups(a array, classes []string) groupSource {
	if t, ok := a.(interface {
		texts(*spill.Store, func(string) error) error
	}); ok {
		return t.texts
	}
	return func(b *spill.Store, visit func(string) error) error {
		p, err := planLabel(named{"", a})
		if err != nil {
			return err
		}
		if p.Size() != 1 {
			return fail("give one group for each sample", "its shape is %v: want [%d]", p.shape, p.shape[0])
		}
		if err := p.fill(b); err != nil {
			return err
		}
		ints := p.Ints
		if ints == nil {
			var ok bool
			if ints, ok = p.wholeNumbers(); !ok {
				return fail("save whole numbers or text", "it holds %s: want whole numbers or text", p.Type)
			}
		}
		for _, v := range ints {
			if err := visit(classText(v, classes)); err != nil {
				return err
			}
		}
		return nil
	}
}

// classText is the name of a class, its number where it has none.
func classText(v int64, names []string) string {
	if v >= 0 && v < int64(len(names)) {
		return names[v]
	}
	return strconv.FormatInt(v, 10)
}

// takeGroupColumn takes the column of a file of records that the key names; it is no text and no input then.
func (l *loader) takeGroupColumn(columns []record.Column) ([]record.Column, error) {
	if !l.wantsGroups() {
		return columns, nil
	}
	at := slices.IndexFunc(columns, func(c record.Column) bool { return c.Name() == l.Group })
	if at < 0 {
		return nil, noGroup(l.Group, columnNames(columns))
	}
	l.group = columnGroups(columns[at], l.classes[l.Group])
	return l.withoutGroup(columns), nil
}

// withoutGroup are the columns that are not the groups, unless those are the labels.
func (l *loader) withoutGroup(columns []record.Column) []record.Column {
	if !l.wantsGroups() || l.groupIsLabel() {
		return columns
	}
	return slices.DeleteFunc(slices.Clone(columns), func(c record.Column) bool { return c.Name() == l.Group })
}

// columnGroups reads a column of text or of whole numbers.
func columnGroups(c record.Column, classes []string) groupSource {
	if c.Kind() != record.Text {
		return arrayGroups(&numberArray{column: c}, classes)
	}
	return func(_ *spill.Store, visit func(string) error) error {
		return recordError(c.Each(func(v record.Value) error { return visit(string(v.Bytes)) }))
	}
}

// groupByFile makes the files that samples were read from their groups, under the names that the user gave.
func groupByFile(list []*Data, paths []string) {
	for i, d := range list {
		for _, p := range append([]*Data{d}, d.others...) {
			p.groups = &groups{of: make([]int, p.own()), names: paths[i : i+1]}
		}
	}
}
