package qdq

import (
	"bytes"
	"fmt"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// activations turns every QuantizeLinear of a computed value, with the DequantizeLinear nodes that read it, into one
// Clip.
func (r *rewriter) activations() error {
	for _, q := range r.nodes {
		if !isQuantise(q) || r.drop[q] {
			continue
		}
		if err := r.activation(q); err != nil {
			return fmt.Errorf("QuantizeLinear %q: %w", onnx.NodeLabel(q), err)
		}
	}
	return nil
}

func (r *rewriter) activation(q *onnxpb.NodeProto) error {
	if r.fixed[q.GetOutput()[0]] {
		return refusef("its integers are an output or read in a body")
	}
	s, err := r.scaling(q, nil)
	if err != nil {
		return err
	}
	low, high, err := s.span()
	if err != nil {
		return err
	}
	out, err := r.joined(q)
	if err != nil {
		return err
	}
	r.drop[q] = true
	if out == "" { // nobody reads it
		return nil
	}
	r.summary.Clips++
	r.clip[q], err = r.clipNode(q.GetInput()[0], onnx.NodeLabel(q)+"_Clip", out, s.to, low, high)
	return err
}

// joined takes the nodes that dequantise what a node quantises for one, and returns the name of what they give.
func (r *rewriter) joined(q *onnxpb.NodeProto) (string, error) {
	out := ""
	for _, n := range r.readers[q.GetOutput()[0]] {
		if !isDequantise(n) {
			return "", refusef("its integers are read by %s %q", onnx.OpLabel(n), onnx.NodeLabel(n))
		}
		same, err := r.samePair(q, n)
		if err != nil {
			return "", err
		}
		if !same {
			return "", refusef("DequantizeLinear %q has another scale or zero point", onnx.NodeLabel(n))
		}
		r.drop[n] = true
		switch given := n.GetOutput()[0]; {
		case out == "":
			out = given
		case !r.fixed[given]:
			r.rename[given] = out
		case !r.fixed[out]:
			r.rename[out] = given
			out = given
		default:
			return "", refusef("its value is several outputs of the graph")
		}
	}
	return out, nil
}

// samePair tells whether a node undoes what another did: both have the same scale and zero point.
func (r *rewriter) samePair(q, d *onnxpb.NodeProto) (bool, error) {
	for slot := 1; slot < 3; slot++ {
		x, err := r.bytes(q, slot)
		if err != nil {
			return false, err
		}
		y, err := r.bytes(d, slot)
		if err != nil || !bytes.Equal(x, y) {
			return false, err
		}
	}
	return true, nil
}

// bytes are the constant that a node reads; none for a zero point of zero, which may be left out.
func (r *rewriter) bytes(n *onnxpb.NodeProto, slot int) ([]byte, error) {
	if slot >= len(n.GetInput()) || n.GetInput()[slot] == "" {
		return nil, nil
	}
	t := r.tensors[n.GetInput()[slot]]
	if t == nil {
		return nil, refusef("its scale or zero point %q is computed", n.GetInput()[slot])
	}
	raw, err := r.model.Tensor(t).Raw()
	if slot == 2 && len(bytes.Trim(raw, "\x00")) == 0 {
		return nil, err
	}
	return raw, err
}

// checkDone refuses what dequantises something else.
func (r *rewriter) checkDone() error {
	for _, n := range r.nodes {
		if !r.drop[n] {
			return refusef("%s %q reads neither a constant nor what a QuantizeLinear gives", n.GetOpType(),
				onnx.NodeLabel(n))
		}
	}
	return nil
}
