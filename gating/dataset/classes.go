package dataset

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// classNames are the classes of samples that are told apart by names: of the folders that they lie in, or their labels.
type classNames struct {
	names []string // by number
	given bool     // the user said which class has which number
	other []int    // the number of each class in the other plausible order, nil where there is none
	ids   []int64  // what annotations call the classes, ascending; nil where they do not
}

// ParseClasses reads names of classes in the order of their numbers: one a line, a JSON list, or a JSON object with
// id2label, as the config.json of a Hugging Face model. Names must differ.
func ParseClasses(file []byte) ([]string, error) {
	var names []string
	var object struct {
		Names map[string]string `json:"id2label"`
	}
	hint := `give one name a line, a JSON list, or a config.json with "id2label"`
	switch text := bytes.TrimSpace(file); {
	case bytes.HasPrefix(text, []byte("[")):
		if err := json.Unmarshal(text, &names); err != nil {
			return nil, fail(hint, "the classes are no list of names: %w", err)
		}
	case bytes.HasPrefix(text, []byte("{")):
		if err := json.Unmarshal(text, &object); err != nil {
			return nil, fail(hint, "the classes are no object of names: %w", err)
		}
		names = make([]string, len(object.Names))
		for id, name := range object.Names {
			n, err := strconv.Atoi(id)
			if err != nil || n < 0 || n >= len(names) || names[n] != "" {
				return nil, fail(hint, "id2label has %d classes, but one has the number %.20q", len(names), id)
			}
			names[n] = name
		}
	default:
		for line := range strings.Lines(string(text)) {
			names = append(names, strings.TrimSpace(line))
		}
	}
	if len(names) == 0 {
		return nil, fail(hint, "there are no classes")
	}
	seen := map[string]int{}
	for i, name := range names {
		if before, twice := seen[name]; twice || name == "" {
			return nil, fail(hint, "class %d is called %.60q, as class %d: want names that differ", i, name, before)
		}
		seen[name] = i
	}
	return names, nil
}

// numberClasses gives folders of classes, or labels that are text, their numbers: by the names given, else by the
// numbers that all are named by, else by the order of names, as torchvision's ImageFolder and Keras number them.
func numberClasses(folders, given []string) (numbers []int, classes *classNames, err error) {
	if len(given) > 0 {
		for _, folder := range folders {
			n := slices.Index(given, folder)
			if n < 0 {
				return nil, nil, fail(didYouMean(folder, given,
					"correct the name, or the names of the classes"),
					"%q is none of the %d classes named", folder, len(given))
			}
			numbers = append(numbers, n)
		}
		return numbers, &classNames{names: given, given: true}, nil
	}
	byName := slices.Sorted(slices.Values(folders))
	byNumber, ok := numericOrder(byName)
	if !ok {
		byNumber = byName
	}
	classes = &classNames{names: byNumber}
	if !slices.Equal(byName, byNumber) {
		for _, name := range byNumber {
			classes.other = append(classes.other, slices.Index(byName, name))
		}
	}
	for _, folder := range folders {
		numbers = append(numbers, slices.Index(byNumber, folder))
	}
	return numbers, classes, nil
}

// numericOrder sorts names that are all numbers, and differ as numbers.
func numericOrder(names []string) (sorted []string, ok bool) {
	numbers := map[string]uint64{}
	distinct := map[uint64]bool{}
	for _, name := range names {
		n, err := strconv.ParseUint(name, 10, 64)
		if err != nil || distinct[n] {
			return nil, false
		}
		numbers[name], distinct[n] = n, true
	}
	return slices.SortedFunc(slices.Values(names), func(a, b string) int {
		if numbers[a] < numbers[b] {
			return -1
		}
		return 1
	}), true
}

// warnOfOrder says that there are two plausible orders of classes.
func (d *Data) warnOfOrder() {
	if d.folders != nil && d.folders.other != nil {
		d.Warnings.Add(d.folders.twoOrders())
	}
}

// twoOrders is the warning that classes could have other numbers.
func (c *classNames) twoOrders() error {
	return fail("if the models were trained with ImageFolder's order, give it with --classes FILE",
		"classes are numbered by the numbers that name their folders: %s; torchvision's ImageFolder sorts these "+
			"as text, \"10\" before \"2\"", quoted(c.names))
}

// SettleOrder returns the data with its classes numbered as they are, or in the other plausible order (see OtherOrder),
// and without the warning that there are two.
func (d *Data) SettleOrder(other bool) *Data {
	if d.OtherOrder() == nil {
		return d
	}
	out := *d
	if other {
		out = *d.OtherOrder()
	}
	settled := *out.folders
	settled.other = nil
	out.folders = &settled
	doubt := d.folders.twoOrders().Error()
	out.Warnings = slices.DeleteFunc(slices.Clone(d.Warnings), func(w error) bool { return w.Error() == doubt })
	return &out
}

// ClassNames returns the names of the classes by number, where the data has names for them: a folder of images does,
// and so do labels that are text.
func (d *Data) ClassNames() []string {
	if d.folders == nil {
		return nil
	}
	return d.folders.names
}

// OtherOrder returns the data with its classes numbered in the other plausible order: folders that are named by numbers
// are sorted as text, as torchvision's ImageFolder does. It is nil where there is no other order.
func (d *Data) OtherOrder() *Data {
	if d.folders == nil || d.folders.other == nil {
		return nil
	}
	names := make([]string, len(d.folders.names))
	for class, to := range d.folders.other {
		names[to] = d.folders.names[class]
	}
	parts := d.Parts()
	for i, p := range parts {
		out, label := *p, *p.Label
		label.Ints = make([]int64, len(p.Label.Ints))
		for row, class := range p.Label.Ints {
			label.Ints[row] = int64(d.folders.other[class])
		}
		out.Label, out.folders = &label, &classNames{names: names}
		parts[i] = &out
	}
	return united(parts)
}

// checkNumber makes sure that classes numbered by their folders are as many as the model has: of fewer nobody knows
// which they are.
func (c *classNames) checkNumber(classes int) error {
	if c == nil || len(c.names) >= classes && !c.given || c.given && len(c.names) == classes {
		return nil
	}
	if c.given {
		return fail("give the names of all classes of the model, in its order",
			"%d classes are named, but the model has %d",
			len(c.names), classes)
	}
	return fail("say which classes they are: --classes FILE with the names of all, in the model's order",
		"the data has %d classes, %s, but the model has %d", len(c.names), quoted(c.names), classes)
}

// sameClasses makes sure that classes have the same numbers in two data sets.
func (d *Data) sameClasses(other *Data) error {
	if d.folders == nil || other.folders == nil || slices.Equal(d.folders.names, other.folders.names) {
		return nil
	}
	return fail("give all data the same classes, or name the classes with --classes FILE",
		"%s has the classes %s, but %s has %s", d.path, quoted(d.folders.names), other.path,
		quoted(other.folders.names))
}

// CheckClasses makes sure that classes that are numbered by their folders have the same numbers in two data sets, and
// that columns of tables that only their order tells have the same order. It fails with ErrData.
func CheckClasses(a, b *Data) error { return cmp.Or(b.sameClasses(a), b.samePlaces(a)) }
