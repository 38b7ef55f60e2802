package graphmatch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
)

// modelChanges compares what belongs to the file as a whole.
func modelChanges(a, b *onnx.Model) []Change {
	x, y := properties(a.Proto()), properties(b.Proto())
	texts := func(list []property) map[string]string {
		m := map[string]string{}
		for _, p := range list {
			m[p.what] = p.text
		}
		return m
	}
	inA, inB := texts(x), texts(y)
	changes := []Change{}
	seen := map[string]bool{}
	for _, p := range slices.Concat(x, y) {
		if seen[p.what] {
			continue
		}
		seen[p.what] = true
		if c, differs := changeOf(p.what, inA[p.what], inB[p.what]); differs {
			changes = append(changes, c)
		}
	}
	return changes
}

// property is one thing that a file says of itself.
type property struct{ what, text string }

// properties lists what a model says of itself; absent things are left out.
func properties(m *onnxpb.ModelProto) []property {
	list := []property{
		{"ir_version", strconv.FormatInt(m.GetIrVersion(), 10)},
		{"producer", strings.TrimSpace(m.GetProducerName() + " " + m.GetProducerVersion())},
		{"domain", m.GetDomain()},
		{"model_version", strconv.FormatInt(m.GetModelVersion(), 10)},
		{"doc_string", m.GetDocString()},
		{"graph name", m.GetGraph().GetName()},
	}
	for _, o := range m.GetOpsetImport() {
		list = append(list, property{"opset " + onnx.DomainLabel(o.GetDomain()), strconv.FormatInt(o.GetVersion(), 10)})
	}
	for _, e := range m.GetMetadataProps() {
		list = append(list, property{"metadata " + e.GetKey(), strconv.Quote(e.GetValue())})
	}
	g := m.GetGraph()
	given := map[string]bool{}
	for _, t := range g.GetInitializer() {
		given[t.GetName()] = true
	}
	for _, in := range g.GetInput() {
		if !given[in.GetName()] {
			list = append(list, property{"input " + in.GetName(), typeText(in.GetType())})
		}
	}
	for _, out := range g.GetOutput() {
		list = append(list, property{"output " + out.GetName(), typeText(out.GetType())})
	}
	for _, f := range m.GetFunctions() {
		list = append(list, property{"function " + f.GetDomain() + ":" + f.GetName(), counted(len(f.GetNode()))})
	}
	return slices.DeleteFunc(list, func(p property) bool { return p.text == "" })
}

func counted(nodes int) string { return strconv.Itoa(nodes) + " nodes" }

// typeText is a value's type as text, such as float32[batch 1 8 8].
func typeText(t *onnxpb.TypeProto) string {
	x := t.GetTensorType()
	if x == nil {
		return "not a tensor"
	}
	name := onnx.DataType(x.GetElemType()).String()
	if x.GetShape() == nil {
		return name
	}
	var dims []string
	for _, d := range x.GetShape().GetDim() {
		switch v := d.GetValue().(type) {
		case *onnxpb.TensorShapeProto_Dimension_DimValue:
			dims = append(dims, strconv.FormatInt(v.DimValue, 10))
		case *onnxpb.TensorShapeProto_Dimension_DimParam:
			dims = append(dims, v.DimParam)
		default:
			dims = append(dims, "?")
		}
	}
	return fmt.Sprintf("%s%v", name, dims)
}
