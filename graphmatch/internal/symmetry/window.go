package symmetry

import (
	"math"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// windowSizes gives the axes that a convolution's or pool's window slides over the lengths that follow from its
// attributes (ONNX Conv, opset 22); lengths that are not certain stay unknown.
func (t *tracer) windowSizes(n *flow.Node, data, out *layout, kernel []int) {
	auto := n.Attributes().String("auto_pad", "")
	if auto != "" && auto != "NOTSET" || n.Attributes().Int("ceil_mode", 0) != 0 {
		return
	}
	space := len(kernel)
	strides, dilations := n.Attributes().Ints("strides", nil), n.Attributes().Ints("dilations", nil)
	pads := n.Attributes().Ints("pads", nil)
	for i := range kernel {
		fromEnd := space - i
		in := data.at(fromEnd).size
		stride, dilation := intAt(strides, i, 1), intAt(dilations, i, 1)
		pad := intAt(pads, i, 0) + intAt(pads, i+space, 0)
		if in == 0 || stride < 1 || min(dilation, pad) < 0 || max(stride, dilation, pad, kernel[i]) > math.MaxInt16 {
			continue
		}
		if left := in + pad - dilation*(kernel[i]-1) - 1; left >= 0 {
			out.set(fromEnd, axis{size: left/stride + 1})
		}
	}
}

// intAt is a number of a list attribute, or what stands for it where the list is absent.
func intAt(list []int64, i, absent int) int {
	if i >= len(list) {
		return absent
	}
	return int(min(max(list[i], -1), math.MaxInt32))
}
