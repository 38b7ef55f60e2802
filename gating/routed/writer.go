package routed

import (
	"fmt"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// writer collects edits of the base.
type writer struct {
	alignment *graphmatch.Alignment
	base      *onnx.Model
	taken     map[string]bool              // names in the base's graph and its bodies
	own       map[*onnxpb.TensorProto]bool // initializers of the main graph
	inputs    map[string]bool              // of the main graph
	edits     []onnx.Edit
}

// newWriter begins with no edits.
func newWriter(a *graphmatch.Alignment) *writer {
	base := a.Models[a.Base]
	w := &writer{alignment: a, base: base, taken: graphmatch.Names(base), own: map[*onnxpb.TensorProto]bool{},
		inputs: map[string]bool{}}
	g := base.Proto().GetGraph()
	for _, t := range g.GetInitializer() {
		w.own[t] = true
	}
	for _, in := range g.GetInput() {
		w.inputs[in.GetName()], w.taken[in.GetName()] = true, true
	}
	return w
}

// model is the base with the edits.
func (w *writer) model() (*onnx.Model, error) {
	if len(w.edits) == 0 {
		return w.base, nil
	}
	return w.base.With(w.edits...)
}

// fresh makes a name unique in the base by a number.
func (w *writer) fresh(name string) string {
	unique := name
	for n := 2; w.taken[unique]; n++ {
		unique = fmt.Sprintf("%s%d", name, n)
	}
	w.taken[unique] = true
	return unique
}

// graph is the base's main graph.
func (w *writer) graph() *onnxpb.GraphProto { return w.base.Proto().GetGraph() }

// add adds an initializer, and returns its name.
func (w *writer) add(name string, dt onnx.DataType, shape []int, src onnx.Source) string {
	name = w.fresh(name)
	w.edits = append(w.edits, onnx.AddInitializer(w.graph(), name, dt, shape, src))
	return name
}

// constant adds an initializer of numbers at hand.
func (w *writer) constant(name string, dt onnx.DataType, shape []int, values ...float64) string {
	return w.add(name, dt, shape, func() ([]float64, error) { return values, nil })
}

// node adds a node at the beginning of the graph, behind those added before it, and returns the name of its output.
func (w *writer) node(op, name string, in []string, attributes ...*onnxpb.AttributeProto) string {
	name = w.fresh(name)
	n := &onnxpb.NodeProto{OpType: &op, Name: &name, Input: in, Output: []string{name}, Attribute: attributes}
	w.edits = append(w.edits, onnx.AddNode(w.graph(), w.graph().GetNode()[0], n))
	return name
}

// set gives a tensor of the base that a use reads new values. A tensor that others read, too, is left to them, and the
// use's sites read a new one.
func (w *writer) set(name string, use *graphmatch.Use, src onnx.Source) {
	if !w.alignment.Shared(use) {
		w.edits = append(w.edits, onnx.SetValues(use.Tensor, src))
		return
	}
	t := w.base.Tensor(use.Tensor)
	w.redirect(use, w.add(name, t.DataType(), t.Shape(), src))
}

// redirect makes a use's sites read another value.
func (w *writer) redirect(use *graphmatch.Use, name string) {
	for _, s := range use.Sites {
		w.edits = append(w.edits, onnx.SetInput(s.Node, s.Input, name))
	}
}

// drop removes a use's tensor, which its sites read no more, unless others do or a client may set it.
func (w *writer) drop(use *graphmatch.Use) {
	if w.own[use.Tensor] && !w.inputs[use.Tensor.GetName()] && !w.alignment.Shared(use) {
		w.edits = append(w.edits, onnx.DropInitializer(use.Tensor))
	}
}

// reset fills the tensors of the base that merged layers need at fixed numbers (see graphmatch.Reset).
func (w *writer) reset(l *graphmatch.Layer) {
	for i := range l.Resets {
		r := &l.Resets[i]
		n := w.base.Tensor(r.Use.Tensor).Len()
		w.set(l.Name+"."+r.Use.Name, &r.Use, func() ([]float64, error) {
			v := make([]float64, n)
			for i := range v {
				v[i] = r.Number
			}
			return v, nil
		})
	}
}

// integer is an attribute of one number.
func integer(name string, v int64) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: &name, Type: onnxpb.AttributeProto_INT.Enum(), I: &v}
}

// word is an attribute of text.
func word(name, v string) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: &name, Type: onnxpb.AttributeProto_STRING.Enum(), S: []byte(v)}
}
