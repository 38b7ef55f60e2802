package gating

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/dataset"
	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// Score is how good a model is on some data.
type Score struct {
	Loss    float64 // mean over the samples
	Metric  float64
	Samples int
}

// Finite says whether the loss is a finite number.
func (s Score) Finite() bool { return !math.IsNaN(s.Loss) && !math.IsInf(s.Loss, 0) }

// forward runs a model, or a plan's network, over batches of a data set. It
// lowers the graph once for every batch length that comes up.
type forward struct {
	model   *onnx.Model
	data    *dataset.Data
	batch   int  // samples a run
	fixed   bool // the graph was exported for exactly batch samples
	padded  bool // the last run is filled up, so that one lowering serves all
	config  network.Config
	runners map[int]*network.Runner
	inputs  map[string]*network.Tensor
}

// newForward prepares to compute one output of m over d; plan may be nil.
func newForward(m *onnx.Model, d *dataset.Data, output string, batch int, plan *Plan, w *kernel.Workers) (*forward, error) {
	if d.Len() == 0 {
		return nil, dataErr("give at least one sample", "the data is empty")
	}
	f := &forward{model: m, data: d, batch: min(batch, d.Len()), runners: map[int]*network.Runner{}, inputs: map[string]*network.Tensor{}}
	f.config.Workers, f.config.Outputs = w, []string{output}
	if plan != nil {
		f.config.Params, f.config.Affine = plan.mixtures()
		f.config.Fixed = plan.fixed()
	}
	if n := fixedBatch(m); n > 0 && (n >= f.batch || !widens(m, d, output, n, f.batch, w)) {
		f.batch, f.fixed = n, true
	}
	return f, nil
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

// Fields returns the graph's inputs as the data has to fit them. Inputs that have an initializer are not asked for.
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
	return list
}

// lower lowers the graph for n samples.
func (f *forward) lower(n int) (*network.Graph, error) {
	c := f.config
	c.Shapes = map[string][]int{}
	for _, col := range f.data.Inputs {
		c.Shapes[col.Name] = append([]int{n}, col.Shape...)
	}
	g, err := network.Lower(f.model, c)
	if errors.Is(err, network.ErrShape) && openShapes(f.model) {
		return nil, dataErr("give samples of the size that the network was made for", "the data does not fit the graph: %v", err)
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

// runner returns the runner for n samples.
func (f *forward) runner(n int) (*network.Runner, error) {
	if r := f.runners[n]; r != nil {
		return r, nil
	}
	g, err := f.lower(n)
	if err != nil {
		return nil, err
	}
	f.runners[n] = network.NewRunner(g, f.config.Workers)
	return f.runners[n], nil
}

// gather fills the input tensors with rows. Where every run has the same number
// of samples, the last row is repeated to fill it.
func (f *forward) gather(rows []int) map[string]*network.Tensor {
	for (f.fixed || f.padded) && len(rows) < f.batch {
		rows = append(rows[:len(rows):len(rows)], rows[len(rows)-1])
	}
	for i := range f.data.Inputs {
		f.inputs[f.data.Inputs[i].Name] = gatherColumn(&f.data.Inputs[i], rows)
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

// run computes the output for rows, and cuts off what fills a fixed batch.
func (f *forward) run(rows []int, coeffs [][]float64) (*network.Tensor, error) {
	inputs := f.gather(rows)
	n := len(rows)
	if f.fixed || f.padded {
		n = f.batch
	}
	r, err := f.runner(n)
	if err != nil {
		return nil, err
	}
	outs, err := r.Run(inputs, coeffs)
	if err != nil {
		return nil, err
	}
	return cut(outs[0], n, len(rows))
}

// cut returns the first rows of an output whose axis 0 counts n samples.
func cut(t *network.Tensor, n, rows int) (*network.Tensor, error) {
	if len(t.Shape) == 0 || t.Shape[0] != n {
		return nil, fmt.Errorf("the output has shape %v for %d samples, want the samples along axis 0: %w", t.Shape, n, network.ErrShape)
	}
	if n == rows {
		return t, nil
	}
	size := t.Len() / n
	return &network.Tensor{Type: t.Type, Shape: append([]int{rows}, t.Shape[1:]...), F: t.F[:rows*size]}, nil
}

// Evaluate runs a model over all samples of the data. Errors come from lowering
// (network.ErrUnsupported, network.ErrShape), from labels that do not fit, or
// from the context.
func Evaluate(ctx context.Context, m *onnx.Model, d *dataset.Data, obj Objective, batch int, w *kernel.Workers) (Score, error) {
	f, err := newForward(m, d, obj.Output, batch, nil, w)
	if err != nil {
		return Score{}, err
	}
	return f.score(ctx, obj, nil)
}

// evenOut makes all runs over the data of one size, not larger than before:
// lowering for a short last run would read all weights a second time.
func (f *forward) evenOut() {
	if !f.fixed {
		runs := (f.data.Len() + f.batch - 1) / f.batch
		f.batch, f.padded = (f.data.Len()+runs-1)/runs, true
	}
}

// score adds up loss and metric over the data.
func (f *forward) score(ctx context.Context, obj Objective, coeffs [][]float64) (Score, error) {
	f.evenOut()
	metric := obj.Metric.new(obj.Metric.axis)
	s := Score{Samples: f.data.Len()}
	for rows := range f.data.InOrder(f.batch) {
		if err := ctx.Err(); err != nil {
			return Score{}, err
		}
		out, err := f.run(rows, coeffs)
		if err != nil {
			return Score{}, err
		}
		target := gatherColumn(f.data.Label, rows)
		loss, err := obj.Loss.Value(out, target)
		if err != nil {
			return Score{}, fmt.Errorf("%w", err)
		}
		s.Loss += loss * float64(len(rows)) / float64(s.Samples)
		metric.add(out, target)
	}
	s.Metric = metric.value()
	return s, nil
}
