package routed

import (
	"slices"

	"github.com/softmerge/softmerge/gating/routed/internal/surgery"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// sized is a head of which the tasks have different numbers of outputs.
type sized struct {
	rows   []int    // outputs, of each task
	values []string // of the base's graph, with an element for each output along their last axis
}

// classesAxis is what a file of all tasks calls the axis along which tasks have different numbers of outputs.
const classesAxis = "task_classes"

// sizedHead says of a head that differs in shape how, nil where it differs in more than the number of outputs of a
// linear layer, or where what stands behind it might count them.
func (e *EMR) sizedHead(l *graphmatch.Layer, w *walk) *sized {
	if l.Status != graphmatch.Mismatch || l.Op != "Gemm" && l.Op != "MatMul" {
		return nil
	}
	a := e.selection.Alignment
	h := &sized{rows: make([]int, len(a.Models))}
	for k := range l.Params {
		for j := range a.Models {
			n := rowsOf(a, &l.Params[k], j)
			if n < 1 || k > 0 && n != h.rows[j] {
				return nil
			}
			h.rows[j] = n
		}
	}
	if h.values = w.behind(l, a.Base); h.values == nil {
		return nil
	}
	return h
}

// rowsOf is how many outputs a parameter has in a model, 0 where it differs from the base's in anything else.
func rowsOf(a *graphmatch.Alignment, p *graphmatch.Param, model int) int {
	use, axis := &p.Uses[model], p.ChannelAxis
	if axis < 0 || !use.Reads() || use.Transposed {
		return 0
	}
	shape := a.Models[model].Tensor(use.Tensor).Shape()
	if len(shape) != len(p.Shape) || len(shape) > 2 ||
		!slices.Equal(shape[:axis], p.Shape[:axis]) || !slices.Equal(shape[axis+1:], p.Shape[axis+1:]) {
		return 0
	}
	return shape[axis]
}

// alike are operators that give each output of a layer a value of its own, however many there are.
var alike = []string{"Softmax", "LogSoftmax", "Sigmoid", "Tanh", "Relu", "Identity", "Cast"}

// behind lists the values from a layer to outputs of the graph, nil where something else than the layer's own bias and
// the operators above stands there.
func (w *walk) behind(l *graphmatch.Layer, base int) (values []string) {
	bias := map[*onnxpb.NodeProto]bool{}
	for k := range l.Params {
		for _, s := range l.Params[k].Uses[base].Sites {
			bias[s.Node] = true
		}
	}
	for n, of := range w.layers {
		if of == l {
			values = append(values, n.GetOutput()...)
		}
	}
	for at := 0; at < len(values); at++ {
		for _, n := range w.graph.GetNode() {
			if !reads(n, values[at]) {
				continue
			}
			if !slices.Contains(n.GetInput(), values[at]) || !(n.GetOpType() == "Add" && bias[n]) &&
				!slices.Contains(alike, n.GetOpType()) {
				return nil
			}
			values = append(values, n.GetOutput()...)
		}
	}
	return values
}

// reads says whether a node or one of its bodies reads a value.
func reads(n *onnxpb.NodeProto, value string) bool {
	if slices.Contains(n.GetInput(), value) {
		return true
	}
	for _, g := range onnx.Subgraphs(n) {
		if slices.ContainsFunc(g.GetNode(), func(inner *onnxpb.NodeProto) bool { return reads(inner, value) }) {
			return true
		}
	}
	return false
}

// shapeOf is a part's shape with so many outputs.
func (p *part) shapeOf(rows int) []int {
	shape := slices.Clone(p.param.Shape)
	shape[p.param.ChannelAxis] = rows
	return shape
}

// padded are all tasks' own weights at a sized part, one behind the other, with zeros in place of the outputs that a
// task has fewer than the one with most.
func (e *EMR) padded(p *part) ([]float64, error) {
	most, axis := slices.Max(p.head.rows), p.param.ChannelAxis
	inner := product(p.param.Shape[axis+1:])
	var all []float64
	for t, rows := range p.head.rows {
		v, err := e.values(p, t)
		if err != nil {
			return nil, err
		}
		for ; len(v) > 0; v = v[rows*inner:] {
			all = append(append(all, v[:rows*inner]...), make([]float64, (most-rows)*inner)...)
		}
	}
	return all, nil
}

// slice makes a use read the task's own of a stack, cut to as many outputs as the task has.
func (r *router) slice(p *part) {
	name, dt, tasks := p.name(), r.dataType(p), len(r.tasks)
	stack := r.Add(name+".tasks", dt, append([]int{tasks}, p.shapeOf(slices.Max(p.head.rows))...),
		func() ([]float64, error) { return r.padded(p) })
	var rows []float64
	for _, n := range p.head.rows {
		rows = append(rows, float64(n))
	}
	one := []int{1}
	sizes := r.Constant(name+".sizes", onnx.Int64, []int{tasks, 1}, rows...)
	end := r.Node("Gather", name+".end", []string{sizes, r.task})
	r.Redirect(r.use(p), r.Node("Slice", name+".task", []string{
		r.Node("Gather", name+".padded", []string{stack, r.task}), r.Constant(name+".begin", onnx.Int64, one, 0), end,
		r.Constant(name+".axis", onnx.Int64, one, float64(p.param.ChannelAxis))}))
	r.Drop(r.use(p))
}

// resize gives a use of the base the weights of a task that has another number of outputs.
func (e *EMR) resize(w *surgery.Writer, p *part, task int, src onnx.Source) {
	use := e.use(p)
	dt := w.Base.Tensor(use.Tensor).DataType()
	w.Redirect(use, w.Add(p.name(), dt, p.shapeOf(p.head.rows[task]), src))
	w.Drop(use)
}

// declare makes the graph say of values that their last axis is as long as dim says.
func declare(w *surgery.Writer, values []string, dim *onnxpb.TensorShapeProto_Dimension) {
	for _, v := range slices.Concat(w.Graph().GetOutput(), w.Graph().GetValueInfo()) {
		t := v.GetType().GetTensorType()
		dims := slices.Clone(t.GetShape().GetDim())
		if !slices.Contains(values, v.GetName()) || len(dims) == 0 {
			continue
		}
		dims[len(dims)-1] = dim
		name, doc, dt := v.GetName(), v.GetDocString(), t.GetElemType()
		w.Edit(onnx.SetValueInfo(w.Graph(), &onnxpb.ValueInfoProto{Name: &name, DocString: &doc,
			Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{TensorType: &onnxpb.TypeProto_Tensor{
				ElemType: &dt, Shape: &onnxpb.TensorShapeProto{Dim: dims}}}}}))
	}
}

// anyClasses is the length of an axis that depends on the task.
func anyClasses() *onnxpb.TensorShapeProto_Dimension {
	return &onnxpb.TensorShapeProto_Dimension{
		Value: &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: classesAxis}}
}

// classes is the length of an axis of one task.
func classes(n int) *onnxpb.TensorShapeProto_Dimension {
	return &onnxpb.TensorShapeProto_Dimension{
		Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: int64(n)}}
}
