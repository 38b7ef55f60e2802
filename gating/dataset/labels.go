package dataset

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/onnx"
)

// CheckLabels makes sure that every label is a class index in [0, classes), or one of those that are ignored. It fails
// with ErrData, naming the first row that is not, or when there is no integer label.
func (d *Data) CheckLabels(classes int, ignored ...int64) error {
	for _, p := range d.Parts() {
		if at, err := p.checkLabels(classes, ignored); err != nil && at.path != "" {
			return fmt.Errorf("%s: %w", at.path, err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// checkLabels checks the labels of samples of one shape, and says where they were read.
func (d *Data) checkLabels(classes int, ignored []int64) (at origin, err error) {
	at = d.origin(0)
	if d.Label == nil {
		return at, fail("add an array named label, or name the one to use", "there is no label")
	}
	if d.Label.Ints == nil {
		return at, fail("save class indices as integers: y.astype('int64')",
			"label %q holds %s, not class indices", d.Label.Name, d.Label.Type)
	}
	if err := d.folders.checkNumber(classes); err != nil {
		return at, err
	}
	for i, class := range d.Label.Ints {
		if (class < 0 || class >= int64(classes)) && !slices.Contains(ignored, class) {
			at = d.origin(i / d.Label.Size())
			hint := "class indices count from 0; check that the data belongs to these models"
			if class == -1 && !slices.ContainsFunc(d.Label.Ints, func(c int64) bool { return c != class }) {
				hint = "-1 stands for labels that are kept secret, as benchmarks have them for tests: take another part"
			}
			return at, fail(hint,
				"label %q, row %d: class %d is outside of the graph's %d classes", d.Label.Name, at.row, class, classes)
		}
	}
	return at, nil
}

// Labels is the number of labels.
func (d *Data) Labels() int {
	if d.Label == nil {
		return 0
	}
	return 1 + len(d.More)
}

// LabelAt returns a label of the samples of the first shape, nil if there are not so many.
func (d *Data) LabelAt(i int) *Column {
	switch {
	case i >= d.Labels():
		return nil
	case i == 0:
		return d.Label
	}
	return &d.More[i-1]
}

// OnlyLabel returns the same data with one of its labels.
func (d *Data) OnlyLabel(i int) *Data {
	return d.eachPart(func(p *Data, _ int) { p.Label, p.More = p.LabelAt(i), nil })
}

// ReplaceLabels returns the same data with one integer in place of several in its label. It fails with ErrData where
// there is no room for them.
func (d *Data) ReplaceLabels(of []int64, by int64) (*Data, error) {
	var failed error
	out := d.eachPart(func(p *Data, _ int) {
		if p.Label == nil || p.Label.Ints == nil || failed != nil {
			return
		}
		label, err := p.Label.empty(p.own(), p.store)
		if failed = err; err != nil {
			return
		}
		for at, v := range p.Label.Ints {
			if slices.Contains(of, v) {
				v = by
			}
			label.Ints[at] = v
		}
		p.Label = &label
	})
	return out, failed
}

// WithLabels returns the same data with another label: a column for each of the Parts, of as many samples, or nil.
func (d *Data) WithLabels(labels []*Column) *Data {
	return d.eachPart(func(p *Data, at int) { p.Label = labels[at] })
}

// Labelled returns the same data with one label of floats, all zeros: shapes are those of a sample in each of the
// Parts. It has memory of its own, which the caller may write to. It fails with ErrData where there is no room.
func (d *Data) Labelled(name string, shapes [][]int) (*Data, error) {
	labels := make([]*Column, len(shapes))
	for i, p := range d.Parts() {
		like := Column{Name: name, Type: onnx.Float32, Shape: shapes[i], Floats: []float32{}}
		label, err := like.empty(p.own(), p.store)
		if err != nil {
			return nil, err
		}
		labels[i] = &label
	}
	return d.eachPart(func(p *Data, at int) { p.Label, p.More = labels[at], nil }), nil
}

// WithMore returns the same data with another further label, from 0 on: a column for each of the Parts.
func (d *Data) WithMore(i int, labels []*Column) *Data {
	return d.eachPart(func(p *Data, at int) {
		p.More = slices.Clone(p.More)
		p.More[i] = *labels[at]
	})
}

// eachPart returns the same data with its parts changed; change gets a copy of each, and its place.
func (d *Data) eachPart(change func(p *Data, at int)) *Data {
	parts := d.Parts()
	for i, p := range parts {
		part := *p
		change(&part, i)
		parts[i] = &part
	}
	return united(parts)
}

// AsClasses returns the same data with class indices for its label, checked as by CheckLabels. Integers stay as they
// are; whole numbers stored as floats, shape [N] or [N,1], and one-hot rows of length classes, of any type, are
// converted. The inputs are shared with d.
func (d *Data) AsClasses(classes int) (*Data, error) {
	parts := d.Parts()
	for i, p := range parts {
		parts[i] = p.asClasses(classes)
	}
	out := united(parts)
	return out, out.CheckLabels(classes)
}

// asClasses converts the labels of samples of one shape, if they can be.
func (d *Data) asClasses(classes int) *Data {
	out := *d
	if d.Label != nil {
		label := *d.Label
		if ints, ok := label.fromOneHot(classes); ok {
			label.Ints, label.Floats, label.Shape, label.Type = ints, nil, nil, onnx.Int64
		} else if ints, ok := label.wholeNumbers(); ok {
			label.Ints, label.Floats, label.Shape, label.Type = ints, nil, nil, onnx.Int64
		}
		out.Label = &label
	}
	return &out
}

// fromOneHot returns the place of the only 1 in every row, if all else in it is 0.
func (c *Column) fromOneHot(classes int) ([]int64, bool) {
	if !slices.Equal(c.Shape, []int{classes}) || classes < 2 {
		return nil, false
	}
	out := make([]int64, c.Len())
	for row := range out {
		ones, zeros := 0, 0
		for class := range classes {
			switch c.at(row*classes + class) {
			case 0:
				zeros++
			case 1:
				ones++
				out[row] = int64(class)
			}
		}
		if ones != 1 || zeros != classes-1 {
			return nil, false
		}
	}
	return out, true
}

// wholeNumbers converts one float a sample, if every one is whole.
func (c *Column) wholeNumbers() ([]int64, bool) {
	if c.Floats == nil || c.Size() != 1 {
		return nil, false
	}
	out := make([]int64, len(c.Floats))
	for i, v := range c.Floats {
		whole, ok := wholeNumber(float64(v))
		if !ok {
			return nil, false
		}
		out[i] = whole
	}
	return out, true
}

func (c *Column) at(i int) float64 {
	if c.Floats != nil {
		return float64(c.Floats[i])
	}
	return float64(c.Ints[i])
}
