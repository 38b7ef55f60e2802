// Package surgery collects edits of a base's graph: new nodes and initializers whose names are new, and weights that
// others read too left alone.
package surgery

import (
	"fmt"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Writer collects edits of the base.
type Writer struct {
	Alignment *graphmatch.Alignment
	Base      *onnx.Model
	taken     map[string]bool              // names in the base's graph and its bodies
	own       map[*onnxpb.TensorProto]bool // initializers of the main graph
	inputs    map[string]bool              // of the main graph
	edits     []onnx.Edit
}

// NewWriter begins with no edits.
func NewWriter(a *graphmatch.Alignment) *Writer {
	base := a.Models[a.Base]
	w := &Writer{Alignment: a, Base: base, taken: graphmatch.Names(base), own: map[*onnxpb.TensorProto]bool{},
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

// Model is the base with the edits.
func (w *Writer) Model() (*onnx.Model, error) {
	if len(w.edits) == 0 {
		return w.Base, nil
	}
	return w.Base.With(w.edits...)
}

// On is another model with the edits: one that was made of the base by edits of its weights.
func (w *Writer) On(m *onnx.Model) (*onnx.Model, error) { return m.With(w.edits...) }

// Keep takes no name that a model has, which was made of the base.
func (w *Writer) Keep(m *onnx.Model) {
	for name := range graphmatch.Names(m) {
		w.taken[name] = true
	}
}

// Fresh makes a name unique in the base by a number.
func (w *Writer) Fresh(name string) string {
	unique := name
	for n := 2; w.taken[unique]; n++ {
		unique = fmt.Sprintf("%s%d", name, n)
	}
	w.taken[unique] = true
	return unique
}

// Graph is the base's main graph.
func (w *Writer) Graph() *onnxpb.GraphProto { return w.Base.Proto().GetGraph() }

// Add adds an initializer, and returns its name.
func (w *Writer) Add(name string, dt onnx.DataType, shape []int, src onnx.Source) string {
	name = w.Fresh(name)
	w.edits = append(w.edits, onnx.AddInitializer(w.Graph(), name, dt, shape, src))
	return name
}

// Constant adds an initializer of numbers at hand.
func (w *Writer) Constant(name string, dt onnx.DataType, shape []int, values ...float64) string {
	return w.Add(name, dt, shape, func() ([]float64, error) { return values, nil })
}

// Node adds a node at the beginning of the graph, behind those added before it, and returns the name of its output.
func (w *Writer) Node(op, name string, in []string, attributes ...*onnxpb.AttributeProto) string {
	return w.NodeAt(w.Graph().GetNode()[0], op, name, in, attributes...)
}

// NodeAt adds a node before one of the file, behind those added there before it, and returns the name of its output.
func (w *Writer) NodeAt(before *onnxpb.NodeProto, op, name string, in []string,
	attributes ...*onnxpb.AttributeProto) string {
	name = w.Fresh(name)
	w.edits = append(w.edits, onnx.AddNode(w.Graph(), before, newNode(op, name, in, name, attributes)))
	return name
}

// Replace puts a node in the place of one of the file, of which it gives the first output, behind nodes that were added
// before that one.
func (w *Writer) Replace(old *onnxpb.NodeProto, op string, in []string, attributes ...*onnxpb.AttributeProto) {
	w.edits = append(w.edits, onnx.DropNode(old), onnx.AddNode(w.Graph(), old,
		newNode(op, old.GetName(), in, old.GetOutput()[0], attributes)))
}

// newNode is a node with one output.
func newNode(op, name string, in []string, out string, attributes []*onnxpb.AttributeProto) *onnxpb.NodeProto {
	return &onnxpb.NodeProto{OpType: &op, Name: &name, Input: in, Output: []string{out}, Attribute: attributes}
}

// Set gives a tensor of the base that a use reads new values. A tensor that others read, too, is left to them, and the
// use's sites read a new one.
func (w *Writer) Set(name string, use *graphmatch.Use, src onnx.Source) {
	if !w.Alignment.Shared(use) {
		w.edits = append(w.edits, onnx.SetValues(use.Tensor, src))
		return
	}
	t := w.Base.Tensor(use.Tensor)
	w.Redirect(use, w.Add(name, t.DataType(), t.Shape(), src))
}

// Edit adds an edit of another kind.
func (w *Writer) Edit(e onnx.Edit) { w.edits = append(w.edits, e) }

// Own says whether a tensor is an initializer of the main graph.
func (w *Writer) Own(t *onnxpb.TensorProto) bool { return w.own[t] }

// Redirect makes a use's sites read another value.
func (w *Writer) Redirect(use *graphmatch.Use, name string) {
	for _, s := range use.Sites {
		w.edits = append(w.edits, onnx.SetInput(s.Node, s.Input, name))
	}
}

// Drop removes a use's tensor, which its sites read no more, unless others do or a client may set it.
func (w *Writer) Drop(use *graphmatch.Use) {
	if w.own[use.Tensor] && !w.inputs[use.Tensor.GetName()] && !w.Alignment.Shared(use) {
		w.edits = append(w.edits, onnx.DropInitializer(use.Tensor))
	}
}

// Reset fills the tensors of the base that merged layers need at fixed numbers (see graphmatch.Reset).
func (w *Writer) Reset(l *graphmatch.Layer) {
	for i := range l.Resets {
		r := &l.Resets[i]
		n := w.Base.Tensor(r.Use.Tensor).Len()
		w.Set(l.Name+"."+r.Use.Name, &r.Use, func() ([]float64, error) {
			v := make([]float64, n)
			for i := range v {
				v[i] = r.Number
			}
			return v, nil
		})
	}
}

// Integer is an attribute of one number.
func Integer(name string, v int64) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: &name, Type: onnxpb.AttributeProto_INT.Enum(), I: &v}
}

// Word is an attribute of text.
func Word(name, v string) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: &name, Type: onnxpb.AttributeProto_STRING.Enum(), S: []byte(v)}
}

// Integers is an attribute of several numbers.
func Integers(name string, v ...int64) *onnxpb.AttributeProto {
	return &onnxpb.AttributeProto{Name: &name, Type: onnxpb.AttributeProto_INTS.Enum(), Ints: v}
}
