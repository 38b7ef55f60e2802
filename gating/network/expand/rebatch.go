package expand

import (
	"slices"

	"github.com/softmerge/softmerge/gating/network/ir"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// A graph exported for a fixed number of samples has that number written into it. Config.Rebatch runs it on a multiple:
// what is written grows where the data's elements need it. These are guesses at what the exporter meant; whoever sets
// Rebatch has to compare what the graph computes with what it computes without it.

// lacksSamples says whether a Concat joins the data with something that was written for fewer samples, such as a class
// token that was expanded to their number when the graph was exported.
func (c *Call) lacksSamples() bool {
	return c.Rebatch > 1 && c.Op() == "Concat" && slices.ContainsFunc(c.In, c.isData) &&
		slices.ContainsFunc(c.In, c.isShort)
}

// isData says whether an input depends on the data, with axes before the one that Concat joins.
func (c *Call) isData(in *op.Input) bool {
	if in == nil || !in.Fed {
		return false
	}
	axis, err := c.Axis("axis", 1, len(in.Shape))
	return err == nil && axis > 0
}

// isShort says whether an input depends on no data and would hold as many samples as one that does if it were repeated.
func (c *Call) isShort(in *op.Input) bool {
	return in != nil && !in.Fed && slices.ContainsFunc(c.In, func(data *op.Input) bool {
		return c.isData(data) && len(data.Shape) == len(in.Shape) && data.Shape[0] == in.Shape[0]*c.Rebatch
	})
}

// expandShortConcat repeats the inputs that lack samples.
func expandShortConcat(c *Call) error {
	s := newBuilder(c)
	list := make([]*ir.Value, len(c.In))
	for i, in := range c.In {
		list[i] = s.given(i)
		if !c.isShort(in) {
			continue
		}
		repeats := int64Tensor([]int{len(in.Shape)}, slices.Repeat([]int64{1}, len(in.Shape))...)
		repeats.I[0] = int64(c.Rebatch)
		list[i] = s.op("Tile", nil, c.Values[i], knownValue(repeats))
	}
	joined := s.op("Concat", []*onnxpb.AttributeProto{axisAttribute(c.Int("axis", 1))}, list...)
	if s.err == nil {
		c.Lower.Bind(0, joined)
	}
	return s.err
}
