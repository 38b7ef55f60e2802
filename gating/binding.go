package gating

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
)

// binding says under which names a graph takes the data's inputs and gives the
// objective's outputs. Exporters number names anew in every session, so a parent may
// call by other names what the base has.
type binding struct {
	inputs  map[string]string // the graph's name of each of the data's inputs that it takes
	outputs []string          // of the objective's outputs, in their order
}

// bind finds a model's names. Names decide where the model has all of the data's, or the
// data all of the model's. Else the model is aligned with the one that the data was read
// for: inputs that feed layers which stand for each other are the same, and where that says
// nothing, those at the same places. Inputs that cannot be fed are an error of kind
// graphmatch.ErrAlign.
func (e *Evaluator) bind(m *onnx.Model) (binding, error) {
	if b, ok := e.bound[m]; ok {
		return b, nil
	}
	columns, fields := e.data.Parts()[0].Inputs, Fields(m)
	outputs := outputNames(m)
	b := binding{inputs: map[string]string{}}
	missing := false
	for _, s := range e.objective.Sources() {
		b.outputs = append(b.outputs, s.Name)
		missing = missing || !slices.Contains(outputs, s.Name)
	}
	byName := feeds(columns, fields)
	if byName && (e.base == nil || m == e.base || !missing) {
		for _, c := range columns {
			b.inputs[c.Name] = c.Name
		}
		return b, nil
	}
	inputAt, outputAt := e.places(m)
	if byName {
		inputAt = func(i int) int {
			return slices.IndexFunc(fields, func(f dataset.Field) bool { return f.Name == columns[i].Name })
		}
	}
	b.feed(columns, fields, inputAt)
	if err := unfed(m, columns, fields, b.inputs); err != nil {
		return b, err
	}
	b.read(outputs, e.objective.Sources(), outputAt)
	if e.bound != nil {
		e.bound[m] = b
	}
	return b, nil
}

// feed lets every column feed the field at its place, where that takes it.
func (b *binding) feed(columns []dataset.Column, fields []dataset.Field, place func(int) int) {
	for i, c := range columns {
		if at := place(i); at >= 0 && at < len(fields) && takes(c, fields[at]) {
			b.inputs[c.Name] = fields[at].Name
		}
	}
}

// read finds by their places those of the objective's outputs that the model does not have by name.
func (b *binding) read(outputs []string, sources []objective.Source, place func(int) int) {
	for i, s := range sources {
		if at := place(s.At); !slices.Contains(outputs, s.Name) && at >= 0 && at < len(outputs) {
			b.outputs[i] = outputs[at]
		}
	}
}

// Names says which of the data's inputs a model takes for each of its own, by their names.
// A model that does not declare inputs that the data fits is an error of kind graphmatch.ErrAlign.
func (e *Evaluator) Names(m *onnx.Model) (map[string]string, error) {
	b, err := e.bind(m)
	if err != nil {
		return nil, err
	}
	columns, fields := e.data.Parts()[0].Inputs, Fields(m)
	fit, names := maps.Clone(b.inputs), map[string]string{}
	for _, c := range columns {
		at := slices.IndexFunc(fields, func(f dataset.Field) bool { return f.Name == b.inputs[c.Name] })
		switch {
		case at < 0:
		case takes(c, fields[at]):
			names[fields[at].Name] = c.Name
		default:
			delete(fit, c.Name)
		}
	}
	return names, unfed(m, columns, fields, fit)
}

// places say which of a model's inputs and outputs stand for those of the base: -1 for none.
// Models that cannot be aligned, and those of an evaluator that knows no base, have them at the same places.
func (e *Evaluator) places(m *onnx.Model) (input, output func(int) int) {
	same := func(at int) int { return at }
	if e.base == nil {
		return same, same
	}
	a, err := graphmatch.AlignStructure([]*onnx.Model{e.base, m}, 0)
	if err != nil {
		return same, same
	}
	return func(at int) int { return a.Input(1, at) }, func(at int) int { return a.Output(1, at) }
}

// outputNames lists a graph's outputs.
func outputNames(m *onnx.Model) []string {
	var list []string
	for _, o := range m.Proto().GetGraph().GetOutput() {
		list = append(list, o.GetName())
	}
	return list
}

// feeds says whether names alone decide: every column has a field of its name, or every field a column.
func feeds(columns []dataset.Column, fields []dataset.Field) bool {
	found := 0
	for _, c := range columns {
		if slices.ContainsFunc(fields, func(f dataset.Field) bool { return f.Name == c.Name }) {
			found++
		}
	}
	return found == len(columns) || found == len(fields)
}

// takes says whether a field may be fed with a column: numbers of one kind, whatever their precision, and of one shape
// as far as the field tells.
func takes(c dataset.Column, f dataset.Field) bool {
	if c.Type.IsFloat() != f.Type.IsFloat() {
		return false
	}
	if f.Shape == nil {
		return true
	}
	return len(f.Shape) == len(c.Shape)+1 && slices.EqualFunc(f.Shape[1:], c.Shape, func(want, have int) bool {
		return want < 0 || want == have
	})
}

// unfed is the error that some of a model's inputs stand for none of the data's, nil if all do.
func unfed(m *onnx.Model, columns []dataset.Column, fields []dataset.Field, bound map[string]string) error {
	fed := map[string]bool{}
	for _, name := range bound {
		fed[name] = true
	}
	var missing []string
	for _, f := range fields {
		if !fed[f.Name] {
			missing = append(missing, fmt.Sprintf("%q (%s%v)", f.Name, f.Type, f.Shape))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	var have []string
	for _, c := range columns {
		have = append(have, fmt.Sprintf("%q (%s%v a sample)", c.Name, c.Type, c.Shape))
	}
	return advice.Errorf(graphmatch.ErrAlign,
		"merge and compare models that take the same inputs, of one shape and layout; softmerge inspect shows them",
		"%s takes %s, which is none of the data's %s", m.Path(), strings.Join(missing, ", "), strings.Join(have, ", "))
}
