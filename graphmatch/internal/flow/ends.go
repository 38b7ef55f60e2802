package flow

import (
	"fmt"
	"math"
	"strings"

	"github.com/softmerge/softmerge/onnx"
)

// What one exporter bakes into a network and another leaves to the program around it stands at the ends: preprocessing
// before the first layer, and softmax and the like behind the last.

// EndNode is an operator at an end of a network that computes from one value and constants.
type EndNode struct {
	*Node
	Numbers []float64 // of its constant, where that has few
	Number  bool      // whether it computes with numbers, rather than to move values or choose among them
}

// arithmetic lists the operators of preprocessing that change the numbers themselves.
var arithmetic = map[string]bool{"Sub": true, "Add": true, "Mul": true, "Div": true, "Pow": true, "Sqrt": true,
	"Neg": true, "BatchNormalization": true}

// entering and leaving list the operators at inputs and at outputs that make the difference between what two programs
// do around a network. Those that only give values another shape are looked through.
var (
	entering = map[string]bool{"Transpose": true, "Cast": true, "Resize": true, "Pad": true}
	leaving  = map[string]bool{"Softmax": true, "LogSoftmax": true, "Hardmax": true, "Sigmoid": true, "ArgMax": true,
		"TopK": true, "Transpose": true, "Cast": true, "Log": true, "Exp": true}
)

// maxEndNumbers bounds the constants of nodes at the ends that are read: a channel's mean, not a table.
const maxEndNumbers = 64

// Entry lists the operators between an input and the first layer, or the first operator that reads more than one value,
// in the order of the data. Shape-only operators, and casts from one float type to another, are left out.
func (v *Network) Entry(input int) (list []EndNode) {
	value, float := v.inputs[input], isFloat(v.Graph, input)
	for {
		r, alone := value.OnlyReader()
		if !alone || len(r.Node.Out) == 0 || !r.Node.unary(r.Slot) {
			return list
		}
		n := r.Node
		switch {
		case arithmetic[n.Op]:
			list = append(list, v.endNode(n, r.Slot))
		case n.Op == "Cast" && float, layoutOnly[n.Op] && n.Op != "Cast":
		case entering[n.Op]:
			list = append(list, EndNode{Node: n})
			float = float || n.Op == "Cast"
		default:
			return list
		}
		value = n.Out[0]
	}
}

// isFloat tells whether an input is declared as an array of floats.
func isFloat(f *Graph, input int) bool {
	return onnx.DataType(f.entries[input].GetType().GetTensorType().GetElemType()).IsFloat()
}

// Exit lists the operators between the last layer, or the last operator that reads more than one value, and an output,
// in the order of the data; those that only give values another shape, or another float type, are left out.
func (v *Network) Exit(output int) (list []EndNode) {
	value := v.Outputs[output]
	for value != nil && value.From != nil && value.From.Unit == nil && len(value.From.In) > 0 {
		n := value.From
		if !n.unary(0) {
			break
		}
		switch {
		case n.Op == "Cast" && v.floatOutput(output), layoutOnly[n.Op] && n.Op != "Cast":
		case leaving[n.Op], (n.Op == "Mul" || n.Op == "Div") && n.In[1].Fixed.Elements() == 1:
			list = append([]EndNode{v.endNode(n, 0)}, list...)
		default:
			return list
		}
		value = n.In[0]
	}
	return list
}

// floatOutput tells whether an output is declared as an array of floats.
func (v *Network) floatOutput(output int) bool {
	o := v.Model.Proto().GetGraph().GetOutput()[output]
	return onnx.DataType(o.GetType().GetTensorType().GetElemType()).IsFloat()
}

// unary tells whether a node computes from the value at a slot and constants alone.
func (n *Node) unary(slot int) bool {
	if slot >= len(n.In) || n.In[slot] == nil || n.In[slot].Fixed != nil {
		return false
	}
	for i, in := range n.In {
		if i != slot && in != nil && in.Fixed == nil {
			return false
		}
	}
	return true
}

// endNode reads the numbers that a node computes with.
func (v *Network) endNode(n *Node, slot int) EndNode {
	e := EndNode{Node: n, Number: arithmetic[n.Op]}
	for i, in := range n.In {
		if i == slot || in == nil || in.Fixed.Tensor == nil || in.Fixed.Elements() > maxEndNumbers || !e.Number {
			continue
		}
		if values, err := v.Model.Tensor(in.Fixed.Tensor).Doubles(nil); err == nil {
			e.Numbers = append(e.Numbers, values...)
		}
	}
	return e
}

// Same tells whether two nodes do the same, as far as numbers of some precision tell.
func (e EndNode) Same(other EndNode) bool {
	if e.Op != other.Op || len(e.Numbers) != len(other.Numbers) {
		return false
	}
	for i, x := range e.Numbers {
		if math.Abs(x-other.Numbers[i]) > 0.01*max(math.Abs(x), math.Abs(other.Numbers[i])) {
			return false
		}
	}
	return true
}

// String is the operator, its name, and the numbers that it computes with if they are few.
func (e EndNode) String() string {
	s := e.Op
	if name := e.Proto.GetName(); name != "" {
		s += fmt.Sprintf(" %q", name)
	}
	if n := len(e.Numbers); n == 0 || n > 4 || e.Op == "BatchNormalization" {
		return s
	}
	var list []string
	for _, x := range e.Numbers {
		list = append(list, fmt.Sprintf("%.4g", x))
	}
	return s + " " + strings.Join(list, ", ")
}
