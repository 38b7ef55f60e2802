package gating

import (
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/onnx"
)

// binding says under which names a graph takes the data's inputs and gives the
// objective's output. Exporters number names anew in every session, so a parent may
// call by other names what the base has at the same place.
type binding struct {
	inputs map[string]string // the graph's name of each of the data's inputs
	output string
}

// bind finds a model's names: the data's own where the model has them all, else those at
// the same places where types and shapes agree. Where neither fits, names stay as they are,
// and lowering says what is missing.
func (e *Evaluator) bind(m *onnx.Model) binding {
	columns, fields := e.data.Parts()[0].Inputs, Fields(m)
	b := binding{map[string]string{}, e.objective.Output}
	byPlace := !named(columns, fields) && slices.EqualFunc(columns, fields, takes)
	for i, c := range columns {
		b.inputs[c.Name] = c.Name
		if byPlace {
			b.inputs[c.Name] = fields[i].Name
		}
	}
	var outputs []string
	for _, o := range m.Proto().GetGraph().GetOutput() {
		outputs = append(outputs, o.GetName())
	}
	if at := e.objective.outputAt; !slices.Contains(outputs, b.output) && at < len(outputs) {
		b.output = outputs[at]
	}
	return b
}

// named says whether every column has a field of its name.
func named(columns []dataset.Column, fields []dataset.Field) bool {
	for _, c := range columns {
		if !slices.ContainsFunc(fields, func(f dataset.Field) bool { return f.Name == c.Name }) {
			return false
		}
	}
	return true
}

// takes says whether a field may be fed with a column: of one type, and of one shape as far as the field tells.
func takes(c dataset.Column, f dataset.Field) bool {
	if c.Type != f.Type {
		return false
	}
	if f.Shape == nil {
		return true
	}
	return len(f.Shape) == len(c.Shape)+1 && slices.EqualFunc(f.Shape[1:], c.Shape, func(want, have int) bool {
		return want < 0 || want == have
	})
}
