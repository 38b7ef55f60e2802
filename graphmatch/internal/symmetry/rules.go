package symmetry

import (
	"slices"

	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// rules say how operators carry the order of axes from inputs to outputs. A rule returns false for forms
// that it does not follow. It is filled in by init because rules refer to tracer methods.
var rules = map[string]func(*tracer, *flow.Node) bool{}

func init() {
	for _, op := range []string{
		"Relu", "LeakyRelu", "Sigmoid", "Tanh", "Elu", "Selu", "Celu", "Softplus", "Softsign", "HardSigmoid", "HardSwish", "Mish", "Gelu", "Swish",
		"ThresholdedRelu", "Erf", "Exp", "Log", "Sqrt", "Reciprocal", "Neg", "Abs", "Sin", "Cos", "Floor", "Ceil", "Round", "Sign", "Not",
		"Clip", "Cast", "CastLike", "Softmax", "LogSoftmax", "Shrink", "IsNaN", "Identity", "Dropout",
	} {
		rules[op] = (*tracer).same
	}
	for _, op := range []string{"Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "Where", "Greater", "Less", "Equal", "PRelu", "And", "Or", "GreaterOrEqual", "LessOrEqual"} {
		rules[op] = (*tracer).elementwise
	}
	for _, op := range []string{"MaxPool", "AveragePool", "LpPool", "Resize", "Upsample"} {
		rules[op] = (*tracer).channels
	}
	for _, op := range []string{"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"} {
		rules[op] = (*tracer).globalPool
	}
	for _, op := range []string{"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp", "ReduceProd"} {
		rules[op] = (*tracer).reduce
	}
	for _, op := range []string{"Shape", "Range"} {
		rules[op] = func(t *tracer, n *flow.Node) bool { return t.result(n, ranked(1)) }
	}
	rules["ConstantOfShape"] = func(t *tracer, n *flow.Node) bool {
		if len(n.In) == 0 {
			return false
		}
		dims := t.numbers(n.In[0])
		return dims != nil && t.result(n, shaped(dims))
	}
	rules["Conv"], rules["com.microsoft.FusedConv"] = (*tracer).conv, (*tracer).conv
	rules["ConvTranspose"] = (*tracer).convTranspose
	rules["Gemm"], rules["MatMul"] = (*tracer).gemm, (*tracer).matMul
	rules["BatchNormalization"], rules["InstanceNormalization"] = (*tracer).channelNorm, (*tracer).channelNorm
	rules["GroupNormalization"] = (*tracer).groupNorm
	rules["LayerNormalization"], rules["RMSNormalization"] = (*tracer).layerNorm, (*tracer).layerNorm
	rules["SimplifiedLayerNormalization"] = (*tracer).layerNorm
	rules["Gather"] = (*tracer).gather
	rules["Flatten"], rules["Reshape"] = (*tracer).flatten, (*tracer).reshape
	rules["Transpose"] = (*tracer).transpose
	rules["Squeeze"], rules["Unsqueeze"] = (*tracer).squeeze, (*tracer).unsqueeze
	rules["Concat"], rules["Split"], rules["Slice"] = (*tracer).concat, (*tracer).split, (*tracer).slice
	rules["Expand"], rules["Pad"] = (*tracer).expand, (*tracer).pad
	rules["LSTM"], rules["GRU"], rules["RNN"] = (*tracer).recurrent, (*tracer).recurrent, (*tracer).recurrent
}

// same keeps all axes.
func (t *tracer) same(n *flow.Node) bool { return t.result(n, t.input(n, 0)) }

// elementwise combines inputs by broadcasting. The axes of parameters follow those of the data.
func (t *tracer) elementwise(n *flow.Node) bool {
	out := &layout{}
	var params []int
	for slot := range n.In {
		if t.param(n, slot) != nil {
			params = append(params, slot)
			continue
		}
		f := t.input(n, slot)
		if u := n.Unit; u != nil && n == u.Anchor && u.Op == "GroupNormalization" && n.Op == "Mul" {
			f = t.grouped(u, t.layout(u.Data[0]))
		}
		out = broadcast(out, f)
	}
	for _, slot := range params {
		t.recordVector(t.param(n, slot), out)
	}
	return t.result(n, out)
}

// broadcast combines two forms axis by axis from the end.
func broadcast(f, g *layout) *layout {
	out := &layout{rank: max(f.rank, g.rank)}
	if f.rank < 0 || g.rank < 0 {
		out.rank = -1
	}
	for i := 1; i <= max(len(f.axes), len(g.axes)); i++ {
		a, b := f.at(i), g.at(i)
		// An array of lower rank is broadcast along the axes it lacks.
		if f.rank >= 0 && i > f.rank {
			a.size = 1
		}
		if g.rank >= 0 && i > g.rank {
			b.size = 1
		}
		out.set(i, unify(a, b))
	}
	return out
}

// recordVector records a parameter that is broadcast against data: each of its axes longer than one counts
// what the data's axis counts, or units of its own where the data has one position only.
func (t *tracer) recordVector(p *flow.Param, data *layout) {
	shape := p.C.Shape
	seen := make([]axis, len(shape))
	for i, d := range shape {
		fromEnd := len(shape) - i
		a := data.at(fromEnd)
		if d == 1 && a.size != 1 {
			continue
		}
		switch {
		case len(a.segments) > 0:
			seen[i] = a.sized(d)
		case a.size == 1 && d > 1:
			seen[i] = t.newSet(&flow.Node{}, d, fromEnd)
			data.set(fromEnd, seen[i])
		case a.size == 0:
			data.set(fromEnd, axis{size: d})
		}
	}
	if data.rank >= 0 && len(shape) > data.rank {
		data.rank = len(shape)
	}
	t.record(p, seen)
}

// channels keeps the channel axis (the second) of pooling and resizing; the others are in fixed order.
func (t *tracer) channels(n *flow.Node) bool {
	f := t.input(n, 0)
	c := f.fromEnd(1)
	if c == 0 {
		return false
	}
	out := ranked(f.rank)
	for i := 1; i <= f.rank; i++ {
		switch {
		case i == c || i == f.rank:
			out.set(i, f.at(i))
		default:
			f.at(i).freeze()
		}
	}
	if kernel := flow.IntsAttr(n.Proto, "kernel_shape"); len(kernel) == f.rank-2 {
		sizes := []int{}
		for i := range kernel {
			sizes = append(sizes, intAt(kernel, i, 1))
		}
		t.windowSizes(n, f, out, sizes)
	}
	return t.result(n, out)
}

// globalPool leaves one position per channel.
func (t *tracer) globalPool(n *flow.Node) bool {
	if !t.channels(n) {
		return false
	}
	f := t.layouts[n.Out[0]]
	for i := 1; i < f.fromEnd(1); i++ {
		f.set(i, axis{size: 1})
	}
	return true
}

// reduce drops axes: sums and extremes do not depend on the order of what they run over.
func (t *tracer) reduce(n *flow.Node) bool {
	f := t.input(n, 0)
	axes, given := t.Graph.Numbers(n, "axes")
	keep := flow.IntAttr(n.Proto, "keepdims", 1) != 0
	if !given && (len(n.In) > 1 || f.rank < 0) {
		return false
	}
	drop := map[int]bool{}
	for _, a := range axes {
		i := f.fromEnd(int(a))
		if i == 0 {
			return false
		}
		drop[i] = true
	}
	if !keep && f.rank < 0 {
		return false
	}
	out := &layout{rank: f.rank}
	if !keep {
		out.rank = f.rank - len(drop)
		if !given {
			out.rank = 0
		}
	}
	next := 0
	for i := 1; i <= max(len(f.axes), slices.Max(append([]int{0}, keys(drop)...))); i++ {
		switch gone := drop[i] || !given; {
		case !gone:
			next++
			out.set(next, f.at(i))
		case keep:
			next++
			out.set(next, axis{size: 1})
		}
	}
	return t.result(n, out)
}

func keys(m map[int]bool) (list []int) {
	for k := range m {
		list = append(list, k)
	}
	return list
}
