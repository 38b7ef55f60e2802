package flow

import (
	"fmt"
	"slices"
)

// foldable operators are linear in weight and bias, so that the affine map of a BatchNormalization behind
// them can go into both.
var foldable = map[string]bool{"Conv": true, "ConvTranspose": true, "Gemm": true, "MatMul": true}

// foldableKinds are the layers that a BatchNormalization may be folded into.
var foldableKinds = map[string]bool{"Conv": true, "ConvTranspose": true, "Linear": true}

// maxEpsilon bounds the epsilon of a folded BatchNormalization: the variance 1-epsilon is written for it.
const maxEpsilon = 0.5

// NormBehind is the normalisation that reads what a convolution or linear layer computes, nil when there is none,
// or when it is folded in already: a BatchNormalization, or the factor and the sum for each channel that some
// converters write for one. Conversions may lie between.
func (u *Unit) NormBehind() *Unit {
	if u == nil || u.Fold != nil || u.Param("weight") == nil || !foldableKinds[u.Kind] {
		return nil
	}
	last := u.Members[len(u.Members)-1]
	if last != u.Anchor && last.Op != "Add" { // an activation lies between
		return nil
	}
	for n := last; n != nil && len(n.Out) > 0; n = n.Out[0].readBy("Cast") {
		if norm := n.Out[0].readBy("BatchNormalization"); norm != nil {
			return norm.Unit
		}
		if norm := u.affineBehind(n.Out[0]); norm != nil {
			return norm
		}
	}
	return nil
}

// affineBehind is the layer that multiplies a layer's result by a number for each channel and adds another, nil when
// there is none.
func (u *Unit) affineBehind(out *Value) *Unit {
	for _, x := range out.Readers {
		norm := x.Node.Unit
		if !x.Node.Live || norm == nil || norm.Anchor != x.Node || norm.Kind != "Mul" || u.affineMisfit(norm) != "" {
			continue
		}
		return norm
	}
	return nil
}

// affineMisfit says why what a Mul and an Add do is no affine map of the layer's channels, "" when it is.
func (u *Unit) affineMisfit(norm *Unit) string {
	channels, fromEnd := u.linearWidth(), 1
	if u.Kind != "Linear" {
		channels, fromEnd = u.outputChannels(), len(u.Param("weight").C.Shape)-1
	}
	for _, role := range []string{"scale", "bias"} {
		if p := norm.Param(role); p == nil || channels < 2 || !vectorAt(p.C, channels, fromEnd) {
			return fmt.Sprintf("its %s is no vector of %d channels", role, channels)
		}
	}
	return ""
}

// normalises tells a BatchNormalization from the affine map that some converters write for one.
func (u *Unit) normalises() bool { return u.Kind == "BatchNormalization" }

// readBy is the first live node of an operator that reads a value as its first input, nil when there is none.
func (v *Value) readBy(op string) *Node {
	for _, x := range v.Readers {
		if x.Slot == 0 && x.Node.Live && x.Node.Op == op {
			return x.Node
		}
	}
	return nil
}

// Obstacle says why the normalisation behind a layer cannot be folded into it, "" when it can. rank is the
// number of a value's axes as far as the graph says, else -1.
func (v *Network) Obstacle(u, norm *Unit, rank func(*Value) int) string {
	out := u.Members[len(u.Members)-1].Out[0]
	reader, _ := out.OnlyReader()
	n := norm.Anchor
	switch {
	case !foldable[u.Anchor.Op] || scaled(u.Anchor):
		return fmt.Sprintf("%q is no plain convolution or linear layer", u.NodeName())
	case reader.Node != n || slices.Contains(v.Outputs, out):
		return fmt.Sprintf("something else reads the result of %q too", u.NodeName())
	case norm.normalises() && n.trains():
		return "it normalises by the statistics of each batch (training mode)"
	case norm.normalises() && (n.Epsilon() < 0 || n.Epsilon() > maxEpsilon):
		return fmt.Sprintf("its epsilon is %v", n.Epsilon())
	case norm.normalises() && u.axisBehind(rank) < 0:
		return fmt.Sprintf("it is not known to normalise the outputs of %q", u.NodeName())
	}
	return u.misfit(norm)
}

// misfit says what is wrong with the tensors of a normalisation that is to be folded.
func (u *Unit) misfit(norm *Unit) string {
	if !norm.normalises() {
		return u.affineMisfit(norm)
	}
	channels := u.Param("weight").C.FileShape()[u.ChannelAxis(u.Param("weight"))]
	for _, role := range []string{"scale", "bias", "mean", "var"} {
		p := norm.Param(role)
		if p == nil {
			return fmt.Sprintf("its %s is no stored tensor", role)
		}
		if p.C.Elements() != channels {
			return fmt.Sprintf("its %s has %d elements, %q has %d outputs",
				role, p.C.Elements(), u.NodeName(), channels)
		}
	}
	if own := u.Param("bias"); own != nil && own.C.Elements() != channels {
		return fmt.Sprintf("the bias of %q has %d elements, want %d", u.NodeName(), own.C.Elements(), channels)
	}
	return ""
}

// axisBehind is the stored weight's axis that counts the channels which a BatchNormalization behind the
// layer normalises, -1 when that is not certain: the normalisation works on axis 1, which is the last axis
// of a linear layer's result only for matrices.
func (u *Unit) axisBehind(rank func(*Value) int) int {
	if u.Anchor.Op == "MatMul" && rank(u.Anchor.Out[0]) != 2 {
		return -1
	}
	return u.ChannelAxis(u.Param("weight"))
}

// scaled tells whether a Gemm multiplies its product or its bias by a number.
func scaled(n *Node) bool {
	for _, name := range []string{"alpha", "beta"} {
		if n.Attributes().Float(name, 1) != 1 {
			return true
		}
	}
	return false
}

// trains tells whether a BatchNormalization normalises by each batch's own statistics: since opset 14 by an
// attribute, before by asking for more than one output. Opset 8 and lower could also normalise every
// position by itself.
func (n *Node) trains() bool {
	if n.Opset >= 14 {
		return n.Attributes().Int("training_mode", 0) != 0
	}
	outs := n.Proto.GetOutput()
	named := func(s string) bool { return s != "" }
	return n.Attributes().Int("spatial", 1) == 0 || len(outs) > 1 && slices.ContainsFunc(outs[1:], named)
}

// Epsilon is a BatchNormalization's epsilon, by default 1e-5.
func (n *Node) Epsilon() float64 {
	return float64(n.Attributes().Float("epsilon", 1e-5))
}

// NodeName is what the file calls the node that reads the layer's weight, the layer's name for nodes
// without one.
func (u *Unit) NodeName() string {
	if name := u.Anchor.Proto.GetName(); name != "" {
		return name
	}
	return u.Name
}
