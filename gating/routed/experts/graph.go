package experts

import (
	"github.com/softmerge/softmerge/gating"
	"github.com/softmerge/softmerge/gating/routed/internal/surgery"
	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// All returns the base's graph in which every sample is computed by its own mixture of the models.
func (e *Experts) All() (*onnx.Model, error) {
	m, _, err := e.withRouter()
	return m, err
}

// withRouter is All, with the names of the router's weights and bias.
func (e *Experts) withRouter() (m *onnx.Model, names [2]string, err error) {
	m, err = e.write(func(w *surgery.Writer) (gates string) {
		gates, names = e.route(w)
		return gates
	})
	return m, names, err
}

// GatesName is the name of the input of Given, followed by a number where the base uses it.
const GatesName = "gates"

// Given returns the same graph with the gates as an input more, [B,J] numbers that should add up to one for each
// sample, in place of the nodes that compute them: for clients that know which model a sample is for. The name of the
// input is GatesName, followed by a number where the base has one of that name.
func (e *Experts) Given() (m *onnx.Model, input string, err error) {
	m, err = e.write(func(w *surgery.Writer) string {
		input = w.Fresh(GatesName)
		w.Edit(onnx.AddInput(w.Graph(), matrixInput(input, len(e.tasks))))
		return input
	})
	return m, input, err
}

// write writes the mixtures behind gates on top of the shared layers.
func (e *Experts) write(gates func(*surgery.Writer) string) (*onnx.Model, error) {
	shared, err := e.baked(e.shared, nil)
	if err != nil {
		return nil, err
	}
	w := surgery.NewWriter(e.selection.Alignment)
	w.Keep(shared)
	if w, err = e.mixed(w, gates); err != nil {
		return nil, err
	}
	return w.On(shared)
}

// Task returns the base with the weights of one model behind the gates, and the shared ones before: what All computes
// where a sample's gate of that model is 1, as a model without gates.
func (e *Experts) Task(task int) (*onnx.Model, error) {
	if task < 0 || task >= len(e.tasks) {
		return nil, e.noTask(task)
	}
	in := make([]bool, len(e.tasks))
	in[task] = true
	return e.baked(append(e.shared[:len(e.shared):len(e.shared)], e.routed...), in)
}

// baked is the base with some layers mixed: the mean of the models, and behind the gates of those that are in.
func (e *Experts) baked(layers []int, in []bool) (*onnx.Model, error) {
	a := e.selection.Alignment
	weights, err := gating.LoadWeights(&graphmatch.Selection{Alignment: a, Layers: layers})
	if err != nil {
		return nil, err
	}
	plan, err := gating.NewPlan(weights, gating.ByLayer)
	if err != nil {
		return nil, err
	}
	routed := map[string]bool{}
	for _, i := range e.routed {
		routed[a.Layers[i].Name] = true
	}
	return gating.NewMixture(plan, plan.AverageOf(func(layer string) []bool {
		if routed[layer] {
			return in
		}
		return nil
	})).Bake()
}

// head is the node before which the gates stand.
func (e *Experts) head() *onnxpb.NodeProto {
	return base(e.selection.Alignment).Proto().GetGraph().GetNode()[e.place.after+1]
}

// route adds the nodes that compute the gates: softmax of a linear map of the value, [B,d] times [d,J] and [J].
func (e *Experts) route(w *surgery.Writer) (gates string, names [2]string) {
	value := e.reduce(w)
	if e.normalises() {
		value = e.normalise(w, value)
	}
	weights, bias := logits(&e.gates)
	width, models := len(weights)/len(bias), len(bias)
	names = [2]string{w.Constant("router.weight", onnx.Float32, []int{width, models}, weights...),
		w.Constant("router.bias", onnx.Float32, []int{models}, bias...)}
	scores := w.NodeAt(e.head(), "Gemm", "router.scores", []string{value, names[0], names[1]})
	return w.NodeAt(e.head(), "Softmax", "router.gates", []string{scores}, surgery.Integer("axis", 1)), names
}

// normalise adds the nodes of a layer normalisation without scale and bias, which every opset has.
func (e *Experts) normalise(w *surgery.Writer, value string) string {
	at := e.head()
	centred := w.NodeAt(at, "Sub", "router.centred", []string{value, e.mean(w, "router.average", value, true, 1)})
	square := w.NodeAt(at, "Mul", "router.square", []string{centred, centred})
	variance := w.NodeAt(at, "Add", "router.variance", []string{e.mean(w, "router.spread", square, true, 1),
		w.Constant("router.epsilon", onnx.Float32, nil, epsilon)})
	return w.NodeAt(at, "Div", "router.normal", []string{centred, w.NodeAt(at, "Sqrt", "router.deviation",
		[]string{variance})})
}

// mean adds a mean over axes, which stay as ones where they are kept.
func (e *Experts) mean(w *surgery.Writer, name, value string, kept bool, axes ...int64) string {
	keep, in := surgery.Integer("keepdims", 0), []string{value}
	if kept {
		keep = surgery.Integer("keepdims", 1)
	}
	if w.Base.Opset("") < axesOpset {
		return w.NodeAt(e.head(), "ReduceMean", name, in, keep, surgery.Integers("axes", axes...))
	}
	numbers := make([]float64, len(axes))
	for i, a := range axes {
		numbers[i] = float64(a)
	}
	in = append(in, w.Constant("router.axes", onnx.Int64, []int{len(axes)}, numbers...))
	return w.NodeAt(e.head(), "ReduceMean", name, in, keep)
}

// axesOpset is the version from which on ReduceMean has its axes from an input.
const axesOpset = 18

// reduce adds the nodes that make a [B,d] matrix of the value: all its elements, or their means over positions.
func (e *Experts) reduce(w *surgery.Writer) string {
	switch p := e.place; {
	case p.rank == 2:
		return p.value
	case e.gates.Flat:
		return w.NodeAt(e.head(), "Flatten", "router.flat", []string{p.value}, surgery.Integer("axis", 1))
	case p.first:
		mean := w.NodeAt(e.head(), "GlobalAveragePool", "router.mean", []string{p.value})
		return w.NodeAt(e.head(), "Flatten", "router.flat", []string{mean}, surgery.Integer("axis", 1))
	default:
		var axes []int64
		for i := 1; i < p.rank-1; i++ {
			axes = append(axes, int64(i))
		}
		return e.mean(w, "router.mean", p.value, false, axes...)
	}
}

// matrixInput declares the input of gates.
func matrixInput(name string, models int) *onnxpb.ValueInfoProto {
	dt := int32(onnx.Float32)
	dims := []*onnxpb.TensorShapeProto_Dimension{
		{Value: &onnxpb.TensorShapeProto_Dimension_DimParam{DimParam: "samples"}},
		{Value: &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: int64(models)}}}
	return &onnxpb.ValueInfoProto{Name: &name, Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_TensorType{
		TensorType: &onnxpb.TypeProto_Tensor{ElemType: &dt, Shape: &onnxpb.TensorShapeProto{Dim: dims}}}}}
}
