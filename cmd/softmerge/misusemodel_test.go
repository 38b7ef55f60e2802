package main

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// tensorOf finds a weight of a model by its name.
func tensorOf(m *onnxpb.ModelProto, name string) *onnxpb.TensorProto {
	for _, t := range m.Graph.Initializer {
		if t.GetName() == name {
			return t
		}
	}
	panic("there is no weight " + name)
}

// nineClasses cuts the last class off an MLP of the fixtures.
func nineClasses(m *onnxpb.ModelProto) {
	w, b := tensorOf(m, "5.weight"), tensorOf(m, "5.bias")
	w.Dims, w.RawData = []int64{9, 32}, w.RawData[:4*9*32]
	b.Dims, b.RawData = []int64{9}, b.RawData[:4*9]
	setDims(m.Graph.Output[0], 1, 9)
}

// swappedClasses puts classes 3 and 7 of an MLP of the fixtures into each other's place.
func swappedClasses(m *onnxpb.ModelProto) {
	for _, name := range []string{"5.weight", "5.bias"} {
		w := tensorOf(m, name)
		values := floatsOf(w)
		size := len(values) / 10
		for i := range size {
			values[3*size+i], values[7*size+i] = values[7*size+i], values[3*size+i]
		}
		setFloats(w, values)
	}
}

// smallInput makes an MLP of the fixtures one of images of 7 x 7 pixels.
func smallInput(m *onnxpb.ModelProto) {
	w := tensorOf(m, "1.weight")
	w.Dims, w.RawData = []int64{64, 49}, w.RawData[:4*64*49]
	setDims(m.Graph.Input[0], 2, 7)
	setDims(m.Graph.Input[0], 3, 7)
}

// setDims sets the length of an axis of an input or output.
func setDims(v *onnxpb.ValueInfoProto, axis int, n int64) {
	v.GetType().GetTensorType().Shape.Dim[axis].Value = &onnxpb.TensorShapeProto_Dimension_DimValue{DimValue: n}
}

func newerOpset(m *onnxpb.ModelProto) { m.OpsetImport[0].Version = proto.Int64(13) }

// coloured makes a network of the fixtures for grey images one of three equal channels.
func coloured(m *onnxpb.ModelProto) {
	setDims(m.Graph.Input[0], 1, 3)
	var w *onnxpb.TensorProto
	for _, t := range m.Graph.Initializer {
		if len(t.Dims) == 4 && t.Dims[1] == 1 {
			w = t
		}
	}
	grey, each := floatsOf(w), int(w.Dims[2]*w.Dims[3])
	var rgb []float32
	for at := 0; at < len(grey); at += each {
		for range 3 {
			for _, v := range grey[at : at+each] {
				rgb = append(rgb, v/3)
			}
		}
	}
	w.Dims[1] = 3
	setFloats(w, rgb)
}

// otherNames gives every value and node another name, as another session of Keras does.
func otherNames(m *onnxpb.ModelProto) {
	rename := func(list []string) {
		for i, name := range list {
			if name != "" {
				list[i] = "renamed_" + name
			}
		}
	}
	for _, n := range m.Graph.Node {
		rename(n.Input)
		rename(n.Output)
		n.Name = proto.String("renamed_" + n.GetName())
	}
	for _, v := range append(m.Graph.Input, m.Graph.Output...) {
		v.Name = proto.String("renamed_" + v.GetName())
	}
	for _, t := range m.Graph.Initializer {
		t.Name = proto.String("renamed_" + t.GetName())
	}
	m.Graph.ValueInfo = nil
}

// halves stores a model's weights as float16 and lets it compute in it.
func halves(m *onnxpb.ModelProto) {
	for _, t := range m.Graph.Initializer {
		values := floatsOf(t)
		t.DataType, t.RawData = proto.Int32(int32(onnx.Float16)), nil
		for _, v := range values {
			t.RawData = binary.LittleEndian.AppendUint16(t.RawData, half(v))
		}
	}
	for _, v := range append(m.Graph.Input, m.Graph.Output...) {
		v.GetType().GetTensorType().ElemType = proto.Int32(int32(onnx.Float16))
	}
	m.Graph.ValueInfo = nil
}

// half is the float16 of a number, cut off; what is too small for it is zero.
func half(v float32) uint16 {
	bits := math.Float32bits(v)
	exponent := int(bits>>23&0xff) - 127 + 15
	if exponent <= 0 {
		return 0
	}
	return uint16(bits>>16&0x8000) | uint16(exponent<<10) | uint16(bits>>13&0x3ff)
}

