package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// conv follows Conv (opset 22): the weight's first axis makes the output channels, its second reads the input's.
// Depthwise convolutions keep the input's channels; grouped ones keep channels within their groups.
func (t *tracer) conv(n *flow.Node) bool {
	w, data := t.param(n, 1), t.input(n, 0)
	if w == nil || len(w.C.Shape) < 3 {
		return false
	}
	rank, group := len(w.C.Shape), int(n.Attributes().Int("group", 1))
	in := data.at(rank - 1)
	out := ranked(rank)
	out.set(rank, data.at(rank))
	freezeSpace(data, rank-2)
	t.windowSizes(n, data, out, w.C.Shape[2:])
	outputs := w.C.Shape[0]
	switch {
	case group == 1:
		out.set(rank-1, t.newSet(n, outputs, rank-1))
		t.record(w, []axis{out.at(rank - 1), in.sized(w.C.Shape[1])})
	case w.C.Shape[1] == 1 && outputs == group:
		out.set(rank-1, in.sized(outputs))
		t.record(w, []axis{out.at(rank - 1)})
	default:
		a, ok := t.groupedConv(n, w, in, group)
		if !ok {
			in.freeze()
			t.record(w, nil)
		}
		out.set(rank-1, a)
	}
	t.channelBias(n, out.at(rank-1))
	return t.result(n, out)
}

// channelBias records the bias of a convolution, its third input; a bias that is no parameter fixes the channels.
func (t *tracer) channelBias(n *flow.Node, channels axis) {
	if b := t.param(n, 2); b != nil {
		t.record(b, []axis{channels})
	} else if len(n.In) > 2 && n.In[2] != nil {
		channels.freeze()
	}
}

// freezeSpace fixes the order along the spatial axes, which a kernel slides over.
func freezeSpace(data *layout, axes int) {
	for i := 1; i <= axes; i++ {
		data.at(i).freeze()
	}
}

// groupedConv splits input and output channels into the groups of a convolution, each with a block of the weight of
// its own.
func (t *tracer) groupedConv(n *flow.Node, w *flow.Param, in axis, group int) (axis, bool) {
	shape := w.C.FileShape()
	if w.C.Entry != nil || group < 2 || shape[0]%group != 0 {
		return axis{size: shape[0]}, false
	}
	rows, cols := shape[0]/group, shape[1]
	inputs, ok := in.divided(group, cols)
	out := t.newSet(n, shape[0], len(shape)-1)
	if !ok || !out.segments[0].set.split(slices.Repeat([]int{rows}, group)) {
		return axis{size: shape[0]}, false
	}
	for g, set := range out.segments[0].set.parts {
		b := &Block{Unit: t.owner[w], Param: w, Shape: append([]int{rows}, shape[1:]...)}
		b.axes = make([]axis, len(shape))
		b.First = g * b.Size()
		b.axes[0], b.axes[1] = axisOf(set, rows), inputs[g]
		t.Blocks = append(t.Blocks, b)
	}
	return out, true
}

// convTranspose follows ConvTranspose without groups (opset 22), whose weight has the input's channels first.
func (t *tracer) convTranspose(n *flow.Node) bool {
	w, data := t.param(n, 1), t.input(n, 0)
	if w == nil || len(w.C.Shape) < 3 || n.Attributes().Int("group", 1) != 1 {
		return false
	}
	rank := len(w.C.Shape)
	out := ranked(rank)
	out.set(rank, data.at(rank))
	freezeSpace(data, rank-2)
	out.set(rank-1, t.newSet(n, w.C.Shape[1], rank-1))
	t.record(w, []axis{data.at(rank - 1).sized(w.C.Shape[0]), out.at(rank - 1)})
	t.channelBias(n, out.at(rank-1))
	return t.result(n, out)
}
