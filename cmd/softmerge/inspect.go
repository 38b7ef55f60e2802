package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/softmerge/softmerge/graphmatch"
	"github.com/softmerge/softmerge/onnx"
	"github.com/softmerge/softmerge/onnx/onnxpb"
	"github.com/spf13/cobra"
)

func newInspect(v *voice) *cobra.Command {
	var ops bool
	c := &cobra.Command{
		Use:   "inspect A.onnx",
		Short: "Layers, operators, selectable names, shapes, types, sizes",
		Long: `inspect prints what is in a model: inputs and outputs, the layers with the names that --only can
choose them by, and the operators with what softmerge can do with each.`,
		Example: `  softmerge inspect m0.onnx
  softmerge inspect m0.onnx --ops`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return inspect(v, args[0], ops) },
	}
	c.Flags().BoolVar(&ops, "ops", false, "only the operators: whether each is supported and has a gradient")
	return c
}

// inspection is what inspect --json prints.
type inspection struct {
	Path       string           `json:"path"`
	SHA256     string           `json:"sha256"`
	IRVersion  int64            `json:"ir_version"`
	Producer   string           `json:"producer"`
	Opsets     map[string]int64 `json:"opsets"`
	Inputs     []inspectValue   `json:"inputs"`
	Outputs    []inspectValue   `json:"outputs"`
	Layers     []inspectLayer   `json:"layers"`
	Operators  []inspectOp      `json:"operators"`
	Parameters int              `json:"parameters"` // elements of all layers' tensors
}

type inspectValue struct {
	Name  string `json:"name"`
	Type  string `json:"dtype"`
	Shape []any  `json:"shape"` // numbers, and names of symbolic axes
}

type inspectLayer struct {
	Name    string                   `json:"name"`
	Op      string                   `json:"op"`
	Scope   string                   `json:"scope"`
	Tensors []graphmatch.TableTensor `json:"tensors"`
}

// inspect prints what is in a model.
func inspect(v *voice, path string, ops bool) error {
	m, err := openChecked(path)
	if err != nil {
		return err
	}
	defer m.Close()
	a, err := graphmatch.Align([]*onnx.Model{m}, 0)
	if err != nil {
		return err
	}
	in, err := describe(m, a)
	if err != nil {
		return err
	}
	switch {
	case v.json:
		return v.object(in)
	case ops:
		return printOps(v, in.Operators)
	}
	return printInspection(v, in)
}

func describe(m *onnx.Model, a *graphmatch.Alignment) (*inspection, error) {
	sum, err := m.SHA256()
	if err != nil {
		return nil, err
	}
	p := m.Proto()
	in := &inspection{
		Path: m.Path(), SHA256: sum, IRVersion: p.GetIrVersion(), Opsets: map[string]int64{},
		Producer: strings.TrimSpace(p.GetProducerName() + " " + p.GetProducerVersion()),
		Inputs:   values(p.GetGraph().GetInput()), Outputs: values(p.GetGraph().GetOutput()), Layers: []inspectLayer{},
	}
	for _, o := range p.GetOpsetImport() {
		in.Opsets[o.GetDomain()] = o.GetVersion()
	}
	t := a.Table()
	for i, row := range t.Layers {
		in.Layers = append(in.Layers, inspectLayer{row.Name, row.Op, a.Layers[i].Scope, row.Tensors})
		for _, p := range row.Tensors {
			in.Parameters += elements(p.Shape)
		}
	}
	in.Operators = operators(m)
	return in, nil
}

func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func values(list []*onnxpb.ValueInfoProto) []inspectValue {
	out := []inspectValue{}
	for _, i := range list {
		t := i.GetType().GetTensorType()
		v := inspectValue{Name: i.GetName(), Type: onnx.DataType(t.GetElemType()).String(), Shape: []any{}}
		for _, d := range t.GetShape().GetDim() {
			switch n := d.GetValue().(type) {
			case *onnxpb.TensorShapeProto_Dimension_DimValue:
				v.Shape = append(v.Shape, n.DimValue)
			default:
				v.Shape = append(v.Shape, d.GetDimParam())
			}
		}
		out = append(out, v)
	}
	return out
}

func printInspection(v *voice, in *inspection) error {
	by := ""
	if in.Producer != "" {
		by = ", by " + in.Producer
	}
	fmt.Fprintln(v.out, printable(fmt.Sprintf("%s: IR %d, opsets %s%s, %s in %s",
		in.Path, in.IRVersion, opsetList(in.Opsets), by, counted(in.Parameters, "parameter"), counted(len(in.Layers), "layer"))))
	rows := [][]string{{"", "name", "type", "shape"}}
	for _, x := range in.Inputs {
		rows = append(rows, []string{"input", x.Name, x.Type, fmt.Sprint(x.Shape)})
	}
	for _, x := range in.Outputs {
		rows = append(rows, []string{"output", x.Name, x.Type, fmt.Sprint(x.Shape)})
	}
	if err := v.table(rows); err != nil {
		return err
	}
	fmt.Fprintln(v.out)
	rows = [][]string{{"layer", "operator", "role", "tensor", "type", "shape", "elements"}}
	for _, l := range in.Layers {
		for i, t := range l.Tensors {
			name, op := l.Name, l.Op
			if i > 0 {
				name, op = "", ""
			}
			rows = append(rows, []string{name, op, t.Role, t.Names[0], t.Type, fmt.Sprint(t.Shape), fmt.Sprint(elements(t.Shape))})
		}
	}
	if err := v.table(rows, "elements"); err != nil {
		return err
	}
	fmt.Fprintln(v.out)
	return printOps(v, in.Operators)
}

func opsetList(o map[string]int64) string {
	var parts []string
	for d, n := range o {
		parts = append(parts, fmt.Sprintf("%s %d", onnx.DomainLabel(d), n))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
