package symmetry_test

import (
	"testing"

	"github.com/softmerge/softmerge/graphmatch/internal/graphtest"
)

// Operators on each element by itself keep any order. They see numbers between 0 and 1.
func TestElementwiseOperators(t *testing.T) {
	for _, op := range []string{
		"Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "Mish", "HardSwish", "Sigmoid", "HardSigmoid", "Tanh",
		"Softplus", "Softsign", "Erf", "Exp", "Log", "Sqrt", "Reciprocal", "Neg", "Abs", "Sin", "Cos", "Sign", "Round",
		"ThresholdedRelu", "Clip", "Identity", "Floor", "Ceil",
	} {
		t.Run(op, dense(true, func(d *graphtest.Builder, h string) string {
			return d.Node("op", op, []string{d.Node("unit", "Sigmoid", []string{h})})
		}, nil).check)
	}
}

// Softmax runs over the units or the samples; neither depends on the order of the units.
func TestSoftmax(t *testing.T) {
	for _, op := range []string{"Softmax", "LogSoftmax"} {
		for _, axis := range []int{0, 1, -1} {
			t.Run(join(op, " ", axis), dense(true, func(d *graphtest.Builder, h string) string {
				return d.Node("op", op, []string{h}, "axis", axis)
			}, nil).check)
		}
	}
}

// Operators that tell positions apart fix the order.
func TestOperatorsThatFixTheOrder(t *testing.T) {
	checkAll(t, map[string]network{
		"CumSum": dense(false, func(d *graphtest.Builder, h string) string {
			return d.Node("op", "CumSum", []string{h, d.Scalar("axis", 1)})
		}, nil),
		"reversing Slice": dense(false, func(d *graphtest.Builder, h string) string {
			return d.Node("op", "Slice", []string{h, d.Ints("s", -1), d.Ints("e", -1<<40), d.Ints("a", 1),
				d.Ints("st", -1)})
		}, nil),
		"Gather of units": dense(false, func(d *graphtest.Builder, h string) string {
			return d.Node("op", "Gather", []string{h, d.Ints("which", 5, 4, 3, 2, 1, 0)}, "axis", 1)
		}, nil),
		"sum with an input": dense(false, func(d *graphtest.Builder, h string) string {
			return d.Node("op", "Add", []string{h, d.Shaped("z", 2, units)})
		}, nil),
		"output": dense(false, func(d *graphtest.Builder, h string) string {
			d.Output(h)
			return d.Node("op", "Relu", []string{h})
		}, nil),
		"LRN": image(false, func(d *graphtest.Builder, h string) string {
			return d.Node("op", "LRN", []string{h}, "size", 3)
		}, nil),
		"reversed with a sum": dense(false, func(d *graphtest.Builder, h string) string {
			y := d.Node("back", "Gather", []string{h, d.Ints("which", 5, 4, 3, 2, 1, 0)}, "axis", 1)
			return d.Node("op", "Add", []string{h, y})
		}, nil),
		"pooled across units": dense(false, func(d *graphtest.Builder, h string) string {
			y := d.Node("image", "Reshape", []string{h, d.Ints("shape", 2, 1, units)})
			y = d.Node("pool", "MaxPool", []string{y}, "kernel_shape", []int64{3}, "pads", []int64{1, 1})
			return d.Node("op", "Reshape", []string{y, d.Ints("back", 2, units)})
		}, nil),
	})
}

