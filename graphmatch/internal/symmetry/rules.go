package symmetry

import (
	"github.com/softmerge/softmerge/graphmatch/internal/flow"
)

// rule says how an operator carries the order of axes from inputs to outputs. It returns false for arrays that it does
// not follow; their order is fixed then.
type rule func(*tracer, *flow.Node) bool

// rules are the operators that are followed.
var rules = byOperator([]operators{
	{(*tracer).same, []string{
		"Relu", "LeakyRelu", "ThresholdedRelu", "Elu", "Selu", "Celu", "Gelu", "Mish", "Swish", "HardSwish",
		"Sigmoid", "HardSigmoid", "Tanh", "Softplus", "Softsign", "Softmax", "LogSoftmax", "Shrink", "Clip",
		"Erf", "Exp", "Log", "Sqrt", "Reciprocal", "Neg", "Abs", "Sin", "Cos", "Floor", "Ceil", "Round", "Sign",
		"Not", "IsNaN", "Cast", "CastLike", "Identity", "Dropout",
	}},
	{(*tracer).elementwise, []string{
		"Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "PRelu", "Where",
		"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "And", "Or",
	}},
	{(*tracer).reduce, []string{
		"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd",
		"ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp",
	}},
	{(*tracer).conv, []string{"Conv", "com.microsoft.FusedConv"}},
	{(*tracer).convTranspose, []string{"ConvTranspose"}},
	{(*tracer).gemm, []string{"Gemm"}},
	{(*tracer).matMul, []string{"MatMul"}},
	{(*tracer).recurrent, []string{"LSTM", "GRU", "RNN"}},
	{(*tracer).channels, []string{"MaxPool", "AveragePool", "LpPool", "Resize", "Upsample"}},
	{(*tracer).globalPool, []string{"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"}},
	{(*tracer).channelNorm, []string{"BatchNormalization", "InstanceNormalization"}},
	{(*tracer).layerNorm, []string{"LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"}},
	{(*tracer).groupNorm, []string{"GroupNormalization"}},
	{(*tracer).gather, []string{"Gather"}},
	{(*tracer).flatten, []string{"Flatten"}},
	{(*tracer).reshape, []string{"Reshape"}},
	{(*tracer).transpose, []string{"Transpose"}},
	{(*tracer).squeeze, []string{"Squeeze"}},
	{(*tracer).unsqueeze, []string{"Unsqueeze"}},
	{(*tracer).concat, []string{"Concat"}},
	{(*tracer).split, []string{"Split"}},
	{(*tracer).slice, []string{"Slice"}},
	{(*tracer).expand, []string{"Expand"}},
	{(*tracer).pad, []string{"Pad"}},
	{(*tracer).vector, []string{"Shape", "Range"}},
	{(*tracer).constantOfShape, []string{"ConstantOfShape"}},
})

// operators follow one rule.
type operators struct {
	follow rule
	names  []string
}

// byOperator lists rules by operator.
func byOperator(list []operators) map[string]rule {
	table := map[string]rule{}
	for _, o := range list {
		for _, name := range o.names {
			table[name] = o.follow
		}
	}
	return table
}

// same keeps all axes.
func (t *tracer) same(n *flow.Node) bool { return t.result(n, t.input(n, 0)) }

// vector follows operators whose result is one axis in fixed order.
func (t *tracer) vector(n *flow.Node) bool { return t.result(n, ranked(1)) }

// constantOfShape follows an array of equal numbers.
func (t *tracer) constantOfShape(n *flow.Node) bool {
	if len(n.In) == 0 {
		return false
	}
	dims := t.numbers(n.In[0])
	return dims != nil && t.result(n, shaped(dims))
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
	if kernel := n.Attributes().Ints("kernel_shape", nil); len(kernel) == f.rank-2 {
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
