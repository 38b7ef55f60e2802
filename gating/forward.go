package gating

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/gating/objective"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// forward computes a model's outputs, or those of a plan's network, over batches of a data set. It
// lowers the graph once for every shape of samples and number of them that comes up.
type forward struct {
	evaluator   *Evaluator
	model       *onnx.Model
	parts       []*dataset.Data // of data, one a shape
	data        *dataset.Data
	names       map[string]string // the graph's, of the data's inputs
	batch       int               // samples a run, at most
	sizes       []int             // samples a run of each part
	fixed       bool              // the graph was exported for exactly batch samples
	padded      bool              // the last run of a part is filled up, so that one lowering serves all
	config      network.Config
	runners     *lru[run, *network.Runner]
	activations []objective.Activation // of the graph, by head, once it has run
	inputs      map[string]*network.Tensor
}

// run is what a graph is lowered for: the shape of samples of a part of the data, and a number of them.
type run struct{ part, samples int }

// forward prepares to compute an output of m over the data, batch samples a run; plan may be nil.
func (e *Evaluator) forward(m *onnx.Model, plan *Plan, batch int) (*forward, error) {
	d := e.data
	if d.Len() == 0 {
		return nil, dataErr("give at least one sample", "the data is empty")
	}
	f, err := e.bareForward(m, min(batch, d.Len()))
	if err != nil {
		return nil, err
	}
	if plan != nil {
		f.config.Params, f.config.Affine = plan.mixtures()
		f.config.Fixed = plan.fixed()
	}
	if len(f.parts) > 1 {
		f.config.Read = map[*onnxpb.TensorProto]*network.Tensor{}
	}
	if n := fixedBatch(m); n > 0 {
		f.rebatch(n)
	}
	for _, p := range f.parts {
		size := f.batch
		if !f.fixed {
			size = min(size, p.Len())
		}
		f.sizes = append(f.sizes, size)
	}
	return f, nil
}

// bareForward computes an output of m over the data as the graph stands, batch samples a run.
func (e *Evaluator) bareForward(m *onnx.Model, batch int) (*forward, error) {
	b, err := e.bind(m)
	if err != nil {
		return nil, err
	}
	return &forward{
		evaluator: e, model: m, data: e.data, parts: e.data.Parts(), batch: batch, names: b.inputs,
		config:  network.Config{Workers: e.workers, Outputs: b.outputs},
		runners: newLRU[run, *network.Runner](nil), inputs: map[string]*network.Tensor{},
	}, nil
}

// fixedBatch returns the batch size that a graph was exported for, 0 if it takes any.
func fixedBatch(m *onnx.Model) int {
	for _, f := range Fields(m) {
		if len(f.Shape) > 0 && f.Shape[0] > 0 {
			return f.Shape[0]
		}
	}
	return 0
}

// Fields returns the graph's inputs as the data has to fit them, with the sizes of the tables that their numbers look
// things up in. Inputs that have an initializer are not asked for.
func Fields(m *onnx.Model) []dataset.Field {
	g := m.Proto().GetGraph()
	given := map[string]bool{}
	for _, t := range g.GetInitializer() {
		given[t.GetName()] = true
	}
	var list []dataset.Field
	for _, in := range g.GetInput() {
		t := in.GetType().GetTensorType()
		if given[in.GetName()] {
			continue
		}
		f := dataset.Field{Name: in.GetName(), Type: onnx.DataType(t.GetElemType())}
		if t.GetShape() != nil {
			f.Shape = []int{}
			for _, d := range t.GetShape().GetDim() {
				n := -1
				if v, ok := d.GetValue().(*onnxpb.TensorShapeProto_Dimension_DimValue); ok && v.DimValue > 0 {
					n = int(v.DimValue)
				}
				f.Shape = append(f.Shape, n)
			}
		}
		list = append(list, f)
	}
	boundLookups(g, list)
	return list
}

// lower lowers the graph for samples of a part.
func (f *forward) lower(r run) (*network.Graph, error) {
	c := f.config
	c.Shapes = map[string][]int{}
	for _, col := range f.parts[r.part].Inputs {
		if name, ok := f.names[col.Name]; ok {
			c.Shapes[name] = append([]int{r.samples}, col.Shape...)
		}
	}
	g, err := network.Lower(f.model, c)
	if errors.Is(err, network.ErrShape) && openShapes(f.model) {
		return nil, dataErr("give samples of the size that the network was made for",
			"the data does not fit the graph: %v", err)
	}
	return g, err
}

// openShapes says whether the graph leaves more than the batch axis of its inputs
// to the data: then shapes that do not fit are the data's fault, not the file's.
func openShapes(m *onnx.Model) bool {
	for _, f := range Fields(m) {
		if f.Shape == nil || len(f.Shape) > 0 && slices.Contains(f.Shape[1:], -1) {
			return true
		}
	}
	return false
}

// runner returns the runner for samples of a part.
func (f *forward) runner(r run) (*network.Runner, error) {
	return f.runners.get(r, func() (*network.Runner, int64, error) {
		g, err := f.lower(r)
		if err != nil {
			return nil, 0, err
		}
		if f.activations == nil {
			for _, outputs := range f.evaluator.objective.Outputs() {
				f.activations = append(f.activations, objective.ActivationOf(g, outputs[0]))
			}
		}
		return network.NewRunner(g, f.config.Workers), g.Bytes(), nil
	})
}