// Parameters that are combined with the units follow their order; one number for all imposes nothing.
func TestBroadcasting(t *testing.T) {
	for _, op := range []string{"Add", "Sub", "Mul", "Div", "Max", "Min"} {
		checkAll(t, map[string]network{
			op + " vector": dense(true, func(d *graphtest.Builder, h string) string {
				return d.Node("op", op, []string{h, d.Weight("p", units)})
			}, map[string]int{"p": 0}),
			op + " first": dense(true, func(d *graphtest.Builder, h string) string {
				return d.Node("op", op, []string{d.Weight("p", 1, units), h})
			}, map[string]int{"p": 1}),
			op + " table": dense(true, func(d *graphtest.Builder, h string) string {
				return d.Node("op", op, []string{h, d.Weight("p", 2, units)})
			}, map[string]int{"p": 1}),
			op + " per sample": dense(true, func(d *graphtest.Builder, h string) string {
				return d.Node("op", op, []string{h, d.Weight("p", 2, 1)})
			}, nil),
			op + " per channel": image(true, func(d *graphtest.Builder, h string) string {
				return d.Node("op", op, []string{h, d.Weight("p", units, 1, 1)})
			}, map[string]int{"p": 0}),
			op + " per pixel": image(true, func(d *graphtest.Builder, h string) string {
				return d.Node("op", op, []string{h, d.Weight("p", 1, 4, 4)})
			}, nil),
			op + " sample of its own": dense(true, func(d *graphtest.Builder, h string) string {
				return d.Node("op", op, []string{h, d.Shaped("z", 2, 1)})
			}, nil),
		})
	}
	checkAll(t, map[string]network{
		"PRelu": dense(true, func(d *graphtest.Builder, h string) string {
			return d.Node("op", "PRelu", []string{h, d.Weight("p", units)})
		}, map[string]int{"p": 0}),
		"residual": dense(true, func(d *graphtest.Builder, h string) string {
			y := d.Node("branch", "MatMul", []string{h, d.Weight("v", units, units)})
			return d.Node("op", "Add", []string{h, y})
		}, map[string]int{"v": 0}).onBothAxesOf("v"),
		"two layers summed": dense(true, func(d *graphtest.Builder, h string) string {
			y := d.Node("second", "MatMul", []string{"x", d.Weight("v", 3, units)})
			return d.Node("op", "Add", []string{h, y})
		}, map[string]int{"v": 1}),
		"gated": dense(true, func(d *graphtest.Builder, h string) string {
			y := d.Node("second", "MatMul", []string{"x", d.Weight("v", 3, units)})
			return d.Node("op", "Mul", []string{h, d.Node("gate", "Sigmoid", []string{y})})
		}, map[string]int{"v": 1}),
	})
}

func TestNormalisations(t *testing.T) {
	vectors := func(d *graphtest.Builder, names ...string) (list []string) {
		for _, name := range names {
			list = append(list, d.Weight(name, units))
		}
		return list
	}
	positive := func(d *graphtest.Builder, name string) string {
		values := make([]float32, units)
		for i := range values {
			values[i] = 0.5 + float32(i)
		}
		return d.Tensor(name, []int{units}, values)
	}
	checkAll(t, map[string]network{
		"BatchNormalization": image(true, func(d *graphtest.Builder, h string) string {
			in := append([]string{h}, vectors(d, "s", "b", "m")...)
			return d.Node("op", "BatchNormalization", append(in, positive(d, "v")))
		}, map[string]int{"s": 0, "b": 0, "m": 0, "v": 0}),
		"InstanceNormalization": image(true, func(d *graphtest.Builder, h string) string {
			return d.Node("op", "InstanceNormalization", append([]string{h}, vectors(d, "s", "b")...))
		}, map[string]int{"s": 0, "b": 0}),
		"LayerNormalization": dense(true, func(d *graphtest.Builder, h string) string {
			return d.Node("op", "LayerNormalization", append([]string{h}, vectors(d, "s", "b")...))
		}, map[string]int{"s": 0, "b": 0}),
		"RMSNormalization": dense(true, func(d *graphtest.Builder, h string) string {
			square := d.Node("square", "Mul", []string{h, h})
			mean := d.Node("mean", "ReduceMean", []string{square, d.Ints("axes", -1)})
			sum := d.Node("sum", "Add", []string{mean, d.Tensor("eps::1", nil, []float32{1e-5})})
			y := d.Node("div", "Div", []string{h, d.Node("sqrt", "Sqrt", []string{sum})})
			return d.Node("op", "Mul", append([]string{y}, vectors(d, "s")...))
		}, map[string]int{"s": 0}),
		"GroupNormalization of one group": image(true, func(d *graphtest.Builder, h string) string {
			return d.Node("op", "GroupNormalization", append([]string{h}, vectors(d, "s", "b")...), "num_groups", 1)
		}, map[string]int{"s": 0, "b": 0}),
	})
}

