package dataset

import (
	"slices"
	"strconv"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
)

// noClass fills up sets of classes that are smaller than the largest.
const noClass = -1

// parseSet reads whole numbers with semicolons, commas, bars or spaces between them, in brackets or not: "3;7",
// "[3, 7]". No number is the empty set.
func parseSet(text string) (set []int64, ok bool) {
	text = strings.TrimSpace(text)
	if inner, open := strings.CutPrefix(text, "["); open {
		if text, open = strings.CutSuffix(inner, "]"); !open {
			return nil, false
		}
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(";,| \t", r) }) {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil || n < 0 {
			return nil, false
		}
		set = append(set, n)
	}
	return set, true
}

// fillSet writes a set and fills it up.
func fillSet(dst, set []int64) {
	for i := copy(dst, set); i < len(dst); i++ {
		dst[i] = noClass
	}
}

// holdsSets says whether an array has a set of classes for each sample.
func holdsSets(a array) bool {
	switch a := a.(type) {
	case *numberArray:
		return a.set
	case *nameArray:
		return a.settle() == nil && a.sets != nil
	}
	return false
}

// readSets takes labels that are lists of whole numbers of several lengths for sets of classes, unless an input's rows
// have the same lengths: then there is a label for every position.
func (l *loader) readSets(p *picked) {
	for _, label := range p.labels {
		a, ok := label.array.(*numberArray)
		if !ok || a.column.Lists() != 1 || a.column.Type().IsFloat() || a.scan() != nil || a.lengths == nil {
			continue
		}
		a.set = !slices.ContainsFunc(p.inputs, func(input named) bool {
			if of, ok := input.array.(*numberArray); ok && of.scan() != nil {
				return true // the input is refused where it is read
			}
			return slices.Equal(rowLengths(input), a.lengths)
		})
	}
}

// MultiHot returns the same data with a 0 or a 1 for each of so many classes in place of labels that are sets of
// classes: those read as such, see [Column.Sets], or equally many different whole numbers a sample. It fails with
// ErrData, naming the first row, where labels are no such sets. The inputs are shared with d.
func (d *Data) MultiHot(classes int) (*Data, error) {
	var failed error
	out := d.eachPart(func(p *Data, _ int) {
		if failed == nil {
			failed = p.multiHot(classes)
		}
	})
	return out, failed
}

// multiHot replaces the labels of samples of one shape.
func (d *Data) multiHot(classes int) error {
	c := d.Label
	if c == nil || c.Ints == nil || len(c.Shape) != 1 || classes < 1 {
		return fail("give a list of class numbers for each sample", "the labels are no sets of classes")
	}
	if d.own() > maxHot/classes {
		return fail("give fewer samples", "%d samples of %d classes are too many", d.own(), classes)
	}
	hot, err := spill.Copy[float32](d.store, d.own()*classes)
	if err != nil {
		return storeError(err)
	}
	clear(hot)
	for i, class := range c.Ints {
		row := i / c.Size()
		if class == noClass && c.Sets {
			continue
		}
		at := d.origin(row)
		if class < 0 || class >= int64(classes) {
			return fail("class numbers count from 0; check that the data belongs to these models",
				"label %q, row %d: class %d is outside of the graph's %d classes", c.Name, at.row, class, classes)
		}
		if hot[row*classes+int(class)] == 1 && !c.Sets {
			return fail("name every class of a sample once", "label %q, row %d: class %d is named twice", c.Name,
				at.row, class)
		}
		hot[row*classes+int(class)] = 1
	}
	d.Label = &Column{Name: c.Name, Type: onnx.Float32, Shape: []int{classes}, Floats: hot}
	return nil
}

// maxHot bounds the numbers that sets are written as.
const maxHot = 1 << 40
