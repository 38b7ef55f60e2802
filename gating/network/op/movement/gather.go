package movement

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
)

// gatherOps read elements or rows of a tensor by index.
var gatherOps = op.Family{
	op.WithGradient("Gather", 1, buildGather),
	op.WithGradient("GatherElements", 11, buildGatherElements),
	op.WithGradient("GatherND", 11, buildGatherND),
	op.WithGradient("com.microsoft.GatherND", 1, buildGatherND),
}

// locator turns a tensor of indices into the offsets, in elements, of the runs
// that they name in a tensor of data.
type locator interface {
	locate(index []int64, at []int) error
}

// runs is where the runs of a gather or scatter are: count of them, run elements
// each, at offsets that are found anew in every pass unless the indices are known.
type runs struct {
	locator
	run, count int
	known      bool
	at         []int
}

// newRuns returns count runs of the data of input 0 that the indices of input 1 name.
func newRuns(c *op.Call, l locator, run, count int) *runs {
	return &runs{locator: l, run: run, count: count, known: c.In[1].Const != nil}
}

// find brings the offsets up to date with the indices.
func (r *runs) find(index *op.Tensor) error {
	if r.known && r.at != nil {
		return nil
	}
	at := r.at
	r.at = nil
	if at == nil {
		at = make([]int, r.count)
	}
	if err := r.locate(index.I, at); err != nil {
		return err
	}
	r.at = at
	return nil
}

// gather copies the runs that its indices name.
type gather struct{ *runs }

// Forward copies the runs.
func (op gather) Forward(x *op.Context, in, out []*op.Tensor) error {
	if err := op.find(in[1]); err != nil {
		return err
	}
	if out[0].Spec().IsFloat() {
		kernel.GatherRuns(x.Workers, out[0].F, in[0].F, op.at, op.run)
	} else {
		kernel.GatherRuns(x.Workers, out[0].I, in[0].I, op.at, op.run)
	}
	return nil
}

// Backward adds the runs of dy to where they were read.
func (op gather) Backward(x *op.Context, _, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	if err := op.find(in[1]); err != nil {
		return err
	}
	clear(dx.F)
	kernel.ScatterAddRuns(x.Workers, dx.F, dy.F, op.at, op.run)
	return nil
}

// checkIndices returns an error unless input i holds integers.
func checkIndices(c *op.Call, i int) error {
	if err := c.Need(i + 1); err != nil {
		return err
	}
	if !c.In[i].Type.IsInteger() {
		return c.ShapeError("input %d is %s, want integer indices", i, c.In[i].Spec)
	}
	return nil
}

// resolveIndex returns an index of an axis of n counted from 0; position k is only for the message.
func resolveIndex(index int64, n, k int) (int, error) {
	if index < int64(-n) || index >= int64(n) {
		return 0, fmt.Errorf("index %d at position %d of the indices is out of range: want %d to %d", index, k, -n, n-1)
	}
	if index < 0 {
		index += int64(n)
	}
	return int(index), nil
}

// alongAxis locates the rows that indices name along one axis: outer blocks of n rows of run elements.
type alongAxis struct{ outer, n, run int }

func (l alongAxis) locate(index []int64, at []int) error {
	for k, v := range index {
		i, err := resolveIndex(v, l.n, k)
		if err != nil {
			return err
		}
		for o := range l.outer {
			at[o*len(index)+k] = (o*l.n + i) * l.run
		}
	}
	return nil
}

// buildGather puts the indices' axes in place of one axis of the data; negative indices since opset 11.
func buildGather(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := checkIndices(c, 1); err != nil {
		return nil, nil, err
	}
	data, index := c.In[0].Shape, c.In[1].Shape
	axis, err := c.Axis("axis", 0, len(data))
	if err != nil {
		return nil, nil, err
	}
	l := alongAxis{op.SizeOf(data[:axis]), data[axis], op.SizeOf(data[axis+1:])}
	spec := op.Spec{Type: c.In[0].Type, Shape: slices.Concat(data[:axis], index, data[axis+1:])}
	return gather{newRuns(c, l, l.run, l.outer*op.SizeOf(index))}, []op.Spec{spec}, nil
}

// alongElements locates for each element of the indices the element of the data
// in the same place but for one axis, where the index says.
type alongElements struct {
	axis                int
	shape               []int // of the indices
	dataShape, dataStep []int
}

