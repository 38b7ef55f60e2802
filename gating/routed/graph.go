package routed

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/routed/internal/surgery"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/advice"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// InputName is the name of the input that takes the task's number, followed by a number where the base uses it.
const InputName = "task_id"

// The least versions that a routed graph is written in: Where came with opset 9, BitShift, without which a mask takes a
// byte a weight, with opset 11; and before IR version 4 an input with an initializer could not be set.
const (
	leastOpset  = 9
	sizedOpset  = 10 // of heads that differ in size, by Slice with inputs
	packedOpset = 11
	leastIR     = 4
)

// All returns the base's graph with an input more, named InputName: a scalar of int64 from 0 on that says which task's
// model it is. Where a client gives none it is task 0: an initializer of the input's name says so. ONNX Runtime's
// clients in Python and C can set such an input all the same; its client for JavaScript ignores it without a word.
//
// In the graph stand, of each elected tensor, the start, the unified task vector and a byte a weight for eight tasks,
// in files before opset 11 for one:
//
//	weight = theta_0 + Where(bit t of mask, lambda_t tau, 0)
//
// and of all others a stack of every task's own, from which Gather takes one. The number of the task is the first that
// meets packed numbers: a runtime that computes what is constant when it loads the file finds nothing to expand.
//
// Errors are of kind graphmatch.ErrAlign where the base's graph cannot take such nodes.
func (e *EMR) All() (*onnx.Model, error) { return e.Bake(Form{}) }

// all is All; where the number is required the input has no default value.
func (e *EMR) all(required bool) (m *onnx.Model, input string, err error) {
	if err := e.checkGraph(); err != nil {
		return nil, "", err
	}
	r := &router{EMR: e, Writer: surgery.NewWriter(e.selection.Alignment), byType: map[onnx.DataType][2]string{}}
	r.addTask(required)
	var last *graphmatch.Layer
	for i := range e.parts {
		p := &e.parts[i]
		if p.layer != last {
			r.Reset(p.layer)
			last = p.layer
		}
		switch {
		case p.head != nil:
			r.slice(p)
			declare(r.Writer, p.head.values, anyClasses())
		case p.exact:
			r.gather(p)
		default:
			r.unmask(p)
		}
	}
	m, err = r.Model()
	return m, r.task, err
}

// Task returns the base with the weights of one task: what All computes where the input says so, as a model without
// that input.
func (e *EMR) Task(task int) (*onnx.Model, error) {
	if task < 0 || task >= len(e.tasks) {
		return nil, noTask(task, e.tasks)
	}
	w := surgery.NewWriter(e.selection.Alignment)
	var last *graphmatch.Layer
	for i := range e.parts {
		p := &e.parts[i]
		if p.layer != last {
			w.Reset(p.layer)
			last = p.layer
		}
		src := func() ([]float64, error) { return e.weights(p, task) }
		if p.head != nil {
			e.resize(w, p, task, src)
			declare(w, p.head.values, classes(p.head.rows[task]))
		} else {
			w.Set(p.name(), e.use(p), src)
		}
	}
	return w.Model()
}

// use is how the base reads a part.
func (e *EMR) use(p *part) *graphmatch.Use { return &p.param.Uses[e.selection.Alignment.Base] }

// router writes the graph of all tasks.
type router struct {
	*EMR
	*surgery.Writer
	task   string                      // the input
	left   string                      // how far a byte is shifted left so that the task's bit is its first
	seven  string                      // and then right, so that it is its last
	number string                      // which byte of a weight has the bit; "" where there is one
	byType map[onnx.DataType][2]string // by type: the task's factor, and 0
}

// addTask adds the input, and what follows from it for all tensors.
func (r *router) addTask(required bool) {
	if required {
		r.task = r.Fresh(InputName)
	} else {
		r.task = r.Constant(InputName, onnx.Int64, nil, 0)
	}
	r.Edit(onnx.AddInput(r.Graph(), scalarInput(r.task)))
	var shifts, numbers []float64
	for t := range r.tasks {
		shifts, numbers = append(shifts, float64(perByte-1-t%perByte)), append(numbers, float64(t/perByte))
	}
	if elected, _ := r.Count(); elected == 0 || !r.packed() {
		return
	}
	n := []int{len(r.tasks)}
	r.seven = r.Constant("emr.seven", onnx.Uint8, nil, perByte-1)
	r.left = r.Node("Gather", "emr.left", []string{r.Constant("emr.shifts", onnx.Uint8, n, shifts...), r.task})
	if len(r.tasks) > perByte {
		r.number = r.Node("Gather", "emr.byte", []string{r.Constant("emr.bytes", onnx.Int64, n, numbers...), r.task})
	}
}

// packed says whether a byte holds the bits of eight tasks.
func (r *router) packed() bool { return r.Base.Opset("") >= packedOpset }

// scalarInput declares the input.
func scalarInput(name string) *onnxpb.ValueInfoProto {
	dt := int32(onnx.Int64)
	return &onnxpb.ValueInfoProto{Name: &name, Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{
		TensorType: &onnxpb.TypeProto_Tensor{ElemType: &dt, Shape: &onnxpb.TensorShapeProto{}}}}}
}

