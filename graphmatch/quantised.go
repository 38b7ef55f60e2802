package graphmatch

import (
	"slices"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// QuantisedWeight is a weight that a model stores as small integers or in blocks, beside scales and zero points.
// Mixing its numbers, or the scales and biases around it without it, gives no mixture of the networks.
type QuantisedWeight struct {
	Node     string // the node that reads it
	Op       string // its operator type, with the domain where it is not ONNX's own
	Tensor   string // the initializer
	Elements int

	reader *onnxpb.NodeProto
}

// quantisedInputs is where operators of quantised networks read their weights: those of ONNX and of com.microsoft.
var quantisedInputs = map[string][]int{
	"DequantizeLinear": {0}, "QLinearConv": {3}, "QLinearMatMul": {0, 3}, "ConvInteger": {1}, "MatMulInteger": {0, 1},
	"com.microsoft.QGemm": {3}, "com.microsoft.QLinearConv": {3}, "com.microsoft.DequantizeLinear": {0},
	"com.microsoft.DynamicQuantizeMatMul": {1}, "com.microsoft.MatMulIntegerToFloat": {0, 1},
	"com.microsoft.MatMulInteger16": {0, 1}, "com.microsoft.DynamicQuantizeLSTM": {1, 2},
	"com.microsoft.QAttention": {1}, "com.microsoft.QEmbedLayerNormalization": {2, 3, 4},
	"com.microsoft.MatMulNBits": {1}, "com.microsoft.MatMulBnb4": {1}, "com.microsoft.MatMulFpQ4": {1},
	"com.microsoft.GatherBlockQuantized": {0}, "com.microsoft.QMoE": {2, 5, 8}, "com.microsoft.QLinearAdd": {0, 3},
	"com.microsoft.QLinearMul": {0, 3},
}

// QuantisedWeights lists the quantised weights of a model, in the order of its nodes, those in bodies included. A
// single number, such as a zero point, is none.
func QuantisedWeights(m *onnx.Model) []QuantisedWeight {
	var list []QuantisedWeight
	known := map[string]*onnxpb.TensorProto{}
	m.Walk(func(p onnx.Place, n *onnxpb.NodeProto) error {
		addTensors(known, p.Graph)
		if n.GetOpType() == "Constant" && len(n.GetOutput()) == 1 {
			known[n.GetOutput()[0]] = onnx.NodeAttributes(n).Tensor("value")
		}
		for _, slot := range quantisedInputs[onnx.OpLabel(n)] {
			if slot >= len(n.GetInput()) {
				continue
			}
			name := n.GetInput()[slot]
			t := known[name]
			if t == nil || slices.Contains([]onnx.DataType{onnx.Float32, onnx.Float64},
				onnx.DataType(t.GetDataType())) {
				continue
			}
			if elements := m.Tensor(t).Len(); elements > 1 {
				list = append(list, QuantisedWeight{onnx.NodeLabel(n), onnx.OpLabel(n), name, elements, n})
			}
		}
		return nil
	})
	return list
}

// Quantised tells whether a selected layer has quantised weights in some model: its node reads them, or reads what
// dequantises them.
func (s *Selection) Quantised() bool {
	for j, m := range s.Alignment.Models {
		readers, outputs := map[*onnxpb.NodeProto]bool{}, map[string]bool{}
		for _, w := range QuantisedWeights(m) {
			readers[w.reader] = true
			for _, name := range w.reader.GetOutput() {
				outputs[name] = true
			}
		}
		for _, i := range s.Layers {
			for _, p := range s.Alignment.Layers[i].Params {
				for _, site := range p.Uses[j].Sites {
					reads := func(name string) bool { return outputs[name] }
					if readers[site.Node] || slices.ContainsFunc(site.Node.GetInput(), reads) {
						return true
					}
				}
			}
		}
	}
	return false
}

// addTensors adds a graph's initializers by name.
func addTensors(known map[string]*onnxpb.TensorProto, g *onnxpb.GraphProto) {
	for _, t := range g.GetInitializer() {
		if known[t.GetName()] == nil {
			known[t.GetName()] = t
		}
	}
}