func (l alongElements) locate(index []int64, at []int) error {
	place := make([]int, len(l.shape))
	n := l.dataShape[l.axis]
	for k, v := range index {
		i, err := resolveIndex(v, n, k)
		if err != nil {
			return err
		}
		to := i * l.dataStep[l.axis]
		for d, p := range place {
			if d != l.axis {
				to += p * l.dataStep[d]
			}
		}
		at[k] = to
		op.Advance(place, l.shape)
	}
	return nil
}

// newAlongElements checks data (input 0) and indices (input 1) of GatherElements and ScatterElements.
func newAlongElements(c *op.Call) (*runs, error) {
	if err := checkIndices(c, 1); err != nil {
		return nil, err
	}
	data, index := c.In[0].Shape, c.In[1].Shape
	axis, err := c.Axis("axis", 0, len(data))
	if err != nil {
		return nil, err
	}
	fits := len(index) == len(data)
	for d := range min(len(index), len(data)) {
		fits = fits && (d == axis || index[d] <= data[d])
	}
	if !fits {
		return nil, c.ShapeError("indices of shape %v do not lie within data of shape %v", index, data)
	}
	return newRuns(c, alongElements{axis, index, data, op.StridesOf(data)}, 1, op.SizeOf(index)), nil
}

// buildGatherElements reads one element of the data for each index.
func buildGatherElements(c *op.Call) (op.Operator, []op.Spec, error) {
	r, err := newAlongElements(c)
	if err != nil {
		return nil, nil, err
	}
	return gather{r}, []op.Spec{{Type: c.In[0].Type, Shape: c.In[1].Shape}}, nil
}

// alongTuples locates blocks of the data by the first axes' indices: each batch
// of the data is addressed by its own per tuples of depth indices.
type alongTuples struct {
	batch, per int   // batches, and tuples in each
	shape      []int // axes of the data that a tuple indexes
	run        int
}

func (l alongTuples) locate(index []int64, at []int) error {
	depth, block := len(l.shape), op.SizeOf(l.shape)
	for t := range l.batch * l.per {
		to := t / max(1, l.per) * block
		step := block
		for d, n := range l.shape {
			i, err := resolveIndex(index[t*depth+d], n, t*depth+d)
			if err != nil {
				return err
			}
			step /= n
			to += i * step
		}
		at[t] = to * l.run
	}
	return nil
}

// newAlongTuples checks data (input 0) and index tuples (input 1, along its last axis) of GatherND and ScatterND. Data
// and indices share the first batch axes.
func newAlongTuples(c *op.Call, batch int64) (*runs, error) {
	if err := checkIndices(c, 1); err != nil {
		return nil, err
	}
	data, index := c.In[0].Shape, c.In[1].Shape
	if len(index) == 0 || batch < 0 || batch >= int64(min(len(data)+1, len(index))) {
		return nil, c.ShapeError("data of shape %v and indices of shape %v with %d batch axes", data, index, batch)
	}
	b, depth := int(batch), index[len(index)-1]
	if !slices.Equal(data[:b], index[:b]) || b+depth > len(data) {
		return nil,
			c.ShapeError("indices of shape %v with %d batch axes do not address data of shape %v", index, b, data)
	}
	l := alongTuples{op.SizeOf(data[:b]), op.SizeOf(index[b : len(index)-1]),
		data[b : b+depth], op.SizeOf(data[b+depth:])}
	return newRuns(c, l, l.run, l.batch*l.per), nil
}

// buildGatherND reads one block of the data for each tuple of indices; batch_dims since opset 12.
func buildGatherND(c *op.Call) (op.Operator, []op.Spec, error) {
	batch := c.Int("batch_dims", 0)
	r, err := newAlongTuples(c, batch)
	if err != nil {
		return nil, nil, err
	}
	data, index := c.In[0].Shape, c.In[1].Shape
	depth := index[len(index)-1]
	shape := slices.Concat(index[:len(index)-1], data[int(batch)+depth:])
	return gather{r}, []op.Spec{{Type: c.In[0].Type, Shape: shape}}, nil
}

// GradientReads says what Backward reads.
func (gather) GradientReads(_, _ int) op.Reads { return op.Reads{In: []int{1}} }