// Pools, means and sums: what runs over the units does not depend on their order.
func TestReductions(t *testing.T) {
	for _, op := range []string{"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2",
		"ReduceSumSquare"} {
		over := func(axis int64, keep int) func(d *graphtest.Builder, h string) string {
			return func(d *graphtest.Builder, h string) string {
				y := d.Node("op", op, []string{h, d.Ints("axes", axis)}, "keepdims", keep)
				if keep == 0 {
					y = d.Node("back", "Unsqueeze", []string{y, d.Ints("axis", axis)})
				}
				return d.Node("sub", "Sub", []string{h, y})
			}
		}
		checkAll(t, map[string]network{
			op + " over units":           dense(true, over(1, 1), nil),
			op + " over units, dropped":  dense(true, over(-1, 0), nil),
			op + " over samples":         dense(true, over(0, 1), nil),
			op + " over samples dropped": dense(true, over(0, 0), nil),
			op + " over all": dense(true, func(d *graphtest.Builder, h string) string {
				return d.Node("sub", "Sub", []string{h, d.Node("op", op, []string{h}, "keepdims", 0)})
			}, nil),
		})
	}
	checkAll(t, map[string]network{
		// Without axes ReduceSum would run over all; told to do nothing it hands the units on.
		"no axes and nothing to do": dense(false, func(d *graphtest.Builder, h string) string {
			y := d.Node("op", "ReduceSum", []string{h}, "noop_with_empty_axes", 1)
			return d.Node("sub", "Add", []string{y, d.Shaped("z", 2, units)})
		}, nil),
		"GlobalAveragePool": image(true, func(d *graphtest.Builder, h string) string {
			return d.Node("op", "GlobalAveragePool", []string{h})
		}, nil),
		"GlobalMaxPool": image(true, func(d *graphtest.Builder, h string) string {
			return d.Node("op", "GlobalMaxPool", []string{h})
		}, nil),
		"MaxPool": image(true, func(d *graphtest.Builder, h string) string {
			return d.Node("op", "MaxPool", []string{h}, "kernel_shape", []int64{2, 2}, "strides", []int64{2, 2})
		}, nil),
		"AveragePool": image(true, func(d *graphtest.Builder, h string) string {
			return d.Node("op", "AveragePool", []string{h}, "kernel_shape", []int64{3, 3}, "pads", []int64{1, 1, 1, 1})
		}, nil),
	})
}

// Convolutions mix all channels, or each stays by itself.
func TestConvolutions(t *testing.T) {
	checkAll(t, map[string]network{
		"depthwise": image(true, func(d *graphtest.Builder, h string) string {
			return d.Node("op", "Conv", []string{h, d.Weight("v", units, 1, 3, 3), d.Weight("b", units)},
				"group", units, "pads", []int64{1, 1, 1, 1})
		}, map[string]int{"v": 0, "b": 0}),
		"ConvTranspose before": {
			size: units, free: true, count: map[string]int{"w1": 1, "b": 0, "w2": 1},
			build: func(d *graphtest.Builder) {
				h := d.Node("first", "ConvTranspose", []string{d.Shaped("x", 1, 3, 4, 4),
					d.Weight("w1", 3, units, 2, 2),
					d.Weight("b", units)}, "strides", []int64{2, 2})
				d.Output(d.Node("last", "Conv", []string{h, d.Weight("w2", 4, units, 1, 1)}))
			},
		},
		"ConvTranspose behind": {
			size: units, free: true, count: map[string]int{"w1": 0, "w2": 0},
			build: func(d *graphtest.Builder) {
				h := d.Node("first", "Conv", []string{d.Shaped("x", 1, 3, 4, 4), d.Weight("w1", units, 3, 1, 1)})
				d.Output(d.Node("last", "ConvTranspose", []string{h, d.Weight("w2", units, 4, 2, 2)}))
			},
		},
		"Gemm, all ways": {
			size: units, free: true, count: map[string]int{"w1": 0, "b1": 0, "w2": 0},
			build: func(d *graphtest.Builder) {
				h := d.Node("first", "Gemm", []string{d.Shaped("x", 2, 3), d.Weight("w1", units, 3),
					d.Weight("b1", units)},
					"transB", 1)
				d.Output(d.Node("last", "Gemm", []string{h, d.Weight("w2", units, 4)}))
			},
		},
	})
}

// onBothAxesOf says that the second axis of a matrix counts the units as its first does.
func (n network) onBothAxesOf(name string) network {
	n.both = name
	return n
}