// quantisedMLP stores the weights as int8 before DequantizeLinear, as QDQ models of ONNX Runtime do.
func quantisedMLP(m *onnxpb.ModelProto) {
	newerOpset(m)
	for _, t := range m.Graph.Initializer {
		name := t.GetName()
		if !strings.HasSuffix(name, ".weight") {
			continue
		}
		values, largest := floatsOf(t), float32(0)
		for _, v := range values {
			largest = max(largest, float32(math.Abs(float64(v))))
		}
		scale := &onnxpb.TensorProto{Name: proto.String(name + "_scale"), DataType: proto.Int32(int32(onnx.Float32)),
			RawData: make([]byte, 4)}
		setFloats(scale, []float32{largest / 127})
		zero := &onnxpb.TensorProto{Name: proto.String(name + "_zero_point"), DataType: proto.Int32(int32(onnx.Int8)),
			RawData: []byte{0}}
		t.Name, t.DataType, t.RawData = proto.String(name+"_quantized"), proto.Int32(int32(onnx.Int8)), nil
		for _, v := range values {
			t.RawData = append(t.RawData, byte(int8(math.Round(float64(v/largest*127)))))
		}
		m.Graph.Initializer = append(m.Graph.Initializer, scale, zero)
		node := &onnxpb.NodeProto{Name: proto.String(name + "_DequantizeLinear"),
			OpType: proto.String("DequantizeLinear"),
			Input:  []string{name + "_quantized", name + "_scale", name + "_zero_point"}, Output: []string{name}}
		m.Graph.Node = append([]*onnxpb.NodeProto{node}, m.Graph.Node...)
	}
}

// dynamicMLP lets an MLP's layers compute with integers, as onnxruntime's quantize_dynamic does.
func dynamicMLP(m *onnxpb.ModelProto) {
	newerOpset(m)
	var nodes []*onnxpb.NodeProto
	for _, n := range m.Graph.Node {
		if n.GetOpType() != "Gemm" {
			nodes = append(nodes, n)
			continue
		}
		x, name := n.Input[0], n.GetName()
		w := tensorOf(m, n.Input[1])
		values, rows := floatsOf(w), int(w.Dims[0])
		w.DataType, w.RawData, w.Dims = proto.Int32(int32(onnx.Int8)), nil, []int64{w.Dims[1], w.Dims[0]}
		for i := range values { // turned, by one scale for all
			v := values[i%rows*(len(values)/rows)+i/rows]
			w.RawData = append(w.RawData, byte(int8(math.Round(float64(64*v)))))
		}
		scale := &onnxpb.TensorProto{Name: proto.String(name + "_scale"), DataType: proto.Int32(int32(onnx.Float32)),
			RawData: make([]byte, 4)}
		setFloats(scale, []float32{1. / 64})
		m.Graph.Initializer = append(m.Graph.Initializer, scale)
		for _, step := range []struct {
			op      string
			in, out []string
		}{
			{"DynamicQuantizeLinear", []string{x}, []string{name + "_q", name + "_s", name + "_z"}},
			{"MatMulInteger", []string{name + "_q", n.Input[1], name + "_z"}, []string{name + "_product"}},
			{"Cast", []string{name + "_product"}, []string{name + "_float"}},
			{"Mul", []string{name + "_s", name + "_scale"}, []string{name + "_scales"}},
			{"Mul", []string{name + "_float", name + "_scales"}, []string{name + "_scaled"}},
			{"Add", []string{name + "_scaled", n.Input[2]}, n.Output},
		} {
			node := &onnxpb.NodeProto{Name: proto.String(step.out[0] + "_node"), OpType: proto.String(step.op),
				Input: step.in, Output: step.out}
			if step.op == "Cast" {
				node.Attribute = append(node.Attribute, &onnxpb.AttributeProto{Name: proto.String("to"),
					Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(int64(onnx.Float32))})
			}
			nodes = append(nodes, node)
		}
	}
	m.Graph.Node = nodes
}

// softmaxAtTheEnd puts a softmax before the output.
func softmaxAtTheEnd(m *onnxpb.ModelProto) { atTheEnd(m, "Softmax") }

// sigmoidAtTheEnd puts a sigmoid before the output.
func sigmoidAtTheEnd(m *onnxpb.ModelProto) { atTheEnd(m, "Sigmoid") }

// atTheEnd puts an operator before the output.
func atTheEnd(m *onnxpb.ModelProto, op string) {
	last := m.Graph.Node[len(m.Graph.Node)-1]
	last.Output[0] = "raw"
	m.Graph.Node = append(m.Graph.Node, &onnxpb.NodeProto{Name: proto.String(strings.ToLower(op)),
		OpType: proto.String(op), Input: []string{"raw"}, Output: []string{"logits"}})
}

// trainingMode exports normalisations as torch.onnx.export does with training=TrainingMode.TRAINING.
func trainingMode(m *onnxpb.ModelProto) {
	for _, n := range m.Graph.Node {
		if n.GetOpType() != "BatchNormalization" {
			continue
		}
		n.Attribute = slices.DeleteFunc(n.Attribute, func(a *onnxpb.AttributeProto) bool {
			return a.GetName() == "training_mode"
		})
		n.Attribute = append(n.Attribute, &onnxpb.AttributeProto{Name: proto.String("training_mode"),
			Type: onnxpb.AttributeProto_INT.Enum(), I: proto.Int64(1)})
		n.Output = append(n.Output, n.Output[0]+"_mean", n.Output[0]+"_var")
	}
}

// laidOut gives an operator the domain in which ONNX Runtime has those of its optimised copies.
func laidOut(m *onnxpb.ModelProto) {
	const domain = "com.microsoft.nchwc"
	m.Graph.Node[0].Domain = proto.String(domain)
	m.OpsetImport = append(m.OpsetImport, &onnxpb.OperatorSetIdProto{Domain: proto.String(domain), Version: proto.Int64(1)})
}
