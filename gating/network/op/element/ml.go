package element

import (
	"fmt"
	"math"
	"slices"

	"github.com/softmerge/softmerge/gating/kernel"
	"github.com/softmerge/softmerge/gating/network/op"
	"github.com/softmerge/softmerge/onnx"
)

// mlOps are the operators of ai.onnx.ml that converters put before and behind networks.
var mlOps = op.Family{
	op.WithGradient("ai.onnx.ml.Scaler", 1, buildScaler),
	op.WithGradient("ai.onnx.ml.Normalizer", 1, buildNormalizer),
	op.WithZeroGradient("ai.onnx.ml.Binarizer", 1, buildBinarizer),
	op.WithGradient("ai.onnx.ml.ArrayFeatureExtractor", 1, buildFeatures),
}

// scaler is (x - offset)·scale with one or both along the last axis. The difference comes first: features may lie far
// from 0.
type scaler struct {
	sub, mul      *kernel.Broadcast
	offset, scale []float32
}

// buildScaler follows Scaler of ai.onnx.ml 1: numbers of any type become float32.
func buildScaler(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	shape := c.In[0].Shape
	s := &scaler{offset: c.Attr("offset").GetFloats(), scale: c.Attr("scale").GetFloats()}
	if s.offset == nil {
		s.offset = []float32{0}
	}
	if s.scale == nil {
		s.scale = []float32{1}
	}
	for _, list := range [][]float32{s.offset, s.scale} {
		if len(list) != 1 && (len(shape) == 0 || len(list) != shape[len(shape)-1]) {
			return nil, nil,
				c.ShapeError("%d offsets and %d scales for an input of shape %v, want one or one a feature",
					len(s.offset), len(s.scale), shape)
		}
	}
	s.sub, s.mul = kernel.NewBroadcast(shape, shape, []int{len(s.offset)}),
		kernel.NewBroadcast(shape, shape, []int{len(s.scale)})
	return s, []op.Spec{{Type: onnx.Float32, Shape: slices.Clone(shape)}}, nil
}

// Forward shifts and scales.
func (s *scaler) Forward(x *op.Context, in, out []*op.Tensor) error {
	kernel.Combine(x.Workers, out[0].F, asFloats(in[0]), s.offset, s.sub, kernel.Sub)
	kernel.Combine(x.Workers, out[0].F, out[0].F, s.scale, s.mul, kernel.Mul)
	return nil
}

// Backward scales dy.
func (s *scaler) Backward(x *op.Context, _, _ int, _, _ []*op.Tensor, dy, dx *op.Tensor) error {
	kernel.Combine(x.Workers, dx.F, dy.F, s.scale, s.mul, kernel.Mul)
	return nil
}

// normalizer divides every row by its norm; a row of zeros stays.
type normalizer struct {
	norm func(row []float32) (norm float64, slope func(v float32) float64)
}

// norms are the values of attribute norm. The slope is the derivative of the norm by an element.
var norms = map[string]func(row []float32) (float64, func(v float32) float64){
	"MAX": func(row []float32) (float64, func(float32) float64) {
		top := float64(slices.Max(row))
		return top, func(v float32) float64 { return float64(op.When(float64(v) == top)) }
	},
	"L1": func(row []float32) (sum float64, slope func(float32) float64) {
		for _, v := range row {
			sum += math.Abs(float64(v))
		}
		return sum, func(v float32) float64 { return float64(op.Sign(v)) }
	},
	"L2": func(row []float32) (sum float64, slope func(float32) float64) {
		for _, v := range row {
			sum += float64(v) * float64(v)
		}
		root := math.Sqrt(sum)
		return root, func(v float32) float64 { return float64(v) / root }
	},
}

// buildNormalizer follows Normalizer of ai.onnx.ml 1, for rows of floats along the last axis.
func buildNormalizer(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(1); err != nil {
		return nil, nil, err
	}
	norm, x := norms[c.Text("norm", "MAX")], c.In[0]
	if norm == nil {
		return nil, nil, c.ShapeError("attribute norm is %q, want MAX, L1 or L2", c.Text("norm", "MAX"))
	}
	if !x.IsFloat() || len(x.Shape) == 0 {
		return nil, nil, c.ShapeError("input 0 is %s, want rows of floats", x.Spec)
	}
	return &normalizer{norm}, []op.Spec{{Type: onnx.Float32, Shape: slices.Clone(x.Shape)}}, nil
}

