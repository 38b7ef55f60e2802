package dataset

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/record"
	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
)

// mostNames is how many names labels may have: more are names of samples, not of classes.
const mostNames = 1 << 16

// isLabel says whether a column is meant to be a label, by what was asked for, else by what it is called.
func (l *loader) isLabel(name string) bool {
	if l.Label != "" {
		return name == l.Label || slices.Contains(l.More, name)
	}
	return slices.Contains(labelKeys, name) || labelLike.MatchString(name)
}

// nameArray is a label of text: names of classes, which become their numbers, numbers as text, or lists of numbers as
// text, which become sets.
type nameArray struct {
	each   func(visit func(row int, text string) error) error
	place  func(row int) string
	loader *loader

	settled bool
	numbers []int64
	sets    [][]int64 // of lists, nil for names
	width   int       // of the longest set
	names   *classNames
	err     error
}

// namesOf is a column of text as a label.
func (l *loader) namesOf(c record.Column) *nameArray {
	return &nameArray{
		loader: l,
		place:  func(row int) string { return placeOf(c, row) },
		each: func(visit func(int, string) error) error {
			row := -1
			return recordError(c.Each(func(v record.Value) error {
				row++
				return visit(row, string(v.Bytes))
			}))
		},
	}
}

// placeOf says where a row of a column is, for messages.
func placeOf(c record.Column, row int) string {
	if p, ok := c.(interface{ Place(int) string }); ok {
		return p.Place(row)
	}
	return fmt.Sprintf("row %d", row)
}

// settle reads the names once and numbers them.
func (a *nameArray) settle() error {
	if a.settled {
		return a.err
	}
	a.settled = true
	number, names := map[string]int{}, []string(nil)
	lists, whole, gap := true, true, -1
	var rows []int
	a.err = a.each(func(row int, text string) error {
		text = strings.TrimSpace(text)
		at, known := number[text]
		if !known {
			if len(names) == mostNames {
				return fail("name the label: --label KEY",
					"there are more than %d different texts: these are no classes", mostNames)
			}
			at = len(names)
			number[text], names = at, append(names, text)
			_, isList := parseSet(text)
			lists, whole = lists && isList, whole && isWhole(text)
		}
		if text == "" && gap < 0 {
			gap = row
		}
		rows = append(rows, at)
		return a.loader.take(8)
	})
	switch {
	case a.err != nil:
	case whole:
		a.numbers = wholeNumbers(names, rows)
	case lists:
		a.err = a.settleSets(names, rows)
	case gap >= 0:
		a.err = fail("drop samples without a label, or fill them in", "%s: there is no label", a.place(gap))
	default:
		a.err = a.settleNames(names, rows)
	}
	return a.err
}

// settleNames numbers the names, in the order of --classes or their own.
func (a *nameArray) settleNames(names []string, rows []int) error {
	numbers, classes, err := numberClasses(names, a.loader.Classes)
	if err != nil {
		return err
	}
	classes.other = nil // there are no folders that another library would sort otherwise
	a.names = classes
	a.numbers = make([]int64, len(rows))
	for row, at := range rows {
		a.numbers[row] = int64(numbers[at])
	}
	return nil
}

// isWhole says whether a text is a whole number: the number of a class, as other files have it without quotes.
func isWhole(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}

// wholeNumbers reads the numbers that rows have for texts.
func wholeNumbers(texts []string, rows []int) []int64 {
	values, out := make([]int64, len(texts)), make([]int64, len(rows))
	for i, text := range texts {
		values[i], _ = strconv.ParseInt(text, 10, 64) // is one, see isWhole
	}
	for row, at := range rows {
		out[row] = values[at]
	}
	return out
}

// settleSets reads lists of numbers.
func (a *nameArray) settleSets(texts []string, rows []int) error {
	sets := make([][]int64, len(texts))
	for i, text := range texts {
		sets[i], _ = parseSet(text)
		a.width = max(a.width, len(sets[i]))
	}
	a.sets = make([][]int64, len(rows))
	for row, at := range rows {
		a.sets[row] = sets[at]
	}
	return nil
}

func (a *nameArray) header() (onnx.DataType, []int, error) {
	if err := a.settle(); err != nil {
		return 0, nil, err
	}
	if a.sets != nil {
		return onnx.Int64, []int{len(a.sets), a.width}, nil
	}
	return onnx.Int64, []int{len(a.numbers)}, nil
}

func (a *nameArray) floats(b *spill.Store) ([]float32, error) {
	ints, err := a.ints(b)
	if err != nil {
		return nil, err
	}
	defer spill.Free(b, ints)
	return floatsOf(ints, b)
}

func (a *nameArray) ints(b *spill.Store) ([]int64, error) {
	if err := a.settle(); err != nil {
		return nil, err
	}
	out, err := spill.Array[int64](b, max(len(a.numbers), len(a.sets)*a.width))
	if err != nil {
		return nil, storeError(err)
	}
	copy(out, a.numbers)
	for row, set := range a.sets {
		fillSet(out[row*a.width:(row+1)*a.width], set)
	}
	return out, nil
}

// nameClasses keeps the names of classes that the label has.
func (d *Data) nameClasses(p picked) {
	for i, label := range p.labels {
		a, ok := label.array.(*nameArray)
		if !ok || a.names == nil {
			continue
		}
		d.addNotes(a.names.note(label.name))
		if i == 0 {
			d.folders = a.names
		}
	}
}

// note says which class has which number.
func (c *classNames) note(label string) string {
	const most = 12
	var list []string
	for i, name := range c.names[:min(len(c.names), most)] {
		list = append(list, fmt.Sprintf("%d %.40q", i, name))
	}
	if more := len(c.names) - most; more > 0 {
		list = append(list, fmt.Sprintf("and %d more", more))
	}
	order := "in the order of their names"
	if c.given {
		order = "as --classes has them"
	}
	return fmt.Sprintf("classes of label %q, %s: %s", label, order, strings.Join(list, ", "))
}
