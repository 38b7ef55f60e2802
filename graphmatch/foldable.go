package graphmatch

import (
	"fmt"
	"slices"
)

// foldable operators are linear in weight and bias, so that the affine map of a BatchNormalization behind
// them can go into both.
var foldable = map[string]bool{"Conv": true, "ConvTranspose": true, "Gemm": true, "MatMul": true}

// maxEpsilon bounds the epsilon of a folded BatchNormalization: the variance 1-epsilon is written for it.
const maxEpsilon = 0.5

// normBehind is the BatchNormalization that reads what a convolution or linear layer computes, nil when
// there is none, or when it is folded in already.
func (u *unit) normBehind() *unit {
	if u == nil || u.fold != nil || u.param("weight") == nil || u.kind != "Conv" && u.kind != "ConvTranspose" && u.kind != "Linear" {
		return nil
	}
	for n := u.members[len(u.members)-1]; len(n.out) > 0; {
		var cast *node
		for _, x := range n.out[0].readers {
			switch {
			case x.slot != 0 || !x.node.live:
			case x.node.op == "BatchNormalization":
				return x.node.unit
			case x.node.op == "Cast":
				cast = x.node
			}
		}
		if n = cast; n == nil {
			break
		}
	}
	return nil
}

// obstacle says why the normalisation behind a layer cannot be folded into it, "" when it can. rank is the
// number of a value's axes as far as the graph says, else -1.
func (v *view) obstacle(u, norm *unit, rank func(*value) int) string {
	out := u.members[len(u.members)-1].out[0]
	reader, _ := out.onlyReader()
	n := norm.anchor
	switch {
	case !foldable[u.anchor.op] || scaled(u.anchor):
		return fmt.Sprintf("%q is no plain convolution or linear layer", u.nodeName())
	case reader.node != n || slices.Contains(v.outputs, out):
		return fmt.Sprintf("something else reads the result of %q too", u.nodeName())
	case n.trains():
		return "it normalises by the statistics of each batch (training mode)"
	case n.epsilon() < 0 || n.epsilon() > maxEpsilon:
		return fmt.Sprintf("its epsilon is %v", n.epsilon())
	case u.axisBehind(rank) < 0:
		return fmt.Sprintf("it is not known to normalise the outputs of %q", u.nodeName())
	}
	return u.misfit(norm)
}

// misfit says what is wrong with the tensors of a normalisation that is to be folded.
func (u *unit) misfit(norm *unit) string {
	channels := u.param("weight").c.fileShape()[u.channelAxis(u.param("weight"))]
	for _, role := range []string{"scale", "bias", "mean", "var"} {
		p := norm.param(role)
		if p == nil {
			return fmt.Sprintf("its %s is no stored tensor", role)
		}
		if p.c.elements() != channels {
			return fmt.Sprintf("its %s has %d elements, %q has %d outputs", role, p.c.elements(), u.nodeName(), channels)
		}
	}
	if own := u.param("bias"); own != nil && own.c.elements() != channels {
		return fmt.Sprintf("the bias of %q has %d elements, want %d", u.nodeName(), own.c.elements(), channels)
	}
	return ""
}

// axisBehind is the stored weight's axis that counts the channels which a BatchNormalization behind the
// layer normalises, -1 when that is not certain: the normalisation works on axis 1, which is the last axis
// of a linear layer's result only for matrices.
func (u *unit) axisBehind(rank func(*value) int) int {
	if u.anchor.op == "MatMul" && rank(u.anchor.out[0]) != 2 {
		return -1
	}
	return u.channelAxis(u.param("weight"))
}

// scaled tells whether a Gemm multiplies its product or its bias by a number.
func scaled(n *node) bool {
	for _, name := range []string{"alpha", "beta"} {
		if a := attribute(n.proto, name); a != nil && a.GetF() != 1 {
			return true
		}
	}
	return false
}

// trains tells whether a BatchNormalization normalises by each batch's own statistics: since opset 14 by an
// attribute, before by asking for more than one output. Opset 8 and lower could also normalise every
// position by itself.
func (n *node) trains() bool {
	if n.opset >= 14 {
		return intAttr(n.proto, "training_mode", 0) != 0
	}
	outs := n.proto.GetOutput()
	return intAttr(n.proto, "spatial", 1) == 0 || len(outs) > 1 && slices.ContainsFunc(outs[1:], func(s string) bool { return s != "" })
}

// epsilon is a BatchNormalization's epsilon, by default 1e-5.
func (n *node) epsilon() float64 {
	if a := attribute(n.proto, "epsilon"); a != nil {
		return float64(a.GetF())
	}
	return float64(float32(1e-5))
}

// nodeName is what the file calls the node that reads the layer's weight, the layer's name for nodes
// without one.
func (u *unit) nodeName() string {
	if name := u.anchor.proto.GetName(); name != "" {
		return name
	}
	return u.name
}
