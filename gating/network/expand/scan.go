package expand

import (
	"fmt"
	"slices"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// scan is a Scan as its attributes describe it (opset 9; 11 for negative axes).
type scan struct {
	body       *onnxpb.GraphProto
	states     int
	inputs     []*ir.Value
	axes       []int  // of the inputs, along which they are taken apart
	backwards  []bool // inputs that are read from their end
	outAxes    []int64
	outReverse []bool // outputs whose slices are put before the earlier ones
	length     int
}

// expandScan unrolls a Scan: its body is lowered once for every slice of the scanned inputs.
func expandScan(c *Call) error {
	if c.Opset < 9 {
		return expandBatchedScan(c)
	}
	s, err := c.scan()
	if err != nil {
		return err
	}
	states := valuesOf(c.Values[:s.states])
	parts := make([][]*ir.Value, len(s.outAxes))
	for i := range s.length {
		outs, err := s.iteration(c, i, states)
		if err != nil {
			return err
		}
		states = outs[:s.states]
		for k, v := range outs[s.states:] {
			parts[k] = append(parts[k], v)
		}
	}
	outs := slices.Clone(states)
	for k, list := range parts {
		if s.outReverse[k] {
			slices.Reverse(list)
		}
		v, err := stack(c, list, s.outAxes[k], s.body.GetOutput()[s.states+k])
		if err != nil {
			return err
		}
		outs = append(outs, v)
	}
	return bindAll(c, outs)
}

// iteration lowers the body for slice i of the scanned inputs.
func (s *scan) iteration(c *Call, i int, states []*ir.Value) ([]*ir.Value, error) {
	in := slices.Clone(states)
	for k := range s.inputs {
		v, err := s.slice(c, k, i)
		if err != nil {
			return nil, err
		}
		in = append(in, v)
	}
	outs, err := c.Lower.Body(s.body, in)
	if err != nil {
		return nil, fmt.Errorf("iteration %d of node %q (Scan): %w", i, c.Name, err)
	}
	return outs, nil
}

// scan reads the attributes and holds them against inputs and body.
func (c *Call) scan() (*scan, error) {
	s := &scan{body: c.Attr("body").GetG()}
	n := int(c.Int("num_scan_inputs", 0))
	switch {
	case s.body == nil || n < 1 || n > len(c.In) || len(s.body.GetOutput()) < len(c.In)-n:
		return nil,
			c.Invalid("it has no body, or one that does not fit %d inputs with num_scan_inputs %d", len(c.In), n)
	}
	if err := c.Need(len(c.In)); err != nil {
		return nil, err
	}
	s.states = len(c.In) - n
	outs := len(s.body.GetOutput()) - s.states
	s.outAxes = c.IntList("scan_output_axes", make([]int64, outs))
	inAxes := c.IntList("scan_input_axes", make([]int64, n))
	in := c.IntList("scan_input_directions", make([]int64, n))
	out := c.IntList("scan_output_directions", make([]int64, outs))
	if len(s.outAxes) != outs || len(inAxes) != n || len(in) != n || len(out) != outs {
		return nil, c.ShapeError("its axes and directions are for %d inputs and %d outputs, it scans %d and %d",
			len(inAxes), len(s.outAxes), n, outs)
	}
	backwards := func(v int64) bool { return v != 0 }
	s.backwards, s.outReverse = each(in, backwards), each(out, backwards)
	for k, v := range c.In[s.states:] {
		axis, err := c.CheckAxis(inAxes[k], len(v.Shape))
		if err != nil {
			return nil, err
		}
		if k > 0 && v.Shape[axis] != s.length {
			return nil, c.ShapeError("it scans %d and %d slices", s.length, v.Shape[axis])
		}
		s.length = v.Shape[axis]
		s.inputs, s.axes = append(s.inputs, c.Values[s.states+k]), append(s.axes, axis)
	}
	if s.length > maxTrips {
		return nil, c.Unsupported("it runs more than %d times", maxTrips)
	}
	return s, nil
}

// slice lowers slice i of scanned input k.
func (s *scan) slice(c *Call, k, i int) (*ir.Value, error) {
	if s.backwards[k] {
		i = s.length - 1 - i
	}
	return c.Lower.Emit("Gather",
		[]*onnxpb.AttributeProto{axisAttribute(int64(s.axes[k]))}, s.inputs[k], intValue(int64(i)))
}
