package dataset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset/spill"
	"github.com/softmerge/softmerge/onnx"
)

// lengthsKey is the array that says how many positions of each padded sample are real; with a name and a dot before it,
// of that input or label alone.
const lengthsKey = "lengths"

// assembleCut is assemble for padded arrays that may have their lengths beside them.
func (l *loader) assembleCut(arrays []named) (*Data, error) {
	arrays, lengths := l.takeLengths(arrays)
	p, err := l.pick(arrays)
	if err != nil {
		return nil, err
	}
	d, err := l.read(p)
	if err != nil || len(lengths) == 0 {
		return d, err
	}
	c := cutter{data: d, picked: p, byName: map[string]plan{}}
	for _, a := range lengths {
		if err := c.add(a, l.store); err != nil {
			return nil, err
		}
	}
	if err := c.plan(); err != nil {
		return nil, err
	}
	return d.cut(c.cuts)
}

// takeLengths divides the arrays of a file into samples and lengths. What the graph or the user asks for by name are
// samples; without a graph nothing is symbolic and all arrays are.
func (l *loader) takeLengths(arrays []named) (samples, lengths []named) {
	for _, a := range arrays {
		asked := a.name == l.Label || slices.Contains(l.More, a.name) ||
			slices.ContainsFunc(l.Inputs, func(f Field) bool { return f.Name == a.name })
		if len(l.Inputs) > 0 && !asked && (a.name == lengthsKey || strings.HasSuffix(a.name, "."+lengthsKey)) {
			lengths = append(lengths, a)
		} else {
			samples = append(samples, a)
		}
	}
	return samples, lengths
}

// cutter finds out which columns are cut to which lengths.
type cutter struct {
	data   *Data
	picked picked
	byName map[string]plan // lengths by the name of the column they are for, "" for all
	cuts   []cut
}

// cut says which axis of a column is cut, and to what length for each sample.
type cut struct {
	column  int // in Data.columns
	axis    int // of a sample
	lengths []int64
}

// add reads an array of lengths: one integer a sample.
func (c *cutter) add(a named, b *spill.Store) error {
	p, err := planLabel(a)
	if err != nil {
		return fmt.Errorf("%q: %w", a.name, err)
	}
	n := c.data.Len()
	switch {
	case !p.Type.IsInteger() || p.Type == onnx.Bool:
		return fail("save it as integers: lengths.astype('int64')", "%q holds %s: want integers", a.name, p.Type)
	case len(p.Shape) > 0:
		return fail("give one length for each sample", "%q has shape %v: want [%d]", a.name, p.shape, n)
	case p.shape[0] != n:
		return fail("give one length for each sample, in the same order",
			"%q has %d lengths, but %q has %d samples", a.name, p.shape[0], c.data.Inputs[0].Name, n)
	}
	if err := p.fill(b); err != nil {
		return fmt.Errorf("%q: %w", a.name, err)
	}
	name := strings.TrimSuffix(strings.TrimSuffix(a.name, lengthsKey), ".")
	if name != "" && !c.knows(name) {
		return fail(didYouMean(name, c.known(), "call it "+lengthsKey+", or leave it out"),
			"%q: there is no input or label %q to cut", a.name, name)
	}
	c.byName[name] = p
	return nil
}

// known lists the names that an input or label goes by: the graph's and the file's.
func (c *cutter) known() []string {
	list := names(c.picked.inputs)
	for _, f := range c.picked.fields {
		list = append(list, f.Name)
	}
	return append(list, names(c.picked.labels)...)
}

func (c *cutter) knows(name string) bool { return slices.Contains(c.known(), name) }

// plan gives each column its cut: lengths under its own name, else those for all.
func (c *cutter) plan() error {
	for i, f := range c.picked.fields {
		lengths, own := c.lengthsOf(f.Name, c.picked.inputs[i].name)
		axis := symbolicAxis(f, len(c.data.Inputs[i].Shape))
		switch {
		case lengths == nil, axis < 0 && !own:
			continue
		case axis < 0:
			return notSymbolic(lengths.Name, f)
		}
		if err := c.use(lengths, i, axis); err != nil {
			return err
		}
	}
	if all, ok := c.byName[""]; ok && len(c.cuts) == 0 {
		return notSymbolic(all.Name, c.picked.fields...)
	}
	for i := range c.picked.labels {
		if err := c.planLabel(len(c.data.Inputs) + i); err != nil {
			return err
		}
	}
	return nil
}

// planLabel cuts a label, a column of the data, for each position as the input that it belongs to.
func (c *cutter) planLabel(column int) error {
	label := &c.data.columns()[column]
	lengths, own := c.byName[label.Name]
	switch {
	case own && len(label.Shape) == 0:
		return fail("leave it out", "%q: the label %q has one number a sample, nothing to cut", lengths.Name,
			label.Name)
	case own:
		return c.use(&lengths, column, 0)
	case len(label.Shape) == 0:
		return nil
	}
	for _, of := range c.cuts {
		if of.column < len(c.data.Inputs) && c.data.Inputs[of.column].Shape[of.axis] == label.Shape[0] {
			c.cuts = append(c.cuts, cut{column, 0, of.lengths})
			return nil
		}
	}
	return nil
}

// lengthsOf returns the lengths for an input that goes by these names, and whether they are for it alone.
func (c *cutter) lengthsOf(names ...string) (lengths *plan, own bool) {
	for _, name := range append(names, "") {
		if p, ok := c.byName[name]; ok {
			return &p, name != ""
		}
	}
	return nil, false
}

// use cuts a column to lengths that it has.
func (c *cutter) use(lengths *plan, column, axis int) error {
	of := c.data.columns()[column]
	for row, n := range lengths.Ints {
		if n < 1 || n > int64(of.Shape[axis]) {
			return fail("a length counts the leading positions of a sample that are real",
				"%q, row %d: length %d: want 1 to %d, the length that %q is padded to", lengths.Name, row, n,
				of.Shape[axis], of.Name)
		}
	}
	c.cuts = append(c.cuts, cut{column, axis, lengths.Ints})
	return nil
}

// symbolicAxis returns the first axis of a sample whose length the graph leaves open; -1 if there is none.
func symbolicAxis(f Field, rank int) int {
	if f.Shape == nil {
		return min(rank, 1) - 1
	}
	return slices.Index(f.Shape[1:], -1)
}

func notSymbolic(name string, fields ...Field) error {
	var shapes []string
	for _, f := range fields {
		shapes = append(shapes, fmt.Sprintf("%s %s", f.Name, shapeText(f.Shape)))
	}
	return fail("export the model with a symbolic sequence axis (dynamic_axes in torch.onnx.export), "+
		"or leave the lengths out",
		"%q: samples cannot be cut where no axis after the batch is symbolic: the graph wants %s", name,
		strings.Join(shapes, ", "))
}
