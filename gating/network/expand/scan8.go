package expand

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// batchedScan is a Scan of opset 8: every input has a batch axis first and is scanned along the next, each sample by
// itself.
type batchedScan struct {
	body      *onnxpb.GraphProto
	states    []*ir.Value
	scanned   []*ir.Value
	backwards []bool
	lengths   []int // slices of each sample
	most      int   // slices of the scanned inputs
}

// expandBatchedScan unrolls it. Input 0 is how many slices each sample has, all where it is absent; rows behind a
// sample's last are zeros.
func expandBatchedScan(c *Call) error {
	b, err := c.batchedScan()
	if err != nil {
		return err
	}
	s := newBuilder(c)
	rows := make([][]*ir.Value, len(b.body.GetOutput())) // outputs of all samples
	for n := range b.lengths {
		outs, err := b.sample(s, n)
		if err != nil {
			return err
		}
		for k, v := range outs {
			rows[k] = append(rows[k], s.op("Unsqueeze", nil, v, intValue(0, 1)))
		}
	}
	return s.bind(each(rows, func(list []*ir.Value) *ir.Value { return s.concat(0, list...) })...)
}

// batchedScan reads the attributes and holds them against inputs and body.
func (c *Call) batchedScan() (*batchedScan, error) {
	n := int(c.Int("num_scan_inputs", 0))
	b := &batchedScan{body: c.Attr("body").GetG()}
	if b.body == nil || n < 1 || n > len(c.In)-1 || len(b.body.GetOutput()) < len(c.In)-1-n {
		return nil,
			c.Invalid("it has no body, or one that does not fit %d inputs with num_scan_inputs %d", len(c.In), n)
	}
	for i := 1; i < len(c.In); i++ {
		if !c.Has(i) || len(c.In[i].Shape) == 0 {
			return nil, c.ShapeError("input %d is missing or a scalar", i)
		}
	}
	from := len(c.In) - n
	b.states, b.scanned = valuesOf(c.Values[1:from]), valuesOf(c.Values[from:])
	first := b.scanned[0].Spec.Shape
	for i, v := range b.scanned {
		if x := v.Spec.Shape; len(x) < 2 || x[0] != first[0] || x[1] != first[1] {
			return nil,
				c.ShapeError("scanned input %d has shape %v, want batch and sequence axes first as in %v", i, x, first)
		}
	}
	directions := c.IntList("directions", make([]int64, n))
	if len(directions) != n || first[0] == 0 || first[0]*first[1] > maxTrips {
		return nil, c.Unsupported("%d directions for %d inputs with %d samples of %d slices",
			len(directions), n, first[0], first[1])
	}
	b.backwards = each(directions, func(v int64) bool { return v != 0 })
	b.most = first[1]
	b.lengths = slices.Repeat([]int{b.most}, first[0])
	return b, b.readLengths(c.Call)
}

// readLengths reads sequence_lens.
func (b *batchedScan) readLengths(c *op.Call) error {
	if !c.Has(0) {
		return nil
	}
	list, err := c.Ints(0)
	if err != nil {
		return err
	}
	if len(list) != len(b.lengths) {
		return c.ShapeError("%d lengths for %d samples", len(list), len(b.lengths))
	}
	for i, v := range list {
		if v < 1 || v > int64(b.most) {
			return c.ShapeError("sample %d has length %d of %d slices", i, v, b.most)
		}
		b.lengths[i] = int(v)
	}
	return nil
}

// sample lowers one sample: its last states, and its scanned outputs with a sequence axis first.
func (b *batchedScan) sample(s *builder, n int) ([]*ir.Value, error) {
	pick := func(v *ir.Value, i int) *ir.Value {
		return s.op("Gather", []*onnxpb.AttributeProto{axisAttribute(0)}, v, intValue(int64(i)))
	}
	states := each(b.states, func(v *ir.Value) *ir.Value { return pick(v, n) })
	parts := make([][]*ir.Value, len(b.body.GetOutput())-len(states))
	for i := range b.lengths[n] {
		in := slices.Clone(states)
		for k, v := range b.scanned {
			at := i
			if b.backwards[k] {
				at = b.lengths[n] - 1 - i
			}
			in = append(in, pick(pick(v, n), at))
		}
		if s.err != nil {
			return nil, s.err
		}
		outs, err := s.c.Lower.Body(b.body, in)
		if err != nil {
			return nil, fmt.Errorf("sample %d, iteration %d of node %q (Scan): %w", n, i, s.c.Name, err)
		}
		states = outs[:len(states)]
		for k, v := range outs[len(states):] {
			parts[k] = append(parts[k], s.op("Unsqueeze", nil, v, intValue(0, 1)))
		}
	}
	outs := slices.Clone(states)
	for _, list := range parts {
		outs = append(outs, b.fill(s, s.concat(0, list...)))
	}
	return outs, s.err
}

// fill adds rows of zeros behind those that a sample has.
func (b *batchedScan) fill(s *builder, v *ir.Value) *ir.Value {
	if s.err != nil || v.Spec.Shape[0] == b.most {
		return v
	}
	pads := make([]int64, 2*len(v.Spec.Shape))
	pads[len(v.Spec.Shape)] = int64(b.most - v.Spec.Shape[0])
	return s.op("Pad", nil, v, knownValue(int64Tensor([]int{len(pads)}, pads...)))
}
