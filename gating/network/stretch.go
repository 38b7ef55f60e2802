package network

import (
	"slices"

	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// A graph exported for a fixed number of samples has that number written into it. Config.Stretch runs it on a multiple:
// what is written grows where the data's elements need it. These are guesses at what the exporter meant; whoever sets
// Stretch has to compare what the graph computes with what it computes unstretched.

// lacksSamples says whether a Concat joins the data with something that was written for fewer samples, such as a class
// token that was expanded to their number when the graph was exported.
func (c *site) lacksSamples() bool {
	return c.rebatch > 1 && c.op() == "Concat" && slices.ContainsFunc(c.in, c.isData) && slices.ContainsFunc(c.in, c.isShort)
}

// isData says whether an input depends on the data, with axes before the one that Concat joins.
func (c *site) isData(in *input) bool {
	if in == nil || !in.fed {
		return false
	}
	axis, err := c.axis("axis", 1, len(in.Shape))
	return err == nil && axis > 0
}

// isShort says whether an input depends on no data and would hold as many samples as one that does if it were repeated.
func (c *site) isShort(in *input) bool {
	return in != nil && !in.fed && slices.ContainsFunc(c.in, func(data *input) bool {
		return c.isData(data) && len(data.Shape) == len(in.Shape) && data.Shape[0] == in.Shape[0]*c.rebatch
	})
}

// expandShortConcat repeats the inputs that lack samples.
func expandShortConcat(c *site) error {
	s := newSketch(c)
	list := make([]*value, len(c.in))
	for i, in := range c.in {
		list[i] = s.given(i)
		if !c.isShort(in) {
			continue
		}
		repeats := int64Tensor([]int{len(in.Shape)}, slices.Repeat([]int64{1}, len(in.Shape))...)
		repeats.I[0] = int64(c.rebatch)
		list[i] = s.op("Tile", nil, c.values[i], knownValue(repeats))
	}
	joined := s.op("Concat", []*onnxpb.AttributeProto{axisAttribute(c.int("axis", 1))}, list...)
	if s.err == nil {
		c.lower.Bind(0, joined)
	}
	return s.err
}
