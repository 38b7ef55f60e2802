package reduction

import (
	"math"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// intReduce is a reduction of integers or bools: exact where the result is an
// integer, else computed in float64 and cut towards zero.
type intReduce struct {
	kind     *reduceKind
	geometry *kernel.Reduction
	dtype    onnx.DataType
}

// Forward computes the reduction.
func (r *intReduce) Forward(_ *op.Context, in, out []*op.Tensor) error {
	exact, real := make([]int64, len(out[0].I)), make([]float64, len(out[0].I))
	for o := range exact {
		exact[o] = r.identity()
	}
	from, back := in[0].I, int64(0)
	if r.dtype == onnx.Uint64 && (r.kind == reduceMax || r.kind == reduceMin) {
		from, back = op.Comparable64(in[0]), -1<<63
	}
	r.geometry.EachRun(nil, func(i, o, n int, row bool) {
		for _, v := range from[i : i+n] {
			exact[o] = r.join(exact[o], v)
			real[o] += r.term(float64(v))
			if row {
				o++
			}
		}
	})
	for o, v := range exact {
		out[0].I[o] = op.WrapInt(r.dtype, r.finish(v, real[o])+back)
	}
	return nil
}

// identity is the reduction of nothing.
func (r *intReduce) identity() int64 {
	low, high := op.IntRange(r.dtype)
	switch r.kind {
	case reduceProd:
		return 1
	case reduceMax:
		return low
	case reduceMin:
		return high
	}
	return 0
}

// join adds one element to what is reduced so far.
func (r *intReduce) join(acc, v int64) int64 {
	switch r.kind {
	case reduceProd:
		return acc * v
	case reduceMax:
		return max(acc, v)
	case reduceMin:
		return min(acc, v)
	case reduceL1:
		if r.dtype == onnx.Uint64 {
			return acc + v
		}
		return acc + max(v, -v)
	case reduceSumSquare, reduceL2:
		return acc + v*v
	}
	return acc + v
}

// term is what an element adds to the float64 sum.
func (r *intReduce) term(v float64) float64 {
	if r.kind == reduceLogSumExp {
		return math.Exp(v)
	}
	return 0
}

// finish makes the result from the exact sum and the float64 one.
func (r *intReduce) finish(exact int64, real float64) int64 {
	switch r.kind {
	case reduceMean:
		return exact / int64(max(1, r.geometry.Count()))
	case reduceL2:
		return int64(math.Sqrt(float64(exact)))
	case reduceLogSum:
		return int64(math.Log(float64(exact)))
	case reduceLogSumExp:
		return int64(math.Log(real))
	}
	return exact
}
