package main

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/cmd/softmerge/internal/exit"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// otherEnds is models whose graphs hold what the others leave to the program around them.
func otherEnds() []misuse {
	beside := func(family string, change func(*onnxpb.ModelProto)) func(*kitchen) []string {
		return func(k *kitchen) []string {
			models := k.family(family, 3)
			return k.merge(k.good(), append(models[:2:2], k.model(models[2], "other.onnx", change)))
		}
	}
	const ok, asBase = exit.Done, "it is judged and merged as the base's graph with its weights"
	return []misuse{
		{"one model subtracts the mean and divides by the deviation itself", beside("mlp", normalised), warned, ok,
			[]string{"other.onnx has Sub 0.5, Div 0.25 before the first layer", asBase, "<- chosen"}},
		{"one model takes bytes and divides them by 255", beside("cnn_bn", fromBytes), warned, ok,
			[]string{"other.onnx has Cast, Mul 0.003922 before the first layer", asBase, "<- chosen"}},
		{"one model takes channels last", beside("cnn_bn", channelsLast), warned, ok,
			[]string{"other.onnx has Transpose before the first layer", asBase, "<- chosen"}},
		{"one model was trained with preprocessing that is in its graph", beside("mlp", trainedNormalised), isRefused,
			exit.Align, []string{"other.onnx has Sub 0.5, Div 0.25", "were trained on other inputs than the base's"}},
		{"one model ends in argmax, the others in logits", beside("mlp", argMaxAtTheEnd), warned, ok,
			[]string{"other.onnx has ArgMax behind the last layer", asBase, "<- chosen"}},
		{"the base ends in argmax", func(k *kitchen) []string {
			return k.merge(k.good(), []string{k.model(k.mlps()[0], "classes.onnx", argMaxAtTheEnd), k.mlps()[1]})
		}, isRefused, exit.Data, []string{"the base has ArgMax behind the last layer", "--base"}},
		{"all models end in argmax", func(k *kitchen) []string {
			return k.merge(k.good(), []string{k.model(k.mlps()[0], "a.onnx", argMaxAtTheEnd),
				k.model(k.mlps()[1], "b.onnx", argMaxAtTheEnd)})
		}, isRefused, exit.Data, []string{"a loss needs floats, such as the scores before an ArgMax",
			"export the model without its last step"}},
		{"all models end in a sigmoid, and one class is right", func(k *kitchen) []string {
			return k.merge(k.good(), []string{k.model(k.mlps()[0], "a.onnx", sigmoidAtTheEnd),
				k.model(k.mlps()[1], "b.onnx", sigmoidAtTheEnd)}, "--allow-parent")
		}, warned, ok, []string{"ends in a sigmoid, and the labels are of one class each"}},
		{"one model's nodes halve weights that are doubled", beside("mlp", halvedByAlpha), handled, ok,
			[]string{"<- chosen"}},
	}
}

// begin puts nodes between a model's input and its readers: each reads what the one before gives, and a constant.
func begin(m *onnxpb.ModelProto, nodes ...*onnxpb.NodeProto) {
	input := m.Graph.Input[0].GetName()
	last := input
	for _, n := range nodes {
		n.Input = append([]string{last}, n.Input...)
		last = n.GetOpType() + "_of_input"
		n.Output = []string{last}
	}
	for _, n := range m.Graph.Node {
		for i, name := range n.Input {
			if name == input {
				n.Input[i] = last
			}
		}
	}
	m.Graph.Node = append(nodes, m.Graph.Node...)
}

// by is a node that computes with a number.
func by(m *onnxpb.ModelProto, op string, number float32) *onnxpb.NodeProto {
	t := &onnxpb.TensorProto{Name: proto.String(op + "_number"), DataType: proto.Int32(int32(onnx.Float32)),
		RawData: make([]byte, 4)}
	setFloats(t, []float32{number})
	m.Graph.Initializer = append(m.Graph.Initializer, t)
	return &onnxpb.NodeProto{OpType: proto.String(op), Input: []string{t.GetName()}}
}

// normalised lets a model that wants numbers of 0 to 1 take those that a mean of 0.5 and a deviation of 0.25 make them of.
func normalised(m *onnxpb.ModelProto) { begin(m, by(m, "Sub", 0.5), by(m, "Div", 0.25)) }

// trainedNormalised is normalised of an MLP, with the first layer that training would have found: it computes what
// the MLP did.
func trainedNormalised(m *onnxpb.ModelProto) {
	normalised(m)
	weight, bias := tensorOf(m, "1.weight"), tensorOf(m, "1.bias")
	w, b := floatsOf(weight), floatsOf(bias)
	for i, v := range w {
		b[i/(len(w)/len(b))] += 0.5 * v
		w[i] = 0.25 * v
	}
	setFloats(weight, w)
	setFloats(bias, b)
}

// fromBytes lets a model take bytes of 0 to 255.
func fromBytes(m *onnxpb.ModelProto) {
	m.Graph.Input[0].GetType().GetTensorType().ElemType = proto.Int32(int32(onnx.Uint8))
	begin(m, &onnxpb.NodeProto{OpType: proto.String("Cast"), Attribute: []*onnxpb.AttributeProto{{
		Name: proto.String("to"), Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(int64(onnx.Float32))}}},
		by(m, "Mul", 1./255))
}

// channelsLast lets a model take images as TensorFlow has them.
func channelsLast(m *onnxpb.ModelProto) {
	d := m.Graph.Input[0].GetType().GetTensorType().Shape.Dim
	d[1], d[2], d[3] = d[2], d[3], d[1]
	begin(m, &onnxpb.NodeProto{OpType: proto.String("Transpose"), Attribute: []*onnxpb.AttributeProto{{
		Name: proto.String("perm"), Type: onnxpb.AttributeProto_INTS.Enum(), Ints: []int64{0, 3, 1, 2}}}})
}

// argMaxAtTheEnd lets a model give the class alone.
func argMaxAtTheEnd(m *onnxpb.ModelProto) {
	softmaxAtTheEnd(m)
	n := m.Graph.Node[len(m.Graph.Node)-1]
	n.Name, n.OpType = nil, proto.String("ArgMax")
	for name, value := range map[string]int64{"axis": 1, "keepdims": 0} {
		n.Attribute = append(n.Attribute, &onnxpb.AttributeProto{Name: proto.String(name),
			Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(value)})
	}
	out := m.Graph.Output[0].GetType().GetTensorType()
	out.ElemType, out.Shape.Dim = proto.Int32(int32(onnx.Int64)), out.Shape.Dim[:1]
}

// halvedByAlpha doubles an MLP's weights and lets the nodes halve them.
func halvedByAlpha(m *onnxpb.ModelProto) {
	for _, n := range m.Graph.Node {
		if n.GetOpType() != "Gemm" {
			continue
		}
		w := tensorOf(m, n.Input[1])
		values := floatsOf(w)
		for i := range values {
			values[i] *= 2
		}
		setFloats(w, values)
		n.Attribute = slices.DeleteFunc(n.Attribute, func(a *onnxpb.AttributeProto) bool { return a.GetName() == "alpha" })
		n.Attribute = append(n.Attribute, &onnxpb.AttributeProto{Name: proto.String("alpha"),
			Type: onnxpb.AttributeProto_FLOAT.Enum(), F: proto.Float32(0.5)})
	}
}