// gather fills the input tensors with rows of a part. Where every run of it has
// the same number of samples, the last row is repeated to fill it.
func (f *forward) gather(part int, rows []int) map[string]*network.Tensor {
	for (f.fixed || f.padded) && len(rows) < f.sizes[part] {
		rows = append(rows[:len(rows):len(rows)], rows[len(rows)-1])
	}
	inputs := f.parts[part].Inputs
	for i := range inputs {
		if name, ok := f.names[inputs[i].Name]; ok {
			f.inputs[name] = gatherColumn(&inputs[i], rows)
		}
	}
	return f.inputs
}

// gatherColumn copies rows of a column to a tensor.
func gatherColumn(c *dataset.Column, rows []int) *network.Tensor {
	shape := append([]int{len(rows)}, c.Shape...)
	t := network.NewTensor(network.Spec{Type: c.Type, Shape: shape})
	c.Gather(rows, t.F, t.I)
	return t
}

// run computes the outputs for rows of one shape, as each head of the objective reads them.
func (f *forward) run(rows []int, c Coefficients) ([]*network.Tensor, error) {
	outs, err := f.raw(rows, c)
	if err != nil {
		return nil, err
	}
	o := f.evaluator.objective
	read := make([]*network.Tensor, len(o.Heads))
	for i, outputs := range o.Outputs() {
		from, err := f.activationOf(i, outputs[0])
		if err != nil {
			return nil, err
		}
		var own []*network.Tensor
		for _, k := range outputs {
			own = append(own, outs[k])
		}
		if read[i], err = o.Heads[i].Read(own, from); err != nil {
			return nil, err
		}
	}
	return read, nil
}

// activationOf is what a head's output is computed by. Where the graph does not tell, a few samples do, once.
func (f *forward) activationOf(head, output int) (objective.Activation, error) {
	a := &f.activations[head]
	switch h := f.evaluator.objective.Heads[head]; {
	case a.Known():
	case h.Alike(*a):
		*a = h.Activation()
	default:
		outs, err := f.evaluator.answers(f.model, objective.FormSamples)
		if err != nil {
			return *a, err
		}
		*a = h.ByNumbers(outs[output])
	}
	return *a, nil
}

// raw computes the objective's outputs for rows of one shape, and cuts off what fills a fixed batch.
func (f *forward) raw(rows []int, c Coefficients) ([]*network.Tensor, error) {
	part, local := f.data.Locate(rows)
	inputs := f.gather(part, local)
	n := len(rows)
	if f.fixed || f.padded {
		n = f.sizes[part]
	}
	r, err := f.runner(run{part, n})
	if err != nil {
		return nil, err
	}
	outs, err := r.Run(inputs, c.groups)
	if err != nil {
		return nil, err
	}
	for i := range outs {
		if outs[i], err = cut(outs[i], n, len(rows)); err != nil {
			return nil, err
		}
	}
	return outs, nil
}

// targets gathers the labels of rows of one shape, one for each head; nil where there are none.
func (f *forward) targets(rows []int) []*network.Tensor {
	part, local := f.data.Locate(rows)
	return f.targetsOf(part, local)
}

// targetsOf gathers the labels of rows of a part.
func (f *forward) targetsOf(part int, local []int) []*network.Tensor {
	list := make([]*network.Tensor, len(f.evaluator.objective.Heads))
	for i := range list {
		if label := f.parts[part].LabelAt(i); label != nil {
			list[i] = gatherColumn(label, local)
		}
	}
	return list
}

// cut returns the first rows of an output whose axis 0 counts n samples.
func cut(t *network.Tensor, n, rows int) (*network.Tensor, error) {
	if len(t.Shape) == 0 || t.Shape[0] != n {
		return nil, fmt.Errorf("the output has shape %v for %d samples, want the samples along axis 0: %w", t.Shape,
			n, network.ErrShape)
	}
	if n == rows {
		return t, nil
	}
	size := t.Len() / n
	return &network.Tensor{Type: t.Type, Shape: append([]int{rows}, t.Shape[1:]...), F: t.F[:rows*size]}, nil
}

// evenOut makes all runs over samples of one shape of one size, not larger than
// before: lowering for a short last run would read all weights a second time.
func (f *forward) evenOut() {
	if f.fixed {
		return
	}
	f.padded = true
	for i, p := range f.parts {
		runs := (p.Len() + f.sizes[i] - 1) / f.sizes[i]
		f.sizes[i] = (p.Len() + runs - 1) / runs
	}
}

// score adds up loss and metric over the data; every sample weighs the same.
func (f *forward) score(ctx context.Context, c Coefficients) (Score, error) {
	f.evenOut()
	s := newScorer(f.evaluator.objective, f.data.Len())
	for rows := range f.data.InOrder(f.sizes...) {
		if err := ctx.Err(); err != nil {
			return Score{}, err
		}
		outs, err := f.run(rows, c)
		if err != nil {
			return Score{}, err
		}
		if err := s.add(outs, f.targets(rows)); err != nil {
			return Score{}, f.misfit(err)
		}
	}
	return s.score(), nil
}

// misfit is the error of a loss that cannot be computed: where samples differ in
// shape, the labels of some of them may fit and those of others not.
func (f *forward) misfit(err error) error {
	if errors.Is(err, network.ErrShape) && len(f.parts) > 1 {
		return dataErr("give labels for each position the lengths of their samples, see softmerge help data",
			"the labels of some samples do not fit: %v", err)
	}
	return err
}
