package qdq

import (
	"fmt"
	"strings"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// weights makes the constants behind a DequantizeLinear float: integers, or floats that a QuantizeLinear makes integers
// of, as training aware of quantisation writes them.
func (r *rewriter) weights() error {
	for _, n := range r.nodes {
		if !isDequantise(n) {
			continue
		}
		from, t := n.GetInput()[0], r.tensors[n.GetInput()[0]]
		var quantiser *onnxpb.NodeProto
		if q := r.producer[from]; t == nil && isQuantise(q) {
			from, t, quantiser = q.GetInput()[0], r.tensors[q.GetInput()[0]], q
		}
		if t == nil {
			continue
		}
		if err := r.weight(n, quantiser, from, t); err != nil {
			return fmt.Errorf("DequantizeLinear %q: %w", onnx.NodeLabel(n), err)
		}
	}
	return nil
}

// weight replaces one DequantizeLinear by an initializer.
func (r *rewriter) weight(n, quantiser *onnxpb.NodeProto, from string, t *onnxpb.TensorProto) error {
	key := fmt.Sprint(n.GetInput(), n.GetAttribute())
	out, drop := n.GetOutput()[0], func() {
		r.drop[n] = true
		if quantiser != nil {
			r.drop[quantiser] = true
		}
	}
	if name, ok := r.known[key]; ok && !r.fixed[out] {
		r.rename[out] = name
		drop()
		return nil
	}
	s, err := r.scaling(n, r.model.Tensor(t).Shape())
	if err != nil {
		return err
	}
	values, err := r.values(s, quantiser, t)
	if err != nil {
		return err
	}
	name := out
	if !r.fixed[out] {
		name = r.fresh(strings.TrimSuffix(strings.TrimSuffix(from, "_quantized"), "_QuantizeLinear"))
		r.rename[out], r.known[key] = name, name
	}
	r.summary.Tensors++
	r.summary.Weights += len(values)
	drop()
	return r.floats(name, s.to, r.model.Tensor(t).Shape(), values)
}

// values are a constant's after it was dequantised.
func (r *rewriter) values(s *scaling, quantiser *onnxpb.NodeProto, t *onnxpb.TensorProto) ([]float64, error) {
	x := r.model.Tensor(t)
	if quantiser == nil {
		if x.DataType().IsFloat() { // float8
			values, err := x.Doubles(nil)
			return s.dequantised(values), err
		}
		whole, err := x.Ints(nil)
		values := make([]float64, len(whole))
		for i, v := range whole {
			values[i] = float64(v)
		}
		return s.dequantised(values), err
	}
	q, err := r.scaling(quantiser, x.Shape())
	if err != nil {
		return nil, err
	}
	values, err := x.Doubles(nil)
	if err != nil {
		return nil, err
	}
	if values, err = q.quantised(values); err != nil {
		return nil, err
	}
	return s.dequantised(values), nil
}