// gather makes a use read the task's own of a stack.
func (r *router) gather(p *part) {
	use := r.use(p)
	t := r.Base.Tensor(use.Tensor)
	stack := r.Add(p.name()+".tasks", t.DataType(), append([]int{len(r.tasks)}, t.Shape()...),
		func() ([]float64, error) { return r.stacked(p) })
	r.Redirect(use, r.Node("Gather", p.name()+".task", []string{stack, r.task}))
	r.Drop(use)
}

// unmask makes a use read theta_0 + Where(bit, lambda tau, 0). The start takes the place of the base's tensor.
func (r *router) unmask(p *part) {
	use, name := r.use(p), p.name()
	t := r.Base.Tensor(use.Tensor)
	theta, start := use.Tensor.GetName(), func() ([]float64, error) {
		u, err := r.unite(p)
		if err != nil {
			return nil, err
		}
		return u.theta, nil
	}
	if r.Own(use.Tensor) && !r.Alignment.Shared(use) {
		r.Edit(onnx.SetValues(use.Tensor, start))
	} else {
		theta = r.Add(name+".start", t.DataType(), t.Shape(), start)
	}
	tau := r.Add(name+".tau", t.DataType(), t.Shape(), func() ([]float64, error) {
		u, err := r.unite(p)
		if err != nil {
			return nil, err
		}
		return u.tau, nil
	})
	factor := r.factor(t.DataType())
	scaled := r.Node("Mul", name+".scaled", []string{factor[0], tau})
	masked := r.Node("Where", name+".masked", []string{r.bit(p, t.Shape()), scaled, factor[1]})
	r.Redirect(use, r.Node("Add", name+".task", []string{masked, theta}))
}

// bit adds the mask of all tasks and the nodes that find the task's bit in it.
func (r *router) bit(p *part, shape []int) string {
	name, packed := p.name(), func() ([]float64, error) { return r.masks(p, perByte) }
	if !r.packed() {
		all := r.Add(name+".masks", onnx.Bool, append([]int{len(r.tasks)}, shape...),
			func() ([]float64, error) { return r.masks(p, 1) })
		return r.Node("Gather", name+".bit", []string{all, r.task})
	}
	var mask string
	if r.number == "" {
		mask = r.Add(name+".masks", onnx.Uint8, shape, packed)
	} else {
		all := append([]int{(len(r.tasks) + perByte - 1) / perByte}, shape...)
		mask = r.Node("Gather", name+".mask", []string{r.Add(name+".masks", onnx.Uint8, all, packed), r.number})
	}
	first := r.Node("BitShift", name+".first", []string{mask, r.left}, surgery.Word("direction", "LEFT"))
	last := r.Node("BitShift", name+".last", []string{first, r.seven}, surgery.Word("direction", "RIGHT"))
	return r.Node("Cast", name+".bit", []string{last}, surgery.Integer("to", int64(onnx.Bool)))
}

// factor is the task's factor and 0 in a float type.
func (r *router) factor(dt onnx.DataType) [2]string {
	if found, ok := r.byType[dt]; ok {
		return found
	}
	all := r.Constant("emr.factors."+dt.String(), dt, []int{len(r.tasks)}, r.EMR.factors...)
	r.byType[dt] = [2]string{r.Node("Gather", "emr.factor."+dt.String(), []string{all, r.task}),
		r.Constant("emr.zero."+dt.String(), dt, nil, 0)}
	return r.byType[dt]
}

// checkGraph refuses graphs that cannot take the nodes.
func (e *EMR) checkGraph() error {
	base := e.base()
	file := filepath.Base(base.Path())
	least := int64(leastOpset)
	if slices.ContainsFunc(e.parts, func(p part) bool { return p.head != nil }) {
		least = sizedOpset
	}
	if got := base.Opset(""); got < least {
		const hint = "export the models anew, or convert them with onnx.version_converter; --task writes a plain " +
			"file in any opset"
		return advice.Errorf(graphmatch.ErrAlign, hint, "%s imports opset %d: one file of all tasks needs %d", file,
			got, least)
	}
	if got := base.Proto().GetIrVersion(); got < leastIR {
		return advice.Errorf(graphmatch.ErrAlign, "export the models anew; --task writes a plain file in any version",
			"%s has IR version %d: one file of all tasks needs %d", file, got, leastIR)
	}
	inside := map[*onnxpb.NodeProto]string{}
	base.Walk(func(p onnx.Place, n *onnxpb.NodeProto) error {
		if p.Function != nil {
			inside[n] = p.Function.GetName()
		}
		return nil
	})
	for i := range e.parts {
		for _, s := range e.parts[i].param.Uses[e.selection.Alignment.Base].Sites {
			if f := inside[s.Node]; f != "" {
				return advice.Errorf(graphmatch.ErrAlign, "leave it out with --except, or inline functions first",
					"%s: the weight of %s is a constant inside the function %q, where no input reaches it", file,
					e.parts[i].name(), f)
			}
		}
		switch dt := e.dataType(&e.parts[i]); dt {
		case onnx.Float32, onnx.Float16, onnx.Float64:
		default:
			return advice.Errorf(graphmatch.ErrAlign, "convert the models to float32 or float16",
				"%s: %s has the type %s, which runtimes do not add up", file, e.parts[i].name(), dt)
		}
	}
	return nil
}

// noTask is the error that there is no task of a number.
func noTask(task int, names []string) error {
	list := ""
	for i, name := range names {
		list += fmt.Sprintf(", %d %s", i, name)
	}
	return advice.Errorf(gating.ErrOption, "name one of them by its number", "task %d: there are %s", task, list[2:])
}