// Forward divides.
func (n *normalizer) Forward(_ *op.Context, in, out []*op.Tensor) error {
	eachRow(in[0], func(at, size int) {
		row, y := in[0].F[at:at+size], out[0].F[at:at+size]
		norm, _ := n.norm(row)
		if norm == 0 {
			norm = 1
		}
		for i, v := range row {
			y[i] = float32(float64(v) / norm)
		}
	})
	return nil
}

// Backward is (dy - slope·<dy, y>)/norm.
func (n *normalizer) Backward(_ *op.Context, _, _ int, in, out []*op.Tensor, dy, dx *op.Tensor) error {
	eachRow(in[0], func(at, size int) {
		row, y, dy, dx := in[0].F[at:at+size], out[0].F[at:at+size], dy.F[at:at+size], dx.F[at:at+size]
		norm, slope := n.norm(row)
		if norm == 0 {
			copy(dx, dy)
			return
		}
		var along float64
		for i, v := range dy {
			along += float64(v) * float64(y[i])
		}
		for i, v := range dy {
			dx[i] = float32((float64(v) - slope(row[i])*along) / norm)
		}
	})
	return nil
}

// eachRow calls body for every row along the last axis.
func eachRow(t *op.Tensor, body func(at, size int)) {
	size := t.Shape[len(t.Shape)-1]
	for at := 0; size > 0 && at < t.Len(); at += size {
		body(at, size)
	}
}

// buildBinarizer follows Binarizer of ai.onnx.ml 1: 1 above the threshold (default 0), else 0.
func buildBinarizer(c *op.Call) (op.Operator, []op.Spec, error) {
	threshold := c.Float("threshold", 0)
	return buildUnary(&unary{
		f:    mapped(func(x float32) float32 { return op.When(x > threshold) }),
		ints: func(v int64) int64 { return op.Truth(float32(v) > threshold) },
	})(c)
}

// features picks elements of the last axis by the numbers in input 1.
type features struct{ axis, picked int }

// buildFeatures follows ArrayFeatureExtractor of ai.onnx.ml 1. A vector counts as a matrix of one row.
func buildFeatures(c *op.Call) (op.Operator, []op.Spec, error) {
	if err := c.Need(2); err != nil {
		return nil, nil, err
	}
	x, picks := c.In[0], c.In[1]
	if len(x.Shape) == 0 || picks.IsFloat() {
		return nil, nil, c.ShapeError("inputs are %s and %s, want rows and integers", x.Spec, picks.Spec)
	}
	rank := len(x.Shape)
	shape := append(slices.Clone(x.Shape[:rank-1]), picks.Len())
	if rank == 1 {
		shape = []int{1, picks.Len()}
	}
	return &features{x.Shape[rank-1], picks.Len()}, []op.Spec{{Type: x.Type, Shape: shape}}, nil
}

// Forward picks. It fails where a number is not one of an element.
func (f *features) Forward(_ *op.Context, in, out []*op.Tensor) error {
	for _, i := range in[1].I {
		if i < 0 || i >= int64(f.axis) {
			return fmt.Errorf("index %d of an axis of %d elements", i, f.axis)
		}
	}
	if out[0].Spec().IsFloat() {
		pickFeatures(f, out[0].F, in[0].F, in[1].I)
	} else {
		pickFeatures(f, out[0].I, in[0].I, in[1].I)
	}
	return nil
}

func pickFeatures[T any](f *features, dst, src []T, picks []int64) {
	for o := range dst {
		dst[o] = src[o/f.picked*f.axis+int(picks[o%f.picked])]
	}
}

// Backward adds dy to the elements that were picked.
func (f *features) Backward(_ *op.Context, _, _ int, in, _ []*op.Tensor, dy, dx *op.Tensor) error {
	clear(dx.F)
	for o, v := range dy.F {
		dx.F[o/f.picked*f.axis+int(in[1].I[o%f.picked])] += v
	}
	return nil
}
